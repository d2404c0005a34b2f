"""The scheduler: settle quiet profiles, go on with jobs, claim what is due and wake a worker for it."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections
from django.db.models import Q, QuerySet
from django.utils import timezone

from destinations.models import Destination, Heartbeat
from destinations.operations import backfill, replay
from destinations.scheduler import cleanup, clock_skew
from destinations.sync import claim, health, push, settle
from profiles.imports import job

logger = logging.getLogger(__name__)

TICK = 0.25  # seconds between two looks when there is nothing to do
SHORTEST_PAUSE = 0.01
BEAT_EVERY = timedelta(seconds=5)
ALIVE = timedelta(seconds=20)
QUEUED_PER_PROCESS = 2  # claims that wait for each process that pushes


def tick(now: datetime | None = None) -> bool:
    """One look at everything that may be due; whether anything was done."""
    now = now or timezone.now()
    clock_skew.mend_sometimes()
    settled = settle.settle(now)
    filled = backfill.advance(now) + replay.advance(now) + health.bring_forward(now)
    claimed = sum([claim.dispatch(destination, now) for destination in _next(now)])
    imported = job.advance(now)
    return bool(settled or filled or claimed or imported)


def _next(now: datetime) -> list[Destination]:
    """The destinations to claim for: no more than workers can start on before their leases end."""
    ready = claim.ready(now)
    if not ready:
        return []
    schedulers = alive(now).count()
    queue = QUEUED_PER_PROCESS * settings.TRACSYNC_WORKERS * max(1, schedulers)
    ready = ready[: max(0, queue - claim.unstarted(now))]
    slow = [one for one in ready if claim.is_slow(one)]
    if not slow:
        return ready
    background = push.BACKGROUND_BATCHES * settings.TRACSYNC_WORKERS * max(1, schedulers)
    surplus = slow[max(0, background - claim.slow_batches(now)) :]
    return [one for one in ready if one not in surplus]


def run(stopped: Callable[[], bool]) -> None:
    """Tick until told to stop; a database or broker that is away is waited for."""
    beat = _Beat()
    while not stopped():
        close_old_connections()
        try:
            pause = 0.0 if tick() else _pause()
            beat.show()  # a scheduler that cannot do its work is as good as none
            cleanup.prune_sometimes()
        except Exception as error:
            # The text of a database error may repeat the values of a row.
            detail = "" if isinstance(error, DatabaseError) else f": {error}"
            logger.error("the scheduler could not tick (%s%s), trying again", type(error).__name__, detail)
            connections.close_all()
            time.sleep(1)
            continue
        time.sleep(pause)
    beat.end()


def _pause() -> float:
    """Seconds until there may be something to do: changes are met right when they have ended."""
    ends = settle.next_at()
    if ends is None:
        return TICK
    return min(TICK, max(SHORTEST_PAUSE, (ends - timezone.now()).total_seconds()))


def is_alive(now: datetime | None = None) -> bool:
    """Whether any scheduler has done its work lately."""
    return alive(now or timezone.now()).exists()


def alive(now: datetime) -> QuerySet[Heartbeat]:
    """The schedulers that have done their work lately; signs of life from the future are none."""
    return Heartbeat.objects.filter(at__gt=now - ALIVE, at__lt=now + ALIVE)


class _Beat:
    """Shows in the database, every few seconds, that this scheduler is alive."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.shown: datetime | None = None

    def show(self) -> None:
        now = timezone.now()
        if self.shown is None or now - self.shown >= BEAT_EVERY:
            Heartbeat.objects.update_or_create(name=self.name, defaults={"at": now})
            Heartbeat.objects.filter(Q(at__lt=now - 10 * ALIVE) | Q(at__gt=now + ALIVE)).delete()
            self.shown = now

    def end(self) -> None:
        try:
            Heartbeat.objects.filter(name=self.name).delete()
        except DatabaseError:
            logger.info("the database is away: the heartbeat will run out by itself")
