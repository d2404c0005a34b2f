"""A delivery as an AMQP message, readable by Tracardi's and other kombu consumers."""

from __future__ import annotations

import bz2
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pika

from destinations.connectors.base import JSON, Delivery, Operation
from destinations.connectors.http.payload import json_bytes

# kombu's names and formats: what it calls gzip is a zlib stream under gzip's label.
_COMPRESSIONS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("application/x-gzip", zlib.compress),
    "bzip2": ("application/x-bz2", bz2.compress),
}
PERSISTENT = 2
TYPES: dict[Operation, str] = {"upsert": "profile", "remove": "profile.removed", "erase": "profile.erased"}


@dataclass(frozen=True, slots=True)
class Message:
    """The body as sent, the JSON text in it, and the properties that go along."""

    body: bytes
    text: str
    fields: dict[str, JSON]

    @property
    def id(self) -> str:
        return str(self.fields["message_id"])

    def properties(self) -> Any:
        return pika.BasicProperties(**self.fields)

    def describe(self) -> dict[str, JSON]:
        """For a preview: the properties and the text before compression."""
        return {"properties": self.fields, "body": self.text}

    def show(self) -> str:
        """For an Exchange."""
        return "\n".join([*(f"{name}: {value}" for name, value in self.fields.items()), "", self.text])


def write(delivery: Delivery, compression: str) -> Message:
    """`compression`: none, gzip or bzip2. Raises UnwritableError for what JSON cannot hold.

    A profile that is taken away is told by the message's type and by a header, with its id as the body.

    The message_id is the idempotency key: delivery is at least once, consumers tell repeats by it.
    """
    is_upsert = delivery.operation == "upsert"
    text = json_bytes(delivery.payload if is_upsert else {"id": delivery.key})
    told = {} if is_upsert else {"operation": delivery.operation}
    label, compress = _COMPRESSIONS.get(compression, ("", bytes))
    fields: dict[str, JSON] = {
        "content_type": "application/json",
        "content_encoding": "utf-8",
        "headers": {**told, **({"compression": label} if label else {})},
        "delivery_mode": PERSISTENT,
        "message_id": delivery.idempotency_key,
        "timestamp": int(time.time()),
        "type": TYPES[delivery.operation],
        "app_id": "tracsync",
    }
    return Message(compress(text), text.decode(), fields)
