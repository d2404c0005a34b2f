"""Keeping processes running, such as a scheduler and a cluster, whatever happens to them."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.db import connections

from destinations.scheduler import loop
from tracsync.notices import loop as loop_of_notices
from tracsync.processes import cluster, orphans

logger = logging.getLogger(__name__)

LOOK_EVERY = 0.2  # seconds
GRACE = 30.0  # seconds
# Set by whoever runs the worker and starts it again: then nobody else has to. With `BY` and its number, the
# worker ends with it also where it has ended before the worker could ask who that is.
SUPERVISED = "TRACSYNC_SUPERVISED"
BY = "pid:"
# As `ps -o comm` shows it, where there is such a file: whoever looks can tell the processes apart.
COMM = Path("/proc/self/comm")

_fork = multiprocessing.get_context("fork")


def run(with_notices: bool = True) -> None:
    """Run scheduler, cluster and, unless somebody else does so, notices until SIGTERM or Ctrl-C."""
    children = [
        Child("scheduler", _run_scheduler, silent_for=60.0),
        Child("cluster", cluster.run, silent_for=10.0),
    ]
    keep([*children, notices()] if with_notices else children)


def notices() -> Child:
    """What tells people, apart from all that it tells of."""
    return Child("notices", _run_notices, silent_for=120.0)


def keep(children: Sequence[Child]) -> None:
    """Keep them running until SIGTERM or Ctrl-C, then let them finish."""
    stopping = Signals()
    gc.freeze()  # what all of them share stays shared
    parent = _parent()
    while not stopping.asked:
        for child in children:
            child.keep_running()
        if SUPERVISED in os.environ and os.getppid() != parent:
            break
        time.sleep(LOOK_EVERY)
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.wait()


def _parent() -> int:
    """Who began this process."""
    told = os.environ.get(SUPERVISED, "")
    return int(told.removeprefix(BY)) if told.startswith(BY) else orphans.parent_pid()


class Signals:
    """Whether SIGTERM or Ctrl-C has asked this process to end."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self.ask)
        signal.signal(signal.SIGINT, self.ask)

    def ask(self, *_: object) -> None:
        self.asked = True


class Child:
    """A process, leader of its own group, that is started again when it ends or falls silent.

    `target` is called there with what it shares as `beat`: it sets its value to the monotonic time, at least
    every `silent_for` seconds. It has `grace` seconds to finish after SIGTERM.
    """

    def __init__(
        self, name: str, target: Callable[[Any], None], silent_for: float, grace: float = GRACE
    ) -> None:
        self.name = name
        self.target = target
        self.silent_for = silent_for
        self.grace = grace
        self.beat = _fork.RawValue("d", 0.0)
        self.process: Any = None
        self.started_at = 0.0

    def keep_running(self) -> None:
        if self.process is not None and self.process.is_alive():
            if time.monotonic() - self.beat.value <= self.silent_for:
                return
            logger.warning("the %s gives no sign of life", self.name)
        if self.process is not None:
            logger.warning("the %s is started anew", self.name)
            self._kill_group()
        if time.monotonic() - self.started_at >= 1.0:  # not in a tight circle while it fails at once
            self._start()

    def ask_to_stop(self) -> None:
        if self.process is not None and self.process.is_alive():
            os.kill(self.process.pid, signal.SIGTERM)

    def wait(self) -> None:
        if self.process is not None:
            self.process.join(self.grace)
            self._kill_group()

    def _start(self) -> None:
        connections.close_all()  # a connection must not be shared across a fork
        self.started_at = self.beat.value = time.monotonic()
        given = (self.name, self.target, self.beat)
        self.process = _fork.Process(target=_run_child, args=given, name=self.name)
        self.process.start()

    def _kill_group(self) -> None:
        """Whatever the child has left behind."""
        with suppress(ProcessLookupError, PermissionError):  # gone already
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.join()
        self.process = None


def _run_child(name: str, target: Callable[[Any], None], beat: Any) -> None:
    os.setpgid(0, 0)
    with suppress(OSError):
        COMM.write_text(name)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    target(beat)


def _run_notices(beat: Any) -> None:
    _until_stopped(loop_of_notices.run, beat)


def _run_scheduler(beat: Any) -> None:
    is_asked = _until_stopped(loop.run, beat)
    if not is_asked and SUPERVISED not in os.environ:
        # The supervisor was killed and nobody else would start it again: become it.
        logger.warning("the supervisor is gone: the scheduler takes over")
        connections.close_all()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - its own command line


def _until_stopped(run: Callable[[Callable[[], bool]], None], beat: Any) -> bool:
    """Run a loop until SIGTERM or the end of the supervisor; whether it was SIGTERM."""
    supervisor = orphans.parent_pid()
    stopping = Signals()
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def stopped() -> bool:
        beat.value = time.monotonic()
        return stopping.asked or os.getppid() != supervisor

    run(stopped)
    return stopping.asked
