"""Messages that are published together: how many may wait for a confirmation, and what became of each."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from enum import Enum, auto

from destinations.connectors.amqp.message import Message

MOST_MESSAGES = 1000  # that wait for their confirmation
MOST_BYTES = 1024 * 1024  # in the bodies of these; a larger message waits alone


class Fate(Enum):
    """What is known about a message that was sent."""

    SENT = auto()  # whether the broker has it cannot be told
    CONFIRMED = auto()
    UNROUTABLE = auto()
    REFUSED = auto()


class Batch:
    """Messages, taken from their source as they are sent, and the fates of those that were, in order.

    `returned` holds the message_ids that could not be routed.
    """

    def __init__(self, messages: Iterable[Message]) -> None:
        self.fates: list[Fate] = []
        self.returned: set[str] = set()
        self._source = iter(messages)
        self._next = next(self._source, None)
        self._sent: list[Message] = []
        self._sent_at: list[float] = []
        self._first = 0  # of those that wait
        self._waiting = self._waiting_bytes = 0

    @property
    def is_done(self) -> bool:
        return self._next is None and self._waiting == 0

    def waiting_since(self) -> float | None:
        return self._sent_at[self._first] if self._waiting else None

    def take(self, most: int) -> Iterator[Message]:
        """The next messages, for sending them now."""
        now = time.monotonic()
        while most and (message := self._next) is not None and self._has_room(message):
            self.fates.append(Fate.SENT)
            self._sent.append(message)
            self._sent_at.append(now)
            self._waiting += 1
            self._waiting_bytes += len(message.body)
            yield message
            self._next = next(self._source, None)
            most -= 1

    def settle(self, place: int, multiple: bool, fate: Fate) -> None:
        """The broker's word on the message at this place, and on all before it if `multiple`."""
        first = self._first if multiple else max(place, 0)  # below 0: of a batch that was broken off
        for each in range(first, place + 1):
            if self.fates[each] is Fate.SENT:
                self._settle(each, fate)
        while self._first < len(self.fates) and self.fates[self._first] is not Fate.SENT:
            self._first += 1

    def _settle(self, place: int, fate: Fate) -> None:
        message = self._sent[place]
        # An unroutable message is returned first and confirmed then.
        self.fates[place] = Fate.UNROUTABLE if message.id in self.returned else fate
        self._waiting -= 1
        self._waiting_bytes -= len(message.body)

    def _has_room(self, message: Message) -> bool:
        size = self._waiting_bytes + len(message.body)
        return not self._waiting or (self._waiting < MOST_MESSAGES and size <= MOST_BYTES)
