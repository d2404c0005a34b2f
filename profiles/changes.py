"""Writing many profiles at once, with the same marks as `Profile.save` and no lost update.

A batch costs the same few statements whatever its size: the rows it touches are locked and read, the
changes applied in order, and the result written by one upsert.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from django.db import router, transaction
from django.db.models import QuerySet
from django.dispatch import Signal
from django.utils import timezone

from profiles import documents, names, sql
from profiles.documents import JSON, InvalidDocument
from profiles.models import Profile, ProfileConflict
from profiles.names import Person
from tracsync.common.messages import message

# Sent inside the transaction, with `ids`, after a batch that changed these profiles.
profiles_changed = Signal()

BATCH_SIZE = 500
CONFLICT = message("the stored version is not the one that this change was made for")
FOREIGN = message("a profile with this id exists, and is not of the source that this change comes from")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def any_version(tag: str) -> bool:
    return True


def tag(version: int, created_at: datetime) -> str:
    """What tells a state of a profile from all others under its id, also from those before it was deleted."""
    return f"{version}-{(created_at - _EPOCH) // timedelta(microseconds=1):x}"


@dataclass(frozen=True, slots=True)
class Change:
    """Replace a document (`put`), merge into it as RFC 7396 has it (`patch`), or merge a bulk `set`.

    `expects` is asked, under the lock, whether the change is meant for the state that is stored, by its tag;
    that of a profile that does not exist is "". Raises InvalidDocument for what is no id.
    """

    id: str
    kind: Literal["put", "patch", "set"]
    value: JSON
    expects: Callable[[str], bool] = any_version

    def __post_init__(self) -> None:
        documents.check_id(self.id)

    def apply(self, document: JSON) -> JSON:
        if self.kind == "put":
            return self.value
        merge = documents.merge_patch if self.kind == "patch" else documents.merge_set
        return merge(document, self.value)


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one change. `error` is empty unless it was refused.

    `conflict`: another version is stored than the change expects, and `version` says which. `is_foreign`: it
    is of another source than the change.
    """

    id: str
    created: bool = False
    changed: bool = False
    version: int = 0
    error: str = ""
    conflict: bool = False
    is_foreign: bool = False
    document: JSON = None
    created_at: datetime = _EPOCH

    @property
    def tag(self) -> str:
        return tag(self.version, self.created_at)


def change_from(record: JSON) -> Change:
    """A line of a bulk request or an import: a document, or `{"id": ..., "set": {...}}`.

    Raises InvalidDocument.
    """
    if isinstance(record, dict) and "set" in record and record.keys() <= {"id", "set", "at"}:
        if not isinstance(record["set"], dict):
            raise InvalidDocument(
                message("set must be an object, not %(kind)s", kind=documents.kind_of(record["set"]))
            )
        if "id" not in record:
            raise InvalidDocument(message("set needs an id beside it"))
        return Change(record["id"], "set", record["set"])
    document = documents.with_id(record)
    return Change(document["id"], "put", document)


def write(
    changes: Sequence[Change],
    using: str | None = None,
    stop_at_error: bool = False,
    source: str | None = None,
) -> list[Written]:
    """Apply the changes in order; one answer per change. A change that is refused stands alone.

    With `stop_at_error` nothing after the first refused change is written, and its answer is the last. With a
    `source` new profiles are of that source, and changes of others are refused; without it none is.
    """
    using = using or router.db_for_write(Profile)
    written: list[Written] = []
    for start in range(0, len(changes), BATCH_SIZE):
        written += _write_batch(changes[start : start + BATCH_SIZE], using, stop_at_error, source)
        if stop_at_error and written[-1].error:
            break
    return written


def write_one(change: Change, using: str | None = None) -> Written:
    """Apply one change. Raises InvalidDocument, and ProfileConflict where it expects another version."""
    [written] = write([change], using)
    if written.conflict:
        raise ProfileConflict(written.error)
    if written.error:
        raise InvalidDocument(written.error)
    return written


def rehearse(changes: Sequence[Change], using: str | None = None) -> list[Written]:
    """What `write` would answer now; nothing is locked and nothing is written."""
    profiles = Profile.with_deleted.using(using or router.db_for_read(Profile))
    return _apply(changes, _read(changes, profiles, None), timezone.now(), stop_at_error=False)


class _Draft:
    """A profile as the batch has made it so far."""

    def __init__(
        self,
        id: str,
        digest: str | None = None,
        version: int = 0,
        created_at: datetime = _EPOCH,
        name: str = "",
        email: str = "",
        source: str = "",
        document: JSON = None,
        *,
        writer: str | None,
    ) -> None:
        self.id = id
        self.writer = writer  # the source of all changes; None: of any
        self.known = Person(name, email)  # by what it is found so far
        self.is_new = not digest  # a tombstone's is blank
        self.is_stored = digest is not None
        self.source = (writer or "") if self.is_new else source
        self.digest = digest or None
        self.version = 0 if self.is_new else version
        self.continues = version if self.is_new else 0  # a tombstone's version
        self.created_at = created_at
        self.document = None if self.is_new else document
        self.sealed: documents.Sealed | None = None  # of the last change

    @property
    def changed(self) -> bool:
        return self.sealed is not None

    @property
    def row(self) -> sql.Row:
        assert self.sealed is not None  # it has changed
        return sql.Row(self.id, self.sealed, self.version, names.person(self.document), self.source)

    @property
    def tag(self) -> str:
        return tag(self.version, self.created_at) if self.version else ""

    def apply(self, change: Change, now: datetime) -> Written:
        if self.writer is not None and self.writer != self.source:
            return Written(self.id, error=FOREIGN, is_foreign=True)
        if change.expects is not any_version and not change.expects(self.tag):
            return Written(self.id, version=self.version, error=CONFLICT, conflict=True)
        try:
            document = documents.with_id(change.apply(self.document), self.id)
            sealed = documents.seal(document)
        except InvalidDocument as error:
            return Written(self.id, error=str(error))
        except RecursionError:  # a merge walks down before the depth of its result is known
            return Written(self.id, error=message("nested too deeply"))
        if sealed.digest == self.digest:
            return Written(self.id, version=self.version, document=document, created_at=self.created_at)
        created = self.is_new and not self.changed
        if created:
            self.created_at = now
        self.document, self.sealed, self.digest = document, sealed, sealed.digest
        self.version = max(self.version, self.continues) + 1
        return Written(
            self.id,
            created,
            changed=True,
            version=self.version,
            document=document,
            created_at=self.created_at,
        )


def _write_batch(
    changes: Sequence[Change], using: str, stop_at_error: bool, source: str | None
) -> list[Written]:
    while True:
        with transaction.atomic(using=using):
            # Locked in the order of their ids, so that no two batches block each other.
            locked = Profile.with_deleted.using(using).select_for_update(no_key=True)
            drafts = _read(changes, locked, source)
            now = timezone.now()
            written = _apply(changes, drafts, now, stop_at_error)
            changed = [draft for draft in drafts.values() if draft.changed]
            if not changed:
                return written
            if _store(changed, now, using):
                profiles_changed.send(Profile, ids=[draft.id for draft in changed], using=using)
                return written
            transaction.set_rollback(True, using=using)  # somebody created one meanwhile: read again


def _apply(
    changes: Sequence[Change], drafts: dict[str, _Draft], now: datetime, stop_at_error: bool
) -> list[Written]:
    written: list[Written] = []
    for change in changes:
        written.append(drafts[change.id].apply(change, now))
        if stop_at_error and written[-1].error:
            break
    return written


def _read(changes: Sequence[Change], profiles: QuerySet[Profile], source: str | None) -> dict[str, _Draft]:
    """The documents are read only where something is merged into them."""
    ids = sorted({change.id for change in changes})
    columns = ["id", "digest", "version", "created_at", "name", "email", "source"]
    if any(change.kind != "put" for change in changes):
        columns.append("document")
    found = profiles.filter(pk__among=ids).order_by("pk").values_list(*columns)
    stored = {row[0]: row for row in found}
    return {id: _Draft(*stored.get(id, (id,)), writer=source) for id in ids}


def _store(drafts: list[_Draft], now: datetime, using: str) -> bool:
    """Write all drafts; False where a new one met a row that somebody else has created meanwhile.

    The new ones come first: an insert waits for another batch's update of the same row, but not for its
    lock. So whoever has begun to update waits for nobody, and two batches never wait for each other.
    """
    if not sql.insert([draft.row for draft in drafts if not draft.is_stored], now, using):
        return False
    stored = [(draft, draft.row) for draft in drafts if draft.is_stored]
    renamed = [row for draft, row in stored if row.person != draft.known or draft.is_new]
    sql.replace([row for _draft, row in stored], renamed, now, using)
    return True
