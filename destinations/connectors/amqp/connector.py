"""RabbitMQ: one confirmed message per profile, in queues and exchanges of Tracardi's shape.

Facts come from the RabbitMQ documentation (confirms, publishers, channels), pika's source and Tracardi's
`service/rabbitmq`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import ClassVar

from pika import exceptions as amqp

from destinations.connectors import schemas
from destinations.connectors.addresses import Guard
from destinations.connectors.amqp import message as amqp_message
from destinations.connectors.amqp.batch import Fate
from destinations.connectors.amqp.connection import TooSlowError
from destinations.connectors.amqp.link import Link, parse_uri, with_port_and_vhost
from destinations.connectors.amqp.topology import Topology
from destinations.connectors.base import (
    JSON,
    Accepted,
    ConfigurationError,
    ConnectorError,
    Delivery,
    Exchange,
    Operation,
    Outcome,
    Preset,
    Rejected,
    Retry,
    Runtime,
    Schema,
    Unknown,
    Unreachable,
)
from destinations.connectors.envelope import LazyExchange
from destinations.connectors.http.payload import UnwritableError
from destinations.connectors.redaction import Redactor, cut, url_secrets
from tracsync.common.messages import message

LOST = message("the connection was lost before the broker confirmed")
BLOCKED = message("the broker blocks publishers: it is short of memory or disk")
_UNROUTABLE = message("unroutable, no queue is bound: exchange %(name)s, routing key %(key)s")
_FORBIDDEN = message("this user is not allowed to publish: exchange %(name)s, routing key %(key)s")


class RabbitMQ:
    """Publishes to an exchange; a message counts as delivered when the broker has it in a queue."""

    slug: ClassVar[str] = "rabbitmq"
    name: ClassVar[str] = "RabbitMQ"
    kind: ClassVar[str] = "messages"
    description: ClassVar[str] = message("Publishes a message for each changed profile.")
    icon: ClassVar[str] = (
        '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round">'
        '<circle cx="12" cy="15.5" r="5.5"/><path d="M8 11.5C6 8 6 3 8 3s3 3.5 3 7M16 11.5c2-3.5 2-8.5 0-8.5'
        's-3 3.5-3 7M10 15v.1M14 15v.1"/></svg>'
    )
    operations: ClassVar[tuple[Operation, ...]] = ("upsert", "remove", "erase")
    batch_size: ClassVar[int] = 1000  # more gains nothing, and a crash leaves all of a batch in doubt
    credentials_schema: ClassVar[Schema] = {
        "type": "object",
        "properties": {
            "uri": {
                "type": "string",
                "title": message("URI"),
                "description": message("amqp://user:password@host:5672/vhost, or amqps:// for TLS."),
                "pattern": r"^[Aa][Mm][Qq][Pp][Ss]?://[^/?#\s]+(/[^?#\s]*)?$",
                "hint": message("must start with amqp:// or amqps://, name a host and hold no ?"),
                "secret": True,
                "address": True,
            },
            "timeout": {
                "type": "number",
                "title": message("Timeout"),
                "description": message(
                    "Seconds to wait for a connection, and for the broker to confirm a message."
                ),
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
                "title": message("Queue"),
                "description": message("Where messages go."),
                "properties": {
                    "name": {
                        "type": "string",
                        "title": message("Name"),
                        "description": message("The name of the exchange and of the queue bound to it."),
                        "minLength": 1,
                        "maxLength": 255,
                    },
                    "routing_key": {
                        "type": "string",
                        "title": message("Routing key"),
                        "description": message("The routing key of messages, and of the binding."),
                        "maxLength": 255,
                        "default": "",
                    },
                    "queue_type": {
                        "type": "string",
                        "title": message("Type"),
                        "description": message("The type of the exchange."),
                        "enum": ["direct", "fanout", "topic", "headers"],
                        "default": "direct",
                    },
                    "durable": {
                        "type": "boolean",
                        "title": message("Durable"),
                        "description": message(
                            "Whether the exchange outlives a broker's restart; queues always do."
                        ),
                        "default": True,
                    },
                    "auto_declare": {
                        "type": "boolean",
                        "title": message("Declare automatically"),
                        "description": message("Create exchange, queue and binding where they are missing."),
                        "default": True,
                    },
                    "compression": {
                        "type": "string",
                        "title": message("Compression"),
                        "description": message(
                            "How messages are compressed; gzip is a zlib stream, as in Tracardi."
                        ),
                        "enum": ["none", "gzip", "bzip2"],
                        "default": "none",
                    },
                    "serializer": {
                        "type": "string",
                        "title": message("Serializer"),
                        "description": message("How messages are written."),
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

    presets: ClassVar[tuple[Preset, ...]] = (
        Preset(
            name=message("Profiles to a queue"),
            description=message("Declares a durable queue and sends id, data and traits of each profile."),
            mapping={"id": "profile@id", "data?": "profile@data", "traits?": "profile@traits"},
            settings={"queue": {"name": "profiles"}},
        ),
    )

    def understood_credentials(self, given: Mapping[str, JSON]) -> Mapping[str, JSON]:
        return with_port_and_vhost(given)

    def open(
        self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON], runtime: Runtime | None = None
    ) -> AbstractContextManager[RabbitSession]:
        given, queue = _checked(credentials, settings)
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
        given, queue = _checked(credentials, settings)
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


def _checked(
    credentials: Mapping[str, JSON], settings: Mapping[str, JSON]
) -> tuple[dict[str, JSON], dict[str, JSON]]:
    """The credentials and the queue, with their defaults. Raises ConfigurationError."""
    given = schemas.checked(RabbitMQ.credentials_schema, credentials)
    queue = schemas.checked(RabbitMQ.settings_schema, settings)["queue"]
    fixed = {"uri": given["uri"], "name": queue["name"], "routing_key": queue["routing_key"]}
    schemas.check_no_references(fixed.items())
    return given, queue


@dataclass(slots=True)
class _Item:
    """A delivery on its way. `doubt` says why it cannot be told whether the broker has it."""

    delivery: Delivery
    message: amqp_message.Message | None = None
    exchange: Exchange | None = None
    outcome: Outcome | None = None
    doubt: str = ""


class RabbitSession:
    """Publishes all messages of a push, then collects confirmations; repeats once per push after a loss."""

    def __init__(self, link: Link, topology: Topology, redactor: Redactor) -> None:
        self._link, self._topology, self._redactor = link, topology, redactor
        self._confirmed = message("confirmed by %(broker)s", broker=link.broker)
        self._may_repeat = True

    def close(self) -> None:
        self._link.drop()

    def check(self) -> str:
        """Connect and look, without declaring anything that is not there."""
        try:
            found = self._topology.look(self._link)
            return message("connected to %(broker)s: %(reason)s", broker=self._link.broker, reason=found)
        except (amqp.AMQPError, OSError) as error:
            raise self._failed(error) from None

    def push(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        self._may_repeat = True
        self._link.drop_if_stale()
        items = [_Item(delivery) for delivery in deliveries]
        try:
            groups = deque([items])
            while groups:
                if group := groups.popleft():
                    groups.extendleft(reversed(self._send(group)))
        except ConnectorError as error:
            if not any(item.outcome or item.doubt for item in items):
                raise
            _end(items, error)
        return [item.outcome for item in items if item.outcome is not None]

    def _send(self, items: list[_Item]) -> list[list[_Item]]:
        """Give each its outcome; those without one are handed back, in groups to be sent one by one.

        Raises ConnectorError when those without an outcome need not be tried now.
        """
        try:
            self._topology.ensure(self._link)
            name, routing_key = self._topology.name, self._topology.routing_key
            sent = self._link.publish(name, routing_key, self._messages(items))
        except (amqp.AMQPError, OSError) as error:
            raise self._failed(error) from None
        writable = [item for item in items if item.outcome is None]
        tried, unsent = writable[: len(sent.fates)], writable[len(sent.fates) :]
        for item, fate in zip(tried, sent.fates, strict=True):
            item.outcome = self._answer(item, fate)
        if sent.error is None:
            return []
        uncertain = [item for item in tried if item.outcome is None]
        if isinstance(sent.error, amqp.ChannelClosedByBroker):
            return self._refused(uncertain, unsent, sent.error)
        return self._lost(uncertain, unsent, sent.error)

    def _messages(self, items: Iterable[_Item]) -> Iterator[amqp_message.Message]:
        """Their messages; what cannot be written is rejected and left out."""
        for item in items:
            try:
                item.message = item.message or amqp_message.write(item.delivery, self._topology.compression)
            except UnwritableError as error:
                item.outcome = Rejected(str(error), code="invalid_field")
                continue
            item.exchange = self._exchange(item.message)
            yield item.message

    def _exchange(self, written: amqp_message.Message) -> Exchange:
        return LazyExchange(lambda: self._redactor.excerpt(f"{self._topology}\n{written.show()}"))

    def _answer(self, item: _Item, fate: Fate) -> Outcome | None:
        if fate is Fate.CONFIRMED:
            return Accepted(detail=self._confirmed, exchange=item.exchange)
        if fate is Fate.UNROUTABLE:
            # Not rejected: binding a queue cures it for every message, without anyone replaying them.
            reason = self._topology.at_fault(_UNROUTABLE)
            return Retry(reason, None, item.exchange, not_taken=not item.doubt)
        if fate is Fate.REFUSED:
            reason = message("the broker refused the message; its queue may be full")
            return Retry(reason, None, item.exchange)
        return None

    def _refused(
        self, uncertain: list[_Item], unsent: list[_Item], error: amqp.ChannelClosedByBroker
    ) -> list[list[_Item]]:
        """The broker closed the channel instead of confirming, without saying at which message.

        One by one, the message at fault fails alone; those before it may be repeated by that.
        """
        self._topology.forget()
        if error.reply_code == 404 and self._may_repeat:  # the exchange was deleted meanwhile
            self._may_repeat = False
            return [uncertain + unsent]
        if error.reply_code == 403:
            raise ConfigurationError(self._topology.at_fault(_FORBIDDEN))
        if not uncertain:
            raise Unreachable(self._said(error))
        if len(uncertain) == 1:
            uncertain[0].outcome = self._refusal(uncertain[0], error)
            return [unsent]
        for item in uncertain:
            item.doubt = self._said(error)
        return [*([item] for item in uncertain), unsent]

    def _refusal(self, item: _Item, error: amqp.ChannelClosedByBroker) -> Outcome:
        if error.reply_code == 406:  # such as: message size larger than configured max size
            return Rejected(self._said(error), item.exchange, code="too_large")
        return Retry(self._said(error), None, item.exchange)

    def _said(self, error: amqp.ChannelClosedByBroker) -> str:
        said = self._redactor.reason(error.reply_text)
        return message("the broker refused the message: %(said)s", said=said)

    def _lost(self, uncertain: list[_Item], unsent: list[_Item], error: Exception) -> list[list[_Item]]:
        """What was sent may have arrived; repeating it with the same message_id is harmless."""
        self._reset()
        reason: str = BLOCKED if isinstance(error, amqp.ConnectionBlockedTimeout) else LOST
        reason = str(error) if isinstance(error, TooSlowError) else reason
        for item in uncertain:
            item.doubt = reason
        if reason != LOST or not self._may_repeat:
            raise Unreachable(reason)
        self._may_repeat = False
        return [uncertain + unsent]

    def _failed(self, error: Exception) -> Unreachable:
        self._reset()
        said = self._redactor.reason(repr(error))
        return Unreachable(cut(message("the broker failed: %(said)s", said=said)))

    def _reset(self) -> None:
        self._link.drop()
        self._topology.forget()


def _end(items: Sequence[_Item], error: ConnectorError) -> None:
    """Something was sent, so what became of it must not be forgotten over this error."""
    for item in items:
        if item.outcome is None and item.doubt:
            item.outcome = Unknown(item.doubt, item.exchange)
        elif item.outcome is None:
            reason = message("not tried: %(reason)s", reason=str(error))
            item.outcome = Retry(reason, getattr(error, "after", None), not_taken=True)
