"""Many profiles in one request, read and written in batches; one bad record does not stop the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings

from profiles import changes, documents, request_stream
from profiles.changes import Change, Written
from profiles.documents import InvalidDocument
from tracsync.common.messages import message

BATCH_BYTES = 2_000_000  # of text, which takes 25 times as much in memory; then fewer records are a batch
MOST_ERRORS = 1000


class Counts:
    """What has become of the records so far."""

    def __init__(self) -> None:
        self.created = self.changed = self.unchanged = self.failed = 0
        self.errors: list[dict[str, Any]] = []

    def add(self, line: int, written: Written) -> None:
        if written.error:
            self.refuse(line, written.error, written.id)
        elif written.created:
            self.created += 1
        elif written.changed:
            self.changed += 1
        else:
            self.unchanged += 1

    def refuse(self, line: int, error: str, id: str = "") -> None:
        self.failed += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append({"line": line, **({"id": id} if id else {}), "error": error})

    def as_dict(self) -> dict[str, Any]:
        self.errors.sort(key=lambda error: error["line"])
        return dict(vars(self))


class Batch:
    """Records that are written together."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self.lines: list[int] = []
        self.changes: list[Change] = []
        self.size = 0

    def add(self, line: int, text: request_stream.Item) -> None:
        if text.too_long:
            self.counts.refuse(line, message("the record is too long"))
            return
        try:
            change = changes.change_from(documents.parse(bytes(text)))
        except InvalidDocument as error:
            self.counts.refuse(line, str(error))
            return
        self.lines.append(line)
        self.changes.append(change)
        self.size += len(text)

    @property
    def is_full(self) -> bool:
        return len(self.changes) >= changes.BATCH_SIZE or self.size >= BATCH_BYTES

    def write(self) -> None:
        for line, written in zip(self.lines, changes.write(self.changes), strict=True):
            self.counts.add(line, written)
        self.lines, self.changes, self.size = [], [], 0


class TooManyRecords(Exception):
    """There are more than TRACSYNC_MAX_BULK_RECORDS; `counts` says what became of those."""

    def __init__(self, counts: Counts) -> None:
        super().__init__()
        self.counts = counts


def load(records: Iterator[request_stream.Item]) -> Counts:
    """Write the records of a body, blank ones aside. What has been written stays when reading fails.

    Raises TooManyRecords; blank lines count.
    """
    counts, line = Counts(), 0
    batch = Batch(counts)
    try:
        for line, text in enumerate(records, start=1):
            if line > settings.TRACSYNC_MAX_BULK_RECORDS:
                batch.write()
                raise TooManyRecords(counts)
            if text.strip() or text.too_long:
                batch.add(line, text)
                if batch.is_full:
                    batch.write()
    except request_stream.BrokenArray as error:
        counts.refuse(line + 1, str(error))
    batch.write()
    return counts
