"""Pushing for a long time in one process: its memory, and what a backfill does to live changes."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from statistics import median
from threading import Thread
from time import perf_counter

from django.conf import settings
from django.db import connections
from django.utils import timezone

from destinations.models import Destination, ProfileSync
from destinations.operations import backfill
from destinations.scheduler.loop import TICK
from destinations.sync import claim, lease, push, settle, turns
from profiles.models import Profile
from tracsync.bench.report import Section

from .fill import profile_id
from .sink import Sink

MEGABYTE = 1_000_000
PARTS = 5
PAUSE = 0.5  # seconds between two live changes
QUIET = 0.2  # the quiet period they have


def memory(destination: Destination, pushes: int, progress: Callable[[str], None]) -> Section:
    """This process pushes as a worker does; its memory after each part of the way."""
    # A call pushes the batch that it is given, and no more: what is waiting is measured later.
    push.TASK_SECONDS = 0.0
    section = Section("one process pushes", ("pushes", "memory, MB", "pushes a second"))
    done = _push(destination, min(1000, pushes // PARTS))  # what is loaded and cached once
    section.rows.append((done, _resident() / MEGABYTE, None))
    for part in range(1, PARTS + 1):
        progress(f"memory, {done:,} of {pushes:,} pushes")
        started, before = perf_counter(), done
        done += _push(destination, pushes * part // PARTS - done)
        section.rows.append((done, _resident() / MEGABYTE, (done - before) / (perf_counter() - started)))
    return section


def _push(destination: Destination, count: int) -> int:
    """So many, as far as there is something waiting; how many."""
    whole, done = settings.TRACSYNC_BATCH_SIZE, 0
    try:
        while done < count:
            settings.TRACSYNC_BATCH_SIZE = min(whole, count - done)
            claimed = claim.claim(destination, timezone.now())
            if claimed is None:
                break
            push.push(claimed.token, claimed.ids)
            done += len(claimed.ids)
    finally:
        settings.TRACSYNC_BATCH_SIZE = whole
    return done


def _resident() -> int:
    """Bytes of this process that are in memory; where the system does not say, the most there were."""
    gc.collect()
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines["VmRSS"].split()[0]) * 1024


def delay(destination: Destination, profiles: int, seconds: float, each: float) -> Section:
    """One profile changes every half second, at a destination that takes `each` seconds for a push.

    As many threads push as there are batches on their way at most; this one is the scheduler.
    """
    columns = ("meanwhile", "changes", "median delay, s", "longest delay, s", "backfilled a second")
    section = Section(f"live changes at a destination that takes {each * 1000:g} ms for a push", columns)
    Destination.objects.exclude(pk=destination.pk).update(enabled=False)
    Destination.objects.filter(pk=destination.pk).update(quiet_period=QUIET)
    destination.refresh_from_db()
    waiting = ProfileSync.objects.filter(destination=destination, due_at__isnull=False)
    waiting.update(due_at=None, state=ProfileSync.State.SYNCED, bulk=False)
    Sink.seconds = each
    section.rows.append(("nothing else", *_live(destination, profiles, seconds)))
    running = backfill.request(destination)
    section.rows.append(("a backfill of all profiles", *_live(destination, profiles, seconds)))
    running.delete()
    Sink.seconds = 0.0
    return section


def _live(destination: Destination, profiles: int, seconds: float) -> tuple[int, float, float, float]:
    """How many changes there were, their median and longest delay, and other pushes a second."""
    ends_at, next_change, number = perf_counter() + seconds, 0.0, profiles // 2
    due: dict[str, float] = {}
    before, Sink.awaited, Sink.arrivals = Sink.pushed, set(), {}
    with _workers(settings.TRACSYNC_CONCURRENCY) as claims:
        while not due or perf_counter() < ends_at or len(Sink.arrivals) < len(due):
            assert perf_counter() < ends_at + 60, "live changes did not arrive"
            if not due or next_change <= perf_counter() < ends_at:
                next_change, number = perf_counter() + PAUSE, number + 1
                id = profile_id(number % profiles + 1)
                Sink.awaited.add(id)
                _change(id)
                due.setdefault(id, perf_counter() + QUIET)
            if not _tick(destination, claims):
                time.sleep(TICK)
        others = (Sink.pushed - before - len(due)) / (perf_counter() - ends_at + seconds)
    delays = [Sink.arrivals[id] - at for id, at in due.items()]
    return len(delays), median(delays), max(delays), others


@contextmanager
def _workers(count: int) -> Iterator[Queue[lease.Claim | None]]:
    """Threads that push what is put into the queue."""
    claims: Queue[lease.Claim | None] = Queue()

    def work() -> None:
        try:
            while (claimed := claims.get()) is not None:
                push.push(claimed.token, claimed.ids)
        finally:
            connections.close_all()

    threads = [Thread(target=work, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield claims
    finally:
        for _ in threads:
            claims.put(None)
        for thread in threads:
            thread.join()


def _change(id: str) -> None:
    profile = Profile.objects.get(pk=id)
    profile.document["stats"]["visits"] = timezone.now().isoformat()
    profile.save()


def _tick(destination: Destination, claims: Queue[lease.Claim | None]) -> bool:
    """What the scheduler does; whether it did anything."""
    now = timezone.now()
    settled, advanced = settle.settle(now), backfill.advance(now)
    claimed = claim.claim(destination, now) if turns.ready(now) else None
    if claimed is not None:
        claims.put(claimed)
    return bool(settled or advanced or claimed)
