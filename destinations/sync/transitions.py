"""What each outcome makes of the row: its next state, and when it is due again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone

from destinations.connectors.base import Accepted, Hold, Pending, Rejected, Retry, Stop, Unknown
from destinations.models import ProfileSync
from destinations.sync import retry
from destinations.sync.decide import Refuse, Skip, Unchanged, Wait
from destinations.sync.entries import Entry, code_of, field_of
from destinations.sync.remote import doubts
from tracsync.common.messages import message

State = ProfileSync.State
ACCEPTED = message("accepted")
UNCHANGED = message("unchanged, so not sent again")

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


def updated(entry: Entry, meanwhile: dict[str, Any], now: datetime) -> ProfileSync:
    """The row of a locked entry as it is now, brought to its new state.

    What has come meanwhile goes on waiting, whatever came of this push: a due time that a person or a
    backfill has set, and a change that the push did not take along. When that one is due the next push
    finds out.
    """
    row, due_again = entry.sync, None
    vars(row).update(meanwhile)
    if isinstance(entry.result, Pending):
        pass  # what has come meanwhile goes when that has ended
    elif row.due_at != entry.due_at:
        due_again = row.due_at
    elif row.version > entry.version or row.replays != entry.replays:
        due_again = now
    row.claim_token = row.claimed_until = row.started_at = None
    row.state_since, row.unfinished = now, 0
    row.version = max(row.version, entry.version)
    awaited_since = row.awaited_since
    row.awaited = row.awaited_since = None
    row.due_at = _APPLY[type(entry.result)](row, entry)
    row.unanswered = row.unanswered if row.in_doubt else None
    if row.awaited is not None:
        row.awaited_since = awaited_since or now
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
    if entry.result.is_absent:
        row.in_doubt = False
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
    row.unanswered = None
    if entry.removes:
        _removed(row, entry.leaves)
        return None
    sent = entry.attempt.version if entry.attempt and entry.repeats else entry.version
    _synced(row, sent, entry.result.detail or ACCEPTED)
    row.synced_at, row.removed_at = row.state_since, None
    row.payload_hash = entry.payload_hash
    if entry.remote is not None:
        row.remote = entry.remote
    return _goes_on(row) if entry.repeats else None


def _goes_on(row: ProfileSync) -> datetime:
    """Now that more is known of what is there, the profile is taken away or sent as it is."""
    row.state, row.reason = State.PENDING, ""
    return timezone.now()


def _removed(row: ProfileSync, why: str) -> None:
    row.state, row.reason = State.REMOVED, why
    row.removed_at, row.synced_version, row.payload_hash = row.state_since, None, ""
    row.remote, row.attempts = {}, 0
    row.last_error = row.code = row.field = ""


def _synced(row: ProfileSync, version: int, reason: str) -> None:
    row.state, row.reason = State.SYNCED, reason
    row.synced_version, row.attempts = version, 0
    row.last_error = row.code = row.field = ""


def _refused(row: ProfileSync, entry: Entry) -> datetime | None:
    assert isinstance(entry.result, Refuse | Rejected)
    if isinstance(entry.result, Rejected):
        key = entry.attempt.idempotency_key if entry.attempt else ""
        if doubts.refused(row, entry.result, key) and entry.repeats:
            return _goes_on(row)
        if entry.repeats and (row.remote_id or not entry.leaves):  # what is known can be taken away
            doubts.repeats_no_more(row, key)
            return _goes_on(row)
    row.state, row.reason = State.REJECTED, _told(entry, entry.result.reason)
    _note_error(row, entry.result)
    row.attempts += 1
    return None


def _failed(row: ProfileSync, entry: Entry) -> datetime | None:
    assert isinstance(entry.result, Retry | Unknown)
    row.attempts += 1
    _note_error(row, entry.result)
    if not (isinstance(entry.result, Retry) and entry.result.not_taken):
        # It may have arrived all the same: what was accepted before may be gone.
        row.payload_hash = ""
        doubts.unheard(row, entry.kept)
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
    if entry.result.may_be_taken:
        row.payload_hash = ""
        doubts.unheard(row, entry.kept)
    return timezone.now()


def _awaits(row: ProfileSync, entry: Entry) -> datetime | None:
    assert isinstance(entry.result, Pending)
    row.state, row.reason, row.awaited = State.PENDING, entry.result.reason, entry.awaited
    row.payload_hash = ""
    doubts.unheard(row, entry.kept)
    return timezone.now() + retry.ask_after(entry.result.after)


def _told(entry: Entry, reason: str) -> str:
    """As it is told of the row: a removal that failed is no push that failed."""
    if entry.removes:
        return message("it could not be removed: %(reason)s", reason=reason)
    if entry.repeats and entry.leaves:
        return message(
            "before it can be removed it is sent once more, as only the answer tells by what: %(reason)s",
            reason=reason,
        )
    if entry.repeats:
        return message(
            "before what has changed is sent, the earlier push is repeated, as only its answer tells what the"
            " system calls it: %(reason)s",
            reason=reason,
        )
    return reason


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
