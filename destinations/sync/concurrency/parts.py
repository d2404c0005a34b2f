"""The parts of a claim, one for each destination, side by side where one of them takes its time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from django.db import connections

HELP_AFTER = 0.1  # seconds without an end of any part: others go on with what is waiting
OVERDUE = 2.0  # seconds until what is recorded late, as the claim's own thread waits, is recorded by another
UNAIDED = 0.25  # seconds of calls that one thread makes: threads side by side cost more than they save
MOST_HELPERS = 32  # threads of one claim
LOOK_EVERY = 0.3  # seconds between two looks at whether there is something to record, while helpers work
Part = TypeVar("Part")


class Parts(Generic[Part]):
    """Works on parts one after the other in the caller's thread.

    Where one takes its time, or is known to, helpers go on with the others side by side with it: as many
    again whenever none has ended for a moment, so that no number of destinations that hang holds up the rest.

    `meanwhile` is called again and again, with the seconds that what it records may be late; `failed` with
    what is raised in another thread than the caller's.
    """

    def __init__(
        self,
        parts: Iterable[Part],
        work: Callable[[Part], None],
        meanwhile: Callable[[float], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._waiting = deque(parts)
        self._work = work
        self._meanwhile = meanwhile
        self._failed = failed
        self._helpers: list[threading.Thread] = []
        self._ended = 0
        self._done = threading.Event()

    def run(self, seconds: float) -> None:
        """Returns when all parts have ended. `seconds`: what their calls usually take together.

        Raises what is raised in this thread; the parts that nobody has begun are left then.
        """
        if len(self._waiting) <= 1:
            self._work_on_next()
            return
        self._help(min(int(seconds / UNAIDED), len(self._waiting) - 1))
        watch = threading.Thread(target=self._watch, name="watch", daemon=True)
        watch.start()
        try:
            while self._work_on_next():
                self._meanwhile(0.0)
            for helper in self._helpers:
                while helper.is_alive():
                    helper.join(LOOK_EVERY)
                    self._meanwhile(0.0)
        finally:
            # Whatever is raised here, what is on its way ends first: rows that are given back go at once.
            self._waiting.clear()
            self._done.set()
            watch.join()
            for helper in self._helpers:
                helper.join()

    def _work_on_next(self) -> bool:
        """False where there was no part left."""
        try:
            part = self._waiting.popleft()
        except IndexError:
            return False
        self._work(part)
        self._ended += 1
        return True

    def _help(self, count: int) -> None:
        for _ in range(min(count, MOST_HELPERS - len(self._helpers))):
            helper = threading.Thread(target=self._work_aside, name="part", daemon=True)
            helper.start()
            self._helpers.append(helper)

    def _work_aside(self) -> None:
        try:
            while self._work_on_next():
                pass
        except Exception as error:
            self._failed(error)
        finally:
            connections.close_all()

    def _watch(self) -> None:
        """While the caller's thread may be waiting for an answer."""
        ended = 0
        try:
            while not self._done.wait(HELP_AFTER):
                if self._waiting and self._ended == ended:
                    self._help(min(len(self._waiting), 1 + len(self._helpers)))
                ended = self._ended
                self._meanwhile(OVERDUE)
        except Exception as error:
            self._failed(error)
        finally:
            connections.close_all()
