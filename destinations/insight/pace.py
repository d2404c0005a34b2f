"""How fast a destination can be sent to, where nothing but its limit and its answers hold it up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Avg

from destinations.models import DeliveryAttempt, Destination
from destinations.sync import limits

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

    def is_limited(self, pushes: int) -> bool:
        """Whether its limit holds up so many more than its answers do; also where those are not known."""
        by_limit, by_answers = self._by_limit(pushes), self._by_answers(pushes)
        return by_limit is not None and (by_answers is None or by_limit >= by_answers)

    def takes(self, pushes: int) -> timedelta | None:
        """At least so long; None where neither limit nor answers are known."""
        known = [one for one in (self._by_limit(pushes), self._by_answers(pushes)) if one is not None]
        return timedelta(seconds=max(known)) if known else None

    def _by_answers(self, pushes: int) -> float | None:
        return None if self.rate is None else pushes / self.rate

    def _by_limit(self, pushes: int) -> float | None:
        """As many as it allows go at once, and after a period as many again: see sync/limits.py."""
        if self.destination.rate_limit is None:
            return None
        return (pushes - 1) // self.destination.rate_limit * limits.reach(self.destination)


def pace(destination: Destination) -> Pace:
    """Of a destination that need not be saved."""
    recent = DeliveryAttempt.objects.filter(destination=destination.pk).order_by("-at")[:RECENT]
    mean = recent.aggregate(mean=Avg("duration_ms"))["mean"] if destination.pk else None
    return Pace(destination, None if mean is None else float(mean))
