"""Several calls of one batch at once, as many as a slow destination needs."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from statistics import median
from typing import TypeVar

from django.db import connections

from destinations.connectors.base import Session

QUICK = 0.002  # seconds: calls that take no longer only hinder each other
RECENT_CALLS = 9  # calls
WORK = 0.001  # seconds, about what a call keeps a processor busy; for the rest another one can be made
REFILL_BELOW = 8  # parts for each lane
LOOK_EVERY = 0.01  # seconds, at least, between two looks at how many are left
LOOK_AT_LAST = 0.5  # seconds after which there is a look although no call has ended
Part = TypeVar("Part")


class Lanes:
    """Sends parts one after the other while answers come quickly, and side by side when they do not.

    `open` gives each lane a session of its own, as a session is used by one thread at a time. `recent_calls`
    has the seconds of the last calls: what most of them took decides, whatever a single one did.
    """

    def __init__(
        self, open: Callable[[], AbstractContextManager[Session]], most: int, recent_calls: deque[float]
    ) -> None:
        self._open = open
        self._most = most
        self._recent_calls = recent_calls

    def run(
        self,
        parts: Sequence[Part],
        send: Callable[[Session, Part], float],
        goes_on: Callable[[], bool],
        more: Callable[[], Sequence[Part]],
        meanwhile: Callable[[], None],
    ) -> None:
        """Send the parts in their order, as long as it goes on; `send` answers how many seconds it took.

        Lanes side by side are given `more` when few are left, so that none has nothing to do, until there is
        no more. It is asked for in this thread, which would only wait for them; what can be done `meanwhile`
        is done here, too. Raises what any of these raises, after all lanes have ended.
        """
        waiting = deque(parts)
        with self._open() as session:
            while waiting and goes_on():
                lanes = min(self._most, len(waiting), self._worth_while())
                if lanes > 1:
                    self._together(lanes, waiting, send, goes_on, more, meanwhile)
                else:
                    self._recent_calls.append(send(session, waiting.popleft()))

    def _together(
        self,
        lanes: int,
        waiting: deque[Part],
        send: Callable[[Session, Part], float],
        goes_on: Callable[[], bool],
        more: Callable[[], Sequence[Part]],
        meanwhile: Callable[[], None],
    ) -> None:
        errors: list[BaseException] = []
        has_ended = threading.Event()  # a call, or a lane

        def work() -> None:
            try:
                with self._open() as session:
                    while not errors and self._worth_while() > 1 and goes_on():
                        try:
                            part = waiting.popleft()
                        except IndexError:
                            return
                        self._recent_calls.append(send(session, part))
                        has_ended.set()
            except BaseException as error:  # raised again where somebody can handle it
                errors.append(error)
            finally:
                connections.close_all()  # those of this thread, if the connector's session asked for any
                has_ended.set()

        threads = [threading.Thread(target=work, name=f"lane {n}") for n in range(lanes)]
        for thread in threads:
            thread.start()
        try:
            is_more = True
            while not errors and any(thread.is_alive() for thread in threads):
                if is_more and len(waiting) < REFILL_BELOW * lanes:
                    parts = more()
                    waiting.extend(parts)
                    is_more = bool(parts)
                meanwhile()
                has_ended.wait(LOOK_AT_LAST)
                has_ended.clear()
                time.sleep(LOOK_EVERY)
        except BaseException as error:  # as within a lane
            errors.append(error)
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def _worth_while(self) -> int:
        usual = usual_call(self._recent_calls) or 0.0
        return 1 if usual < QUICK else math.ceil(usual / WORK)


def new_recent_calls() -> deque[float]:
    return deque(maxlen=RECENT_CALLS)


def usual_call(recent_calls: deque[float]) -> float | None:
    """Seconds, of the call in the middle; None where there was none."""
    calls = recent_calls.copy()  # lanes may be adding to it
    return median(calls) if calls else None
