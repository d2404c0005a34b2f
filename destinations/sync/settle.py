"""Settling: quiet profiles become due ProfileSync rows, one per enabled destination.

Everything is set-wise: a batch of profiles costs the same few statements for one destination and for
hundreds, and every ProfileSync row is written once per burst of changes.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from django.conf import settings
from django.db import OperationalError, connection, models, transaction
from django.db.models import Q, QuerySet

from destinations.models import Destination, ProfileSync
from destinations.sync import counters
from profiles.models import Profile
from profiles.sql import mark_handed_on
from tracsync.common.prepared import Prepared

BATCH_SIZE = 1000  # profiles
MOST_ROWS = 50_000  # that one transaction writes, of all destinations
REMEMBERED = 1.0  # seconds

# Until when it is remembered that there are none that wait for nothing, so that not every save has to ask.
_none_immediate_until = 0.0


class Shortest(NamedTuple):
    """The shortest quiet period and max wait of all enabled destinations; the defaults without any."""

    quiet: timedelta
    wait: timedelta | None


def settle(now: datetime, shortest: Shortest | None = None) -> int:
    """Hand one batch of quiet profiles to every enabled destination; how many profiles it had.

    The profiles are locked before the destinations are read, so that no destination that existed when
    one of them changed is missed. `shortest`: as it was just found.
    """
    quiet = partial(_lock_quiet, now, shortest or find_shortest())
    try:
        return _settle(quiet, around_locks=False)
    except OperationalError:
        # Somebody holds a row, and what waits for it waits with all others: leave it out for now.
        if not connection.features.has_select_for_update_skip_locked:
            raise
        return _settle(quiet, around_locks=True)


def _settle(lock_quiet: Callable[[], list[str]], *, around_locks: bool) -> int:
    with transaction.atomic():
        ids = lock_quiet()
        destinations = _enabled() if ids else []
        ids = ids[: max(1, MOST_ROWS // max(1, len(destinations)))]  # the rest is the next batch
        if around_locks:
            ids = _without_held_rows(ids)
        settled = hand_over(destinations, ids)
        mark_handed_on(ids)
        counters.settled(settled)
    return len(ids)


def next_at(shortest: Shortest | None = None) -> datetime | None:
    """When, at the earliest, changes that are going on may be due at a destination; None if none are.

    `shortest`: as it was just found.
    """
    quiet, wait = shortest or find_shortest()
    ends = [changed_at + quiet for (changed_at,) in _FIRST_CHANGED.rows()]
    if wait is not None:
        ends += [changed_at + wait for (changed_at,) in _CHANGED_SINCE.rows()]
    return min(ends, default=None)


def _first(field: str) -> QuerySet[Any, Any]:
    # One question for each field, as SQLite finds only a single minimum by an index.
    going_on = Profile.objects.filter(first_changed_at__isnull=False)
    return going_on.order_by(field).values_list(field)[:1]


_FIRST_CHANGED = Prepared(lambda: _first("changed_at"))
_CHANGED_SINCE = Prepared(lambda: _first("first_changed_at"))


def immediate() -> list[Destination]:
    """The enabled destinations without a quiet period: they are pushed to as soon as a profile is saved.

    This process hears of its own edits. Of another's it may hear late; until then the scheduler pushes.
    """
    global _none_immediate_until
    if time.monotonic() < _none_immediate_until:
        return []
    at_once = Q(quiet_period=0)
    if settings.TRACSYNC_QUIET_PERIOD == 0:
        at_once |= Q(quiet_period=None)
    found = list(Destination.objects.defer("mapping", "settings").filter(at_once, enabled=True))
    if not found:
        _none_immediate_until = time.monotonic() + REMEMBERED
    return found


def forget_immediate() -> None:
    """Ask again at the next save of a profile."""
    global _none_immediate_until
    _none_immediate_until = 0.0


def settle_at_once(ids: Sequence[str], destinations: Sequence[Destination]) -> None:
    """Hand changed profiles to destinations that wait for nothing; the others settle in their time."""
    with transaction.atomic():
        settled: Counter[int] = Counter()
        for start in range(0, len(ids), BATCH_SIZE):
            settled += hand_over(destinations, ids[start : start + BATCH_SIZE])
        counters.settled(settled)


def _lock_quiet(now: datetime, shortest: Shortest) -> list[str]:
    """The profiles whose changes are over for the destination that waits least."""
    quiet, wait = shortest
    rows = _QUIET.rows(now - quiet) if wait is None else _QUIET_OR_LATE.rows(now - quiet, now - wait)
    return [pk for (pk,) in rows]


def _quiet(changed_before: datetime, first_changed_before: datetime | None = None) -> QuerySet[Any, Any]:
    is_over = Q(changed_at__lte=changed_before)
    if first_changed_before is not None:
        is_over |= Q(first_changed_at__lte=first_changed_before)
    quiet = Profile.objects.filter(is_over, first_changed_at__isnull=False)
    if connection.features.has_select_for_update_skip_locked:
        quiet = quiet.select_for_update(skip_locked=True, no_key=True)
    return quiet.order_by("changed_at").values_list("pk")[:BATCH_SIZE]


_QUIET = Prepared(lambda changed_before: _quiet(changed_before))
_QUIET_OR_LATE = Prepared(_quiet)


def _without_held_rows(ids: Sequence[str]) -> list[str]:
    """Those of the profiles of which nobody else holds a row at a destination; their rows are locked then."""
    rows = ProfileSync.objects.filter(profile__in=ids)
    free = rows.select_for_update(skip_locked=True, no_key=True).order_by("profile_id", "destination_id")
    locked = set(free.values_list("pk", flat=True))
    held = {profile for pk, profile in rows.values_list("pk", "profile_id") if pk not in locked}
    return [id for id in ids if id not in held]


def shortest_wait() -> timedelta:
    """What a change waits at least until it is due anywhere."""
    return min(one for one in find_shortest() if one is not None)


def find_shortest() -> Shortest:
    timings = {(one.effective_quiet_period, one.effective_max_wait) for one in _enabled()}
    if not timings:
        return Shortest(timedelta(seconds=settings.TRACSYNC_QUIET_PERIOD), None)
    waits = [wait for _, wait in timings if wait is not None]
    return Shortest(min(quiet for quiet, _ in timings), min(waits, default=None))


def _enabled() -> list[Destination]:
    return _ENABLED.objects()


_ENABLED = Prepared(
    lambda: Destination.objects.filter(enabled=True).only("quiet_period", "max_wait").order_by()
)


def hand_over(destinations: Sequence[Destination], ids: Sequence[str]) -> Counter[int]:
    """Hand these profiles to the destinations, due when their changes have ended; how many each of them had
    not been handed yet, by its id.

    A row that is being pushed keeps claim and due time: what is recorded of the push tells whether it took
    the change along.
    """
    if not destinations or not ids:
        return Counter()
    waits = {one.pk: wait for one in destinations if (wait := one.effective_max_wait) is not None}
    changes_end = _plus("p.changed_at", "timing.column2")
    if waits:
        longest = _plus("COALESCE(p.first_changed_at, p.changed_at)", "timing.column3")
        changes_end = f"{_least()}({changes_end}, COALESCE({longest}, {changes_end}))"
    earliest, earliest_params = _not_later_than_max_wait(waits)
    sql = f"""
        {_insert_select(changes_end, "false", ids, len(destinations))}
        ON CONFLICT (profile_id, destination_id) DO UPDATE SET
            {_STATE}, version = excluded.version, bulk = false,
            due_at = CASE WHEN sync.state = 'claimed' THEN sync.due_at ELSE {earliest} END,
            first_changed_at = CASE WHEN sync.due_at IS NULL OR sync.state = 'claimed'
                THEN excluded.first_changed_at
                ELSE COALESCE(sync.first_changed_at, excluded.first_changed_at) END
        WHERE sync.version < excluded.version
        RETURNING destination_id"""  # nosec B608 - no user text in it
    with connection.cursor() as cursor:
        cursor.execute(sql, [*_timings(destinations), *ids, *earliest_params])
        return Counter(pk for (pk,) in cursor.fetchall())


def hand_over_now(destination: Destination, ids: Sequence[str], now: datetime, *, bulk: bool = False) -> None:
    """Hand these profiles to the destination, due now, whether or not they have changed.

    In `bulk` they come after what has just changed, except where they have just changed themselves.
    """
    is_bulk = "p.first_changed_at IS NULL" if bulk else "false"
    sql = f"""
        {_insert_select("%s", is_bulk, ids)}
        ON CONFLICT (profile_id, destination_id) DO UPDATE SET
            {_STATE}, version = excluded.version, due_at = excluded.due_at,
            bulk = excluded.bulk AND (sync.due_at IS NULL OR sync.bulk),
            first_changed_at = COALESCE(sync.first_changed_at, excluded.first_changed_at)"""  # nosec B608 - as above
    due_at = models.DateTimeField().get_db_prep_value(now, connection)
    with connection.cursor() as cursor:
        cursor.execute(sql, [due_at, *_timings([destination]), *ids])


_STATE = """
            state = CASE WHEN sync.state = 'claimed' THEN 'claimed' ELSE 'pending' END,
            state_since = CASE WHEN sync.state IN ('claimed', 'pending')
                THEN sync.state_since ELSE excluded.state_since END,
            second_chance = sync.second_chance AND sync.version = excluded.version,
            first_tried_at = CASE WHEN sync.state = 'claimed' OR sync.version = excluded.version
                THEN sync.first_tried_at ELSE NULL END,
            reason = ''"""


def _insert_select(due: str, bulk: str, ids: Sequence[str], destinations: int = 1) -> str:
    """For each profile and destination: rows are locked in this order, here and wherever several are."""
    timing = "(%s, %s, %s)"
    if connection.vendor == "postgresql":
        timing = "(%s::bigint, %s::interval, %s::interval)"
    return f"""
        INSERT INTO destinations_profilesync AS sync
            (profile_id, destination_id, state, state_since, reason, version, first_changed_at, due_at,
             bulk, asked, resend, attempts, last_error, payload_hash, remote_id)
        SELECT p.id, timing.column1, 'pending', p.changed_at, '', p.version,
            COALESCE(p.first_changed_at, p.changed_at), {due}, {bulk}, false, false, 0,
            '', '', ''
        FROM profiles_profile p CROSS JOIN (VALUES {", ".join([timing] * destinations)}) AS timing
        WHERE p.id IN ({", ".join(["%s"] * len(ids))}) ORDER BY p.id, timing.column1"""  # noqa: S608 - no user text in it


def _timings(destinations: Iterable[Destination]) -> list[Any]:
    """What `_insert_select` wants of each: id, quiet period, max wait."""
    return [
        value
        for one in destinations
        for value in (one.pk, _duration(one.effective_quiet_period), _duration(one.effective_max_wait))
    ]


def _not_later_than_max_wait(waits: dict[int, timedelta]) -> tuple[str, list[Any]]:
    """A row that has waited since an earlier burst counts its max wait from there."""
    if not waits:
        return "excluded.due_at", []
    waiting_since = """CASE WHEN sync.due_at IS NULL
        THEN excluded.first_changed_at ELSE COALESCE(sync.first_changed_at, excluded.first_changed_at) END"""
    when = "WHEN %s THEN %s::interval" if connection.vendor == "postgresql" else "WHEN %s THEN %s"
    longest = _plus(waiting_since, f"CASE excluded.destination_id {' '.join([when] * len(waits))} END")
    params = [value for pk, wait in waits.items() for value in (pk, _duration(wait))]
    return f"{_least()}(excluded.due_at, COALESCE({longest}, excluded.due_at))", params


def _plus(moment: str, duration: str) -> str:
    return connection.ops.combine_duration_expression("+", [moment, duration])


def _least() -> str:
    return "MIN" if connection.vendor == "sqlite" else "LEAST"


def _duration(value: timedelta | None) -> Any:
    return models.DurationField().get_db_prep_value(value, connection)
