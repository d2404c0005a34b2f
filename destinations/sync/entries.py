"""What became of one row, with the attempt that was made, until it is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

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
from destinations.sync.decide import Decision
from profiles.models import Profile
from tracsync.common.messages import shortened

STATUS_CODES = range(100, 1000)
MOST_TEXT = 10_000  # characters of what a destination may say about one push


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
    attempt: DeliveryAttempt | None = None


def decided(sync: ProfileSync, profile: Profile, decision: Decision) -> Entry:
    """An entry for what needs no delivery."""
    return Entry(sync, profile.version, decision, sync.due_at, sync.asked, sync.resend, sync.replays)


def delivered(
    sync: ProfileSync,
    profile: Profile,
    payload_hash: str,
    outcome: Outcome,
    delivery: Delivery,
    began: datetime,
    duration: float,
) -> Entry:
    """An entry, with its attempt, for what was sent. `duration` in seconds."""
    exchange = outcome.exchange or Exchange()
    said = outcome.detail if isinstance(outcome, Accepted) else outcome.reason
    attempt = DeliveryAttempt(
        profile_id=profile.pk,
        destination_id=sync.destination_id,
        idempotency_key=delivery.idempotency_key,
        version=profile.version,
        at=began,
        duration_ms=round(duration * 1000),
        lag=max(0.0, (began - sync.due_at).total_seconds()) if sync.due_at else None,
        outcome=OUTCOMES[type(outcome)],
        status_code=exchange.status if exchange.status in STATUS_CODES else None,
        reason=shortened(said, MOST_TEXT),
        remote_id=_remote_id(outcome.remote_id) if isinstance(outcome, Accepted) else "",
    )
    if _keeps_bodies(sync, outcome):
        attempt.request, attempt.response = exchange.request, exchange.response
    began_with = sync.due_at, sync.asked, sync.resend, sync.replays
    return Entry(sync, profile.version, outcome, *began_with, payload_hash, attempt)


OUTCOMES: dict[type[Outcome], str] = {
    Accepted: DeliveryAttempt.Outcome.ACCEPTED,
    Retry: DeliveryAttempt.Outcome.RETRY,
    Rejected: DeliveryAttempt.Outcome.REJECTED,
    Unknown: DeliveryAttempt.Outcome.UNKNOWN,
    Hold: DeliveryAttempt.Outcome.REJECTED,
    Stop: DeliveryAttempt.Outcome.REJECTED,
}


def _remote_id(said: object) -> str:
    """What is too long to be kept is no name for a profile: the next push goes without one."""
    text = str(said)
    return text if len(text) <= DeliveryAttempt.REMOTE_ID_LENGTH else ""


def _keeps_bodies(sync: ProfileSync, outcome: Outcome) -> bool:
    """Each setting keeps more than the one before: none, asked, failed, all."""
    keep = settings.TRACSYNC_ATTEMPT_BODIES
    if keep == "all" or (keep == "failed" and not isinstance(outcome, Accepted)):
        return True
    return keep != "none" and sync.asked and not sync.bulk  # somebody wants to see what comes of it
