"""A push to Kafka: all messages at once, then a report of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from destinations.connectors.envelope import LazyExchange, envelope
from destinations.connectors.http.payload import UnwritableError
from destinations.connectors.kafka.link import (
    DENIED,
    NO_TOPIC,
    NOT_SENT,
    TOO_LARGE,
    Cluster,
    Link,
    Post,
    Report,
)
from destinations.connectors.redaction import Redactor
from tracsync.common.messages import message

_WRITTEN: Final = message("partition %(partition)s has it at %(offset)s")
# Kafka's error codes, by its protocol guide. Of a set of messages that were sent together all get these:
# too large (a message, a set), no valid time, form not supported, refused by a rule for records.
_OF_A_SET: Final = frozenset({TOO_LARGE, 18, 32, 43, 87})
_TOO_LARGE: Final = frozenset({TOO_LARGE, 18})
_NO_TOPIC: Final = frozenset({NO_TOPIC, -188, -190})  # librdkafka's own: unknown topic, unknown partition
_DENIED: Final = {
    DENIED: message("this user may not write to the topic %(topic)s (right WRITE)"),
    31: message("this user may not write safely (right IDEMPOTENT_WRITE in the cluster)"),
    58: message("Kafka refused the user name, the password or the mechanism"),
    -169: message("Kafka refused the user name, the password or the mechanism"),
}
_MAYBE_WRITTEN: Final = frozenset({7, 13, 20})  # timed out, network, too few replicas after writing


@dataclass(frozen=True, slots=True)
class Target:
    """`most_bytes`: of a message, key and headers included; larger ones are not sent."""

    topic: str
    compression: str
    most_bytes: int


@dataclass(slots=True)
class _Item:
    delivery: Delivery
    exchange: Exchange | None = None
    rejected: Rejected | None = None
    report: Report = Report(NOT_SENT)  # noqa: RUF009 - it is frozen


def written(delivery: Delivery) -> Post:
    """The message of a delivery. Raises UnwritableError for what cannot be sent."""
    if not delivery.key:
        raise UnwritableError(message("the delivery has no key: its partition needs the profile's id"))
    made = envelope(delivery)
    return Post(made.key, made.headers, made.body)


class KafkaSession:
    """For one topic; what has been written stays, whatever becomes of the rest."""

    def __init__(self, link: Link, cluster: Cluster, target: Target, redactor: Redactor) -> None:
        self._link, self._cluster, self._target, self._redactor = link, cluster, target, redactor

    def close(self) -> None:
        self._link.close()

    def check(self) -> str:
        """Connect and look for the topic; what this user may write to, only writing tells."""
        self._link.close()
        return message(
            "connected to %(servers)s: the topic %(topic)s has %(count)s partitions; whether this user may"
            " write to it, the first push will tell",
            servers=str(self._cluster),
            topic=self._target.topic,
            count=self._link.connect(),
        )

    def push(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        self._link.connect()
        items = [_Item(delivery) for delivery in deliveries]
        self._send(items)
        if len(items) > 1:  # of a set that was refused, one by one, so that the bad one fails alone
            for item in [one for one in items if one.report.code in _OF_A_SET]:
                self._send([item])
        return [item.rejected or self._outcome(item) for item in items]

    def _send(self, items: Sequence[_Item]) -> None:
        try:
            self._link.connect()
        except ConnectorError:  # something was sent, and that must not be forgotten
            for item in items:
                item.report = Report(NOT_SENT)
            return
        reports = self._link.publish(self._posts(items))
        for item, report in zip((one for one in items if one.rejected is None), reports, strict=True):
            item.report = report

    def _posts(self, items: Sequence[_Item]) -> Iterator[Post]:
        """Their messages; what cannot be written is rejected and left out."""
        for item in items:
            try:
                post = written(item.delivery)
            except UnwritableError as error:
                item.rejected = Rejected(str(error), code="invalid_field")
                continue
            item.exchange = self._exchange(post)
            yield post

    def _exchange(self, post: Post) -> Exchange:
        return LazyExchange(lambda: self._redactor.excerpt(shown(self._target.topic, post)))

    def _outcome(self, item: _Item) -> Outcome:
        report, exchange, topic = item.report, item.exchange, self._target.topic
        if report.code == NOT_SENT:
            reason = message("not tried: %(reason)s", reason=message("Kafka gave no answer"))
            return Retry(reason, not_taken=True)
        code = report.code
        if code == 0:
            detail = _WRITTEN.with_values(partition=report.partition, offset=report.offset)
            return Accepted(detail=detail, exchange=exchange)
        said = self._redactor.reason(report.said)
        if code in _DENIED:
            return Hold(_DENIED[code].with_values(topic=topic), exchange, code="denied")
        if code in _NO_TOPIC:
            return Hold(message("there is no topic %(name)s", name=topic), exchange, code="not_found")
        if code in _TOO_LARGE:
            reason = message(
                "the message is larger than the topic takes, or than most_bytes (%(most)s)",
                most=self._target.most_bytes,
            )
            return Rejected(reason, exchange, code="too_large")
        if code in _OF_A_SET:
            return Rejected(message("Kafka refused it: %(said)s", said=said), exchange, code="invalid_field")
        if code < 0 or code in _MAYBE_WRITTEN:
            return Unknown(message("no answer came in time: %(said)s", said=said), exchange)
        return Retry(message("Kafka refused it: %(said)s", said=said), None, exchange)


def shown(topic: str, post: Post) -> str:
    """For an Exchange: where it goes, its headers, an empty line, the body."""
    headers = (f"{name}: {value}" for name, value in post.headers.items())
    return "\n".join([f"{topic} {post.key}", *headers, "", (post.body or b"").decode()])
