"""How a destination is doing, in words, and how much it is owed, in one query for all of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import IntegerField, OuterRef, QuerySet, Subquery
from django.utils import timezone

from destinations.models import Destination, ProfileSync
from destinations.sync import limits
from destinations.sync.explain import at, until
from profiles.large_tables import AtLeast

MOST_OWED = 1000


class CountUpTo(Subquery):
    """How many rows a limited subquery has."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()


def with_owed(destinations: QuerySet[Destination]) -> QuerySet[Any]:
    """Adds `owed`, counted to a bound so that a million owed rows cost no more than a thousand."""
    owed = ProfileSync.objects.filter(destination=OuterRef("pk"), due_at__isnull=False)
    return destinations.annotate(owed=CountUpTo(owed.order_by().values("pk")[: MOST_OWED + 1]))


def owed_words(destination: Any) -> str:
    return str(AtLeast(MOST_OWED) if destination.owed > MOST_OWED else destination.owed)


def state(destination: Destination, now: datetime | None = None) -> str:
    """What it is doing, and until when."""
    health = getattr(destination, "health", None)
    if not destination.enabled:
        return "off"
    if not destination.resource.enabled:
        return f"off: the resource {destination.resource.name} is off"
    if destination.paused_at is not None:
        return f"paused since {at(destination.paused_at)}"
    now = now or timezone.now()
    if health is not None and health.is_held(now):
        return f"held until {until(health.held_until, now)}: {health.hold_reason}"
    if health is not None and (free_at := limits.used_up_until(destination, health, now)):
        limit = f"{destination.rate_limit} a {destination.rate_period}"
        return f"its limit of {limit} is used up until {until(free_at, now)}"
    return "running"


def problem(destination: Destination) -> str:
    health = getattr(destination, "health", None)
    return health.problem if health is not None else ""
