"""The exchange and the queue that messages go through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pika import exceptions as amqp

from destinations.connectors.amqp.channel import Action, Answer
from destinations.connectors.amqp.link import Link
from destinations.connectors.base import JSON, ConfigurationError
from destinations.connectors.redaction import cut
from tracsync.common.messages import Message, joined, message

LONGEST_NAME = 255  # bytes of an AMQP short string

_ADVICE = {
    403: message("this user is not allowed to use it"),
    404: message("it does not exist; create it, or turn on auto_declare"),
    405: message("it is locked by another connection"),
    406: message(
        "it exists with other properties than these settings name; change them, or turn off auto_declare"
    ),
}

_PROBLEM = {
    "exchange": message("exchange %(name)s: %(reason)s"),
    "queue": message("queue %(name)s: %(reason)s"),
}
_EXCHANGE = {True: message("exchange %(name)s exists"), False: message("exchange %(name)s would be created")}
_QUEUE = {True: message("queue %(name)s exists"), False: message("queue %(name)s would be created")}


class Topology:
    """Tracardi's shape: an exchange named as the queue; the queue durable, without arguments; one binding.

    Existing ones are looked up passively and used as they are, because declaring a queue with any other
    argument is an error (406); only what is missing is created.
    """

    def __init__(self, queue: Mapping[str, JSON]) -> None:
        self.name, self.routing_key = queue["name"], queue["routing_key"]
        self.compression: str = queue["compression"]
        self._kind, self._durable = queue["queue_type"], queue["durable"]
        self._declares = queue["auto_declare"]
        self._ready_on: Any = None
        if max(len(self.name.encode()), len(self.routing_key.encode())) > LONGEST_NAME:
            raise ConfigurationError(
                message("queue name and routing key can have at most %(number)s bytes", number=LONGEST_NAME)
            )

    def __str__(self) -> str:
        return f"exchange {self.name!r}, routing key {self.routing_key!r}"

    def at_fault(self, problem: Message) -> Message:
        """What is wrong with it: a message of its `name` and `key`."""
        return problem.with_values(name=repr(self.name), key=repr(self.routing_key))

    def ensure(self, link: Link) -> None:
        """Have exchange, queue and binding, once per connection; raises ConfigurationError."""
        connection = link.connection()
        if self._ready_on is connection:
            return
        created = self._ensure_exchange(link)
        if self._declares:
            created = self._ensure_queue(link) or created
            self._do(link, self._bind, tolerated=() if created else (403,))
        self._ready_on = connection

    def forget(self) -> None:
        """Look again before the next message."""
        self._ready_on = None

    def look(self, link: Link) -> str:
        """What is there, in words, creating nothing; raises ConfigurationError as `ensure` would."""
        exchange = self._exists(link, self._look_for_exchange)
        if exchange:
            self._ensure_exchange(link)
        elif not self._declares:
            raise self._problem(404, "exchange")
        found = [_EXCHANGE[exchange]]
        if self._declares:
            found.append(_QUEUE[self._exists(link, self._look_for_queue)])
        return joined(", ", (one.with_values(name=self.name) for one in found))

    def _ensure_exchange(self, link: Link) -> bool:
        """Whether it had to be created. An existing one must be of the wanted kind, or messages go astray."""
        exists = self._exists(link, self._look_for_exchange)
        if not exists and not self._declares:
            raise self._problem(404, "exchange")
        if self._declares:
            self._do(link, self._declare_exchange, tolerated=(403,) if exists else ())
        return not exists

    def _ensure_queue(self, link: Link) -> bool:
        exists = self._exists(link, self._look_for_queue)
        if not exists:
            self._do(link, self._declare_queue, what="queue")
        return not exists

    def _declare_exchange(self, channel: Any, answer: Answer) -> None:
        channel.exchange_declare(self.name, self._kind, durable=self._durable, callback=answer)

    def _declare_queue(self, channel: Any, answer: Answer) -> None:
        channel.queue_declare(self.name, durable=True, callback=answer)

    def _bind(self, channel: Any, answer: Answer) -> None:
        channel.queue_bind(self.name, self.name, self.routing_key, callback=answer)

    def _look_for_exchange(self, channel: Any, answer: Answer) -> None:
        channel.exchange_declare(self.name, passive=True, callback=answer)

    def _look_for_queue(self, channel: Any, answer: Answer) -> None:
        channel.queue_declare(self.name, passive=True, callback=answer)

    def _exists(self, link: Link, look: Action) -> bool:
        what = "queue" if look == self._look_for_queue else "exchange"
        return self._do(link, look, tolerated=(404,), what=what)

    def _do(
        self, link: Link, action: Action, tolerated: tuple[int, ...] = (), what: str = "exchange"
    ) -> bool:
        """Whether it succeeded. The broker closes the channel on an error; the link opens another."""
        try:
            link.call(action)
        except amqp.ChannelClosedByBroker as error:
            if error.reply_code in tolerated:
                return False
            raise self._problem(error.reply_code, what, error.reply_text) from None
        return True

    def _problem(self, code: int, what: str, said: str = "") -> ConfigurationError:
        problem = _ADVICE.get(code, message("the broker refused it"))
        if said:
            problem = message("%(problem)s (%(reason)s)", problem=problem, reason=said)
        return ConfigurationError(cut(_PROBLEM[what].with_values(name=self.name, reason=problem)))
