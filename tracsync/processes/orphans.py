"""No process outlives the one that began it."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1  # from linux/prctl.h
LOOK_EVERY = 1.0  # seconds, where the system tells nobody


def parent_pid() -> int:
    """Who began this process, even if it ended before this process could ask the system."""
    process = multiprocessing.parent_process()
    return os.getppid() if process is None else process.pid or 0


def end_with_parent(number: signal.Signals, parent: int) -> None:
    """Have this process get a signal when its parent ends, in whatever way that may be, or has ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:
            os.kill(os.getpid(), number)
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_EVERY)
        os.kill(os.getpid(), number)

    threading.Thread(target=watch, name="parent", daemon=True).start()
