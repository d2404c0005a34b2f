"""Settling: quiet profiles become due ProfileSync rows, one per enabled destination.

Everything is set-wise: a batch of profiles costs one statement per destination, however many profiles
it has, and every ProfileSync row is written once per burst of changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection, models, transaction
from django.db.models import Min, Q, QuerySet

from destinations.models import Destination, ProfileSync
from destinations.sync import counters
from profiles.models import Profile

BATCH_SIZE = 1000


def settle(now: datetime) -> int:
    """Hand one batch of quiet profiles to every enabled destination; how many profiles it had.

    The profiles are locked before the destinations are read, so that no destination that existed when
    one of them changed is missed.
    """
    if not _quiet(now).exists():
        return 0  # most looks find nothing, and need not take a lock for it
    try:
        return _settle(now, around_locks=False)
    except OperationalError:
        # Somebody holds a row, and what waits for it waits with all others: leave it out for now.
        if not connection.features.has_select_for_update_skip_locked:
            raise
        return _settle(now, around_locks=True)


def _settle(now: datetime, *, around_locks: bool) -> int:
    with transaction.atomic():
        ids = _lock_quiet(now)
        if around_locks:
            ids = _without_held_rows(ids)
        settled = {destination.pk: hand_over(destination, ids) for destination in (_enabled() if ids else ())}
        Profile.objects.filter(pk__among=ids).update_marks(first_changed_at=None)
        counters.settled(settled)
    return len(ids)


def next_at() -> datetime | None:
    """When, at the earliest, changes that are going on may be due at a destination; None if none are."""
    quiet, wait = _shortest()
    going_on = Profile.objects.filter(first_changed_at__isnull=False)
    ends = {"changed_at": quiet} | ({} if wait is None else {"first_changed_at": wait})
    # One question for each, as SQLite finds only a single minimum by an index.
    found = [(going_on.aggregate(first=Min(field))["first"], after) for field, after in ends.items()]
    return min((first + after for first, after in found if first is not None), default=None)


def settle_at_once(ids: Sequence[str], destinations: Sequence[Destination]) -> None:
    """Hand changed profiles to destinations that wait for nothing; the others settle in their time."""
    with transaction.atomic():
        settled: Counter[int] = Counter()
        for start in range(0, len(ids), BATCH_SIZE):
            for destination in destinations:
                settled[destination.pk] += hand_over(destination, ids[start : start + BATCH_SIZE])
        counters.settled(settled)


def _quiet(now: datetime) -> QuerySet[Profile]:
    """The profiles whose changes are over for the destination that waits least."""
    quiet, wait = _shortest()
    changed_before = Q(changed_at__lte=now - quiet)
    if wait is not None:
        changed_before |= Q(first_changed_at__lte=now - wait)
    return Profile.objects.filter(changed_before, first_changed_at__isnull=False)


def _lock_quiet(now: datetime) -> list[str]:
    quiet = _quiet(now)
    if connection.features.has_select_for_update_skip_locked:
        quiet = quiet.select_for_update(skip_locked=True, no_key=True)
    return list(quiet.order_by("changed_at").values_list("pk", flat=True)[:BATCH_SIZE])


def _without_held_rows(ids: Sequence[str]) -> list[str]:
    """Those of the profiles of which nobody else holds a row at a destination; their rows are locked then."""
    rows = ProfileSync.objects.filter(profile__in=ids)
    free = rows.select_for_update(skip_locked=True, no_key=True).order_by("profile_id")
    locked = set(free.values_list("pk", flat=True))
    held = {profile for pk, profile in rows.values_list("pk", "profile_id") if pk not in locked}
    return [id for id in ids if id not in held]


def _shortest() -> tuple[timedelta, timedelta | None]:
    """The shortest quiet period and max wait of all enabled destinations; the defaults without any."""
    timings = {(one.effective_quiet_period, one.effective_max_wait) for one in _enabled()}
    if not timings:
        return timedelta(seconds=settings.TRACSYNC_QUIET_PERIOD), None
    waits = [wait for _, wait in timings if wait is not None]
    return min(quiet for quiet, _ in timings), min(waits, default=None)


def _enabled() -> QuerySet[Destination]:
    return Destination.objects.filter(enabled=True).only("quiet_period", "max_wait")


def hand_over(destination: Destination, ids: Sequence[str]) -> int:
    """Hand these profiles to the destination, due when their changes have ended; how many it had not been
    handed yet.

    A row that is being pushed keeps claim and due time: what is recorded of the push tells whether it took
    the change along.
    """
    due, due_params = _due(destination)
    earliest, earliest_params = _not_later_than_max_wait(destination)
    sql = f"""
        {_insert_select(due, "false", ids)}
        ON CONFLICT (profile_id, destination_id) DO UPDATE SET
            {_STATE}, version = excluded.version, bulk = false,
            due_at = CASE WHEN sync.state = 'claimed' THEN sync.due_at ELSE {earliest} END,
            first_changed_at = CASE WHEN sync.due_at IS NULL OR sync.state = 'claimed'
                THEN excluded.first_changed_at
                ELSE COALESCE(sync.first_changed_at, excluded.first_changed_at) END
        WHERE sync.version < excluded.version"""
    return _execute(sql, [destination.pk, *due_params, *ids, *earliest_params])


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
            first_changed_at = COALESCE(sync.first_changed_at, excluded.first_changed_at)"""
    due_at = models.DateTimeField().get_db_prep_value(now, connection)
    _execute(sql, [destination.pk, due_at, *ids])


_STATE = """
            state = CASE WHEN sync.state = 'claimed' THEN 'claimed' ELSE 'pending' END,
            state_since = CASE WHEN sync.state IN ('claimed', 'pending')
                THEN sync.state_since ELSE excluded.state_since END,
            second_chance = sync.second_chance AND sync.version = excluded.version,
            first_tried_at = CASE WHEN sync.state = 'claimed' OR sync.version = excluded.version
                THEN sync.first_tried_at ELSE NULL END,
            reason = ''"""


def _insert_select(due: str, bulk: str, ids: Sequence[str]) -> str:
    return f"""
        INSERT INTO destinations_profilesync AS sync
            (profile_id, destination_id, state, state_since, reason, version, first_changed_at, due_at,
             bulk, asked, resend, attempts, last_error, payload_hash, remote_id)
        SELECT p.id, %s, 'pending', p.changed_at, '', p.version,
            COALESCE(p.first_changed_at, p.changed_at), {due}, {bulk}, false, false, 0,
            '', '', ''
        FROM profiles_profile p WHERE p.id IN ({", ".join(["%s"] * len(ids))}) ORDER BY p.id"""  # noqa: S608 - no user text in it


def _due(destination: Destination) -> tuple[str, list[Any]]:
    quiet, wait = destination.effective_quiet_period, destination.effective_max_wait
    changes_end, params = _plus("p.changed_at"), [_duration(quiet)]
    if wait is None:
        return changes_end, params
    longest = _plus("COALESCE(p.first_changed_at, p.changed_at)")
    return f"{_least()}({changes_end}, {longest})", [*params, _duration(wait)]


def _not_later_than_max_wait(destination: Destination) -> tuple[str, list[Any]]:
    """A row that has waited since an earlier burst counts its max wait from there."""
    wait = destination.effective_max_wait
    if wait is None:
        return "excluded.due_at", []
    waiting_since = """CASE WHEN sync.due_at IS NULL
        THEN excluded.first_changed_at ELSE COALESCE(sync.first_changed_at, excluded.first_changed_at) END"""
    return f"{_least()}(excluded.due_at, {_plus(waiting_since)})", [_duration(wait)]


def _plus(column: str) -> str:
    return connection.ops.combine_duration_expression("+", [column, "%s"])


def _least() -> str:
    return "MIN" if connection.vendor == "sqlite" else "LEAST"


def _duration(value: timedelta) -> Any:
    return models.DurationField().get_db_prep_value(value, connection)


def _execute(sql: str, params: list[Any]) -> int:
    """How many rows it wrote."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)
