"""What a destination's counts add up to over the last hour, day or week."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from math import inf

from django.db.models import F, QuerySet, Sum, Value

from destinations.models import Destination, Tally
from destinations.sync.counters import slot


@dataclass(frozen=True, slots=True)
class Period:
    """The five minutes that are now and those before, in bars of several of them."""

    name: str
    bars: int
    slots_per_bar: int

    @property
    def bar(self) -> timedelta:
        return Tally.SLOT * self.slots_per_bar

    @property
    def length(self) -> timedelta:
        return self.bar * self.bars

    def since(self, now: datetime) -> datetime:
        return datetime.fromtimestamp(self.first_slot(now) * Tally.SLOT.total_seconds(), UTC)

    def first_slot(self, now: datetime) -> int:
        return slot(now) - self.bars * self.slots_per_bar + 1


HOUR = Period("hour", 12, 1)
DAY = Period("day", 24, 12)
WEEK = Period("week", 28, 72)
PERIODS = {period.name: period for period in (HOUR, DAY, WEEK)}


def sent(counts: Counter[str]) -> int:
    """How many pushes were tried; each of them had one outcome."""
    return sum(counts[name] for name in Tally.OUTCOMES)


@dataclass(slots=True)
class Figures:
    """One destination's counts, in all and for each bar of the period, the oldest first."""

    counts: Counter[str] = field(default_factory=Counter)
    bars: list[Counter[str]] = field(default_factory=list)

    @property
    def sent(self) -> int:
        return sent(self.counts)

    @property
    def decided(self) -> int:
        return self.sent + sum(self.counts[name] for name in Tally.DECISIONS)

    @property
    def success_rate(self) -> float | None:
        """From 0 to 1; None where nothing was sent."""
        return self.counts["accepted"] / self.sent if self.sent else None

    def delay(self, share: float) -> float | None:
        """Seconds within which that share of the pushes, at least, was sent after being due.

        What is known is between which bounds each delay was: the true quantile is at most this, and more than
        half of it (but for the first bound). Infinite beyond the last bound, None where nothing was sent.
        """
        counts = [self.counts[name] for name in Tally.LAGS]
        wanted = share * sum(counts)
        if not wanted:
            return None
        reached = accumulate(counts)
        bounds = zip((*Tally.LAG_BOUNDS, inf), reached, strict=True)
        return next(bound for bound, so_far in bounds if so_far >= wanted)


def by_destination(period: Period, now: datetime) -> dict[int, Figures]:
    """Of every destination that has anything to count, by its id, in one query."""
    found: dict[int, Figures] = defaultdict(lambda: _nothing(period))
    for pk, back, *sums in _sums(Tally.objects.all(), period, now):
        _add(found[pk], back, sums)
    return dict(found)


def for_destination(destination: Destination, period: Period, now: datetime) -> Figures:
    figures = _nothing(period)
    for _, back, *sums in _sums(Tally.objects.filter(destination=destination), period, now):
        _add(figures, back, sums)
    return figures


def is_idle(now: datetime) -> bool:
    """Whether nothing was decided or tried anywhere in these five minutes and those before."""
    nothing = dict.fromkeys((*Tally.DECISIONS, *Tally.OUTCOMES), 0)
    return not Tally.objects.filter(slot__gte=slot(now) - 1).exclude(**nothing).exists()


def _sums(rows: QuerySet[Tally], period: Period, now: datetime) -> Iterable[tuple[int, ...]]:
    """For each destination and bar: how many bars before the last one it is, and its counts."""
    back = (Value(slot(now)) - F("slot")) / Value(period.slots_per_bar)  # of whole numbers: rounded down
    grouped = rows.filter(slot__gte=period.first_slot(now)).order_by().annotate(back=back)
    return grouped.values_list("destination_id", "back").annotate(*map(Sum, Tally.COUNTS))


def _nothing(period: Period) -> Figures:
    return Figures(bars=[Counter() for _ in range(period.bars)])


def _add(figures: Figures, back: int, sums: Iterable[int]) -> None:
    counts = dict(zip(Tally.COUNTS, sums, strict=True))
    figures.counts.update(counts)
    figures.bars[-1 - max(0, back)].update(counts)  # another host's time may be ahead of ours
