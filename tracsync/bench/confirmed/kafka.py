"""Kafka: librdkafka's producer, which waits for all replicas."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from destinations.connectors import libraries
from destinations.connectors.base import ConfigurationError, Delivery, Unreachable
from destinations.connectors.kafka.connector import Kafka
from tracsync.bench.inside import CannotMeasureError

from .subject import LOOPBACK, Bodies, Subject, check

MOCK = "mock"
PATIENCE = 30.0  # seconds


@contextmanager
def measured(url: str) -> Iterator[Subject]:
    library = libraries.load("confluent_kafka", "kafka")
    name = f"tracsync_bench_{uuid.uuid4().hex[:12]}"
    with _cluster(library, url, name) as servers:
        producer = library.Producer(
            {"bootstrap.servers": servers, "acks": "all", "enable.idempotence": True, "log_level": 0}
        )
        bodies = Bodies()

        def bare(deliveries: Sequence[Delivery]) -> None:
            errors: list[object] = []
            for one, body in zip(deliveries, bodies.make(deliveries), strict=True):
                producer.produce(name, body, one.key, on_delivery=lambda error, _sent: errors.append(error))
            check(not producer.flush(PATIENCE) and errors == [None] * len(deliveries), "Kafka")

        given = {"servers": servers, "tls": False}
        with Kafka().open(given, {"topic": name}, LOOPBACK) as session:
            yield Subject(
                "Kafka: messages written by all replicas",
                session,
                Kafka.batch_size,
                "bare confluent-kafka",
                bare,
                "idempotent; " + ("librdkafka's mock of three brokers" if url == MOCK else servers),
            )


@contextmanager
def _cluster(library: Any, url: str, topic: str) -> Iterator[str]:
    """The servers to begin with, with the topic, which is gone afterwards."""
    if url == MOCK:
        owner = library.Producer({"test.mock.num.brokers": 3, "bootstrap.servers": "none", "log_level": 0})
        owner.produce(topic, b"1")
        owner.flush(PATIENCE)
        brokers = owner.list_topics(timeout=PATIENCE).brokers.values()
        yield ",".join(f"{one.host}:{one.port}" for one in brokers)
        return
    with Kafka().open({"servers": url, "tls": False}, {"topic": topic}, LOOPBACK) as session:
        try:
            session.check()
        except Unreachable as error:
            raise CannotMeasureError(str(error)) from None
        except ConfigurationError:  # there is no such topic yet
            pass
    admin_library = libraries.load("confluent_kafka.admin", "kafka")
    admin = admin_library.AdminClient({"bootstrap.servers": url, "log_level": 0})
    admin.create_topics([admin_library.NewTopic(topic, 4)])[topic].result(PATIENCE)
    try:
        yield url
    finally:
        admin.delete_topics([topic])[topic].result(PATIENCE)
