"""Recording what came of a batch: the rows, the attempts and the destination's health, together."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from destinations.connectors.base import Accepted, Hold, Limits, Pending, Rejected, Retry, Stop, Unknown
from destinations.models import Destination, ProfileSync
from destinations.sync import counters, database, health, remote_ids, retry
from destinations.sync.decide import Refuse, Skip, Unchanged, Wait
from destinations.sync.entries import Entry, code_of, field_of
from tracsync.common.messages import message
from tracsync.common.prepared import Prepared

logger = logging.getLogger(__name__)

State = ProfileSync.State
ACCEPTED = message("accepted")
UNCHANGED = message("unchanged, so not sent again")
FIELDS = (
    "state",
    "state_since",
    "reason",
    "version",
    "first_changed_at",
    "due_at",
    "asked",
    "resend",
    "bulk",
    "claim_token",
    "claimed_until",
    "started_at",
    "first_tried_at",
    "unfinished",
    "second_chance",
    "attempts",
    "last_error",
    "code",
    "field",
    "synced_version",
    "synced_at",
    "payload_hash",
    "in_doubt",
    "removed_at",
    "remote_id",
    "remote_details",
    "awaited",
    "awaited_since",
)

# What others may have changed while the row was being pushed.
MEANWHILE = (
    "version",
    "first_changed_at",
    "due_at",
    "asked",
    "resend",
    "replays",
    "bulk",
    "attempts",
    "remote_id",
    "remote_details",
)


class Part(NamedTuple):
    """What became of pushes to one destination; `call_seconds`: what its calls take, where that is known;
    `told`: what it has said of the limits of its account."""

    destination: Destination
    entries: Sequence[Entry]
    call_seconds: float | None = None
    told: Limits | None = None


def record(token: str, parts: Sequence[Part]) -> None:
    """Write the entries whose claim is still held; the others belong to somebody else by now.

    An attempt that was made is kept in any case, unless its profile or destination is gone. What is not
    recorded is pushed again, so a database that fails for a moment is waited for. Where it refuses an entry,
    for a value that came from outside, the others are recorded all the same.
    """
    try:
        database.patiently(lambda: _record(token, parts))
    except database.FAILURES:
        raise
    except Exception as error:
        singles = [part._replace(entries=[entry]) for part in parts for entry in part.entries]
        if len(singles) > 1:
            middle = len(singles) // 2
            record(token, singles[:middle])
            record(token, singles[middle:])
            return
        logger.error("what came of a push cannot be stored (%s)", type(error).__name__)
        [part] = singles
        bare = part._replace(entries=[_without_details(part.entries[0], error)])
        database.patiently(lambda: _record(token, [bare]))


def _record(token: str, parts: Sequence[Part]) -> None:
    entries = [entry for part in parts for entry in part.entries]
    by_id = {entry.sync.pk: entry for entry in entries}
    with transaction.atomic():
        rows = _LOCKED.rows(by_id.keys())
        ours = uuid.UUID(token)
        held = [
            _updated(by_id[pk], dict(zip(MEANWHILE, values, strict=True)))
            for pk, holder, *values in rows
            if holder == ours
        ]
        known = {pk: values[MEANWHILE.index("remote_id")] for pk, _holder, *values in rows}
        taken = remote_ids.taken(held, entries, known)
        # The rows are there and locked: meeting them is the quickest way to update them all at once.
        database.insert(held, update=FIELDS)
        database.insert([entry.attempt for pk, *_ in rows if (entry := by_id[pk]).attempt])
        there = {by_id[pk].sync.destination_id for pk, *_ in rows}
        if there:  # the rows of a destination that was deleted meanwhile are gone, as it is
            health.note([_seen(part) for part in parts if part.destination.pk in there])
            mine = {row.pk for row in held}
            counters.recorded([by_id[pk] for pk, *_ in rows if pk in mine or by_id[pk].attempt])
    remote_ids.take_from_others(taken)


def _locked(ids: Collection[int]) -> QuerySet[Any, Any]:
    rows = ProfileSync.objects.select_for_update().filter(pk__among=ids)
    return rows.order_by("profile_id", "destination_id").values_list("pk", "claim_token", *MEANWHILE)


_LOCKED = Prepared(_locked)


def _seen(part: Part) -> health.Seen:
    """What it tells of the destination: nothing, where what has got a second chance is refused again."""
    results = [
        None if entry.sync.second_chance and isinstance(entry.result, Rejected) else entry.result
        for entry in part.entries
    ]
    sent_at = [entry.sent_at for entry in part.entries if entry.sent_at]
    return health.Seen(part.destination, results, sent_at, part.call_seconds, part.told)


def _without_details(entry: Entry, error: Exception) -> Entry:
    """The same without anything that came from outside. What the destination holds now is in doubt."""
    reason = message("what came of it could not be stored (%(name)s)", name=type(error).__name__)
    entry.sync.payload_hash, entry.sync.in_doubt = "", entry.sent_at is not None
    attempt = entry.attempt
    if attempt is not None:
        attempt.reason, attempt.status_code = reason, None
        attempt.remote_id = attempt.code = attempt.field = ""
        attempt.request = attempt.response = None
    return replace(entry, result=Rejected(reason), attempt=attempt, remote=None, awaited=None)


def _updated(entry: Entry, meanwhile: dict[str, Any]) -> ProfileSync:
    """The row of a locked entry as it is now, brought to its new state.

    What has come meanwhile goes on waiting, whatever came of this push: a due time that a person or a
    backfill has set, and a change that the push did not take along. When that one is due the next push
    finds out.
    """
    row, due_again = entry.sync, None
    for name, value in meanwhile.items():
        setattr(row, name, value)
    if isinstance(entry.result, Pending):
        pass  # what has come meanwhile goes when that has ended
    elif row.due_at != entry.due_at:
        due_again = row.due_at
    elif row.version > entry.version or row.replays != entry.replays:
        due_again = timezone.now()
    row.claim_token = row.claimed_until = row.started_at = None
    row.state_since, row.unfinished = timezone.now(), 0
    row.version = max(row.version, entry.version)
    awaited_since = row.awaited_since
    row.awaited = row.awaited_since = None
    row.due_at = _APPLY[type(entry.result)](row, entry)
    if row.awaited is not None:
        row.awaited_since = awaited_since or timezone.now()
        return row
    if row.due_at is None:
        # What a person had asked for is done; what was asked meanwhile is not.
        asked_again = row.replays != entry.replays
        row.asked = row.asked and (asked_again or not entry.asked)
        row.resend = row.resend and (asked_again or not entry.resend)
    if row.state != State.RETRYING or row.version > entry.version or row.replays != entry.replays:
        row.first_tried_at = None  # what comes next is another push
    if due_again is not None:
        row.state, row.due_at, row.reason = State.PENDING, due_again, ""
    elif row.due_at is None:
        row.first_changed_at, row.bulk = None, False
    return row


def _wait(row: ProfileSync, entry: Entry) -> datetime | None:
    assert isinstance(entry.result, Wait)
    row.state, row.reason = State.PENDING, ""
    row.bulk = False  # from now on it waits for a change of its own
    return entry.result.due_at


def _skip(row: ProfileSync, entry: Entry) -> datetime | None:
    assert isinstance(entry.result, Skip)
    is_gone = row.removed_at is not None and not row.may_be_there
    row.state, row.reason = State.REMOVED if is_gone else State.SKIPPED, entry.result.reason
    row.attempts = 0
    return None


def _unchanged(row: ProfileSync, entry: Entry) -> datetime | None:
    _synced(row, entry.version, UNCHANGED)
    return None


def _accepted(row: ProfileSync, entry: Entry) -> datetime | None:
    assert isinstance(entry.result, Accepted)
    row.second_chance = row.in_doubt = False
    if entry.leaves:
        _removed(row, entry.leaves)
        return None
    _synced(row, entry.version, entry.result.detail or ACCEPTED)
    row.synced_at, row.removed_at = timezone.now(), None
    row.payload_hash = entry.payload_hash
    if entry.remote is not None:
        row.remote = entry.remote
    return None


def _removed(row: ProfileSync, why: str) -> None:
    row.state, row.reason = State.REMOVED, why
    row.removed_at, row.synced_version, row.payload_hash = timezone.now(), None, ""
    row.remote, row.attempts = {}, 0
    row.last_error = row.code = row.field = ""


def _synced(row: ProfileSync, version: int, reason: str) -> None:
    row.state, row.reason = State.SYNCED, reason
    row.synced_version, row.attempts = version, 0
    row.last_error = row.code = row.field = ""


def _refused(row: ProfileSync, entry: Entry) -> datetime | None:
    assert isinstance(entry.result, Refuse | Rejected)
    row.state, row.reason = State.REJECTED, _told(entry, entry.result.reason)
    _note_error(row, entry.result)
    row.attempts += 1
    return None


def _failed(row: ProfileSync, entry: Entry) -> datetime | None:
    assert isinstance(entry.result, Retry | Unknown)
    row.attempts += 1
    _note_error(row, entry.result)
    # It may have arrived all the same: what was accepted before may be gone.
    row.payload_hash, row.in_doubt = "", True
    wait = retry.delay(row.attempts)
    if wait is None:
        row.state = State.REJECTED
        reason = _told(entry, entry.result.reason)
        row.reason = message(
            "given up after %(number)s attempts: %(reason)s", number=row.attempts, reason=reason
        )
        return None
    if isinstance(entry.result, Retry) and entry.result.after is not None:
        wait = max(wait, retry.retry_after(entry.result.after))
    row.state, row.reason = State.RETRYING, _told(entry, entry.result.reason)
    return timezone.now() + wait


def _kept(row: ProfileSync, entry: Entry) -> datetime | None:
    """It is the destination that refuses: the row stays due, and goes when the destination is well."""
    assert isinstance(entry.result, Hold | Stop)
    row.state, row.reason = State.RETRYING, _told(entry, entry.result.reason)
    _note_error(row, entry.result)
    return timezone.now()


def _awaits(row: ProfileSync, entry: Entry) -> datetime | None:
    assert isinstance(entry.result, Pending)
    row.state, row.reason, row.awaited = State.PENDING, entry.result.reason, entry.awaited
    row.payload_hash, row.in_doubt = "", True
    return timezone.now() + retry.ask_after(entry.result.after)


def _told(entry: Entry, reason: str) -> str:
    """As it is told of the row: a removal that failed is no push that failed."""
    return message("it could not be removed: %(reason)s", reason=reason) if entry.leaves else reason


def _note_error(row: ProfileSync, result: Refuse | Rejected | Retry | Unknown | Hold | Stop) -> None:
    row.last_error, row.code, row.field = result.reason, code_of(result), field_of(result)


_APPLY = {
    Wait: _wait,
    Skip: _skip,
    Unchanged: _unchanged,
    Refuse: _refused,
    Rejected: _refused,
    Accepted: _accepted,
    Retry: _failed,
    Unknown: _failed,
    Hold: _kept,
    Stop: _kept,
    Pending: _awaits,
}
