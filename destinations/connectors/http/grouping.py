"""Which items share a call: as many as there is room for, no two of one identity, all of one kind."""

from __future__ import annotations

from typing import NamedTuple

from destinations.connectors.base import JSON, Delivery
from destinations.connectors.http import payload
from destinations.connectors.http.description import Batch, source_of
from destinations.connectors.http.templates import UnusableError
from destinations.notation import Template
from tracsync.common.messages import message


class Measured(NamedTuple):
    """An item: its bytes, whose it is, and what all items of its call have in common."""

    size: int
    identity: str
    together: str


class Group:
    """The items of one call, as far as there is room."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._bytes = 0
        self._identities: set[str] = set()
        self._together = ""
        self.positions: list[int] = []

    def measured(self, item: JSON, delivery: Delivery) -> Measured:
        """What decides where an item goes. Raises NotationError, UnwritableError, UnusableError."""
        size = len(payload.json_bytes(item)) + 1 if self._batch.bytes else 0
        if size > self._batch.bytes:
            too_large = message("it has more than the %(number)s bytes of a call", number=self._batch.bytes)
            raise UnusableError(too_large, "too_large", "")
        return Measured(
            size,
            self._text(self._batch.identity, item, delivery),
            self._text(self._batch.together, item, delivery),
        )

    def takes(self, one: Measured) -> bool:
        if not self.positions:
            return True
        has_room = len(self.positions) < self._batch.size and (
            not self._batch.bytes or self._bytes + one.size <= self._batch.bytes
        )
        is_fit = one.together == self._together and not (one.identity and one.identity in self._identities)
        return has_room and is_fit

    def add(self, position: int, one: Measured) -> None:
        self.positions.append(position)
        self._bytes += one.size
        self._identities.add(one.identity)
        self._together = one.together

    @staticmethod
    def _text(made: Template | None, item: JSON, delivery: Delivery) -> str:
        """ "" for nothing."""
        if made is None:
            return ""
        value = made.render({"item": item, "delivery": source_of(delivery)})
        return "" if value is None else str(value)
