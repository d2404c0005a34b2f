"""What backfills and replays have in common: rows are handed over to a destination a batch at a time.

A batch is only handed over while the destination has little left to do, and what has just changed is pushed
before what was handed over: live changes never queue behind a million old ones. Whatever happens in between,
`after` says where to go on: it is written in the transaction of the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from django.db import connection, transaction

from destinations.models import Backfill, Destination, ProfileSync, Replay
from destinations.sync import settle
from tracsync.common.jobs import NOTED, take_turns

BATCH_SIZE = settle.BATCH_SIZE
MOST_WAITING = 2 * BATCH_SIZE
LOOKED_THROUGH = 20 * BATCH_SIZE  # the most rows that are looked at for the next ones

T = TypeVar("T", Backfill, Replay)
# Hands the next batch over; how many that were, and where to go on after: None at the end.
HandOver = Callable[[T, Destination, datetime], tuple[int, Any]]


def advance(
    model: type[T], hand_over: HandOver[T], now: datetime, has_time: Callable[[T], bool] = lambda job: True
) -> int:
    """Go on with every running job by one batch, unless enough waits there; how many went on.

    `has_time`: whether it is time for the job's next batch.
    """
    running = _running(model).filter(destination__enabled=True).only("pk")
    return take_turns(list(running), lambda job: _advance_one(model, job.pk, hand_over, now, has_time))


def _running(model: type[T]) -> Any:
    return model._default_manager.filter(finished_at=None, paused_at=None)


def _advance_one(
    model: type[T], pk: int, hand_over: HandOver[T], now: datetime, has_time: Callable[[T], bool]
) -> bool:
    with transaction.atomic():
        job = _lock(model, pk)
        if job is None or not has_time(job):
            return False
        # Its secrets are nobody's business here, and must not stop the scheduler when no key opens them.
        destination = Destination.objects.only("pk").get(pk=job.destination_id)
        if has_enough_to_do(destination, now):
            return False
        count, after = hand_over(job, destination, now)
        job.note(count, now)
        if after is None:
            job.finished_at = now
        else:
            job.after = after
        job.save(update_fields=("after", *NOTED))
        return True


def _lock(model: type[T], pk: int) -> T | None:
    running = _running(model).filter(pk=pk)
    if connection.features.has_select_for_update_skip_locked:
        running = running.select_for_update(skip_locked=True)
    return running.first()


def has_enough_to_do(destination: Destination, now: datetime) -> bool:
    """Whether so much waits there that nothing more is to be handed over for now."""
    waiting = ProfileSync.objects.filter(destination=destination, bulk__in=(False, True), due_at__lte=now)
    return waiting.order_by()[MOST_WAITING : MOST_WAITING + 1].exists()
