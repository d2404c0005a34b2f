"""How fast a destination can be sent to, where nothing but its limit and its answers hold it up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Avg

from destinations.connectors.base import Rate
from destinations.models import DeliveryAttempt, Destination
from destinations.sync.limits import accounts, rates

RECENT = 200  # attempts that tell how fast a destination answers


@dataclass(frozen=True, slots=True)
class Pace:
    """`answer`: milliseconds that its recent answers took on average, None where nothing was sent yet."""

    destination: Destination
    answer: float | None

    @property
    def calls(self) -> int:
        """At once."""
        return self.destination.effective_concurrency

    @property
    def rate(self) -> float | None:
        """Pushes a second by its answers."""
        return None if self.answer is None else self.calls * 1000 / max(self.answer, 1.0)

    def limit(self, pushes: int) -> Rate | None:
        """The limit that holds up so many more than the answers do, also where those are not known."""
        slowest = max(self._rates, key=lambda rate: self._by_limit(rate, pushes), default=None)
        by_answers = self._by_answers(pushes)
        holds = slowest and (by_answers is None or self._by_limit(slowest, pushes) >= by_answers)
        return slowest if holds else None

    def takes(self, pushes: int) -> timedelta | None:
        """At least so long; None where neither limit nor answers are known."""
        known = [self._by_limit(rate, pushes) for rate in self._rates]
        by_answers = self._by_answers(pushes)
        if by_answers is not None:
            known.append(by_answers)
        return timedelta(seconds=max(known)) if known else None

    @property
    def _rates(self) -> list[Rate]:
        """Its own, and those that it shares: as if nothing else went there."""
        own = self.destination.rate
        return [*([own] if own else []), *self.destination.shared_limits.rates]

    def _by_answers(self, pushes: int) -> float | None:
        return None if self.rate is None else pushes / self.rate

    def _by_limit(self, rate: Rate, pushes: int) -> float:
        """As many as it allows go at once, and after a period as many again: see sync/limits/rates.py."""
        return (pushes - 1) // rate.count * rates.reach(rate)


class Source(StrEnum):
    """Who has set a limit. What the system has said was in its answers."""

    DESTINATION = "destination"
    RESOURCE = "resource"
    CONNECTOR = "connector"
    SYSTEM = "system"
    INSTALLATION = "installation"


@dataclass(frozen=True, slots=True)
class Limit:
    """Calls at once, or a rate; `shared` with all destinations of the account."""

    source: Source
    shared: bool
    calls: int | None = None
    rate: Rate | None = None


def limits(destination: Destination, now: datetime) -> list[Limit]:
    """All that hold for a destination: the narrowest one tells."""
    return [*_calls(destination, now), *_rates(destination, now)]


def _calls(destination: Destination, now: datetime) -> Iterator[Limit]:
    if destination.concurrency:
        yield Limit(Source.DESTINATION, False, destination.concurrency)
    if shared := destination.shared_limits.concurrency:
        is_set = destination.resource.own_limits(destination.use_test_credentials).concurrency
        yield Limit(Source.RESOURCE if is_set else Source.CONNECTOR, True, shared)
    if not destination.concurrency and not shared:
        yield Limit(Source.INSTALLATION, False, destination.effective_concurrency)
    told = accounts.told_to(destination, now)
    if told is not None and told.concurrency:
        yield Limit(Source.SYSTEM, True, told.concurrency)


def _rates(destination: Destination, now: datetime) -> Iterator[Limit]:
    if destination.rate:
        yield Limit(Source.DESTINATION, False, rate=destination.rate)
    shared = destination.shared_limits.rates
    is_set = shared and destination.resource.own_limits(destination.use_test_credentials).rates
    for rate in shared:
        yield Limit(Source.RESOURCE if is_set else Source.CONNECTOR, True, rate=rate)
    told = accounts.told_to(destination, now)
    for rate in told.rates if told else ():
        yield Limit(Source.SYSTEM, True, rate=rate)


def pace(destination: Destination) -> Pace:
    """Of a destination that need not be saved."""
    recent = DeliveryAttempt.objects.filter(destination=destination.pk).order_by("-at")[:RECENT]
    mean = recent.aggregate(mean=Avg("duration_ms"))["mean"] if destination.pk else None
    return Pace(destination, None if mean is None else float(mean))
