"""A push to an MQTT broker: messages of QoS 1, and what the broker says to each."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from destinations.connectors.base import (
    Accepted,
    ConnectorError,
    Delivery,
    Exchange,
    Hold,
    Outcome,
    Rejected,
    Retry,
    Unknown,
)
from destinations.connectors.envelope import Envelope, LazyExchange, envelope, filled_in
from destinations.connectors.http.payload import UnwritableError
from destinations.connectors.mqtt.link import PROTOCOL_ERROR, Answer, Link, Post
from destinations.connectors.redaction import Redactor
from destinations.connectors.servers import Server
from tracsync.common.messages import message

_LOST: Final = message("the connection was lost before the broker answered, or no answer came in time")
_NOT_TRIED: Final = message("not tried: %(reason)s", reason=message("the connection was lost"))
_NO_SUBSCRIBERS: Final = 16
_DENIED: Final = 135
_PACKET_TOO_LARGE: Final = 149
# Of PUBACK and DISCONNECT (MQTT 5.0, 3.4.2.1): what is wrong with a message.
_AT_FAULT: Final = {
    PROTOCOL_ERROR: message("the broker's answer to this message was no MQTT 5; it may be too large for it"),
    144: message("the broker does not take the topic %(topic)s"),
    _PACKET_TOO_LARGE: message("the message is larger than the broker takes"),
    153: message("the broker does not take the payload's form"),
}
_CODES: Final = {_PACKET_TOO_LARGE: "too_large", 144: "invalid_field", 153: "invalid_field"}
_NOT_IN_TOPICS: Final = "+#"


@dataclass(frozen=True, slots=True)
class Target:
    """`topic` may have `{id}` in it, for the profile's id. `unmatched`: retry or accept."""

    topic: str
    retain: bool
    unmatched: str


@dataclass(slots=True)
class _Item:
    post: Post
    exchange: Exchange
    outcome: Outcome | None = None
    doubt: bool = False  # whether the broker may have it


def written(target: Target, delivery: Delivery) -> tuple[Post, Envelope]:
    """The message of a delivery. Raises UnwritableError for what cannot be sent."""
    made = envelope(delivery)
    headers = dict(made.headers)
    content_type = headers.pop("content-type", "")
    topic = filled_in(target.topic, delivery, _NOT_IN_TOPICS)
    return Post(topic, headers, made.body or b"", content_type), made


class MqttSession:
    """For one topic, or one for each profile; what is acknowledged stays, whatever becomes of the rest."""

    def __init__(self, link: Link, server: Server, target: Target, redactor: Redactor) -> None:
        self._link, self._server, self._target, self._redactor = link, server, target, redactor

    def close(self) -> None:
        self._link.close()

    def check(self) -> str:
        """Connect; what this user may publish to, MQTT does not tell."""
        self._link.connect()
        return message(
            "connected to %(server)s; whether this user may publish to %(topic)s, the first push will tell",
            server=str(self._server),
            topic=self._target.topic,
        )

    def push(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        self._link.connect()
        outcomes: list[Outcome | None] = []
        items: list[_Item] = []
        for delivery in deliveries:
            try:
                item = self._item(delivery)
            except UnwritableError as error:
                outcomes.append(Rejected(str(error), code="invalid_field"))
                continue
            outcomes.append(item.outcome)
            if item.outcome is None:
                items.append(item)
        self._send(items)
        sent = iter(items)
        return [outcome or self._ended(next(sent)) for outcome in outcomes]

    def _item(self, delivery: Delivery) -> _Item:
        post, made = written(self._target, delivery)
        item = _Item(post, LazyExchange(lambda: self._redactor.excerpt(made.show(post.topic))))
        most = self._link.most_bytes
        if most is not None and self._link.size(post) > most:
            reason = message("the message is larger than the broker takes (%(most)s bytes)", most=most)
            item.outcome = Rejected(reason, item.exchange, code="too_large")
        return item

    def _send(self, items: Sequence[_Item]) -> None:
        """Give outcomes to all of which something is known.

        A broker may end the connection at a message that it does not take, without saying which. One by one,
        with the same keys, the message at fault fails alone.
        """
        groups = deque([items])
        while groups:
            group = groups.popleft()
            try:
                self._link.connect()
            except ConnectorError:  # something was sent, and that must not be forgotten
                return
            sent = self._link.publish([item.post for item in group])
            doubtful: list[_Item] = []
            unsent: list[_Item] = []
            for item, word in zip(group, sent.words, strict=True):
                if isinstance(word, Answer):
                    item.outcome = self._outcome(item, word)
                elif word is None:
                    item.doubt = True
                    doubtful.append(item)
                else:
                    unsent.append(item)
            if not doubtful and not unsent:
                continue
            if sent.ended not in (*_AT_FAULT, _DENIED) or not doubtful:
                return
            if len(doubtful) == 1:
                guilty = doubtful.pop()
                guilty.outcome = self._outcome(guilty, Answer(sent.ended))
            again = [*([item] for item in doubtful), *([unsent] if unsent else [])]
            groups.extendleft(reversed(again))

    def _outcome(self, item: _Item, answer: Answer) -> Outcome:
        code, exchange, topic = answer.code, item.exchange, item.post.topic
        is_kept = self._target.retain or self._target.unmatched == "accept"
        if code == 0 or (code == _NO_SUBSCRIBERS and is_kept):
            return Accepted(exchange=exchange)
        if code == _NO_SUBSCRIBERS:
            return Retry(message("nobody subscribes to the topic %(topic)s", topic=topic), None, exchange)
        if code == _DENIED:
            reason = message("this user may not publish to the topic %(topic)s", topic=topic)
            return Hold(reason, exchange, code="denied")
        if code in _AT_FAULT:
            reason = _AT_FAULT[code].with_values(topic=topic)
            return Rejected(reason, exchange, code=_CODES.get(code, ""))
        return Retry(message("the broker did not take it (reason code %(code)s)", code=code), None, exchange)

    def _ended(self, item: _Item) -> Outcome:
        if item.outcome is not None:
            return item.outcome
        return Unknown(_LOST, item.exchange) if item.doubt else Retry(_NOT_TRIED, not_taken=True)
