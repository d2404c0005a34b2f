"""Messages that are published together: how many may wait for a confirmation, and what became of each."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from enum import Enum, auto

from destinations.connectors.amqp_message import Message

MOST_MESSAGES = 1000  # that wait for their confirmation
MOST_BYTES = 1024 * 1024  # in the bodies of these; a larger message waits alone


class Fate(Enum):
    """What is known about a message."""

    UNSENT = auto()
    SENT = auto()  # whether the broker has it cannot be told
    CONFIRMED = auto()
    UNROUTABLE = auto()
    REFUSED = auto()


class Batch:
    """Messages and their fates; `returned` holds the message_ids that could not be routed."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.fates = [Fate.UNSENT] * len(messages)
        self.returned: set[str] = set()
        self._messages = messages
        self._sent_at: list[float] = []
        self._first = 0  # of those that wait
        self._waiting = self._waiting_bytes = 0

    @property
    def is_done(self) -> bool:
        return self._first == len(self.fates)

    def waiting_since(self) -> float | None:
        return self._sent_at[self._first] if self._waiting else None

    def take(self, most: int) -> Iterator[Message]:
        """The next messages, for sending them now."""
        start, now = len(self._sent_at), time.monotonic()
        for message in self._messages[start : start + most]:
            if not self._has_room(message):
                return
            self.fates[len(self._sent_at)] = Fate.SENT
            self._sent_at.append(now)
            self._waiting += 1
            self._waiting_bytes += len(message.body)
            yield message

    def settle(self, place: int, multiple: bool, fate: Fate) -> None:
        """The broker's word on the message at this place, and on all before it if `multiple`."""
        for each in range(self._first, place + 1) if multiple else (place,):
            if self.fates[each] is Fate.SENT:
                self._settle(each, fate)
        while self._first < len(self._sent_at) and self.fates[self._first] is not Fate.SENT:
            self._first += 1

    def _settle(self, place: int, fate: Fate) -> None:
        message = self._messages[place]
        # An unroutable message is returned first and confirmed then.
        self.fates[place] = Fate.UNROUTABLE if message.id in self.returned else fate
        self._waiting -= 1
        self._waiting_bytes -= len(message.body)

    def _has_room(self, message: Message) -> bool:
        size = self._waiting_bytes + len(message.body)
        return not self._waiting or (self._waiting < MOST_MESSAGES and size <= MOST_BYTES)
