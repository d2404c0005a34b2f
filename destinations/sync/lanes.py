"""Several calls of one batch at once, as many as a slow destination needs."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar

from django.db import connections

from destinations.connectors.base import Session

QUICK = 0.002  # seconds: calls that take no longer only hinder each other
WORK = 0.001  # seconds, about what a call keeps a processor busy; for the rest another one can be made
Part = TypeVar("Part")


class Lanes:
    """Sends parts one after the other while answers come quickly, and side by side when they do not.

    `open` gives each lane a session of its own, as a session is used by one thread at a time. `quickest`, in
    seconds, of the last calls decides: other work on this machine makes calls longer, never shorter.
    """

    def __init__(
        self, open: Callable[[], AbstractContextManager[Session]], most: int, quickest: float = 0.0
    ) -> None:
        self._open = open
        self._most = most
        self.quickest = quickest

    def run(
        self,
        parts: Sequence[Part],
        send: Callable[[Session, Part], float],
        goes_on: Callable[[], bool],
    ) -> None:
        """Send the parts in their order, as long as it goes on; `send` answers how many seconds it took.

        Raises what `open` and `send` raise, after all lanes have ended.
        """
        waiting = deque(parts)
        with self._open() as session:
            while waiting and goes_on():
                lanes = min(self._most, len(waiting), self._worth_while())
                if lanes > 1:
                    self._together(lanes, waiting, send, goes_on)
                else:
                    self._note([send(session, waiting.popleft())])

    def _together(
        self,
        lanes: int,
        waiting: deque[Part],
        send: Callable[[Session, Part], float],
        goes_on: Callable[[], bool],
    ) -> None:
        taken: list[float] = []
        errors: list[BaseException] = []

        def work() -> None:
            try:
                with self._open() as session:
                    while not errors and goes_on():
                        try:
                            part = waiting.popleft()
                        except IndexError:
                            return
                        taken.append(send(session, part))
            except BaseException as error:  # raised again where somebody can handle it
                errors.append(error)
            finally:
                connections.close_all()  # those of this thread, if the connector's session asked for any

        threads = [threading.Thread(target=work, name=f"lane {n}") for n in range(lanes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if taken:
            self._note(taken)
        if errors:
            raise errors[0]

    def _worth_while(self) -> int:
        return 1 if self.quickest < QUICK else math.ceil(self.quickest / WORK)

    def _note(self, taken: Sequence[float]) -> None:
        self.quickest = min(taken)
