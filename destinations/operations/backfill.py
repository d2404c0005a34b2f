"""Backfills: bringing all profiles up to date at one destination, a batch at a time."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from destinations.models import Backfill, Destination
from destinations.operations import batches
from destinations.operations.batches import BATCH_SIZE, LOOKED_THROUGH
from destinations.sync import settle
from profiles.models import Profile
from tracsync.common import trail
from tracsync.common.trail import Action


def request(destination: Destination, changed_since: datetime | None = None, asked_by: str = "") -> Backfill:
    """Have the scheduler bring all profiles, or those changed since a moment, up to date."""
    with transaction.atomic():
        begun = Backfill.request(destination, changed_since, asked_by)
        since = {"changed_since": [None, changed_since.isoformat()]} if changed_since else {}
        trail.note(Action.BACKFILLED, destination, changes={"profiles": [None, begun.total], **since})
    return begun


def advance(now: datetime) -> int:
    """Go on with every running backfill by one batch, unless enough waits there; how many went on."""
    return batches.advance(Backfill, _hand_over, now)


def _hand_over(backfill: Backfill, destination: Destination, now: datetime) -> tuple[int, str | None]:
    ids, after = _next_batch(backfill)
    if ids:
        settle.hand_over_now(destination, ids, now, bulk=True)
    return len(ids), after


def _next_batch(backfill: Backfill) -> tuple[list[str], str | None]:
    """The next profiles, and the id to go on after; None at the end.

    No more than LOOKED_THROUGH profiles are looked at for those that have changed since a moment.
    """
    rest = Profile.objects.filter(pk__gt=backfill.after).order_by("pk").values_list("pk", flat=True)
    end = next(iter(rest[LOOKED_THROUGH - 1 : LOOKED_THROUGH]), None)
    window = rest if end is None else rest.filter(pk__lte=end)
    ids = list(backfill.wanted(window)[:BATCH_SIZE])
    return ids, ids[-1] if len(ids) == BATCH_SIZE else end
