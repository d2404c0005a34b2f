"""Workers of a scratch installation: real `tracsync worker` processes, found by kind and killed.

A worker and all its descendants share one session, also those whose parent was killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from tracsync.processes import launch
from tracsync.processes.supervisor import BY, SUPERVISED

GRACE = 40.0  # seconds
PROC = Path("/proc")
# What the members of a supervisor call themselves: the kinds that they are here.
CALLED = {"scheduler": "clock", "notices": "notices"}


class Workers:
    """Keeps a number of workers running. A context: leaving it leaves no process behind.

    `command`: the module that a worker is, and its arguments.
    """

    def __init__(self, count: int, log: IO[bytes], command: Sequence[str] = ("tracsync", "worker")) -> None:
        self.log, self.command = log, command
        self.sessions: list[int] = []
        self.running = [self._start() for _ in range(count)]

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: Any) -> None:
        for pid in list(_pids()):
            if _session(pid) in self.sessions:
                _kill(pid)
        for process in self.running:
            process.kill()
            process.wait()

    def keep_running(self) -> None:
        """Start again what has ended, as a service manager does."""
        for position, process in enumerate(self.running):
            if process.poll() is not None:
                self.running[position] = self._start()

    def kill(self, position: int, kind: str) -> bool:
        """SIGKILL one process of a worker; False where it has none of this kind now."""
        pid = _by_kind(self.running[position].pid).get(kind)
        return pid is not None and _kill(pid)

    def used(self) -> float:
        """Seconds of a processor that all processes of all workers have used, also those that have ended."""
        return sum(_used(pid) for pid in _pids() if _session(pid) in self.sessions)

    def stop(self) -> None:
        """End in order: what is in flight is finished or returned."""
        for process in self.running:
            process.terminate()
        ends_at = time.monotonic() + GRACE
        for process in self.running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, ends_at - time.monotonic()))

    def _start(self) -> subprocess.Popen[bytes]:
        process = launch.module(
            *self.command,
            environment={**os.environ, SUPERVISED: f"{BY}{os.getpid()}"},
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        self.sessions.append(process.pid)
        return process


def can_find_processes() -> bool:
    return PROC.joinpath("self", "stat").exists()


def _by_kind(supervisor: int) -> dict[str, int]:
    """A worker's processes by kind; fewer while some are being started."""
    kinds = {"supervisor": supervisor}
    children = _children()
    for child in children.get(supervisor, []):
        members = children.get(child, [])
        if (name := _name(child)) in CALLED:
            kinds[CALLED[name]] = child
        elif len(members) == settings.TRACSYNC_WORKERS + 2:
            kinds["sentinel"] = child  # the others in the order in which django-q2 starts them
            kinds["worker"], kinds["monitor"], kinds["pusher"] = members[0], *members[-2:]
    return kinds


def _name(pid: int) -> str:
    """What a process calls itself; "" where it is gone."""
    with suppress(OSError):
        return PROC.joinpath(str(pid), "comm").read_text().strip()
    return ""


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for pid in sorted(_pids()):
        with suppress(OSError):
            state, parent, *_ = _stat(pid)
            if state != "Z":
                found.setdefault(int(parent), []).append(pid)
    return found


def _stat(pid: int) -> list[str]:
    """What comes after the name, from the state on: see proc_pid_stat(5). Raises OSError."""
    return (PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()


def _used(pid: int) -> float:
    """By the process and by those children of it that have ended."""
    with suppress(OSError):
        return sum(map(int, _stat(pid)[11:15])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _pids() -> Iterator[int]:
    if not can_find_processes():
        return iter(())
    return (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def _session(pid: int) -> int:
    with suppress(OSError):
        return os.getsid(pid)
    return 0


def _kill(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False
