"""Kafka: a message for each changed profile in a topic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from destinations.connectors import schemas, servers
from destinations.connectors.addresses import Guard
from destinations.connectors.base import JSON, Delivery, Operation, Preset, Schema
from destinations.connectors.kafka.link import Cluster, Link
from destinations.connectors.kafka.session import KafkaSession, Target, written
from destinations.connectors.redaction import Redactor
from destinations.connectors.servers import ServerConnector
from tracsync.common.messages import message

PORT = 9092


class Kafka(ServerConnector[Cluster, Target, KafkaSession]):
    """Kafka, or what speaks its protocol."""

    slug: ClassVar[str] = "kafka"
    name: ClassVar[str] = "Kafka"
    kind: ClassVar[str] = "messages"
    description: ClassVar[str] = message("Writes a message for each changed profile to a topic of Kafka.")
    icon: ClassVar[str] = (
        '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round">'
        '<path d="M8 7.5V9M8 15v1.5M10.6 10.5l4-2M10.6 13.5l4 2"/><circle cx="8" cy="5" r="2.5"/>'
        '<circle cx="8" cy="12" r="3"/><circle cx="8" cy="19" r="2.5"/><circle cx="17" cy="7.5" r="2.5"/>'
        '<circle cx="17" cy="16.5" r="2.5"/></svg>'
    )
    operations: ClassVar[tuple[Operation, ...]] = ("upsert", "remove", "erase")
    batch_size: ClassVar[int] = 1000
    credentials_schema: ClassVar[Schema] = {
        "type": "object",
        "properties": {
            "servers": {
                "type": "string",
                "title": message("Servers"),
                "description": message(
                    "Brokers to begin with, such as kafka-1.example:9092, kafka-2.example:9092."
                ),
                "pattern": r"^[^\s/,@?#]+(\s*,\s*[^\s/,@?#]+)*$",
                "hint": message("must be hosts with their ports, with commas between them"),
                "address": True,
            },
            "mechanism": {
                "type": "string",
                "title": message("Mechanism"),
                "description": message("How the user signs in (SASL)."),
                "enum": ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"],
                "default": "PLAIN",
            },
            "user": servers.USER,
            "password": servers.PASSWORD,
            "tls": servers.TLS,
            "authorities": servers.AUTHORITIES,
            "timeout": servers.TIMEOUT,
        },
        "required": ["servers"],
        "additionalProperties": False,
    }
    settings_schema: ClassVar[Schema] = {
        "type": "object",
        "properties": {
            "topic": {
                "type": "string",
                "title": message("Topic"),
                "description": message("Where messages go; it is never made from here."),
                "minLength": 1,
                "maxLength": 249,
                "pattern": r"^[A-Za-z0-9._-]+$",
                "hint": message("must be letters, digits, dots, - and _"),
            },
            "compression": {
                "type": "string",
                "title": message("Compression"),
                "description": message("How messages are compressed."),
                "enum": ["none", "gzip", "snappy", "lz4", "zstd"],
                "default": "none",
            },
            "most_bytes": {
                "type": "integer",
                "title": message("Most bytes"),
                "description": message(
                    "The largest message that is sent, with key and headers; no more than the topic takes."
                ),
                "minimum": 1000,
                "maximum": 1_000_000_000,
                "default": 1_000_000,
            },
        },
        "required": ["topic"],
        "additionalProperties": False,
    }
    payload_schema: ClassVar[Schema] = {}
    presets: ClassVar[tuple[Preset, ...]] = (
        Preset(
            name=message("Profiles to a topic"),
            description=message("Sends id, data and traits of each profile, with its id as the key."),
            mapping={"id": "profile@id", "data?": "profile@data", "traits?": "profile@traits"},
            settings={"topic": "profiles"},
        ),
    )

    def session(self, where: Cluster, what: Target, guard: Guard, redactor: Redactor) -> KafkaSession:
        link = Link(where, guard, what.topic, what.compression, what.most_bytes)
        return KafkaSession(link, where, what, redactor)

    def described(
        self, where: Cluster, what: Target, delivery: Delivery, redactor: Redactor
    ) -> dict[str, JSON]:
        """Keys: servers, topic, key, headers, body (null: a tombstone)."""
        post = written(delivery)
        return {
            "servers": str(where),
            "topic": what.topic,
            "key": redactor.text(post.key),
            "headers": {name: redactor.text(value) for name, value in post.headers.items()},
            "body": None if post.body is None else redactor.text(post.body.decode()),
        }

    def checked(
        self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON]
    ) -> tuple[Cluster, Target]:
        given: dict[str, Any] = schemas.checked(self.credentials_schema, credentials)
        chosen: dict[str, Any] = schemas.checked(self.settings_schema, settings)
        schemas.check_no_references([("servers", given["servers"]), ("topic", chosen["topic"])])
        brokers = [_broker(one.strip()) for one in given.pop("servers").split(",")]
        return Cluster(brokers=brokers, **given), Target(**chosen)


def _broker(text: str) -> tuple[str, int]:
    """Host and port; without one Kafka's own. An address of IPv6 stands in brackets."""
    host, colon, port = text.rpartition(":")
    if colon and port.isdecimal() and (host.endswith("]") or ":" not in host):
        return host, int(port)
    return text, PORT
