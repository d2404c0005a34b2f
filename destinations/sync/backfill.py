"""Backfills: bringing all profiles up to date at one destination, a batch at a time.

A batch is only handed over while the destination has little left to do, and what has just changed is pushed
before what was handed over: live changes never queue behind a million old ones. Whatever happens in between,
the cursor says where to go on.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from destinations.models import Backfill, Destination, ProfileSync
from destinations.sync import settle
from profiles.models import Profile

BATCH_SIZE = settle.BATCH_SIZE
MOST_OWED = 2 * BATCH_SIZE
LOOKED_THROUGH = 20 * BATCH_SIZE
CHANGING = (
    "after",
    "done",
    "rated_since",
    "rated_from",
    "advanced_at",
    "paused_at",
    "cancelled_at",
    "finished_at",
)
STALLED = timedelta(minutes=10)  # without a batch; the rate before it says nothing about the one after


class BackfillEnded(Exception):
    """It is finished or cancelled, so that it can be neither paused nor resumed nor cancelled."""


def request(destination: Destination, changed_since: datetime | None = None) -> Backfill:
    """Have the clock bring all profiles, or those changed since a moment, up to date."""
    backfill = Backfill(destination=destination, changed_since=changed_since)
    backfill.total = _wanted(Profile.objects.all(), backfill).count()
    backfill.save()
    return backfill


def pause(backfill: Backfill) -> None:
    """Hand no more profiles over until it is resumed. Raises BackfillEnded."""
    _change(backfill, paused_at=backfill.paused_at or timezone.now())


def resume(backfill: Backfill) -> None:
    """Go on where it was paused. Raises BackfillEnded."""
    _change(backfill, paused_at=None, rated_since=None)


def cancel(backfill: Backfill) -> None:
    """Hand no more profiles over, ever. Raises BackfillEnded."""
    now = timezone.now()
    _change(backfill, cancelled_at=now, finished_at=now)


def _change(backfill: Backfill, **fields: datetime | None) -> None:
    """Only these fields: a clock may be handing a batch over at the same time."""
    changed = Backfill.objects.filter(pk=backfill.pk, finished_at=None).update(**fields)
    backfill.refresh_from_db(fields=CHANGING)
    if not changed:
        raise BackfillEnded(f"The backfill is {backfill.state} already")


def advance(now: datetime) -> int:
    """Go on with every running backfill by one batch, unless enough waits there; how many went on."""
    running = _running().filter(destination__enabled=True).values_list("pk", flat=True)
    return sum([_advance_one(pk, now) for pk in list(running)])


def _running() -> QuerySet[Backfill]:
    return Backfill.objects.filter(finished_at=None, paused_at=None)


def _advance_one(pk: int, now: datetime) -> bool:
    with transaction.atomic():
        backfill = _lock(pk)
        if backfill is None:
            return False
        # Its secrets are nobody's business here, and must not stop the clock when no key opens them.
        destination = Destination.objects.only("pk").get(pk=backfill.destination_id)
        if _has_enough_to_do(destination, now):
            return False
        ids, after = _next_batch(backfill)
        if ids:
            settle.owe_now(destination, ids, now, bulk=True)
        _note(backfill, len(ids), after, now)
        return True


def _next_batch(backfill: Backfill) -> tuple[list[str], str | None]:
    """The next profiles, and the id to go on after; None at the end.

    No more than LOOKED_THROUGH profiles are looked at for those that have changed since a moment.
    """
    rest = Profile.objects.filter(pk__gt=backfill.after).order_by("pk").values_list("pk", flat=True)
    end = next(iter(rest[LOOKED_THROUGH - 1 : LOOKED_THROUGH]), None)
    window = rest if end is None else rest.filter(pk__lte=end)
    ids = list(_wanted(window, backfill)[:BATCH_SIZE])
    return ids, ids[-1] if len(ids) == BATCH_SIZE else end


def _note(backfill: Backfill, count: int, after: str | None, now: datetime) -> None:
    """Where it is, and since when it is as fast as it is."""
    if backfill.rated_since is None or backfill.advanced_at is None or now - backfill.advanced_at > STALLED:
        backfill.rated_since, backfill.rated_from = now, backfill.done + count
    backfill.advanced_at = now
    backfill.done += count
    if after is None:
        backfill.finished_at = now
    else:
        backfill.after = after
    backfill.save(update_fields=("rated_since", "rated_from", "advanced_at", "after", "done", "finished_at"))


def _lock(pk: int) -> Backfill | None:
    running = _running().filter(pk=pk)
    if connection.features.has_select_for_update_skip_locked:
        running = running.select_for_update(skip_locked=True)
    return running.first()


def _has_enough_to_do(destination: Destination, now: datetime) -> bool:
    owed = ProfileSync.objects.filter(destination=destination, bulk__in=(False, True), due_at__lte=now)
    return owed.order_by()[MOST_OWED : MOST_OWED + 1].exists()


def _wanted(profiles: QuerySet[Profile, Any], backfill: Backfill) -> QuerySet[Profile, Any]:
    since = backfill.changed_since
    return profiles if since is None else profiles.filter(changed_at__gte=since)
