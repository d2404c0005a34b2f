"""Batches that go on by themselves, so that their process is free for others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

from django.db import connections

LOOK_EVERY = 0.01  # seconds between two looks at how many are left


class Background:
    """Runs batches in threads that go on by themselves where they take long.

    A destination that answers slowly has a thread then, and the process is free for the others. The threads
    are used again, with their database connections, and end when there is nothing to do for a while.
    """

    IDLE = 30.0  # seconds

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._waiting: SimpleQueue[_Job] = SimpleQueue()
        self._idle = 0
        self._running = 0

    @property
    def is_full(self) -> bool:
        """Whether as many batches go on by themselves as may."""
        return self._running >= self._most

    def run(self, work: Callable[[], bool], patience: float) -> bool | None:
        """What the work answers; None where that takes longer than so many seconds, and it goes on."""
        job = _Job(work)
        with self._lock:
            self._running += 1
            if self._idle <= self._waiting.qsize():
                threading.Thread(target=self._serve, name="batch", daemon=True).start()
            self._waiting.put(job)
        return job.answer if job.done.wait(patience) else None

    def wait(self, seconds: float) -> bool:
        """For all that goes on; whether all of it has ended in time."""
        ends_at = time.monotonic() + seconds
        while self._running and time.monotonic() < ends_at:
            time.sleep(LOOK_EVERY)
        return not self._running

    def _serve(self) -> None:
        try:
            while (job := self._next()) is not None:
                try:
                    job.answer = job.work()
                finally:
                    with self._lock:
                        self._running -= 1
                    job.done.set()
        finally:
            connections.close_all()

    def _next(self) -> _Job | None:
        with self._lock:
            self._idle += 1
        while True:
            with suppress(Empty):
                job = self._waiting.get(timeout=self.IDLE)
                with self._lock:
                    self._idle -= 1
                return job
            with self._lock:
                if self._waiting.empty():  # nobody counts on this thread
                    self._idle -= 1
                    return None


class _Job:
    """`answer` is there when it is `done`; False where the work raised."""

    def __init__(self, work: Callable[[], bool]) -> None:
        self.work = work
        self.done = threading.Event()
        self.answer = False
