"""The scheduler: settle quiet profiles, go on with jobs, claim what is due and wake a worker for it."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections
from django.db.models import Q, QuerySet
from django.utils import timezone

from destinations.models import Destination, Heartbeat
from destinations.operations import audit, backfill, replay
from destinations.scheduler import cleanup, clock_skew
from destinations.sync import claim, health, push, settle, turns
from profiles.imports import job as imports
from profiles.search import job as indexing
from tracsync.common.jobs import attempt
from tracsync.common.prepared import Prepared

logger = logging.getLogger(__name__)

TICK = 0.25  # seconds between two looks, at the least, when there is nothing to do
LONGEST_PAUSE = 1.0  # seconds
SHORTEST_PAUSE = 0.01
GATHERING = 0.2  # seconds that what falls due is gathered for, when something was just done
GATHERING_FEW = 0.3  # the same where that were few: each of them bears more of what a look and a task cost
FEW_ROWS = 8
JOBS_EVERY = 1.0  # seconds between two looks for what people have asked for, when there is none
BEAT_EVERY = timedelta(seconds=5)
ALIVE = timedelta(seconds=20)
QUEUED_PER_PROCESS = 2  # claims that wait for each process that pushes


@dataclass(frozen=True, slots=True)
class Look:
    """What a look has found: whether anything was `done`, how many rows it has `claimed`, whether there is
    `more` to do at once, and when, at the earliest, something of what is there now falls due."""

    done: bool
    claimed: int = 0
    more: bool = False
    next_at: datetime | None = None


_ASKED_FOR: dict[str, Callable[[datetime], int]] = {
    "backfills": backfill.advance,
    "replays": replay.advance,
    "what waits for a destination that is well again": health.bring_forward,
    "imports": imports.advance,
    "indexing": indexing.advance,
    "audits": audit.advance,
}


def tick(now: datetime | None = None) -> bool:
    """One look at everything that may be due; whether anything was done."""
    now = now or timezone.now()
    clock_skew.mend_sometimes()
    return any([_jobs(now).done, _changes(now).done])


def _jobs(now: datetime) -> Look:
    """Go on with what people have asked for."""
    found = sum([attempt(name, partial(go_on, now)) for name, go_on in _ASKED_FOR.items()])
    return Look(bool(found), more=bool(found))


def _changes(now: datetime) -> Look:
    """Settle what has ended changing, and claim what is due."""
    shortest = settle.find_shortest()
    ends = settle.next_at(shortest)
    settled = settle.settle(now, shortest) if ends is not None and ends <= now else 0
    due = turns.earliest_due(now)
    claimed = _dispatch(turns.ready(now, due), now)
    later = [moment for one in due.values() for moment in one if moment is not None and moment > now]
    return Look(
        bool(settled or claimed),
        claimed,
        more=settled >= settle.BATCH_SIZE or claimed >= settings.TRACSYNC_BATCH_SIZE,
        next_at=min([*later, *([] if ends is None else [ends])], default=None),
    )


def _dispatch(ready: Sequence[Destination], now: datetime) -> int:
    """Claim no more than workers can start on before the leases end; how many rows."""
    if not ready:
        return 0
    schedulers = _ALIVE.rows(now - ALIVE, now + ALIVE)
    processes = settings.TRACSYNC_WORKERS * max(1, len(schedulers))
    most = max(0, QUEUED_PER_PROCESS * processes - turns.unstarted(now))
    most_slow = None
    if any(turns.is_slow(one) for one in ready):
        most_slow = max(0, push.BACKGROUND_BATCHES * processes - turns.slow_batches(now))
    return claim.dispatch(ready, now, most=most, most_slow=most_slow)


def run(stopped: Callable[[], bool]) -> None:
    """Tick until told to stop; a database or broker that is away is waited for."""
    beat = _Beat()
    jobs_at = 0.0
    is_begun = False
    while not stopped():
        close_old_connections()
        try:
            now = timezone.now()
            if not is_begun:  # only now: processes with other settings may be on their way out
                indexing.start_if_outdated()
                is_begun = True
            clock_skew.mend_sometimes()
            jobs = Look(False)
            if time.monotonic() >= jobs_at:
                jobs = _jobs(now)
                jobs_at = time.monotonic() + (0.0 if jobs.done else JOBS_EVERY)
            pause = 0.0 if jobs.more else _pause(_changes(now))
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


def _pause(look: Look) -> float:
    """Seconds until the next look.

    What is due is met right when it is. But one look after the other costs many times what one costs that
    finds as much: what falls due right after something was done waits a moment for what comes next. What
    begins to change now is seen before it is due.
    """
    if look.done:
        gathering = GATHERING_FEW if look.claimed < FEW_ROWS else GATHERING
        return 0.0 if look.more else gathering
    longest = min(LONGEST_PAUSE, max(TICK, settle.shortest_wait().total_seconds()))
    if look.next_at is None:
        return longest
    return min(longest, max(SHORTEST_PAUSE, (look.next_at - timezone.now()).total_seconds()))


def is_alive(now: datetime | None = None) -> bool:
    """Whether any scheduler has done its work lately."""
    return alive(now or timezone.now()).exists()


def alive(now: datetime) -> QuerySet[Heartbeat]:
    """The schedulers that have done their work lately; signs of life from the future are none."""
    return _between(now - ALIVE, now + ALIVE)


def _between(earliest: datetime, latest: datetime) -> QuerySet[Heartbeat]:
    return Heartbeat.objects.filter(at__gt=earliest, at__lt=latest)


_ALIVE = Prepared(lambda earliest, latest: _between(earliest, latest).values_list("name"))


class _Beat:
    """Shows in the database, every few seconds, that this scheduler is alive."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.shown: datetime | None = None

    def show(self) -> None:
        now = timezone.now()
        if self.shown is None or abs(now - self.shown) >= BEAT_EVERY:  # the clock may have been ahead
            Heartbeat.objects.update_or_create(name=self.name, defaults={"at": now})
            Heartbeat.objects.filter(Q(at__lt=now - 10 * ALIVE) | Q(at__gt=now + ALIVE)).delete()
            self.shown = now

    def end(self) -> None:
        try:
            Heartbeat.objects.filter(name=self.name).delete()
        except DatabaseError:
            logger.info("the database is away: the heartbeat will run out by itself")
