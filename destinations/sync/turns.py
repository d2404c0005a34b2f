"""Whose turn it is: which destinations have something due and may be sent to, and what is under way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, models
from django.db.models import Count, Max, Min, OuterRef, Q, QuerySet, Subquery

from destinations.models import DeliveryAttempt, Destination, Health, ProfileSync
from destinations.sync.limits import accounts, rates
from tracsync.common.prepared import Prepared

SLOW_CALL = 1.0  # seconds: a destination whose calls take as long is served in the background


Moments = tuple[datetime | None, datetime | None]


def earliest_due(now: datetime) -> dict[int, Moments]:
    """When something is due, at the earliest, at each destination that may be sent to now: of what has just
    changed, and of backfills; None where nothing waits."""
    return {pk: (live, bulk) for pk, live, bulk in _EARLIEST.rows(now)}


def ready(now: datetime, due: Mapping[int, Moments] | None = None) -> list[Destination]:
    """The destinations that have something due and may be sent to now; longest waiting first.

    What has waited since before the last turn of its destination waits since that turn: so each has its turn,
    however much is due at the others. `due`: as `earliest_due` has just said.
    """
    due = earliest_due(now) if due is None else due
    since = {pk: oldest for pk, moments in due.items() if (oldest := _oldest(moments, now)) is not None}
    if not since:
        return []
    busy = _busy(now)
    found = _LIGHT.objects([pk for pk in since if pk not in busy])
    accounts.attach(found)

    def waiting_since(one: Destination) -> datetime:
        health = health_of(one)
        return max(since[one.pk], health.claimed_at) if health and health.claimed_at else since[one.pk]

    return sorted(found, key=lambda one: (waiting_since(one), one.pk))


def _light(ids: Sequence[int]) -> QuerySet[Destination]:
    rows = Destination.objects.filter(pk__among=ids).select_related("health", "resource").order_by()
    return rows.defer("mapping", "settings", "resource__production", "resource__test", "resource__edits")


_LIGHT = Prepared(_light)


def open_among(ids: Collection[int], now: datetime) -> list[Destination]:
    """Those of these destinations that may be sent to now, with all that a push takes of them.

    Raises UndecryptableValue where no key opens what is secret of one.
    """
    found: list[Destination] = _OPEN.objects(now, ids)
    accounts.attach(found)
    return found


def _oldest(moments: Moments, now: datetime) -> datetime | None:
    return min((one for one in moments if one is not None and one <= now), default=None)


def health_of(destination: Destination) -> Health | None:
    """None for one that nothing was ever claimed for."""
    return getattr(destination, "health", None)


def is_quick(destination: Destination) -> bool:
    """Whether its calls are known to take little time."""
    health = health_of(destination)
    return health is not None and health.call_seconds is not None and health.call_seconds < SLOW_CALL


def is_slow(destination: Destination) -> bool:
    """Whether its calls are known to take long."""
    health = health_of(destination)
    return health is not None and (health.call_seconds or 0.0) >= SLOW_CALL


def has_started_since(moment: datetime) -> bool:
    """Whether any push has begun since a moment."""
    in_flight = ProfileSync.objects.filter(claimed_until__isnull=False, started_at__gte=moment)
    return in_flight.exists() or DeliveryAttempt.objects.filter(at__gte=moment).exists()


def slow_batches(now: datetime) -> int:
    """How many batches are in flight at destinations that are known to be slow."""
    tokens: dict[int, set[UUID]] = {}
    for batch in in_flight(now):
        tokens.setdefault(batch.destination_id, set()).add(batch.token)
    slow = Health.objects.filter(pk__in=tokens.keys(), call_seconds__gte=SLOW_CALL) if tokens else ()
    return len({token for health in slow for token in tokens[health.pk]})


def unstarted(now: datetime) -> int:
    """How many claims wait for a worker."""
    return len(_UNSTARTED.rows(now))


def _unstarted(now: datetime) -> QuerySet[Any, Any]:
    waiting = ProfileSync.objects.filter(claimed_until__gt=now, started_at=None).order_by()
    return waiting.values_list("claim_token").distinct()


_UNSTARTED = Prepared(_unstarted)


def queued(now: datetime) -> list[tuple[Destination, datetime]]:
    """The destinations whose claims wait for a worker, and since when what is claimed is due."""
    claimed = ProfileSync.objects.filter(claimed_until__gt=now, started_at=None, due_at__isnull=False)
    since = dict(claimed.order_by().values_list("destination").annotate(since=Min("due_at")))
    found = _LIGHT.objects(list(since))
    accounts.attach(found)
    return [(one, since[one.pk]) for one in found]


def free(now: datetime) -> QuerySet[ProfileSync]:
    """The rows that nobody is pushing."""
    return ProfileSync.objects.filter(Q(claimed_until=None) | Q(claimed_until__lte=now))


def _waits(now: datetime) -> QuerySet[Any, Any]:
    # The earliest of each kind is one look into an index, where whether there is any might read a whole
    # destination's rows to find that there is none.
    waits = open_now(now).order_by().annotate(live=_earliest(now, bulk=False), bulk=_earliest(now, bulk=True))
    return waits.values_list("pk", "live", "bulk")


_EARLIEST = Prepared(_waits)


def _earliest(now: datetime, *, bulk: bool) -> Subquery:
    """When the row of a destination that has waited longest was due."""
    # `bulk=bulk` would be written NOT bulk, for which SQLite uses no index.
    waiting = free(now).filter(destination=OuterRef("pk"), bulk__in=[bulk], due_at__isnull=False)
    return Subquery(waiting.order_by("due_at").values("due_at")[:1])


def _busy(now: datetime) -> set[int]:
    """Those with all batches in flight that any may have: no lock is taken to find that out."""
    batches = Counter(batch.destination_id for batch in in_flight(now))
    return {pk for pk, number in batches.items() if number >= rates.BATCHES}


class InFlight(NamedTuple):
    """What a claim has of one destination's: so many rows, and so many calls at once."""

    destination_id: int
    token: UUID
    rows: int
    lanes: int


def in_flight(now: datetime) -> list[InFlight]:
    """All that somebody pushes, or is about to."""
    return [InFlight(*row) for row in _IN_FLIGHT.rows(now)]


def _claimed(now: datetime) -> QuerySet[Any, Any]:
    # In groups of both, and of all destinations: else SQLite reads all that destinations know, in their
    # order, and not the few rows that are claimed.
    claimed = ProfileSync.objects.filter(claimed_until__gt=now).order_by()
    batches = claimed.values_list("destination", "claim_token")
    return batches.annotate(rows=Count("pk"), at_once=Max("lanes"))


_IN_FLIGHT = Prepared(_claimed)


def open_now(now: datetime) -> QuerySet[Destination]:
    """The destinations that are neither off nor paused nor resting, by themselves or with their account."""
    usable = Destination.objects.filter(enabled=True, paused_at=None, resource__enabled=True)
    well = usable.exclude(health__held_until__gt=now).exclude(health__stopped_at__isnull=False)
    return accounts.not_resting(well, now)


_OPEN = Prepared(lambda now, ids: open_now(now).select_related("resource").filter(pk__among=ids))


def due_rows(rooms: Mapping[int, int], now: datetime) -> list[tuple[int, int, datetime | None, int]]:
    """What is due at each destination, longest waiting first and backfills last: destination, id, when its
    push began and was never recorded, how often in a row; locked, and in one statement for all.

    Each destination's rows are one look into the index, to the limit.
    """
    moment = models.DateTimeField().get_db_prep_value(now, connection)
    if connection.vendor == "postgresql":
        sql, params = _DUE_POSTGRESQL, [list(rooms), list(rooms.values()), moment, moment]
    else:
        kinds = ", ".join(["(%s, 0), (%s, 1)"] * len(rooms))
        pairs = [pk for pk in rooms for _ in range(2)]
        sql, params = _DUE_SQLITE.format(kinds=kinds), [*pairs, moment, moment, max(rooms.values())]
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


_DUE_POSTGRESQL = """
    SELECT one.id, due.id, due.started_at, due.unfinished
    FROM unnest(%s::bigint[], %s::integer[]) AS one (id, room)
    CROSS JOIN (VALUES (false), (true)) AS kind (bulk)
    CROSS JOIN LATERAL (
        SELECT id, started_at, unfinished, due_at FROM destinations_profilesync
        WHERE destination_id = one.id AND bulk = kind.bulk AND due_at <= %s
            AND (claimed_until IS NULL OR claimed_until <= %s)
        ORDER BY due_at LIMIT one.room FOR UPDATE SKIP LOCKED
    ) AS due
    ORDER BY kind.bulk, due.due_at"""
_DUE_SQLITE = """
    SELECT one.column1, due.id, due.started_at, due.unfinished
    FROM (VALUES {kinds}) AS one
    CROSS JOIN destinations_profilesync AS due ON due.id IN (
        SELECT id FROM destinations_profilesync
        WHERE destination_id = one.column1 AND bulk = one.column2 AND due_at <= %s
            AND (claimed_until IS NULL OR claimed_until <= %s)
        ORDER BY due_at LIMIT %s
    )
    ORDER BY due.bulk, due.due_at"""
