"""What became of one row, with the attempt that was made, until it is recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from destinations.connectors.base import (
    Accepted,
    Delivery,
    Exchange,
    Hold,
    Outcome,
    Rejected,
    Retry,
    Stop,
    Unknown,
)
from destinations.models import DeliveryAttempt, ProfileSync
from destinations.sync.decide import Decision, Deliver, Refuse
from profiles.models import Profile
from tracsync.common.messages import shortened

STATUS_CODES = range(100, 1000)
MOST_TEXT = 10_000  # characters of what a destination may say about one push
MOST_REMOTE = 4096  # characters, as JSON, of what is kept of an answer
LONGEST_ID = LONGEST_FIELD = 255  # characters
_CODE = re.compile(r"[a-z][a-z0-9_]{0,49}", re.ASCII)


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


def decided(sync: ProfileSync, profile: Profile, decision: Decision) -> Entry:
    """An entry for what needs no delivery."""
    return Entry(sync, profile.version, decision, sync.due_at, sync.asked, sync.resend, sync.replays)


def delivered(
    sync: ProfileSync,
    profile: Profile,
    decision: Deliver,
    outcome: Outcome,
    delivery: Delivery,
    began: datetime,
    duration: float,
) -> Entry:
    """An entry, with its attempt, for what was sent. `duration` in seconds."""
    exchange = outcome.exchange or Exchange()
    said = outcome.detail if isinstance(outcome, Accepted) else outcome.reason
    remote = _remote(outcome.remote) if isinstance(outcome, Accepted) else None
    attempt = DeliveryAttempt(
        profile_id=profile.pk,
        destination_id=sync.destination_id,
        idempotency_key=delivery.idempotency_key,
        version=profile.version,
        at=began,
        duration_ms=round(duration * 1000),
        lag=max(0.0, (began - sync.due_at).total_seconds()) if sync.due_at else None,
        operation=delivery.operation,
        outcome=OUTCOMES[type(outcome)],
        code=code_of(outcome),
        field=field_of(outcome),
        status_code=exchange.status if exchange.status in STATUS_CODES else None,
        reason=shortened(said, MOST_TEXT),
        remote_id=outcome.remote_id if remote and isinstance(outcome, Accepted) else "",
    )
    if _keeps_bodies(sync, outcome):
        attempt.request, attempt.response = exchange.request, exchange.response
    began_with = sync.due_at, sync.asked, sync.resend, sync.replays
    told = decision.payload_hash, decision.leaves
    return Entry(sync, profile.version, outcome, *began_with, *told, attempt, remote)


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


def _remote(said: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """What is too long to be kept, or no JSON, tells nothing: what was known stays."""
    if not isinstance(said, Mapping) or len(str(said.get("id", ""))) > LONGEST_ID:
        return None
    try:
        text = json.dumps(dict(said), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None
    return json.loads(text) if len(text) <= MOST_REMOTE else None


def _keeps_bodies(sync: ProfileSync, outcome: Outcome) -> bool:
    """Each setting keeps more than the one before: none, asked, failed, all."""
    keep = settings.TRACSYNC_ATTEMPT_BODIES
    if keep == "all" or (keep == "failed" and not isinstance(outcome, Accepted)):
        return True
    return keep != "none" and sync.asked and not sync.bulk  # somebody wants to see what comes of it
