"""The MQTT connector at real brokers on loopback: the one that runs here, and some of its own."""

from __future__ import annotations

import base64
import hashlib
import os
import pwd
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import pytest

from destinations.connectors.base import (
    Accepted,
    ConfigurationError,
    Hold,
    Rejected,
    Retry,
    Unknown,
    Unreachable,
)
from destinations.connectors.mqtt.connector import Mqtt
from destinations.connectors.mqtt.link import Answer, Link, NotSent, Published
from destinations.connectors.testing import check_contract
from tests.harness import free_port, missing, wait_for
from tests.services.brokers import running
from tests.services.deliveries import kinds, leaving, upsert
from tests.services.line import Line, certificate_of
from tests.services.peers import LOOPBACK, BrokerPeer

MQTT = os.environ.get("TRACSYNC_TEST_MQTT", "mqtt://127.0.0.1:1883")
PASSWORD = "pass-of-mqtt"
SALT = b"salt-of-mqtt"


class Server:
    """Another view of a broker: a subscriber to all topics below a name, which it clears in the end."""

    def __init__(self, url: str = MQTT, **options: Any) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname, parts.port or 1883
        self.name = f"tracsync-test-{uuid.uuid4().hex[:12]}"
        self.heard: list[mqtt.MQTTMessage] = []
        self._marks: set[str] = set()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        if options:
            self.client.username_pw_set(options["user"], options["password"])
        self.client.on_message = self._on_message
        ready = threading.Event()
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.on_connect = lambda *_: self.client.subscribe(f"{self.name}/#", 1)
        self.client.connect(self.host, self.port)
        self.client.loop_start()
        assert ready.wait(30)

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        if message.topic.endswith("/mark"):
            self._marks.add(message.payload.decode())
        else:
            self.heard.append(message)

    def messages(self) -> list[dict[str, Any]]:
        """All that came until now."""
        mark = uuid.uuid4().hex
        self.client.publish(f"{self.name}/mark", mark, 1)
        wait_for(lambda: mark in self._marks, "what was published before")
        return [
            {
                "topic": one.topic,
                "headers": dict(one.properties.UserProperty),
                "content_type": getattr(one.properties, "ContentType", ""),
                "body": one.payload.decode(),
            }
            for one in self.heard
        ]

    @property
    def credentials(self) -> dict[str, Any]:
        return {"host": self.host, "port": self.port, "tls": False, "timeout": 5}

    @property
    def settings(self) -> dict[str, Any]:
        return {"topic": f"{self.name}/{{id}}"}

    def session(self, credentials: dict[str, Any] | None = None, **settings: Any) -> Any:
        given = {**self.credentials, **(credentials or {})}
        return Mqtt().open(given, {**self.settings, **settings}, LOOPBACK)

    def close(self) -> None:
        for topic in {one.topic for one in self.heard}:
            self.client.publish(topic, b"", 1, retain=True).wait_for_publish(30)
        self.client.disconnect()
        self.client.loop_stop()


@contextmanager
def opened(url: str = MQTT, **options: Any) -> Iterator[Server]:
    try:
        server = Server(url, **options)
    except OSError as error:
        missing("an MQTT broker", error)
        raise
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def server() -> Iterator[Server]:
    with opened() as made:
        yield made


@contextmanager
def own(folder: Any, *lines: str) -> Iterator[Server]:
    """A broker with the users admin, writer and reader, which has these lines in its configuration."""
    port = free_port()
    digest = base64.b64encode(hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), SALT, 101)).decode()
    hashed = f"$7$101${base64.b64encode(SALT).decode()}${digest}"
    (folder / "users").write_text("".join(f"{name}:{hashed}\n" for name in ("admin", "writer", "reader")))
    (folder / "rights").write_text(
        "user admin\ntopic readwrite #\nuser writer\ntopic write #\nuser reader\ntopic read #\n"
    )
    (folder / "mosquitto.conf").write_text(
        "\n".join(
            [
                f"user {pwd.getpwuid(os.geteuid()).pw_name}",  # root would become another one
                f"listener {port} 127.0.0.1",
                "allow_anonymous false",
                f"password_file {folder}/users",
                f"acl_file {folder}/rights",
                *lines,
                "",
            ]
        )
    )
    command = ["mosquitto", "-c", str(folder / "mosquitto.conf")]
    with (
        running("mosquitto", command, port),
        opened(f"mqtt://127.0.0.1:{port}", user="admin", password=PASSWORD) as made,
    ):
        yield made


@pytest.fixture(scope="module")
def guarded(tmp_path_factory) -> Iterator[Server]:
    with own(tmp_path_factory.mktemp("mqtt"), "max_packet_size 60000") as made:
        yield made


def as_user(name: str) -> dict[str, Any]:
    return {"user": name, "password": PASSWORD}


class MqttPeer(BrokerPeer):
    too_many = 10_000

    def __init__(self, server: Server, line: Line) -> None:
        super().__init__(server, line)
        self.credentials = {**server.credentials, **as_user("writer"), "port": line.port, "timeout": 1}
        self.wrong_credentials = {**self.credentials, "password": "another-pass"}
        self.settings = server.settings


def test_it_keeps_the_contract(guarded) -> None:
    line = Line("127.0.0.1", guarded.port, b"idempotency_key")
    check_contract(Mqtt(), MqttPeer(guarded, line))
    line.close()


def test_what_a_message_is(server) -> None:
    with server.session() as session:
        outcomes = session.push([upsert("a", 3, {"n": 1}), leaving("a", 4), leaving("b", 1, "erase")])
    assert kinds(outcomes) == [Accepted] * 3
    found = server.messages()
    assert found[0] == {
        "topic": f"{server.name}/a",
        "headers": {"operation": "upsert", "id": "a", "version": "3", "idempotency_key": "a:3"},
        "content_type": "application/json",
        "body": '{"n":1}',
    }
    assert [(one["headers"]["operation"], one["body"]) for one in found[1:]] == [
        ("remove", ""),
        ("erase", ""),
    ]


def test_a_retained_message_is_each_profiles_last_state(server) -> None:
    with server.session(retain=True) as session:
        outcomes = session.push([upsert("a", 1, {"n": 1}), upsert("a", 2, {"n": 2}), upsert("b", 1, {})])
        outcomes += session.push([leaving("b", 2)])
    assert kinds(outcomes) == [Accepted] * 4
    server.messages()
    server.heard.clear()
    server.client.subscribe(f"{server.name}/#", 1)  # again: the broker sends what it keeps
    assert [one["body"] for one in server.messages()] == ['{"n":2}']


def test_without_subscribers_a_message_is_tried_again_unless_that_is_fine(server) -> None:
    topic = f"other-{server.name}/{{id}}"
    with server.session(topic=topic) as session:
        (outcome,) = session.push([upsert("a", 1, {})])
    assert isinstance(outcome, Retry)
    assert "nobody subscribes" in outcome.reason
    with server.session(topic=topic, unmatched="accept") as session:
        assert kinds(session.push([upsert("a", 1, {})])) == [Accepted]
    with server.session(topic=topic, retain=True) as session:
        assert kinds(session.push([upsert("a", 1, {}), leaving("a", 2)])) == [Accepted] * 2


@pytest.mark.parametrize("key", ["a+", "#", "a\0", ""])
def test_an_id_that_is_no_part_of_a_topic_is_refused_alone(server, key) -> None:
    with server.session() as session:
        outcomes = session.push([upsert("good", 1, {}), upsert(key, 1, {})])
    assert kinds(outcomes) == [Accepted, Rejected]


def test_more_than_the_broker_takes_is_refused_with_its_limit(guarded) -> None:
    with guarded.session(as_user("writer")) as session:
        outcomes = session.push(
            [upsert("a", 1, {"text": "x" * 60_000}), upsert("b", 1, {"text": "x" * 59_800})]
        )
    assert kinds(outcomes) == [Rejected, Accepted]
    assert outcomes[0].code == "too_large"
    assert "60000 bytes" in outcomes[0].reason


def test_one_bad_item_of_a_hundred_is_one_rejection(tmp_path) -> None:
    """What is above Mosquitto's message_size_limit has an answer that is no MQTT 5."""
    deliveries = [upsert(f"p{at}", 1, {"n": at}) for at in range(100)]
    deliveries[40] = upsert("large", 1, {"text": "x" * 3_000})
    with own(tmp_path, "message_size_limit 2000") as server:
        with server.session(as_user("writer")) as session:
            outcomes = session.push(deliveries)
        assert kinds(outcomes) == [Accepted] * 40 + [Rejected] + [Accepted] * 59
        assert "too large" in outcomes[40].reason
        assert {one["headers"]["id"] for one in server.messages()} == {one.key for one in deliveries} - {
            "large"
        }


def test_a_missing_right_holds_and_is_named(guarded) -> None:
    with guarded.session(as_user("reader")) as session:
        assert session.check().startswith("connected to 127.0.0.1:")
        (outcome,) = session.push([upsert("a", 1, {})])
    assert isinstance(outcome, Hold)
    assert outcome.reason == f"this user may not publish to the topic {guarded.name}/a"


@pytest.fixture
def told(monkeypatch) -> Iterator[tuple[list[Published], Any]]:
    """What a broker says to one group of messages after the other, and a session that hears it."""
    words: list[Published] = []
    monkeypatch.setattr(Link, "connect", lambda self: None)
    monkeypatch.setattr(Link, "publish", lambda self, posts: words.pop(0))
    with Mqtt().open({"host": "h.example"}, {"topic": "profiles"}, LOOPBACK) as session:
        yield words, session
    assert not words


@pytest.mark.parametrize(
    ("code", "kind", "of"),
    [
        (0, Accepted, ""),
        (16, Retry, ""),
        (128, Retry, ""),
        (131, Retry, ""),
        (135, Hold, "denied"),
        (144, Rejected, "invalid_field"),
        (151, Retry, ""),
        (153, Rejected, "invalid_field"),
    ],
)
def test_what_the_reason_codes_of_an_answer_mean(told, code, kind, of) -> None:
    words, session = told
    words.append(Published([Answer(code)]))
    (outcome,) = session.push([upsert("a", 1, {})])
    assert (type(outcome), outcome.code) == (kind, of)


@pytest.mark.parametrize(
    ("code", "kind", "of"),
    [(130, Rejected, ""), (135, Hold, "denied"), (149, Rejected, "too_large")],
)
def test_of_those_under_way_when_the_broker_ends_the_connection_the_bad_one_fails_alone(
    told, code, kind, of
) -> None:
    words, session = told
    words += [
        Published([Answer(0), None, None, NotSent()], code),
        Published([None], code),
        Published([Answer(0)]),
        Published([Answer(0)]),
    ]
    outcomes = session.push([upsert(key, 1, {}) for key in ("a", "bad", "b", "c")])
    assert kinds(outcomes) == [Accepted, kind, Accepted, Accepted]
    assert outcomes[1].code == of


@pytest.mark.parametrize("code", [0, 137, 139, 151])
def test_an_end_of_the_connection_for_no_such_reason_leaves_in_doubt_what_was_under_way(told, code) -> None:
    words, session = told
    words.append(Published([Answer(0), None, NotSent()], code))
    assert kinds(session.push([upsert(key, 1, {}) for key in ("a", "b", "c")])) == [Accepted, Unknown, Retry]


def test_what_a_broker_cannot_is_said_before_anything_is_sent(tmp_path) -> None:
    for line, words in (("max_qos 0", "no QoS 1"), ("retain_available false", "keeps no retained messages")):
        folder = tmp_path / line
        folder.mkdir()
        with (
            own(folder, line) as server,
            server.session(as_user("writer"), retain=True) as session,
        ):
            for attempt in (session.check, lambda session=session: session.push([upsert("a", 1, {})])):
                with pytest.raises(ConfigurationError, match=words):
                    attempt()


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"password": "wr0ng-pass"}, ConfigurationError, "does not let this user in|refused the user"),
        ({"user": "", "password": ""}, ConfigurationError, "does not let this user in|refused the user"),
        ({"port": 1}, Unreachable, "could not connect to 127.0.0.1:1"),
        ({"host": "no-such-host.invalid"}, Unreachable, "cannot be resolved"),
        ({"tls": True, "timeout": 1}, Unreachable, "could not connect"),
    ],
)
def test_what_a_failed_connection_says(guarded, wrong, error, words) -> None:
    with guarded.session({**as_user("writer"), **wrong}) as session:
        for attempt in (session.check, lambda: session.push([upsert("a", 1, {})])):
            with pytest.raises(error, match=words) as caught:
                attempt()
            assert "wr0ng" not in str(caught.value)


def test_certificates_are_verified(tmp_path) -> None:
    certificate, port = certificate_of(tmp_path), free_port()
    pair = f"certfile {tmp_path}/pair.pem\nkeyfile {tmp_path}/pair.pem"
    with own(tmp_path, f"listener {port} 127.0.0.1\n{pair}") as server:
        secure = {**as_user("writer"), "tls": True, "port": port}
        with server.session(secure) as session, pytest.raises(Unreachable, match="could not be verified"):
            session.check()
        with server.session({**secure, "authorities": certificate.text}) as session:
            assert kinds(session.push([upsert("a", 1, {})])) == [Accepted]


def test_a_connection_that_was_closed_meanwhile_is_made_again(server) -> None:
    line = Line("127.0.0.1", server.port)
    with server.session({"port": line.port}) as session:
        session.push([upsert("a", 1, {})])
        line.cut()
        assert kinds(session.push([upsert("a", 2, {})])) in ([Accepted], [Unknown])
        assert kinds(session.push([upsert("a", 3, {})])) == [Accepted]
    line.close()


def test_what_was_under_way_when_the_connection_broke_is_unknown(server) -> None:
    """Mosquitto wants at most 20 messages under way: those after them were not sent."""
    line = Line("127.0.0.1", server.port, b"idempotency_key")
    with server.session({"port": line.port, "timeout": 60}) as session:
        session.check()
        line.is_silent = True
        outcomes: list[Any] = []
        deliveries = [upsert(f"p{at}", 1, {}) for at in range(30)]
        pushing = threading.Thread(target=lambda: outcomes.extend(session.push(deliveries)))
        pushing.start()
        line.wait_for(b"p19:1")
        line.cut()
        pushing.join(30)
    assert kinds(outcomes) == [Unknown] * 20 + [Retry] * 10
    line.close()
