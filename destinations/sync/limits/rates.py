"""How much may be sent at once, and within a time, over all workers.

What was sent is counted per part of the period, so that no period, wherever it begins, holds more than the
limit; in exchange a steady stream reaches only 20 of 21 parts of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from destinations.connectors.base import Rate
from destinations.models import Destination

BATCHES = 2  # in flight per destination: one sick destination cannot occupy every process
PARTS = 20  # of a period

Counts = Sequence[
    tuple[float, int]
]  # what was sent in each part of a period: its beginning (epoch), how many


def batches(destination: Destination) -> int:
    """How many batches may be in flight."""
    return min(BATCHES, destination.effective_concurrency)


def lanes(destination: Destination) -> int:
    """How many calls one batch may have under way."""
    return destination.effective_concurrency // batches(destination)


def left(rate: Rate, counts: Counts, in_flight: int, now: datetime) -> int:
    """How many more may be sent now, beside what is in flight."""
    sent = sum(count for _, count in _lately(rate, counts, now))
    return max(0, rate.count - sent - in_flight)


def used_up_until(rate: Rate, counts: Counts, now: datetime) -> datetime | None:
    """When there is room for the next push; None where there is now."""
    sent = _lately(rate, counts, now)
    surplus = sum(count for _, count in sent) + 1 - rate.count
    if surplus <= 0:
        return None
    for start, count in sent:
        surplus -= count
        if surplus <= 0:
            return datetime.fromtimestamp(start + reach(rate), UTC)
    raise AssertionError("a limit is at least 1")


def used_up_since(rate: Rate, counts: Counts, now: datetime) -> datetime:
    """Of a limit that is used up: when the part of the period ended in which the last push was sent."""
    last, _count = _lately(rate, counts, now)[-1]
    return min(now, datetime.fromtimestamp(last + rate.seconds / PARTS, UTC))


def counted(
    rate: Rate, counts: Counts, moments: Iterable[datetime], now: datetime
) -> list[tuple[float, int]]:
    """The counts, with what was sent at these moments, as far as a period that ends now may reach."""
    part = rate.seconds / PARTS
    found = dict(_lately(rate, counts, now))
    for moment in moments:
        start = moment.timestamp() // part * part
        found[start] = found.get(start, 0) + 1
    return sorted(found.items())


def reach(rate: Rate) -> float:
    """Seconds from the beginning of a part until nothing sent in it is within the period."""
    return rate.seconds * (1 + 1 / PARTS)


def _lately(rate: Rate, counts: Counts, now: datetime) -> list[tuple[float, int]]:
    """The parts that a period ending now may reach, oldest first."""
    since = now.timestamp() - reach(rate)
    return [(start, count) for start, count in counts if start > since]
