"""How a destination is doing, in words, and how much it is owed, in one query for all of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import IntegerField, OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from destinations.admin.base.standing import LATE
from destinations.insight import explain
from destinations.models import Destination, ProfileSync
from destinations.recorded import translated
from destinations.sync import limits
from tracsync.common.bounded_lists import AtLeast
from tracsync.common.times import told

MOST_OWED = 1000


class CountUpTo(Subquery):
    """How many rows a limited subquery has."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()


def with_owed(destinations: QuerySet[Destination]) -> QuerySet[Any]:
    """Adds `owed`, counted to a bound so that a million owed rows cost no more than a thousand, and when the
    oldest of them was due: `oldest_live` of changes, `oldest_bulk` of backfills and replays."""
    owed = ProfileSync.objects.filter(destination=OuterRef("pk"), due_at__isnull=False)
    return destinations.annotate(
        owed=CountUpTo(owed.order_by().values("pk")[: MOST_OWED + 1]),
        oldest_live=_oldest(owed, bulk=False),
        oldest_bulk=_oldest(owed, bulk=True),
    )


def _oldest(owed: QuerySet[ProfileSync], *, bulk: bool) -> Subquery:
    # "NOT bulk" would sort all of a destination's owed rows on SQLite; this form finds its way in the index.
    return Subquery(owed.filter(bulk__in=[bulk]).order_by("due_at").values("due_at")[:1])


def owed_words(destination: Any) -> str:
    return str(AtLeast(MOST_OWED) if destination.owed > MOST_OWED else destination.owed)


def state(destination: Destination, oldest: datetime | None = None) -> str:
    """What it is doing, and until when. `oldest`: when its oldest change was due."""
    now, health = timezone.now(), getattr(destination, "health", None)
    if not destination.enabled:
        return _("off")
    if not destination.resource.enabled:
        return _("off: the resource %(name)s is off") % {"name": destination.resource.name}
    if destination.paused_at is not None:
        return _("paused since %(time)s") % {"time": told(destination.paused_at, now)}
    if health is not None and health.is_held(now):
        held = {"time": told(health.held_until, now), "reason": translated(health.hold_reason)}
        return _("held until %(time)s: %(reason)s") % held
    if health is not None and (free_at := limits.used_up_until(destination, health, now)):
        used = {"limit": explain.rate(destination), "time": told(free_at, now)}
        return _("its limit of %(limit)s is used up until %(time)s") % used
    if oldest is not None and now - oldest > LATE:
        return _("behind: the oldest change is due since %(time)s") % {"time": told(oldest, now)}
    return _("running")


def problem(destination: Destination) -> str:
    health = getattr(destination, "health", None)
    return translated(health.problem) if health is not None else ""
