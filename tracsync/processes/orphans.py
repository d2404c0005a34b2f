"""No process outlives the one that began it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1  # from linux/prctl.h
LOOK_EVERY = 1.0  # seconds, where the system tells nobody


def end_with_parent(number: signal.Signals) -> None:
    """Have this process get a signal when its parent ends, in whatever way that may be."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it ended just before
            os.kill(os.getpid(), number)
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_EVERY)
        os.kill(os.getpid(), number)

    threading.Thread(target=watch, name="parent", daemon=True).start()
