"""How a destination is doing: circuit breaker, Retry-After, and what a person has to mend.

Failures count in a row. From the fifth on the destination rests, longer each time; then one row probes
it, and the first success brings everything that waits for a retry forward.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from destinations.connectors.base import Accepted, Rejected, Retry, Unknown
from destinations.models import Destination, Health, ProfileSync
from destinations.sync import database, limits, retry
from destinations.sync.decide import Refuse


def note(
    destination: Destination,
    results: Sequence[Any],
    sent_at: Sequence[datetime],
    call_seconds: float | None = None,
) -> None:
    """Take a batch's results into account, when each push of it was made, and how long its calls took; inside
    the transaction that records them.
    """
    health, _ = Health.objects.select_for_update().get_or_create(destination=destination)
    was_sick = health.failures >= retry.BREAKER_FAILURES
    for result in results:
        _count(health, result)
    if was_sick and health.failures == 0:
        _bring_forward(destination)
    limits.use(destination, health, sent_at)
    if call_seconds is not None:
        health.call_seconds = call_seconds
    health.save()


def unusable(
    destination_id: int, reason: str, *, needs_person: bool = False, after: float | None = None
) -> None:
    """Nothing could be tried: the destination rests. `after`: seconds it asked for."""
    with transaction.atomic():
        health, _ = Health.objects.select_for_update().get_or_create(destination_id=destination_id)
        health.failures = max(health.failures + 1, retry.BREAKER_FAILURES)
        _hold(health, retry.retry_after(after) if after is not None else retry.hold(health.failures), reason)
        if needs_person:
            _problem(health, reason)
        health.save()


def mended(destination: Destination) -> None:
    """A person has changed the destination: its problem and its rest are over."""
    Health.objects.filter(destination=destination).update(
        failures=0, held_until=None, held_since=None, hold_reason="", problem="", problem_at=None
    )


def _count(health: Health, result: Any) -> None:
    if isinstance(result, Accepted | Rejected):
        if isinstance(result, Accepted):
            health.last_accepted_at = timezone.now()
            health.problem, health.problem_at = "", None
        health.failures = 0
        if not health.is_held(timezone.now()):  # a rest that another worker was just asked for stays
            health.held_until, health.held_since, health.hold_reason = None, None, ""
    elif isinstance(result, Retry | Unknown):
        _fail(health, result)
    elif isinstance(result, Refuse) and result.problem:
        _problem(health, result.reason)


def _fail(health: Health, result: Retry | Unknown) -> None:
    after = result.after if isinstance(result, Retry) else None
    if after is None and health.is_held(timezone.now()):
        return  # it was sent before the rest began, and tells nothing new
    health.failures += 1
    if after is None:
        _hold(health, retry.hold(health.failures), result.reason)
    else:
        health.failures = max(health.failures, retry.BREAKER_FAILURES)
        _hold(health, retry.retry_after(after), result.reason)


def _hold(health: Health, wait: timedelta | None, reason: str) -> None:
    if wait is None:
        return
    now = timezone.now()
    health.held_until = max(health.held_until or now, now + wait)
    health.held_since = health.held_since or now
    health.hold_reason = reason


def _problem(health: Health, text: str) -> None:
    health.problem, health.problem_at = text, timezone.now()


def _bring_forward(destination: Destination) -> None:
    """What is locked at this moment is being settled or changed by a person, and has a new due time."""
    now = timezone.now()
    retrying = ProfileSync.State.RETRYING
    waiting = ProfileSync.objects.filter(destination=destination, state=retrying, due_at__gt=now)
    database.update(waiting, skip_locked=True, due_at=now)
