"""What the peers of brokers have in common: their messages, and a line between that can be silent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from destinations.connectors.base import Runtime
from destinations.connectors.testing import Peer
from tests.services.line import Line

LOOPBACK = Runtime(allowed_internal=("127.0.0.0/8",))


class Place(Protocol):
    """Where messages come to, such as a topic. A message has at least a body, a text."""

    def messages(self) -> list[dict[str, Any]]: ...


class BrokerPeer(Peer):
    runtime = LOOPBACK
    too_many: int  # times a word, for a message that is too large

    def __init__(self, place: Place, line: Line) -> None:
        self.place, self.line = place, line

    def payload(self, number: int) -> Any:
        return {"name": f"Žofie {number}", f"only-{number}": [number, None, {"a": True}]}

    def refused(self) -> Sequence[Any]:
        return [{"name": "ultramarine \ud800"}, {"name": "ultramarine" * self.too_many}]

    def requests(self) -> Sequence[Any]:
        return self.place.messages()

    def received(self) -> Sequence[Any]:
        return [json.loads(one["body"]) for one in self.place.messages() if one["body"]]

    @contextmanager
    def silent(self) -> Iterator[None]:
        self.line.is_silent = True
        yield
        self.line.is_silent = False
