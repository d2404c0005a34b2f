"""How much one destination may be sent at once and within a time, over all workers.

What was sent is counted per part of the period, so that no period, wherever it begins, holds more than the
limit; in exchange a steady stream reaches only 20 of 21 parts of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from django.utils import timezone

from destinations.models import Destination, Health

BATCHES = 2  # in flight per destination: one sick destination cannot occupy every process
PARTS = 20  # of a period


def batches(destination: Destination) -> int:
    """How many batches may be in flight."""
    return min(BATCHES, destination.effective_concurrency)


def lanes(destination: Destination) -> int:
    """How many calls one batch may have under way."""
    return destination.effective_concurrency // batches(destination)


def left(destination: Destination, health: Health, in_flight: int, now: datetime) -> int | None:
    """How many more may be sent now, beside what is in flight; None: as many as one likes."""
    if destination.rate_limit is None:
        return None
    sent = sum(count for _, count in _lately(destination, health, now))
    return max(0, destination.rate_limit - sent - in_flight)


def used_up_until(destination: Destination, health: Health, now: datetime) -> datetime | None:
    """When the limit has room for the next push; None where it has room now."""
    if left(destination, health, 0, now) != 0:
        return None
    sent = _lately(destination, health, now)
    surplus = sum(count for _, count in sent) + 1 - (destination.rate_limit or 0)
    for start, count in sent:
        surplus -= count
        if surplus <= 0:
            return datetime.fromtimestamp(start + reach(destination), UTC)
    raise AssertionError("a limit is at least 1")


def used_up_since(destination: Destination, health: Health, now: datetime) -> datetime:
    """Of a limit that is used up: when the part of the period ended in which the last push was sent."""
    last, _count = _lately(destination, health, now)[-1]
    return min(now, datetime.fromtimestamp(last + destination.rate_seconds / PARTS, UTC))


def use(destination: Destination, health: Health, moments: Iterable[datetime]) -> None:
    """Note in the health row, which the caller has locked, when something was sent."""
    if destination.rate_limit is None:
        health.usage = []
        return
    part = destination.rate_seconds / PARTS
    counts = dict(_lately(destination, health, timezone.now()))
    for moment in moments:
        start = moment.timestamp() // part * part
        counts[start] = counts.get(start, 0) + 1
    health.usage = sorted(counts.items())


def _lately(destination: Destination, health: Health, now: datetime) -> list[tuple[float, int]]:
    """The parts that a period ending now may reach, oldest first: their beginnings (epoch) and counts."""
    since = now.timestamp() - reach(destination)
    return [(start, count) for start, count in health.usage if start > since]


def reach(destination: Destination) -> float:
    """Seconds from the beginning of a part until nothing sent in it is within the period."""
    return destination.rate_seconds * (1 + 1 / PARTS)
