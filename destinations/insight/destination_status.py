"""What a destination is doing. It is decided here alone; pages, the API and metrics say it in their words.

A destination can be several things at once, such as paused and to be mended. `conditions` tells all that is
so, and who has room for one of them shows the first of those that it is about.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import IntegerField, OuterRef, QuerySet, Subquery

from destinations.connectors import registry
from destinations.connectors.base import Rate
from destinations.models import Destination, Health, ProfileSync
from destinations.sync.health import is_sick
from destinations.sync.limits import accounts
from destinations.sync.remote.refusals import are_alike
from tracsync.common.bounded_lists import AtLeast

MOST_WAITING = 1000
LATE = timedelta(minutes=1)  # what has just changed is usually sent within a second of being due


class Kind(StrEnum):
    OFF = "off"
    RESOURCE_OFF = "resource-off"
    PAUSED = "paused"
    STOPPED = "stopped"  # it wants nothing any more
    REFUSING = "refusing"  # the last pushes were all refused, for its own fault
    RESTING = "resting"
    BROKEN = "broken"  # a person has to mend its condition, mapping, settings or credentials
    LIMITED = "limited"
    BEHIND = "behind"
    REJECTED = "rejected"  # it sends, and some profiles were rejected and are not there
    RUNNING = "running"


OBSTACLES = frozenset({Kind.OFF, Kind.RESOURCE_OFF, Kind.PAUSED, Kind.STOPPED, Kind.RESTING, Kind.LIMITED})


@dataclass(frozen=True, slots=True)
class Condition:
    """`since` and `until` are None where nobody knows. `reason`: as recorded, of a rest or what is broken.

    `count`: how many pushes were refused, or profiles rejected; `rate`: which limit is used up; `shared`: it
    is so for all destinations of the account; `kept_out`: it does not let us in, for the credentials or what
    they allow.
    """

    kind: Kind
    since: datetime | None = None
    until: datetime | None = None
    reason: str = ""
    count: int = 0
    rate: Rate | None = None
    shared: bool = False
    kept_out: bool = False

    @property
    def is_obstacle(self) -> bool:
        """Whether nothing is sent while it lasts."""
        return self.kind in OBSTACLES

    @property
    def is_well(self) -> bool:
        """Sending at a limit that a person has set is what was asked for."""
        return self.kind in (Kind.RUNNING, Kind.LIMITED)


def conditions(
    destination: Destination, now: datetime, oldest: datetime | None = None, rejected: int = 0
) -> Iterator[Condition]:
    """All that is so, what weighs most first; there is always one.

    Reads its resource and health, and the accounts of the resource: select and prefetch them with it.
    `oldest`: when its oldest change was due; `rejected`: how many profiles are.
    """
    if not destination.enabled:
        yield Condition(Kind.OFF, destination.disabled_at)
    if not destination.resource.enabled:
        yield Condition(Kind.RESOURCE_OFF)
    if destination.paused_at is not None:
        yield Condition(Kind.PAUSED, destination.paused_at)
    health: Health | None = getattr(destination, "health", None)
    yield from _noted(destination, health, now)
    if oldest is not None and now - oldest > LATE:
        yield Condition(Kind.BEHIND, oldest)
    if rejected:
        yield Condition(Kind.REJECTED, count=counted(rejected))
    yield Condition(Kind.RUNNING)


def _noted(destination: Destination, health: Health | None, now: datetime) -> Iterator[Condition]:
    """What the engine knows of it and of its account."""
    if health is not None and health.stopped_at is not None:
        yield Condition(Kind.STOPPED, health.stopped_at, reason=health.refusal)
    if health is not None and health.refusals and is_sick(health):
        yield Condition(
            Kind.REFUSING,
            health.refused_since,
            reason=health.refusal,
            count=health.refusals,
            kept_out=_is_kept_out(health),
        )
    rests = [
        Condition(Kind.RESTING, one.held_since, one.held_until, one.hold_reason, shared=one is not health)
        for one in (health, accounts.account_of(destination))
        if one is not None and one.is_held(now)
    ]
    yield from sorted(rests, key=lambda one: one.until or now, reverse=True)[:1]  # the longest
    if health is not None and health.problem:
        yield Condition(Kind.BROKEN, health.problem_at, reason=health.problem)
    elif gone := registry.problem(destination.resource.type_id):  # also while nothing is due
        yield Condition(Kind.BROKEN, reason=gone)
    if used_up := accounts.used_up(destination, now):
        since, until = used_up.since, used_up.until
        yield Condition(Kind.LIMITED, since, until, rate=used_up.rate, shared=used_up.shared)


def _is_kept_out(health: Health) -> bool:
    """The last answer was a Hold: only after one does it rest as a whole for what was refused."""
    return health.failures > 0 and are_alike(health.hold_reason, health.refusal)


def find(destination: Destination, kinds: Container[Kind], now: datetime) -> Condition | None:
    """What weighs most of these kinds, if anything of them is so."""
    return next((one for one in conditions(destination, now) if one.kind in kinds), None)


class CountUpTo(Subquery):
    """How many rows a limited subquery has."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()


def counted(found: int) -> int:
    """What CountUpTo found up to MOST_WAITING; beyond it, that there are more."""
    return AtLeast(MOST_WAITING) if found > MOST_WAITING else found


def with_waiting(destinations: QuerySet[Destination]) -> QuerySet[Any]:
    """Adds `waiting` and `rejected`, counted to a bound so that a million rows cost no more than a thousand,
    and when the oldest that waits was due: `oldest_change` of changes, `oldest_bulk` of backfills and
    replays.
    """
    rows = ProfileSync.objects.filter(destination=OuterRef("pk"))
    waiting, rejected = rows.filter(due_at__isnull=False), rows.filter(state=ProfileSync.State.REJECTED)
    return destinations.annotate(
        waiting=CountUpTo(waiting.order_by().values("pk")[: MOST_WAITING + 1]),
        rejected=CountUpTo(rejected.order_by().values("pk")[: MOST_WAITING + 1]),
        oldest_change=_oldest(waiting, bulk=False),
        oldest_bulk=_oldest(waiting, bulk=True),
    )


def _oldest(waiting: QuerySet[ProfileSync], *, bulk: bool) -> Subquery:
    # "NOT bulk" would sort all that waits for a destination on SQLite; this form finds its way in the index.
    return Subquery(waiting.filter(bulk__in=[bulk]).order_by("due_at").values("due_at")[:1])
