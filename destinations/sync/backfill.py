"""Backfills: bringing all profiles up to date at one destination, a batch at a time.

A batch is only handed over while the destination has little left to do, so that live changes never
queue behind a million old ones, and whatever happens in between the cursor says where to go on.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction
from django.db.models import QuerySet

from destinations.models import Backfill, Destination, ProfileSync
from destinations.sync import settle
from profiles.models import Profile

BATCH_SIZE = settle.BATCH_SIZE
MOST_OWED = 5 * BATCH_SIZE


def request(destination: Destination, changed_since: datetime | None = None) -> Backfill:
    """Have the clock bring all profiles, or those changed since a moment, up to date."""
    backfill = Backfill(destination=destination, changed_since=changed_since)
    backfill.total = _profiles(backfill).count()
    backfill.save()
    return backfill


def advance(now: datetime) -> int:
    """Go on with every unfinished backfill by one batch; how many profiles were handed over."""
    unfinished = Backfill.objects.filter(finished_at=None, destination__enabled=True).values_list(
        "pk", flat=True
    )
    return sum([_advance_one(pk, now) for pk in list(unfinished)])


def _advance_one(pk: int, now: datetime) -> int:
    with transaction.atomic():
        backfill = _lock(pk)
        if backfill is None or _has_enough_to_do(backfill.destination, now):
            return 0
        ids = list(
            _profiles(backfill).filter(pk__gt=backfill.after).values_list("pk", flat=True)[:BATCH_SIZE]
        )
        if ids:
            settle.owe_now(backfill.destination, ids, now)
            backfill.after = ids[-1]
            backfill.done += len(ids)
        if len(ids) < BATCH_SIZE:
            backfill.finished_at = now
        backfill.save()
        return len(ids)


def _lock(pk: int) -> Backfill | None:
    unfinished = Backfill.objects.filter(pk=pk, finished_at=None)
    if connection.features.has_select_for_update_skip_locked:
        unfinished = unfinished.select_for_update(skip_locked=True)
    return unfinished.first()


def _has_enough_to_do(destination: Destination, now: datetime) -> bool:
    owed = ProfileSync.objects.filter(destination=destination, due_at__lte=now)
    return owed.order_by("due_at")[MOST_OWED : MOST_OWED + 1].exists()


def _profiles(backfill: Backfill) -> QuerySet[Profile]:
    profiles = Profile.objects.order_by("pk")
    since = backfill.changed_since
    return profiles if since is None else profiles.filter(changed_at__gte=since)
