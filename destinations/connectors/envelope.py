"""A delivery as a message: what brokers of messages are given, whichever they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from destinations.connectors.base import Delivery, Exchange
from destinations.connectors.http.payload import UnwritableError, json_bytes
from tracsync.common.messages import message

ID = "{id}"  # in settings: where the profile's id comes


@dataclass(frozen=True, slots=True)
class Envelope:
    """`body` is JSON; None tells that the profile has left, which log-like systems call a tombstone."""

    key: str
    body: bytes | None
    headers: dict[str, str]

    @property
    def text(self) -> str:
        return "" if self.body is None else self.body.decode()

    def show(self, to: str) -> str:
        """For an Exchange: where it goes, its headers, an empty line, the body."""
        return "\n".join([to, *(f"{name}: {value}" for name, value in self.headers.items()), "", self.text])


class LazyExchange(Exchange):
    """A message in words that are made when somebody reads them: mostly nobody does, and it takes a while."""

    __slots__ = ("_words",)
    _words: Callable[[], str]

    def __init__(self, words: Callable[[], str]) -> None:
        for name, value in {"_words": words, "response": "", "status": None}.items():
            object.__setattr__(self, name, value)  # exchanges are frozen

    @property
    def request(self) -> str:
        return self._words()


def envelope(delivery: Delivery) -> Envelope:
    """Raises UnwritableError for what JSON cannot hold."""
    is_upsert = delivery.operation == "upsert"
    headers = {
        "operation": delivery.operation,
        "id": delivery.key,
        "version": str(delivery.version),
        "idempotency_key": delivery.idempotency_key,
    }
    if is_upsert:
        headers["content-type"] = "application/json"
    return Envelope(delivery.key, json_bytes(delivery.payload) if is_upsert else None, headers)


def filled_in(place: str, delivery: Delivery, forbidden: str) -> str:
    """A name of the settings with the profile's id in it, where it has `{id}`.

    Raises UnwritableError where there is no id, or one with a `forbidden` character.
    """
    if ID not in place:
        return place
    if not delivery.key:
        raise UnwritableError(
            message("the delivery has no key: %(place)s needs the profile's id", place=place)
        )
    if any(one in forbidden or one < " " for one in delivery.key):
        raise UnwritableError(
            message("the profile's id has characters that cannot stand in %(place)s", place=place)
        )
    return place.replace(ID, delivery.key)
