"""Many profiles in one request, written or deleted in batches; one bad record does not stop the others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.db import transaction

from profiles import changes, documents, request_stream
from profiles.changes import Change, Written
from profiles.documents import JSON, InvalidDocument
from profiles.models import ProfileQuerySet
from tracsync.common.messages import message

BATCH_BYTES = 2_000_000  # of text, which takes 25 times as much in memory; then fewer records are a batch
MOST_ERRORS = 1000

Taken = TypeVar("Taken")
Answer = TypeVar("Answer", bound="Refused")


class Refused:
    """The records that could not be taken so far."""

    def __init__(self) -> None:
        self.failed = 0
        self.errors: list[dict[str, Any]] = []

    def refuse(self, line: int, error: str, id: str = "") -> None:
        self.failed += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append({"line": line, **({"id": id} if id else {}), "error": error})

    def as_dict(self) -> dict[str, Any]:
        self.errors.sort(key=lambda error: error["line"])
        return dict(vars(self))


class Counts(Refused):
    """What has become of records that were to be written."""

    def __init__(self) -> None:
        self.created = self.changed = self.unchanged = 0
        super().__init__()

    def add(self, line: int, written: Written) -> None:
        if written.error:
            self.refuse(line, written.error, written.id)
        elif written.created:
            self.created += 1
        elif written.changed:
            self.changed += 1
        else:
            self.unchanged += 1


class Deleted(Refused):
    """What has become of ids whose profiles were to be deleted; `missing`: there was none."""

    def __init__(self) -> None:
        self.deleted = self.missing = 0
        super().__init__()


class Batch(ABC, Generic[Taken, Answer]):
    """Records that are worked on together."""

    def __init__(self, counts: Answer) -> None:
        self.counts = counts
        self.lines: list[int] = []
        self.taken: list[Taken] = []
        self.size = 0

    def add(self, line: int, text: request_stream.Item) -> None:
        if text.too_long:
            self.counts.refuse(line, message("the record is too long"))
            return
        try:
            taken = self.read(documents.parse(bytes(text)))
        except InvalidDocument as error:
            self.counts.refuse(line, str(error))
            return
        self.lines.append(line)
        self.taken.append(taken)
        self.size += len(text)

    @property
    def is_full(self) -> bool:
        return len(self.taken) >= changes.BATCH_SIZE or self.size >= BATCH_BYTES

    def finish(self) -> None:
        self.write()
        self.lines, self.taken, self.size = [], [], 0

    @abstractmethod
    def read(self, record: JSON) -> Taken:
        """Raises InvalidDocument."""

    @abstractmethod
    def write(self) -> None: ...


class Changes(Batch[Change, Counts]):
    """`source`: the only one whose profiles may be written; None: all."""

    def __init__(self, source: str | None) -> None:
        super().__init__(Counts())
        self.source = source

    def read(self, record: JSON) -> Change:
        return changes.change_from(record)

    def write(self) -> None:
        for line, written in zip(self.lines, changes.write(self.taken, source=self.source), strict=True):
            self.counts.add(line, written)


class Deletions(Batch[str, Deleted]):
    """Of ids, as they are or each as the `id` of an object. `by`: who deletes; `among`: what they reach."""

    def __init__(self, by: str, among: ProfileQuerySet) -> None:
        super().__init__(Deleted())
        self.by, self.among = by, among

    def read(self, record: JSON) -> str:
        if isinstance(record, dict):
            if record.keys() != {"id"}:
                raise InvalidDocument(message('an object has an "id" here and nothing else'))
            record = record["id"]
        return documents.check_id(record)

    def write(self) -> None:
        with transaction.atomic():  # locked: what somebody else makes again meanwhile is another's
            found = self.among.filter(pk__in=self.taken).select_for_update(no_key=True)
            deleted, _by_model = found.delete(by=self.by)
        self.counts.deleted += deleted
        self.counts.missing += len(self.taken) - deleted


class TooManyRecords(Exception):
    """There are more than TRACSYNC_MAX_BULK_RECORDS; `counts` says what became of those."""

    def __init__(self, counts: Refused) -> None:
        super().__init__()
        self.counts = counts


def load(records: Iterator[request_stream.Item], source: str | None) -> Counts:
    """Write the records of a body, of one source or any. Raises TooManyRecords."""
    return _work(records, Changes(source))


def delete(records: Iterator[request_stream.Item], by: str, among: ProfileQuerySet) -> Deleted:
    """Delete those whose ids are the records of a body. Raises TooManyRecords."""
    return _work(records, Deletions(by, among))


def _work(records: Iterator[request_stream.Item], batch: Batch[Any, Answer]) -> Answer:
    """Blank records aside, which count. What has been done stays when reading fails."""
    counts, line = batch.counts, 0
    try:
        for line, text in enumerate(records, start=1):
            if line > settings.TRACSYNC_MAX_BULK_RECORDS:
                batch.finish()
                raise TooManyRecords(counts)
            if text.strip() or text.too_long:
                batch.add(line, text)
                if batch.is_full:
                    batch.finish()
    except request_stream.BrokenArray as error:
        counts.refuse(line + 1, str(error))
    batch.finish()
    return counts
