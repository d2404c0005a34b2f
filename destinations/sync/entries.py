"""A row on its way, and what became of it, with the attempt that was made, until it is recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.conf import settings

from destinations.connectors import earlier
from destinations.connectors.base import (
    LONGEST_ID,
    Accepted,
    Delivery,
    Exchange,
    Hold,
    Outcome,
    Pending,
    Rejected,
    Retry,
    Stop,
    Unknown,
)
from destinations.models import DeliveryAttempt, ProfileSync
from destinations.sync import retry
from destinations.sync.decide import Decision, Deliver, Refuse
from profiles.models import Profile
from tracsync.common.messages import joined, message, pack, shortened, unpack

STATUS_CODES = range(100, 1000)
MOST_TEXT = 10_000  # characters of what a destination may say about one push
MOST_REMOTE = 4096  # characters, as JSON, of what is kept of an answer
LONGEST_FIELD = 255  # characters
NO_ID = message(
    "what the system calls it is not kept, as it is longer than %(number)s characters or holds some that"
    " cannot be stored: for tracsync it has no remote ID",
    number=LONGEST_ID,
)
TOO_MUCH = message(
    "what the system told to be kept is not, as it is longer than %(number)s characters or no JSON",
    number=MOST_REMOTE,
)
_CODE = re.compile(r"[a-z][a-z0-9_]{0,49}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Push:
    """A row on its way, with something to deliver; or to ask for, where the answer to that comes later."""

    sync: ProfileSync
    decision: Deliver
    delivery: Delivery
    kept: Mapping[str, Any] | None = None  # what is kept of it while it is in doubt


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one row. `version`: of the profile that was read; the others: when its push began."""

    sync: ProfileSync
    version: int
    result: Decision | Outcome
    due_at: datetime | None
    asked: bool
    resend: bool
    replays: int = 0
    payload_hash: str = ""
    leaves: str = ""  # why the profile was to be taken away
    attempt: DeliveryAttempt | None = None
    remote: Mapping[str, Any] | None = None  # None: what was known stays
    sent_at: datetime | None = None  # when the destination was called
    awaited: Mapping[str, Any] | None = None  # what is kept of a push that is answered later
    kept: Mapping[str, Any] | None = None  # the push itself, while it is in doubt; see remote/doubts.py
    repeats: bool = False  # it was sent once more, as only its answer tells what the system calls the profile

    @property
    def removes(self) -> bool:
        return bool(self.leaves) and not self.repeats


def decided(sync: ProfileSync, profile: Profile, decision: Decision) -> Entry:
    """An entry for what needs no delivery."""
    return Entry(sync, profile.version, decision, sync.due_at, sync.asked, sync.resend, sync.replays)


def delivered(push: Push, outcome: Outcome, began: datetime, seconds: float) -> Entry:
    """An entry for what was sent, or asked for; with its attempt, once the answer is there."""
    sync, decision, delivery = push.sync, push.decision, push.delivery
    asked = sync.awaited is not None
    replays = sync.awaited["replays"] if asked else sync.replays
    began_with = sync.due_at, sync.asked, sync.resend, replays
    told = decision.payload_hash, decision.leaves
    version, is_repeated = delivery.version, decision.repeats is not None
    if is_repeated:  # what was sent is older than what was decided
        version = sync.awaited["seen"] if asked else sync.version
    more: dict[str, Any] = {"sent_at": began, "kept": push.kept, "repeats": is_repeated}
    if isinstance(outcome, Pending):
        awaited = _awaited(outcome, decision, delivery, replays, version)
        if awaited is not None:
            return Entry(sync, version, outcome, *began_with, *told, awaited=awaited, **more)
        outcome = Unknown(message("what it calls its work cannot be kept: too long, or no JSON"))
    if isinstance(outcome, Accepted):
        outcome = _keepable(outcome, sync)
    exchange = outcome.exchange or Exchange()
    said = outcome.detail if isinstance(outcome, Accepted) else outcome.reason
    remote = outcome.remote if isinstance(outcome, Accepted) else None
    attempt = DeliveryAttempt.new(
        profile_id=sync.profile_id,
        destination_id=sync.destination_id,
        idempotency_key=delivery.idempotency_key,
        version=delivery.version,
        at=began,
        duration_ms=round(seconds * 1000),
        lag=max(0.0, (began - sync.due_at).total_seconds()) if sync.due_at and not asked else None,
        operation=delivery.operation,
        outcome=OUTCOMES[type(outcome)],
        code=code_of(outcome),
        field=field_of(outcome),
        status_code=exchange.status if exchange.status in STATUS_CODES else None,
        reason=shortened(said, MOST_TEXT),
        remote_id=outcome.remote_id if isinstance(outcome, Accepted) else "",
    )
    if _keeps_bodies(sync, outcome):
        attempt.request, attempt.response = exchange.request, exchange.response
    return Entry(sync, version, outcome, *began_with, *told, attempt, remote, **more)


def _awaited(
    outcome: Pending, decision: Deliver, delivery: Delivery, replays: int, seen: int
) -> Mapping[str, Any] | None:
    """All that is needed to record the end of a push as if it had come at once; None for an unusable job."""
    try:
        if len(json.dumps(outcome.job, allow_nan=False)) > MOST_REMOTE:
            return None
    except (TypeError, ValueError, RecursionError):
        return None
    leaves, is_repeated = pack(decision.leaves), decision.repeats is not None
    return {
        "job": outcome.job,
        "key": delivery.idempotency_key,
        "version": delivery.version,
        "operation": delivery.operation,
        "payload_hash": decision.payload_hash,
        "leaves": "" if is_repeated else leaves,  # an older release would take it for removed
        "leaves_then": leaves if is_repeated else "",
        "replays": replays,
        "repeats": is_repeated,
        "seen": seen,
    }


def awaited(sync: ProfileSync) -> Push:
    """The push that the destination answers later, without its payload."""
    kept = sync.awaited
    # An older release says nothing of repeats.
    repeats: Mapping[str, Any] | None = {} if kept.get("repeats") else None
    leaves = unpack(kept["leaves"] or kept.get("leaves_then", ""))
    decision = Deliver(None, kept["payload_hash"], kept["operation"], leaves, repeats=repeats)
    delivery = Delivery(
        None, kept["key"], sync.remote, kept["operation"], key=sync.profile_id, version=kept["version"]
    )
    return Push(sync, decision, delivery)


def unanswered(push: Push, now: datetime) -> Entry | None:
    """An entry for an answer that has not come; None while it may be asked for."""
    since = push.sync.awaited_since
    if since and now - since < retry.LONGEST_AWAITED:
        return None
    hours = round(retry.LONGEST_AWAITED.total_seconds() / 3600)
    ended = Unknown(message("it did not say within %(number)s hours what became of it", number=hours))
    return delivered(push, ended, now, 0.0)


OUTCOMES: dict[type[Outcome], str] = {
    Accepted: DeliveryAttempt.Outcome.ACCEPTED,
    Retry: DeliveryAttempt.Outcome.RETRY,
    Rejected: DeliveryAttempt.Outcome.REJECTED,
    Unknown: DeliveryAttempt.Outcome.UNKNOWN,
    Hold: DeliveryAttempt.Outcome.REJECTED,
    Stop: DeliveryAttempt.Outcome.REJECTED,
}


def code_of(result: Outcome | Refuse) -> str:
    """What is no code is none."""
    return result.code if _CODE.fullmatch(str(result.code)) else ""


def field_of(result: Outcome | Refuse) -> str:
    return shortened(str(result.field), LONGEST_FIELD)


def _keepable(outcome: Accepted, sync: ProfileSync) -> Accepted:
    """The outcome with what of its `remote` can be kept, and a word about what cannot.

    An id is kept whole or not at all, as a part of it would be the id of somebody else; the one that was
    known until then stays as that of an earlier record.
    """
    told, lost = outcome.remote, []
    if told is None:
        return outcome
    number = str(told.get("id", "")) if isinstance(told, Mapping) else ""
    least: dict[str, Any] | None = {"id": number} if number not in ("", sync.remote_id) else None
    if not _is_storable(number):
        lost.append(NO_ID)
        least = {earlier.EARLIER: [sync.remote_id]} if sync.remote_id else {}
        told = {**least, **{name: value for name, value in told.items() if name != "id"}}
    kept = _as_json(told)
    if kept is None:
        lost.append(TOO_MUCH)
        kept = least
    detail = joined("; ", filter(None, (outcome.detail, *lost))) if lost else outcome.detail
    return replace(outcome, remote=kept, detail=detail)


def _is_storable(number: str) -> bool:
    """Whether a remote id is stored as it is: databases take no null characters and no halves of any."""
    is_text = number.isascii() or number.encode("utf-8", "ignore").decode() == number
    return is_text and len(number) <= LONGEST_ID and "\0" not in number


def _as_json(told: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """None for what is too long to be kept, no JSON, or no object."""
    if not isinstance(told, Mapping):
        return None
    try:
        text = json.dumps(dict(told), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None
    kept: Mapping[str, Any] = json.loads(text)
    return kept if len(text) <= MOST_REMOTE else None


def _keeps_bodies(sync: ProfileSync, outcome: Outcome) -> bool:
    """Each setting keeps more than the one before: none, asked, failed, all."""
    keep = settings.TRACSYNC_ATTEMPT_BODIES
    if keep == "all" or (keep == "failed" and not isinstance(outcome, Accepted)):
        return True
    return keep != "none" and sync.asked and not sync.bulk  # somebody wants to see what comes of it
