"""The RabbitMQ connector against a real broker on 127.0.0.1:5672 (guest, guest)."""

from __future__ import annotations

import bz2
import contextlib
import json
import os
import socket
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pika
import pytest
from pika import exceptions as amqp

from destinations.connectors.amqp import batch, link
from destinations.connectors.amqp import channel as amqp_channel
from destinations.connectors.amqp import message as amqp_message
from destinations.connectors.amqp.connector import RabbitMQ
from destinations.connectors.base import (
    Accepted,
    ConfigurationError,
    Delivery,
    Rejected,
    Retry,
    Runtime,
    Unknown,
    Unreachable,
)
from destinations.connectors.testing import Peer, check_contract

URI = "amqp://guest:guest@127.0.0.1:5672//"
LOOPBACK = Runtime(allowed_internal=("127.0.0.0/8",))
PAYLOAD = {"name": "Žofie", "n": 1.5}


class Broker:
    """A second, independent view of the broker; drops what it made."""

    def __init__(self, prefix: str) -> None:
        self.name = prefix
        self.connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1"))
        self.channel = self.connection.channel()
        self.queues, self.exchanges = [prefix], [prefix]

    def get(self) -> tuple[Any, bytes] | None:
        _method, properties, body = self.channel.basic_get(self.name, auto_ack=True)
        return None if properties is None else (properties, body)

    def all(self) -> list[tuple[Any, bytes]]:
        return list(iter(self.get, None))

    def has(self, kind: str) -> bool:
        declare = getattr(self.channel, f"{kind}_declare")
        try:
            declare(self.name, passive=True)
        except amqp.ChannelClosedByBroker:
            self.channel = self.connection.channel()
            return False
        return True

    def clean(self) -> None:
        channel = self.connection.channel()
        for queue in self.queues:
            channel.queue_delete(queue)
        for exchange in self.exchanges:
            channel.exchange_delete(exchange)
        self.connection.close()


@pytest.fixture
def broker() -> Iterator[Broker]:
    try:
        made = Broker(f"tracsync-test-{uuid.uuid4().hex[:12]}")
    except (amqp.AMQPError, OSError) as error:
        reason = f"no RabbitMQ on 127.0.0.1:5672 ({type(error).__name__})"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    yield made
    made.clean()


def opened(broker: Broker, uri: str = URI, timeout: float = 5, runtime: Runtime = LOOPBACK, **queue):
    settings = {"queue": {"name": broker.name, "routing_key": "key", **queue}}
    return RabbitMQ().open({"uri": uri, "timeout": timeout}, settings, runtime)


def push(broker: Broker, *payloads: Any, **options):
    with opened(broker, **options) as session:
        return session.push([Delivery(payload, f"3:{at}") for at, payload in enumerate(payloads)])


def test_a_message_is_confirmed_and_readable_by_kombu_consumers(broker) -> None:
    (outcome,) = push(broker, PAYLOAD)
    assert isinstance(outcome, Accepted)
    ((properties, body),) = broker.all()
    assert json.loads(body) == PAYLOAD
    assert "Žofie".encode() in body
    assert (properties.content_type, properties.content_encoding) == ("application/json", "utf-8")
    assert (properties.delivery_mode, properties.message_id) == (2, "3:0")
    assert (properties.app_id, properties.type) == ("tracsync", "profile")
    assert abs(properties.timestamp - time.time()) < 5
    assert not properties.headers


@pytest.mark.parametrize("compression", ["none", "gzip", "bzip2"])
@pytest.mark.parametrize("payload", [PAYLOAD, "text", None, []])
def test_what_is_described_is_what_arrives(broker, compression: str, payload: Any) -> None:
    settings = {"queue": {"name": broker.name, "routing_key": "key", "compression": compression}}
    delivery = Delivery(payload, "installation:7:1:abc")
    told = RabbitMQ().describe({"uri": URI}, settings, delivery)
    with RabbitMQ().open({"uri": URI}, settings, LOOPBACK) as session:
        (outcome,) = session.push([delivery])
    assert isinstance(outcome, Accepted)
    method, properties, body = broker.channel.basic_get(broker.name, auto_ack=True)
    assert (told["exchange"], told["routing_key"]) == (method.exchange, method.routing_key)
    sent = {name: value for name, value in vars(properties).items() if value is not None}
    assert abs(told["properties"].pop("timestamp") - sent.pop("timestamp")) < 60
    assert told["properties"] == sent
    unpack = {"none": bytes, "gzip": zlib.decompress, "bzip2": bz2.decompress}[compression]
    assert told["body"] == unpack(body).decode()
    assert outcome.exchange.request.endswith(f"\n\n{told['body']}")


def test_one_outcome_each_in_order(broker) -> None:
    outcomes = push(broker, *[{"n": n} for n in range(50)], {"bad": "\ud800"}, {"n": 50})
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [Accepted] * 50 + [Rejected, Accepted]
    assert [json.loads(body)["n"] for _properties, body in broker.all()] == list(range(51))


@pytest.mark.parametrize(
    ("compression", "label", "unpack"),
    [("gzip", "application/x-gzip", zlib.decompress), ("bzip2", "application/x-bz2", bz2.decompress)],
)
def test_compression_as_tracardi_has_it(broker, compression, label, unpack) -> None:
    push(broker, PAYLOAD, compression=compression)
    ((properties, body),) = broker.all()
    assert properties.headers == {"compression": label}
    assert json.loads(unpack(body)) == PAYLOAD


@pytest.mark.parametrize("kind", ["direct", "fanout", "topic", "headers"])
def test_every_exchange_type_reaches_the_queue(broker, kind: str) -> None:
    (outcome,) = push(broker, PAYLOAD, queue_type=kind, durable=kind != "fanout")
    assert isinstance(outcome, Accepted)
    assert len(broker.all()) == 1


def test_a_tracardi_shaped_queue_is_reused(broker) -> None:
    broker.channel.exchange_declare(broker.name, "direct", durable=True)
    broker.channel.queue_declare(broker.name, durable=True)
    broker.channel.queue_bind(broker.name, broker.name, "key")
    assert isinstance(push(broker, PAYLOAD)[0], Accepted)
    assert len(broker.all()) == 1


@pytest.mark.parametrize(
    "arguments", [{"x-queue-type": "quorum"}, {"x-max-length": 10}, {"x-message-ttl": 60000}]
)
def test_a_queue_with_arguments_is_used_without_406(broker, arguments) -> None:
    broker.channel.queue_declare(broker.name, durable=True, arguments=arguments)
    assert isinstance(push(broker, PAYLOAD)[0], Accepted)
    assert push(broker, PAYLOAD) != []


def test_an_unroutable_message_is_not_accepted_and_the_channel_lives_on(broker) -> None:
    broker.channel.exchange_declare(broker.name, "direct", durable=True)
    with opened(broker, auto_declare=False) as session:
        (outcome,) = session.push([Delivery(PAYLOAD, "3:0")])
        assert isinstance(outcome, Retry)
        assert "unroutable" in outcome.reason
        assert broker.name in outcome.reason
        broker.channel.queue_declare(broker.name, durable=True)
        broker.channel.queue_bind(broker.name, broker.name, "key")
        assert isinstance(session.push([Delivery(PAYLOAD, "3:0")])[0], Accepted)


def test_an_outcome_shows_the_message_without_secrets(broker) -> None:
    (outcome,) = push(broker, {"name": "Jane", "note": "my password is guest"})
    assert outcome.exchange.request.startswith(f"exchange {broker.name!r}, routing key 'key'\n")
    assert "message_id: 3:0\n" in outcome.exchange.request
    assert '{"name":"Jane","note":"my password is ********"}' in outcome.exchange.request
    assert "guest" not in repr(outcome)
    assert (outcome.exchange.response, outcome.exchange.status) == ("", None)


def test_what_the_broker_returns_is_not_logged(broker, caplog: pytest.LogCaptureFixture) -> None:
    broker.channel.exchange_declare(broker.name, "direct", durable=True)
    with caplog.at_level("DEBUG"):
        push(broker, {"name": "marker"}, auto_declare=False)
    assert "marker" not in caplog.text


def test_a_full_queue_refuses_and_that_is_retried(broker) -> None:
    limits = {"x-max-length": 1, "x-overflow": "reject-publish"}
    broker.channel.queue_declare(broker.name, durable=True, arguments=limits)
    outcomes = push(broker, {"n": 1}, {"n": 2}, {"n": 3})
    assert [type(outcome) for outcome in outcomes] == [Accepted, Retry, Retry]
    assert "refused" in outcomes[1].reason


@pytest.mark.parametrize(("kind", "durable"), [("topic", True), ("direct", False)])
def test_406_is_said_clearly_and_the_channel_reopened(broker, kind, durable) -> None:
    broker.channel.exchange_declare(broker.name, kind, durable=durable)
    with opened(broker) as session:
        for attempt in (session.check, lambda: session.push([Delivery(PAYLOAD, "3:0")])):
            with pytest.raises(ConfigurationError, match=r"exists with other properties.*inequivalent arg"):
                attempt()
        broker.channel.exchange_delete(broker.name)
        assert isinstance(session.push([Delivery(PAYLOAD, "3:0")])[0], Accepted)


def test_without_auto_declare_any_existing_exchange_is_used(broker) -> None:
    broker.channel.exchange_declare(broker.name, "topic", durable=False)
    broker.channel.queue_declare(broker.name, durable=True)
    broker.channel.queue_bind(broker.name, broker.name, "#")
    assert isinstance(push(broker, PAYLOAD, auto_declare=False)[0], Accepted)


def test_without_auto_declare_nothing_is_created(broker) -> None:
    with pytest.raises(ConfigurationError, match=r"does not exist.*auto_declare"):
        push(broker, PAYLOAD, auto_declare=False)
    assert not broker.has("exchange")
    assert not broker.has("queue")


def test_a_queue_held_by_another_connection_is_a_configuration_error(broker) -> None:
    broker.channel.queue_declare(broker.name, exclusive=True)
    with pytest.raises(ConfigurationError, match="locked"):
        push(broker, PAYLOAD)


def test_check_says_what_is_there_and_changes_nothing(broker) -> None:
    name = broker.name
    with opened(broker) as session:
        told = session.check()
        assert told == (
            f"connected to 127.0.0.1:5672, vhost /: exchange {name} would be created, "
            f"queue {name} would be created"
        )
        assert not broker.has("exchange")
        session.push([Delivery(PAYLOAD, "3:0")])
        assert session.check().endswith(f"exchange {name} exists, queue {name} exists")
    with opened(broker, auto_declare=False) as session:
        assert session.check().endswith(f"exchange {name} exists")


@pytest.mark.parametrize("path", ["", "/", "//", "/%2F", "/%2f"])
def test_the_forms_of_the_default_vhost(broker, path: str) -> None:
    assert isinstance(push(broker, PAYLOAD, uri=f"amqp://guest:guest@127.0.0.1{path}")[0], Accepted)


def test_an_exchange_deleted_meanwhile_is_declared_again(broker) -> None:
    with opened(broker) as session:
        session.push([Delivery(PAYLOAD, "3:0")])
        broker.channel.exchange_delete(broker.name)
        outcomes = session.push([Delivery(PAYLOAD, "3:1"), Delivery(PAYLOAD, "3:2")])
    assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted]
    assert [properties.message_id for properties, _body in broker.all()] == ["3:0", "3:1", "3:2"]


@pytest.mark.parametrize(
    ("uri", "error", "words"),
    [
        ("amqp://guest:wr0ng-pass@127.0.0.1", ConfigurationError, "user name or the password"),
        ("amqp://guest:guest@127.0.0.1/no-such-vhost", ConfigurationError, "vhost no-such-vhost"),
        ("amqp://guest:guest@127.0.0.1:1", Unreachable, "could not connect to 127.0.0.1:1"),
        ("amqps://guest:guest@127.0.0.1:5672", Unreachable, "could not connect"),
    ],
)
def test_connections_that_fail(broker, uri: str, error: type, words: str) -> None:
    with opened(broker, uri=uri) as session, pytest.raises(error, match=words) as caught:
        session.check()
    assert "wr0ng" not in str(caught.value)


def test_a_broker_that_is_gone_is_unreachable(broker) -> None:
    with pytest.raises(Unreachable, match="could not connect"):
        push(broker, {}, {}, uri="amqp://guest:guest@127.0.0.1:1")


def test_an_internal_address_is_refused(broker) -> None:
    with pytest.raises(ConfigurationError, match="TRACSYNC_ALLOWED_INTERNAL_NETWORKS"):
        push(broker, PAYLOAD, runtime=Runtime())


def test_a_host_name_is_connected_to(broker) -> None:
    runtime = Runtime(allowed_internal=("localhost",))
    assert isinstance(push(broker, PAYLOAD, uri="amqp://localhost", runtime=runtime)[0], Accepted)


BLOCKED = b"\x01\x00\x00\x00\x00\x00\x08\x00\x0a\x00\x3c\x03low\xce"  # connection.blocked("low")


class Relay:
    """Stands between connector and broker, and can lose connections and confirmations.

    `mode`: "pass", "cut" (ends the connection instead of passing on a confirmation), "cut and refuse",
    "swallow" (drops confirmations and keeps the connection alive), "block" (says instead that publishers
    are blocked), "refuse" (accepts no connection). It begins after `passing` confirmations; `meanwhile` is
    called with the number of each before it is passed on. `sent` are the bytes each connection sent.
    """

    def __init__(self) -> None:
        self.mode, self.confirmations, self.connections = "pass", 0, 0
        self.passing, self.sent = 0, []
        self.meanwhile: Callable[[int], object] = lambda confirmation: None
        self.pairs: list[tuple[socket.socket, socket.socket]] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start(self.accept)

    def start(self, target, *args) -> None:
        threading.Thread(target=target, args=args, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.mode == "refuse":
                client.close()
                continue
            self.connections += 1
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server = socket.create_connection(("127.0.0.1", 5672))
            self.pairs.append((client, server))
            self.sent.append(b"")
            self.start(self.to_broker, client, server, self.connections - 1)
            self.start(self.to_client, server, client)

    def to_broker(self, source: socket.socket, sink: socket.socket, place: int) -> None:
        try:
            while data := source.recv(65536):
                self.sent[place] += data
                sink.sendall(data)
        except OSError:
            pass
        self.end(source, sink)

    def to_client(self, source: socket.socket, sink: socket.socket) -> None:
        stream = source.makefile("rb")
        try:
            while len(head := stream.read(7)) == 7:
                body = stream.read(int.from_bytes(head[3:7], "big") + 1)
                if head[0] == 1 and body[:4] == b"\x00\x3c\x00\x50":  # method frame basic.ack
                    self.confirmations += 1
                    self.meanwhile(self.confirmations)
                    mode = self.mode if self.confirmations > self.passing else "pass"
                    if mode == "block":
                        sink.sendall(BLOCKED)
                    if mode in ("swallow", "block"):
                        continue
                    if mode in ("cut", "cut and refuse"):
                        self.mode = "refuse" if mode == "cut and refuse" else "pass"
                        break
                sink.sendall(head + body)
        except OSError:
            pass
        stream.close()
        self.end(source, sink)

    def end(self, *sockets: socket.socket) -> None:
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def cut_all(self) -> None:
        for pair in self.pairs:
            self.end(*pair)

    @property
    def uri(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"


@pytest.fixture
def relay() -> Iterator[Relay]:
    made = Relay()
    yield made
    made.listener.close()
    made.cut_all()


class RabbitPeer(Peer):
    """The real broker, behind a relay that can keep its confirmations back."""

    varies = ("timestamp",)

    def __init__(self, broker: Broker, relay: Relay, compression: str) -> None:
        self.broker, self.relay, self.taken = broker, relay, []
        self.credentials = {"uri": relay.uri}
        self.wrong_credentials = {"uri": relay.uri.replace(":guest@", ":wr0ng-passw0rd@")}
        self.settings = {"queue": {"name": broker.name, "routing_key": "key", "compression": compression}}
        self.unpack = {"none": bytes, "gzip": zlib.decompress, "bzip2": bz2.decompress}[compression]

    def payload(self, number: int) -> Any:
        return {"name": f"Žofie {number}", f"only-{number}": number}

    def refused(self) -> Any:
        return [{"name": "ultramarine \ud800"}]

    def requests(self) -> Any:
        while self.broker.has("queue") and (got := self.broker.channel.basic_get(self.broker.name, True))[0]:
            method, properties, body = got
            sent = {name: value for name, value in vars(properties).items() if value is not None}
            place = {"exchange": method.exchange, "routing_key": method.routing_key}
            self.taken.append({**place, "properties": sent, "body": self.unpack(body).decode()})
        return self.taken

    def received(self) -> Any:
        return [json.loads(one["body"]) for one in self.requests() if one["properties"]["type"] == "profile"]

    def state(self) -> Any:
        return [len(self.requests()), self.broker.has("exchange"), self.broker.has("queue")]

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        self.relay.mode = "cut and refuse"
        yield
        self.relay.mode = "pass"


@pytest.mark.parametrize("compression", ["none", "gzip", "bzip2"])
def test_it_keeps_the_contract(broker, relay, compression: str) -> None:
    check_contract(RabbitMQ(), RabbitPeer(broker, relay, compression))


def test_a_stale_connection_is_replaced_before_publishing(broker, relay) -> None:
    with opened(broker, uri=relay.uri) as session:
        assert isinstance(session.push([Delivery(PAYLOAD, "3:0")])[0], Accepted)
        relay.cut_all()
        assert isinstance(session.push([Delivery(PAYLOAD, "3:1")])[0], Accepted)
    assert relay.connections == 2
    messages = broker.all()
    assert [properties.message_id for properties, _body in messages] == ["3:0", "3:1"]
    assert {properties.delivery_mode for properties, _body in messages} == {2}


def kinds(outcomes) -> list[type]:
    return [type(outcome) for outcome in outcomes]


def ids(broker: Broker) -> list[str]:
    return [properties.message_id for properties, _body in broker.all()]


@pytest.fixture
def lockstep(monkeypatch: pytest.MonkeyPatch) -> None:
    """One message on its way at a time, so that it is certain what was sent when."""
    monkeypatch.setattr(batch, "MOST_MESSAGES", 1)


def test_a_loss_before_the_confirmation_repeats_with_the_same_message_id(broker, relay) -> None:
    relay.mode = "cut"
    assert kinds(push(broker, {"n": 1}, {"n": 2}, uri=relay.uri)) == [Accepted, Accepted]
    arrived = ids(broker)
    assert arrived[0] == "3:0"
    assert arrived[-2:] == ["3:0", "3:1"]
    assert len(arrived) in (3, 4)


@pytest.mark.usefixtures("lockstep")
def test_only_what_was_not_confirmed_is_repeated(broker, relay) -> None:
    relay.mode, relay.passing = "cut", 2
    assert kinds(push(broker, *range(4), uri=relay.uri)) == [Accepted] * 4
    assert ids(broker) == ["3:0", "3:1", "3:2", "3:2", "3:3"]


@pytest.mark.parametrize(("mode", "words"), [("cut and refuse", "was lost"), ("swallow", "in time")])
@pytest.mark.usefixtures("lockstep")
def test_confirmed_stays_accepted_sent_is_unknown_the_rest_retried(broker, relay, mode, words) -> None:
    relay.mode, relay.passing = mode, 2
    outcomes = push(broker, *range(5), uri=relay.uri, timeout=2)
    assert kinds(outcomes) == [Accepted, Accepted, Unknown, Retry, Retry]
    assert words in outcomes[2].reason
    assert all(outcome.reason.startswith("not tried: ") for outcome in outcomes[3:])
    assert ids(broker) == ["3:0", "3:1", "3:2"]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few on their way that the broker cannot confirm a batch of 900 at once."""
    monkeypatch.setattr(batch, "MOST_MESSAGES", 100)


@pytest.mark.usefixtures("narrow")
def test_what_is_called_accepted_in_a_broken_batch_is_in_the_queue(broker, relay) -> None:
    relay.mode, relay.passing = "cut and refuse", 1
    outcomes = push(broker, *range(900), uri=relay.uri)
    assert set(kinds(outcomes)) <= {Accepted, Unknown, Retry}
    assert kinds(outcomes[-1:]) == [Retry]
    accepted = {f"3:{at}" for at, outcome in enumerate(outcomes) if isinstance(outcome, Accepted)}
    assert accepted
    assert accepted <= set(ids(broker))


@pytest.mark.usefixtures("narrow")
def test_a_batch_in_flight_when_the_connection_breaks_is_delivered_all_the_same(broker, relay) -> None:
    relay.mode, relay.passing = "cut", 1
    assert kinds(push(broker, *range(900), uri=relay.uri)) == [Accepted] * 900
    assert set(ids(broker)) == {f"3:{at}" for at in range(900)}


def test_a_broker_that_never_confirms_is_left_in_time(broker, relay) -> None:
    with opened(broker, uri=relay.uri, timeout=2) as session:
        session.push([Delivery({"n": 0}, "3:9")])
        relay.mode = "swallow"
        outcomes = session.push([Delivery({"n": 1}, "3:0"), Delivery({"n": 2}, "3:1")])
        assert kinds(outcomes) == [Unknown, Unknown]
        assert "in time" in outcomes[0].reason
        relay.mode = "pass"
        assert isinstance(session.push([Delivery({"n": 1}, "3:0")])[0], Accepted)


@pytest.mark.usefixtures("lockstep")
def test_a_broker_that_blocks_publishers_is_left_in_time(broker, relay) -> None:
    relay.mode, relay.passing = "block", 1
    outcomes = push(broker, *range(4), uri=relay.uri, timeout=2)
    assert kinds(outcomes) == [Accepted, Unknown, Retry, Retry]
    assert "short of memory or disk" in outcomes[1].reason
    assert "short of memory or disk" in outcomes[2].reason
    assert relay.connections == 1
    assert ids(broker) == ["3:0", "3:1"]


def test_nothing_is_sent_to_a_broker_that_blocks_publishers(broker, relay, monkeypatch) -> None:
    monkeypatch.setattr(amqp_channel, "SLICE", 1)
    with opened(broker, uri=relay.uri, timeout=2) as session:
        session.push([Delivery(0, "3:0")])
        relay.pairs[0][0].sendall(BLOCKED)
        with pytest.raises(Unreachable, match="short of memory or disk"):
            session.push([Delivery(1, "3:1")])
    assert ids(broker) == ["3:0"]


HEARTBEAT = b"\x08\x00\x00\x00\x00\x00\x00\xce"


def test_heartbeats_are_sent_while_waiting(broker, relay, monkeypatch) -> None:
    monkeypatch.setattr(link, "HEARTBEAT", 1)
    relay.mode = "swallow"
    assert kinds(push(broker, PAYLOAD, uri=relay.uri, timeout=3)) == [Unknown]
    assert HEARTBEAT in relay.sent[0]


def test_a_connection_inherited_from_the_parent_is_left_alone(broker, relay, monkeypatch) -> None:
    with opened(broker, uri=relay.uri) as session:
        session.push([Delivery(0, "3:0")])
        inherited, sent = session._link._connection, relay.sent[0]
        with monkeypatch.context() as child:
            child.setattr(os, "getpid", lambda: -1)
            assert kinds(session.push([Delivery(1, "3:1")])) == [Accepted]
            session.close()
        assert relay.sent[0] == sent
        inherited.close()
    assert relay.connections == 2
    assert ids(broker) == ["3:0", "3:1"]


def test_more_than_may_wait_for_a_confirmation_keeps_its_order(broker, monkeypatch) -> None:
    monkeypatch.setattr(batch, "MOST_MESSAGES", 70)
    assert kinds(push(broker, *range(1000))) == [Accepted] * 1000
    assert ids(broker) == [f"3:{at}" for at in range(1000)]


def test_large_messages_wait_for_each_other(broker) -> None:
    large = "x" * (batch.MOST_BYTES // 2)
    assert kinds(push(broker, *[large] * 4, large * 3, 5)) == [Accepted] * 6
    assert ids(broker) == [f"3:{at}" for at in range(6)]


def test_one_push_after_the_other_on_one_channel(broker) -> None:
    with opened(broker) as session:
        for start in range(0, 300, 100):
            outcomes = session.push([Delivery(at, f"3:{at}") for at in range(start, start + 100)])
            assert kinds(outcomes) == [Accepted] * 100
    assert ids(broker) == [f"3:{at}" for at in range(300)]


def test_a_batch_that_cannot_be_routed(broker) -> None:
    broker.channel.exchange_declare(broker.name, "direct", durable=True)
    outcomes = push(broker, *range(120), auto_declare=False)
    assert kinds(outcomes) == [Retry] * 120
    assert "unroutable" in outcomes[-1].reason


@pytest.mark.usefixtures("lockstep")
def test_one_message_in_the_middle_cannot_be_routed(broker, relay) -> None:
    def meanwhile(confirmation: int) -> None:
        if confirmation == 2:
            broker.channel.queue_unbind(broker.name, broker.name, "key")
        elif confirmation == 3:
            broker.channel.queue_bind(broker.name, broker.name, "key")

    relay.meanwhile = meanwhile
    outcomes = push(broker, *range(5), uri=relay.uri)
    assert kinds(outcomes) == [Accepted, Accepted, Retry, Accepted, Accepted]
    assert "unroutable" in outcomes[2].reason
    assert ids(broker) == ["3:0", "3:1", "3:3", "3:4"]


@pytest.mark.usefixtures("lockstep")
def test_an_exchange_deleted_in_the_middle_is_declared_again(broker, relay) -> None:
    relay.meanwhile = lambda at: at == 2 and broker.channel.exchange_delete(broker.name)
    assert kinds(push(broker, *range(4), uri=relay.uri)) == [Accepted] * 4
    assert ids(broker) == ["3:0", "3:1", "3:2", "3:3"]


def test_no_right_to_publish_is_a_configuration_error(broker) -> None:
    broker.channel.exchange_declare(broker.name, durable=True, internal=True)
    with pytest.raises(ConfigurationError, match="not allowed to publish"):
        push(broker, *range(3), auto_declare=False)


@pytest.mark.usefixtures("lockstep")
def test_a_right_lost_in_the_middle_does_not_forget_what_was_delivered(broker, relay) -> None:
    def meanwhile(confirmation: int) -> None:
        if confirmation == 2:
            broker.channel.exchange_delete(broker.name)
            broker.channel.exchange_declare(broker.name, durable=True, internal=True)

    relay.meanwhile = meanwhile
    outcomes = push(broker, *range(4), uri=relay.uri)
    assert kinds(outcomes) == [Accepted, Accepted, Retry, Retry]
    assert "not allowed to publish" in outcomes[2].reason


@pytest.fixture
def refusable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker answers 406 to messages that say "bad", as it does to those that are too large."""
    write = amqp_message.write

    def written(delivery: Delivery, compression: str) -> amqp_message.Message:
        message = write(delivery, compression)
        if "bad" in str(delivery.payload):
            message.fields["user_id"] = "somebody-else"
        return message

    monkeypatch.setattr(amqp_message, "write", written)


@pytest.mark.usefixtures("refusable")
@pytest.mark.parametrize("bad", [{2}, {0}, {4}, {1, 3}, {0, 1, 2, 3, 4}])
def test_a_message_that_the_broker_refuses_fails_alone(broker, bad: set[int]) -> None:
    outcomes = push(broker, *["bad" if at in bad else at for at in range(5)])
    assert kinds(outcomes) == [Rejected if at in bad else Accepted for at in range(5)]
    for at in bad:
        assert "the broker refused the message: PRECONDITION_FAILED" in outcomes[at].reason
    assert set(ids(broker)) == {f"3:{at}" for at in set(range(5)) - bad}


@pytest.mark.usefixtures("refusable")
def test_a_large_message_that_the_broker_refuses_costs_no_repeats(broker) -> None:
    large = "bad" * batch.MOST_BYTES
    outcomes = push(broker, 0, 1, large, 3, large, 5)
    assert kinds(outcomes) == [Accepted, Accepted, Rejected, Accepted, Rejected, Accepted]
    assert ids(broker) == ["3:0", "3:1", "3:3", "3:5"]


@pytest.mark.usefixtures("refusable")
def test_a_batch_of_refused_and_unwritable_and_good_ones(broker) -> None:
    payloads = ["bad", {"bad": "\ud800"}, *range(40), "bad", *range(40)]
    outcomes = push(broker, *payloads)
    assert kinds(outcomes) == [Accepted if isinstance(payload, int) else Rejected for payload in payloads]
    assert "JSON" in outcomes[1].reason or "UTF-8" in outcomes[1].reason


def test_a_server_that_says_nothing_is_left_in_time(broker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"amqp://guest:guest@127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Unreachable):
            push(broker, PAYLOAD, uri=uri, timeout=0.3)
