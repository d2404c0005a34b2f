"""What is measured of one kind of system."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from destinations.connectors.base import JSON, Delivery, Runtime, Session
from destinations.connectors.http.payload import json_bytes
from tracsync.bench.inside import CannotMeasureError

LOOPBACK: Final = Runtime(allowed_internal=("0.0.0.0/0", "::/0"))  # whoever measures says where


@dataclass(frozen=True)
class Subject:
    """`bare`: what the client library does for the same deliveries; it raises CannotMeasureError."""

    title: str
    session: Session
    batch: int
    bare_name: str
    bare: Callable[[Sequence[Delivery]], None]
    note: str


class Bodies:
    """The bodies of deliveries, made once: the bare client is not to pay for that."""

    def __init__(self) -> None:
        self._made: dict[str, bytes] = {}

    def make(self, deliveries: Sequence[Delivery]) -> list[bytes]:
        made = self._made
        for one in deliveries:
            if one.idempotency_key not in made:
                made[one.idempotency_key] = json_bytes(one.payload)
        return [made[one.idempotency_key] for one in deliveries]


def server(url: str, port: int) -> dict[str, JSON]:
    """Credentials of a server from its address, without TLS."""
    try:
        parts = urlsplit(url)
        found: dict[str, JSON] = {"host": parts.hostname or "", "port": parts.port or port, "tls": False}
    except ValueError:
        raise CannotMeasureError(f"{url} is no address of a server") from None
    if parts.username:
        found |= {"user": unquote(parts.username), "password": unquote(parts.password or "")}
    return found


def check(is_so: object, what: str) -> None:
    if not is_so:
        raise CannotMeasureError(f"the bare client does not deliver everything: {what}")
