"""django-q2's cluster, run so that no killed process can freeze it.

A worker that dies by a signal may take the lock of the shared queue with it; then every other worker
waits for ever while the sentinel looks healthy. Here the sentinel ends the whole cluster instead, and
the supervisor starts a new one; what was in flight comes back when its lease ends.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
import uuid
from multiprocessing import util
from typing import Any

from django_q.cluster import Sentinel
from django_q.conf import Conf

from destinations.sync import push
from destinations.sync.concurrency import shutdown
from destinations.sync.concurrency.background import Background
from tracsync.processes import orphans

logger = logging.getLogger(__name__)

LAST_CALLS = 35.0  # seconds that the calls under way have, at the most, when a process ends
FROZEN_AFTER = 5.0  # seconds with tasks in the queue and nobody working


def run(beat: Any) -> None:
    """Be the sentinel of a cluster until SIGTERM. `beat` is shared: the time of the last sign of life."""
    push.background = Background(push.BACKGROUND_BATCHES)
    util.register_after_fork(push.background, _begin_process)
    stop = _StopFlag()
    signal.signal(signal.SIGTERM, stop.set)
    try:
        _GuardedSentinel(stop, beat)
    except OSError as error:  # what the clients of brokers raise when there is none
        sys.exit(f"the cluster cannot reach its broker: {error}")


def _begin_process(background: Background) -> None:
    """Each process of the cluster ends with the sentinel; else not before its calls in the background."""
    orphans.end_with_parent(signal.SIGKILL, orphans.parent_pid())
    util.Finalize(background, background.wait, args=(LAST_CALLS,), exitpriority=0)


class _StopFlag:
    """What the sentinel asks whether to stop; without a lock, because a signal handler sets it."""

    def __init__(self) -> None:
        self.stopping = False
        self.each_cycle = lambda: None

    def set(self, *_: Any) -> None:
        self.stopping = True
        shutdown.begin()

    def is_set(self) -> bool:
        return self.stopping

    def wait(self, cycle: float) -> bool:
        self.each_cycle()
        ends_at = time.monotonic() + cycle
        while not self.stopping and time.monotonic() < ends_at:
            time.sleep(0.05)
        return self.stopping


class _GuardedSentinel(Sentinel):
    def __init__(self, stop: _StopFlag, beat: Any) -> None:
        self.supervisor_pid = orphans.parent_pid()
        self.beat = beat
        self.progress_at = time.monotonic()
        stop.each_cycle = self.look_after
        handler = signal.getsignal(signal.SIGTERM)
        super().__init__(stop, threading.Event(), uuid.uuid4(), start=False)
        signal.signal(signal.SIGTERM, handler)  # Sentinel has just set the default
        self.start()

    def spawn_process(self, target: Any, *args: Any) -> Any:
        """Children must die of SIGTERM, which this process survives."""
        handler = signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            return super().spawn_process(target, *args)
        finally:
            signal.signal(signal.SIGTERM, handler)

    def reincarnate(self, process: Any) -> None:
        if process.exitcode is not None and process.exitcode < 0:
            self.give_up(f"a process of the cluster died of signal {-process.exitcode}")
        super().reincarnate(process)

    def look_after(self) -> None:
        """Once a guard cycle: show a sign of life, and end when orphaned or frozen."""
        self.beat.value = time.monotonic()
        if os.getppid() != self.supervisor_pid:
            self.give_up("the supervisor is gone")
        # Read past the timers' locks: whoever died may hold one.
        is_working = any(process.timer.get_obj().value >= 0 for process in self.pool)
        if is_working or not Conf.QSIZE or self.task_queue.qsize() == 0:
            self.progress_at = time.monotonic()
        elif time.monotonic() - self.progress_at > FROZEN_AFTER:
            self.give_up("tasks are waiting and nobody takes them")

    def give_up(self, why: str) -> None:
        logger.warning("the cluster is started anew: %s", why)
        logging.shutdown()
        os.killpg(0, signal.SIGKILL)
