"""RabbitMQ: one confirmed message per profile, in queues and exchanges of Tracardi's shape.

Facts come from the RabbitMQ documentation (confirms, publishers, channels), pika's source and Tracardi's
`service/rabbitmq`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, closing
from typing import ClassVar

from pika import exceptions as amqp

from destinations.connectors import amqp_message, schemas
from destinations.connectors.addresses import Guard
from destinations.connectors.amqp_link import Link, TooSlowError, parse_uri
from destinations.connectors.amqp_topology import Topology
from destinations.connectors.base import (
    JSON,
    Accepted,
    ConfigurationError,
    Delivery,
    Exchange,
    Outcome,
    Rejected,
    Retry,
    Runtime,
    Schema,
    Unknown,
    Unreachable,
)
from destinations.connectors.http_payload import UnwritableError
from destinations.connectors.redaction import Redactor, url_secrets
from destinations.connectors.turns import Step, in_turn

LOST = "the connection was lost before the broker confirmed"
BLOCKED = "the broker blocks publishers: it is short of memory or disk"


class RabbitMQ:
    """Publishes to an exchange; a message counts as delivered when the broker has it in a queue."""

    slug: ClassVar[str] = "rabbitmq"
    name: ClassVar[str] = "RabbitMQ"
    description: ClassVar[str] = "Publishes a message for each changed profile."
    icon: ClassVar[str] = (
        '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round">'
        '<path d="M3 6h18v12H3zM3 7l9 7 9-7"/></svg>'
    )
    batch_size: ClassVar[int] = 200
    credentials_schema: ClassVar[Schema] = {
        "type": "object",
        "properties": {
            "uri": {
                "type": "string",
                "title": "URI",
                "description": "amqp://user:password@host:5672/vhost, or amqps:// for TLS.",
                "pattern": r"^[Aa][Mm][Qq][Pp][Ss]?://[^/?#\s]+[^?#\s]*$",
                "hint": "must start with amqp:// or amqps://, name a host and hold no ?",
                "secret": True,
            },
            "timeout": {
                "type": "number",
                "title": "Timeout",
                "description": "Seconds to wait for a connection, and for the broker to confirm a message.",
                "exclusiveMinimum": 0,
                "maximum": 60,
                "default": 10,
            },
        },
        "required": ["uri"],
        "additionalProperties": False,
    }
    settings_schema: ClassVar[Schema] = {
        "type": "object",
        "properties": {
            "queue": {
                "type": "object",
                "title": "Queue",
                "description": "Where messages go.",
                "properties": {
                    "name": {
                        "type": "string",
                        "title": "Name",
                        "description": "The name of the exchange and of the queue bound to it.",
                        "minLength": 1,
                        "maxLength": 255,
                    },
                    "routing_key": {
                        "type": "string",
                        "title": "Routing key",
                        "description": "The routing key of messages, and of the binding.",
                        "maxLength": 255,
                        "default": "",
                    },
                    "queue_type": {
                        "type": "string",
                        "title": "Type",
                        "description": "The type of the exchange.",
                        "enum": ["direct", "fanout", "topic", "headers"],
                        "default": "direct",
                    },
                    "durable": {
                        "type": "boolean",
                        "title": "Durable",
                        "description": "Whether the exchange outlives a broker's restart; queues always do.",
                        "default": True,
                    },
                    "auto_declare": {
                        "type": "boolean",
                        "title": "Declare automatically",
                        "description": "Create exchange, queue and binding where they are missing.",
                        "default": True,
                    },
                    "compression": {
                        "type": "string",
                        "title": "Compression",
                        "description": "How messages are compressed; gzip is a zlib stream, as in Tracardi.",
                        "enum": ["none", "gzip", "bzip2"],
                        "default": "none",
                    },
                    "serializer": {
                        "type": "string",
                        "title": "Serializer",
                        "description": "How messages are written.",
                        "enum": ["json"],
                        "default": "json",
                    },
                },
                "required": ["name"],
                "additionalProperties": False,
            },
        },
        "required": ["queue"],
        "additionalProperties": False,
    }
    payload_schema: ClassVar[Schema] = {}

    def open(
        self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON], runtime: Runtime | None = None
    ) -> AbstractContextManager[RabbitSession]:
        given = schemas.checked(self.credentials_schema, credentials)
        queue = schemas.checked(self.settings_schema, settings)["queue"]
        broker = parse_uri(given["uri"], float(given["timeout"]))
        redactor = Redactor([given["uri"], broker.password, *url_secrets(given["uri"])])
        guard = Guard((runtime or Runtime()).allowed_internal)
        return closing(RabbitSession(Link(broker, guard), Topology(queue), redactor))

    def describe(
        self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON], delivery: Delivery
    ) -> dict[str, JSON]:
        """Keys: broker, exchange, routing_key, properties, headers, body (text, before compression);
        or only `problem`.
        """
        given = schemas.checked(self.credentials_schema, credentials)
        queue = schemas.checked(self.settings_schema, settings)["queue"]
        try:
            message = amqp_message.write(delivery, queue["compression"])
        except UnwritableError as error:
            return {"problem": str(error)}
        return {
            "broker": str(parse_uri(given["uri"], float(given["timeout"]))),
            "exchange": queue["name"],
            "routing_key": queue["routing_key"],
            **message.describe(),
        }


class RabbitSession:
    """Publishes one message after the other, each confirmed; repeats once per push after a loss."""

    def __init__(self, link: Link, topology: Topology, redactor: Redactor) -> None:
        self._link, self._topology, self._redactor = link, topology, redactor
        self._may_repeat = True

    def close(self) -> None:
        self._link.drop()

    def check(self) -> str:
        """Connect and look, without declaring anything that is not there."""
        try:
            return f"connected to {self._link.broker}: {self._topology.look(self._link)}"
        except (amqp.AMQPError, OSError) as error:
            raise self._failed(error) from None

    def push(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        self._may_repeat = True
        self._link.drop_if_stale()
        outcomes, _halt = in_turn([[delivery] for delivery in deliveries], self._step)
        return outcomes

    def _step(self, group: Sequence[Delivery]) -> Step:
        try:
            message = amqp_message.write(group[0], self._topology.compression)
        except UnwritableError as error:
            return [Rejected(str(error))], None
        exchange = Exchange(self._redactor.excerpt(f"{self._topology}\n{message.show()}"))
        self._ensure()
        return self._publish(message, exchange)

    def _publish(self, message: amqp_message.Message, exchange: Exchange) -> Step:
        try:
            self._link.publish(self._topology.name, self._topology.routing_key, message)
        except amqp.UnroutableError:
            # Not rejected: binding a queue cures it for every message, without anyone replaying them.
            return [Retry(f"unroutable, no queue is bound: {self._topology}", None, exchange)], None
        except amqp.NackError:
            return [Retry("the broker refused the message; its queue may be full", None, exchange)], None
        except amqp.ChannelClosedByBroker as error:
            return self._refused(message, error, exchange)
        except (amqp.AMQPError, OSError) as error:
            return self._lost(message, error, exchange)
        return [Accepted(detail=f"confirmed by {self._link.broker}", exchange=exchange)], None

    def _refused(
        self, message: amqp_message.Message, error: amqp.ChannelClosedByBroker, exchange: Exchange
    ) -> Step:
        """The broker does not have the message: it closes the channel instead of confirming."""
        self._topology.forget()
        if error.reply_code == 404 and self._may_repeat:  # the exchange was deleted meanwhile
            return self._repeat(message, exchange)
        if error.reply_code == 403:
            raise ConfigurationError(f"this user is not allowed to publish: {self._topology}")
        said = f"the broker refused the message: {self._redactor.reason(error.reply_text)}"
        if error.reply_code == 406:  # such as: message size larger than configured max size
            return [Rejected(said, exchange)], None
        return [Retry(said, None, exchange)], None

    def _lost(self, message: amqp_message.Message, error: Exception, exchange: Exchange) -> Step:
        """It may have arrived. Repeating it with the same message_id is harmless, so once it is."""
        self._reset()
        stuck = isinstance(error, TooSlowError | amqp.ConnectionBlockedTimeout)
        if self._may_repeat and not stuck:
            try:
                return self._repeat(message, exchange)
            except Unreachable:
                self._reset()
        reason = BLOCKED if isinstance(error, amqp.ConnectionBlockedTimeout) else LOST
        reason = str(error) if isinstance(error, TooSlowError) else reason
        return [Unknown(reason, exchange)], Retry(f"not tried: {reason}")

    def _repeat(self, message: amqp_message.Message, exchange: Exchange) -> Step:
        self._may_repeat = False
        self._ensure()
        return self._publish(message, exchange)

    def _ensure(self) -> None:
        try:
            self._topology.ensure(self._link)
        except (amqp.AMQPError, OSError) as error:
            raise self._failed(error) from None

    def _failed(self, error: Exception) -> Unreachable:
        self._reset()
        return Unreachable(self._redactor.reason(f"the broker failed: {error!r}"))

    def _reset(self) -> None:
        self._link.drop()
        self._topology.forget()
