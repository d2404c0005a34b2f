"""A channel in confirm mode: a list of messages goes out at once, the broker's word on each comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pika import exceptions as amqp
from pika import spec

from destinations.connectors.amqp.batch import Batch, Fate
from destinations.connectors.amqp.connection import Connection
from destinations.connectors.amqp.message import Message

SLICE = 50  # messages between two looks at what the broker says; heartbeats too are sent then


Answer = Callable[[Any], object]
Action = Callable[[Any, Answer], object]  # given pika's channel and the callback for the broker's answer


@dataclass(frozen=True, slots=True)
class Published:
    """The fates of the messages that were sent, in order, and what ended it before all had one."""

    fates: Sequence[Fate]
    error: Exception | None = None


class Channel:
    """Raises pika's errors, ChannelClosedByBroker after a refusal: then another channel is needed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._closed: Exception | None = None
        self._batch = Batch([])
        self._earlier = 0  # messages of earlier batches; delivery tags count all of a channel
        self._channel = connection.channel()
        self._channel.add_on_close_callback(self._on_closed)
        self._channel.add_on_return_callback(self._on_return)
        self.call(lambda channel, answer: channel.confirm_delivery(self._on_confirm, answer))

    @property
    def is_open(self) -> bool:
        return self._closed is None

    def call(self, action: Action) -> None:
        """Do something that has an answer, and wait for that."""
        answers: list[Any] = []
        action(self._channel, answers.append)
        self._connection.wait(lambda: answers or self._closed)
        if not answers and self._closed is not None:
            raise self._closed

    def publish(self, exchange: str, routing_key: str, messages: Iterable[Message]) -> Published:
        """Publish, and wait until the broker has said something about every message.

        The broker works while the next messages are made. Each has the connection's timeout to be
        confirmed in. `mandatory`, because an unroutable message is confirmed otherwise.
        """
        self._earlier += len(self._batch.fates)
        batch = self._batch = Batch(messages)
        try:
            with self._connection.watch(batch.waiting_since):
                while not batch.is_done and self._closed is None:
                    self._send(batch, exchange, routing_key)
                    self._connection.turn()
        except (amqp.AMQPError, OSError) as error:
            return Published(batch.fates, error)
        return Published(batch.fates, self._closed)

    def _send(self, batch: Batch, exchange: str, routing_key: str) -> None:
        """A slice, unless the broker has enough to do. Sends no more than the socket takes, by and by."""
        if self._connection.blocked:
            return
        publish = self._channel.basic_publish
        with self._connection.together():
            for message in batch.take(SLICE):
                publish(exchange, routing_key, message.body, message.properties(), mandatory=True)

    def _on_confirm(self, frame: Any) -> None:
        method = frame.method
        fate = Fate.CONFIRMED if isinstance(method, spec.Basic.Ack) else Fate.REFUSED
        self._batch.settle(method.delivery_tag - self._earlier - 1, method.multiple, fate)

    def _on_return(self, _channel: Any, _method: Any, properties: Any, _body: bytes) -> None:
        self._batch.returned.add(properties.message_id)

    def _on_closed(self, _channel: Any, reason: Exception) -> None:
        self._closed = reason
