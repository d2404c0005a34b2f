"""What the doubles of web services have in common: JSON answers, and who may come in."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from destinations.connectors.base import MemoryTokenStore
from destinations.connectors.testing import HttpPeer, SeenRequest

Answered = tuple[int, dict[str, str], bytes]


def said(status: int, answer: Any = None, **headers: str) -> Answered:
    """An answer with a JSON body, or with none."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if answer is None:
        return status, named, b""
    return status, {"Content-Type": "application/json", **named}, json.dumps(answer).encode()


class System(HttpPeer):
    """A double: `stored` is what it holds, by what it calls it.

    For `manage.py prove --connector`: `mapping` makes a payload of a profile with `id`, `mail`, `age` and
    `mark`. What is stored has the mark in it, as it was sent. A `mail` that ends with @, or an `age` that is
    "old", is to be refused: use one of both. `leaving` is what a destination has done with who leaves:
    "remove" or "erase".
    """

    slug: ClassVar[str]
    mapping: ClassVar[Any] = None
    leaving: ClassVar[str] = "remove"

    def __init__(self) -> None:
        super().__init__()
        self.stored: dict[str, Any] = {}
        self.runtime = replace(self.runtime, tokens=MemoryTokenStore())  # of no other system

    def answer(self, request: SeenRequest) -> Answered:
        path, _mark, query = request.path.partition("?")
        if not self.lets_in(request):
            return self.refusal(request)
        body = self.read(request) if request.body else None
        return self.carried_out(request.method, path, query, body)

    def read(self, request: SeenRequest) -> Any:
        """What a body says."""
        return json.loads(request.body)

    def sent(self) -> Sequence[Any]:
        """The bodies of what may have changed something, oldest first."""
        return [self.read(one) for one in self.seen if self.changes(one) and one.body]

    @abstractmethod
    def lets_in(self, request: SeenRequest) -> bool:
        """Whether whoever calls may."""

    @abstractmethod
    def refusal(self, request: SeenRequest) -> Answered:
        """What it says to whoever may not; servers repeat what they were given."""

    @abstractmethod
    def carried_out(self, method: str, path: str, query: str, body: Any) -> Answered:
        """What it does and says."""
