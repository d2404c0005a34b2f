"""One producer of librdkafka, and what became of each message.

Facts: librdkafka's CONFIGURATION.md and INTRODUCTION.md, Kafka's protocol guide (error codes), Tansu and
librdkafka's own mock cluster tried here.

librdkafka makes its connections itself, also to brokers that only the cluster names. Those to begin with are
given to it as checked addresses, with TLS as checked names, because certificates are for names. The brokers
that the cluster names are checked before anything is sent, and again each minute; it resolves them anew.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from destinations.connectors import libraries
from destinations.connectors.addresses import Guard
from destinations.connectors.base import ConfigurationError, ConnectorError, Unreachable
from destinations.connectors.servers import NO_SUCH_HOST, TLS_FAILED
from tracsync.common.messages import message

LOOK_AGAIN: Final = 60.0  # seconds
SLICE: Final = 0.25  # seconds of one wait; between two of them is looked at what went wrong
NOT_SENT: Final = -152  # librdkafka's word on what it had not begun to send: _PURGE_QUEUE
UNKNOWN: Final = -1  # of our own: nothing was said
NO_TOPIC, TOO_LARGE, DENIED = 3, 10, 29  # Kafka's own
_AUTHENTICATION, _SSL, _ALL_DOWN = -169, -181, -187


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where to begin, and as whom. `timeout`: seconds to connect, and to wait while nothing is answered.

    `authorities`: certificates in PEM that sign the brokers', "" for those that everybody trusts.
    """

    brokers: Sequence[tuple[str, int]]
    user: str
    password: str = field(repr=False)
    mechanism: str
    tls: bool
    authorities: str
    timeout: float

    def __str__(self) -> str:
        return ", ".join(f"{host}:{port}" for host, port in self.brokers)


@dataclass(frozen=True, slots=True)
class Post:
    """A message on its way; a body of None is a tombstone."""

    key: str
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a message: `code` 0 where all replicas in step have it, else Kafka's or librdkafka's."""

    code: int
    said: str = ""
    partition: int = -1
    offset: int = -1


_UNKNOWN: Final = Report(UNKNOWN)


def kafka() -> Any:
    """The client library. Raises ConfigurationError where it is not installed."""
    return libraries.load("confluent_kafka", "kafka")


class Link:
    """A producer, made when first needed and again after a loss."""

    def __init__(self, cluster: Cluster, guard: Guard, topic: str, compression: str, most: int) -> None:
        self._cluster, self._guard, self._topic = cluster, guard, topic
        self._options = {"compression.type": compression, "message.max.bytes": most}
        self._library = kafka()
        self._producer: Any = None
        self._looked_at = 0.0
        self._wrong: dict[int, str] = {}  # what librdkafka said last of each kind of error

    def connect(self) -> int:
        """How many partitions the topic has; asks for that now and then. Raises ConnectorError."""
        if self._producer is None:
            self._producer = self._made()
        elif time.monotonic() < self._looked_at + LOOK_AGAIN:
            return 0
        try:
            found = self._look()
        except BaseException:
            self.close()
            raise
        self._looked_at = time.monotonic()
        return found

    def close(self) -> None:
        """Never raises."""
        if self._producer is not None:
            with suppress(Exception):  # else it would wait for what was not sent
                self._producer.purge()
                self._producer.flush(0)
        self._producer = None

    def publish(self, posts: Iterable[Post]) -> list[Report]:
        """Hand all over, and wait for a report of each. Some are sent while the next ones are made."""
        reports: list[Report] = []
        for at, post in enumerate(posts):
            reports.append(_UNKNOWN)
            try:
                self._produce(post, partial(_noted, reports, at))
            except self._library.KafkaException as error:
                reports[at] = Report(error.args[0].code(), error.args[0].str())
            except BufferError:
                reports[at] = Report(NOT_SENT)
        self._wait()
        if _UNKNOWN in reports or self._library.KafkaError._FATAL in self._wrong:
            self._producer.purge()
            self._producer.flush(self._cluster.timeout)
            self.close()
        return reports

    def _produce(self, post: Post, report: Any) -> None:
        self._producer.produce(
            self._topic, post.body, post.key, headers=list(post.headers.items()), on_delivery=report
        )

    def _wait(self) -> None:
        """Until there is a report of each, or there was none for too long."""
        left, ends_at = None, time.monotonic() + self._cluster.timeout
        while (now_left := self._producer.flush(SLICE)) and time.monotonic() < ends_at:
            if left is None or now_left < left:
                left, ends_at = now_left, time.monotonic() + self._cluster.timeout

    def _made(self) -> Any:
        """Raises ConnectorError."""
        try:
            return self._library.Producer(self._configuration())
        except self._library.KafkaException as error:
            if "ssl.ca.pem" in error.args[0].str():
                raise ConfigurationError(
                    message("the certificates cannot be read: they must be PEM")
                ) from None
            raise ConfigurationError(message("librdkafka does not take this configuration")) from None

    def _look(self) -> int:
        """Ask for brokers and topics: all of them, as asking for one may make it."""
        found = self._metadata()
        for broker in found.brokers.values():
            with suppress(socket.gaierror):  # librdkafka will not find it either
                self._guard.resolve(broker.host, broker.port)
        topic = found.topics.get(self._topic)
        if topic is None or (topic.error is not None and topic.error.code() in (NO_TOPIC, DENIED)):
            raise ConfigurationError(
                message("there is no topic %(name)s, or this user may not see it", name=self._topic)
            )
        return len(topic.partitions)

    def _metadata(self) -> Any:
        """Asked for longer each time, so that what cannot be waited for is seen early."""
        self._producer.poll(0)
        self._wrong.clear()  # what was wrong a while ago
        patience, ends_at = SLICE, time.monotonic() + self._cluster.timeout
        while True:
            try:
                return self._producer.list_topics(timeout=patience)
            except self._library.KafkaException as error:
                self._producer.poll(0)
                self._wrong.setdefault(error.args[0].code(), error.args[0].str())
            if (left := ends_at - time.monotonic()) <= 0 or self._is_hopeless():
                raise self._not_connected()
            patience = min(2 * patience, left)

    def _is_hopeless(self) -> bool:
        return any(code in self._wrong for code in (_AUTHENTICATION, _SSL, _ALL_DOWN))

    def _not_connected(self) -> ConnectorError:
        if _AUTHENTICATION in self._wrong:
            return ConfigurationError(message("Kafka refused the user name, the password or the mechanism"))
        if _SSL in self._wrong:
            return Unreachable(TLS_FAILED)
        return Unreachable(
            message(
                "could not connect to %(servers)s: refused, or no answer in time", servers=str(self._cluster)
            )
        )

    def _on_error(self, error: Any) -> None:
        self._wrong[error.code()] = error.str()

    def _configuration(self) -> dict[str, Any]:
        """Raises ConnectorError."""
        cluster = self._cluster
        milliseconds = int(cluster.timeout * 1000)
        signs_in = bool(cluster.user)
        made: dict[str, Any] = {
            "bootstrap.servers": ",".join(self._addresses()),
            "client.id": "tracsync",
            "acks": "all",
            "enable.idempotence": True,
            "partitioner": "murmur2_random",  # that of clients in Java
            "security.protocol": ("SASL_" if signs_in else "") + ("SSL" if cluster.tls else "PLAINTEXT"),
            "socket.timeout.ms": milliseconds,
            "socket.connection.setup.timeout.ms": milliseconds,
            "log_level": 0,  # what it would write to the error output comes to `error_cb`, too
            "error_cb": self._on_error,
            **self._options,
        }
        if signs_in:
            made |= {
                "sasl.mechanism": cluster.mechanism,
                "sasl.username": cluster.user,
                "sasl.password": cluster.password,
            }
        if cluster.tls:
            own = {"ssl.ca.pem": cluster.authorities}
            made |= own if cluster.authorities else {"ssl.ca.location": libraries.trusted()}
        return made

    def _addresses(self) -> list[str]:
        found: list[str] = []
        for host, port in self._cluster.brokers:
            with suppress(socket.gaierror):
                checked = [address.host for address in self._guard.resolve(host, port)]
                names = [host.strip("[]")] if self._cluster.tls else checked
                found += [f"[{name}]:{port}" if ":" in name else f"{name}:{port}" for name in names]
        if not found:
            raise Unreachable(NO_SUCH_HOST)
        return found


def _noted(reports: list[Report], at: int, error: Any, sent: Any) -> None:
    if error is None:
        reports[at] = Report(0, "", sent.partition(), sent.offset())
    else:
        reports[at] = Report(error.code(), error.str())
