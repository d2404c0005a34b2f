"""What the RabbitMQ connector decides without a broker; tests/services has the rest."""

from __future__ import annotations

import json

import pytest

from destinations.connectors import schemas
from destinations.connectors.amqp import batch as amqp_batch
from destinations.connectors.amqp import message as amqp_message
from destinations.connectors.amqp.batch import Batch, Fate
from destinations.connectors.amqp.connector import RabbitMQ
from destinations.connectors.amqp.link import parse_uri
from destinations.connectors.base import ConfigurationError, Delivery


@pytest.mark.parametrize("path", ["", "/", "//", "/%2F", "/%2f"])
def test_forms_of_the_default_vhost(path: str) -> None:
    assert parse_uri(f"amqp://h{path}", 1).vhost == "/"


@pytest.mark.parametrize(
    ("uri", "host", "port", "vhost", "username", "password", "tls"),
    [
        ("amqp://h", "h", 5672, "/", "guest", "guest", False),
        ("AMQPS://u:p%40s%2F@H.example/vh", "h.example", 5671, "vh", "u", "p@s/", True),
        ("amqp://u@h:99/a%2Fb", "h", 99, "a/b", "u", "", False),
        ("amqp://[::1]:99//x", "::1", 99, "/x", "guest", "guest", False),
    ],
)
def test_uris(uri, host, port, vhost, username, password, tls) -> None:
    broker = parse_uri(uri, 3)
    assert (broker.host, broker.port, broker.vhost) == (host, port, vhost)
    assert (broker.username, broker.password, broker.tls) == (username, password, tls)
    assert "p@s" not in repr(broker) + str(broker)


@pytest.mark.parametrize("uri", ["", "h", "http://h", "amqp://", "amqp://h:port/", "amqp://h/?heartbeat=1"])
def test_unusable_uris(uri: str) -> None:
    with pytest.raises(ConfigurationError):
        RabbitMQ().open({"uri": uri}, {"queue": {"name": "q"}})


@pytest.mark.parametrize(
    "queue",
    [
        {},
        {"name": ""},
        {"name": "ž" * 200},
        {"name": "q", "queue_type": "x"},
        {"name": "q", "serializer": "xml"},
        {"name": "q", "compression": "zip"},
        {"name": "q", "routing_key": "ž" * 200},
    ],
)
def test_unusable_settings(queue) -> None:
    with pytest.raises(ConfigurationError):
        RabbitMQ().open({"uri": "amqp://h"}, {"queue": queue})


@pytest.mark.parametrize(
    ("uri", "queue", "field"),
    [
        ("amqp://h/{{profile@id}}", {}, "uri"),
        ("amqp://profile@h", {}, "uri"),
        ("amqp://h", {"name": "profile@id"}, "name"),
        ("amqp://h", {"routing_key": "changed.{{profile@data.country}}"}, "routing_key"),
    ],
)
def test_a_reference_that_would_be_sent_as_it_stands_is_refused(uri: str, queue, field: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{field} holds {{{{ or profile@"):
        RabbitMQ().open({"uri": uri}, {"queue": {"name": "q", **queue}})


def test_opening_connects_to_nothing() -> None:
    with RabbitMQ().open({"uri": "amqp://nowhere.invalid"}, {"queue": {"name": "q"}}):
        pass


def test_defaults_are_tracardis() -> None:
    filled = schemas.with_defaults(RabbitMQ.settings_schema, {"queue": {"name": "q"}})
    assert filled["queue"] == {
        "name": "q",
        "routing_key": "",
        "queue_type": "direct",
        "durable": True,
        "auto_declare": True,
        "compression": "none",
        "serializer": "json",
    }


def test_describe_shows_the_message_without_the_password() -> None:
    credentials = {"uri": "amqp://user:marker@h.example//"}
    settings = {"queue": {"name": "q", "routing_key": "k", "compression": "gzip"}}
    told = RabbitMQ().describe(credentials, settings, Delivery({"a": "ž"}, "1:2"))
    assert (told["broker"], told["exchange"], told["routing_key"]) == ("h.example:5672, vhost /", "q", "k")
    assert told["body"] == '{"a":"ž"}'
    assert told["properties"]["message_id"] == "1:2"
    assert "marker" not in json.dumps(told)
    assert "problem" in RabbitMQ().describe(credentials, settings, Delivery({"a": "\ud800"}, "1:2"))


@pytest.mark.parametrize(("operation", "kind"), [("remove", "profile.removed"), ("erase", "profile.erased")])
def test_who_leaves_is_told_by_type_header_and_id(operation, kind: str) -> None:
    settings = {"queue": {"name": "q", "compression": "gzip"}}
    delivery = Delivery(None, "1:2", operation=operation, key="ana")
    told = RabbitMQ().describe({"uri": "amqp://h"}, settings, delivery)
    assert (told["properties"]["type"], told["body"]) == (kind, '{"id":"ana"}')
    headers = {"operation": operation, "compression": "application/x-gzip"}
    assert told["properties"]["headers"] == headers


SENT, CONFIRMED, UNROUTABLE, REFUSED = Fate


def batch_of(*payloads) -> Batch:
    deliveries = [Delivery(payload, f"1:{at}") for at, payload in enumerate(payloads)]
    return Batch([amqp_message.write(delivery, "none") for delivery in deliveries])


def test_each_message_of_a_batch_has_its_own_fate() -> None:
    batch = batch_of(*range(6))
    assert [message.id for message in batch.take(5)] == [f"1:{at}" for at in range(5)]
    batch.settle(1, False, REFUSED)
    batch.returned.add("1:2")
    batch.settle(3, True, CONFIRMED)
    assert batch.fates == [CONFIRMED, REFUSED, UNROUTABLE, CONFIRMED, SENT]
    assert not batch.is_done
    assert [message.id for message in batch.take(5)] == ["1:5"]
    batch.settle(5, False, CONFIRMED)
    batch.settle(4, False, CONFIRMED)
    assert batch.fates[4:] == [CONFIRMED, CONFIRMED]
    assert batch.is_done
    assert batch.waiting_since() is None


@pytest.mark.parametrize("multiple", [False, True])
def test_a_confirmation_for_an_earlier_batch_changes_nothing(multiple: bool) -> None:
    batch = batch_of(1, 2)
    assert len(list(batch.take(5))) == 2
    batch.settle(-1, multiple, CONFIRMED)
    assert batch.fates == [SENT, SENT]


def test_only_so_many_messages_wait_for_a_confirmation(monkeypatch) -> None:
    monkeypatch.setattr(amqp_batch, "MOST_MESSAGES", 2)
    batch = batch_of(*range(5))
    assert len(list(batch.take(5))) == 2
    assert list(batch.take(5)) == []
    batch.settle(0, False, CONFIRMED)
    assert [message.id for message in batch.take(5)] == ["1:2"]


def test_only_so_many_bytes_wait_for_a_confirmation_but_always_one_message(monkeypatch) -> None:
    monkeypatch.setattr(amqp_batch, "MOST_BYTES", 10)
    batch = batch_of("x" * 3, "x" * 3, "x" * 100)
    assert len(list(batch.take(5))) == 2
    batch.settle(0, False, CONFIRMED)
    assert list(batch.take(5)) == []
    batch.settle(1, False, CONFIRMED)
    assert len(list(batch.take(5))) == 1
