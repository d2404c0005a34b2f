"""Publishing with pika alone, as fast as it can while every message is confirmed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pika

ON_THEIR_WAY = 500  # messages, at most
PERSISTENT = pika.BasicProperties(content_type="application/json", delivery_mode=2)


def publish(
    parameters: pika.ConnectionParameters, name: str, bodies: Sequence[bytes], begin: Callable[[], object]
) -> None:
    """Returns when the broker has confirmed all; raises RuntimeError when it refuses one or goes away."""
    publisher = _Publisher(parameters, name, bodies, begin)
    publisher.connection.ioloop.start()
    if publisher.problem:
        raise RuntimeError(publisher.problem)


class _Publisher:
    def __init__(
        self,
        parameters: pika.ConnectionParameters,
        name: str,
        bodies: Sequence[bytes],
        begin: Callable[[], object],
    ) -> None:
        self.name, self.bodies, self.begin = name, bodies, begin
        self.sent = 0
        self.unconfirmed: dict[int, None] = {}  # delivery tags in order
        self.problem = ""
        self.connection = pika.SelectConnection(
            parameters,
            on_open_callback=lambda connection: connection.channel(on_open_callback=self._opened),
            on_open_error_callback=self._closed,
            on_close_callback=self._closed,
        )

    def _opened(self, channel: Any) -> None:
        self.channel = channel
        channel.confirm_delivery(self._answered, callback=self._started)

    def _started(self, _: Any) -> None:
        self.begin()
        self._fill()

    def _fill(self) -> None:
        while self.sent < len(self.bodies) and len(self.unconfirmed) < ON_THEIR_WAY:
            self.channel.basic_publish(
                self.name, self.name, self.bodies[self.sent], PERSISTENT, mandatory=True
            )
            self.sent += 1
            self.unconfirmed[self.sent] = None

    def _answered(self, frame: Any) -> None:
        tag = frame.method.delivery_tag
        if isinstance(frame.method, pika.spec.Basic.Nack):
            self.problem = "the broker refused a message"
        confirmed = [one for one in self.unconfirmed if one <= tag] if frame.method.multiple else [tag]
        for one in confirmed:
            del self.unconfirmed[one]
        self._fill()
        if self.problem or not self.unconfirmed:
            self.connection.close()

    def _closed(self, _: Any, reason: Any) -> None:
        if self.unconfirmed or self.sent < len(self.bodies):
            self.problem = self.problem or f"the broker went away: {type(reason).__name__}"
        self.connection.ioloop.stop()
