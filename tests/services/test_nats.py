"""The NATS connector at real servers on loopback: the one that runs here, and one of its own with users."""

from __future__ import annotations

import asyncio
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import nats
import pytest
from nats.js.api import DiscardPolicy

from destinations.connectors.base import (
    Accepted,
    ConfigurationError,
    Hold,
    Rejected,
    Retry,
    Unknown,
    Unreachable,
)
from destinations.connectors.nats.connector import Nats
from destinations.connectors.testing import check_contract
from tests.harness import free_port, missing
from tests.services.brokers import running
from tests.services.deliveries import kinds, leaving, upsert
from tests.services.line import Line, certificate_of
from tests.services.peers import LOOPBACK, BrokerPeer

NATS = os.environ.get("TRACSYNC_TEST_NATS", "nats://127.0.0.1:4222")
PASSWORD = "pass-of-nats"


class Server:
    """Another view of a server, with a stream of one's own that is gone afterwards."""

    def __init__(self, url: str = NATS, **options: Any) -> None:
        self.parts = urlsplit(url)
        self.loop = asyncio.new_event_loop()
        self.name = f"tracsync-test-{uuid.uuid4().hex[:12]}"
        try:
            self.client = self.run(
                nats.connect(url, allow_reconnect=False, connect_timeout=5, error_cb=_raised, **options)
            )
        except BaseException:
            self.loop.close()
            raise
        self.stream = self.client.jetstream()
        self.run(self.stream.add_stream(name=self.name, subjects=[f"{self.name}.>"]))

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    @property
    def credentials(self) -> dict[str, Any]:
        return {"host": self.parts.hostname, "port": self.parts.port or 4222, "tls": False, "timeout": 5}

    @property
    def settings(self) -> dict[str, Any]:
        return {"stream": self.name, "subject": f"{self.name}.{{id}}"}

    def session(self, credentials: dict[str, Any] | None = None, **settings: Any) -> Any:
        given = {**self.credentials, **(credentials or {})}
        return Nats().open(given, {**self.settings, **settings}, LOOPBACK)

    def change(self, **more: Any) -> None:
        self.run(self.stream.update_stream(name=self.name, subjects=[f"{self.name}.>"], **more))

    def count(self) -> int:
        return self.run(self.stream.stream_info(self.name)).state.messages

    def messages(self) -> list[dict[str, Any]]:
        found = [self.run(self.stream.get_msg(self.name, at + 1)) for at in range(self.count())]
        return [
            {
                "subject": one.subject,
                "headers": {
                    name: text for name, text in one.headers.items() if name != "Nats-Expected-Stream"
                },
                "body": (one.data or b"").decode(),
            }
            for one in found
        ]

    def close(self) -> None:
        self.run(self.stream.delete_stream(self.name))
        self.run(self.client.close())
        self.loop.close()


async def _raised(error: Exception) -> None:
    raise error


@contextmanager
def opened(url: str = NATS, **options: Any) -> Iterator[Server]:
    try:
        server = Server(url, **options)
    except (nats.errors.Error, OSError, TimeoutError) as error:
        missing("NATS", error)
        raise
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def server() -> Iterator[Server]:
    with opened() as made:
        yield made


class NatsPeer(BrokerPeer):
    too_many = 200_000

    def __init__(self, server: Server, line: Line) -> None:
        super().__init__(server, line)
        signed_in = {"user": "writer", "password": PASSWORD}
        self.credentials = {**server.credentials, **signed_in, "port": line.port, "timeout": 1}
        self.wrong_credentials = {**self.credentials, "password": "another-pass"}
        self.settings = server.settings
        self.server = server

    def state(self) -> Any:
        return self.server.count()


USERS = """
port: {port}
jetstream {{ store_dir: "{folder}" }}
max_payload: 60KB
{more}
authorization {{
  users = [
    {{ user: "admin", password: "{password}" }}
    {{ user: "writer", password: "{password}" }}
    {{ user: "blind", password: "{password}",
       permissions: {{ publish: {{ deny: "$JS.API.>" }}, subscribe: ["_INBOX.>"] }} }}
    {{ user: "reader", password: "{password}",
       permissions: {{ publish: ["$JS.API.>"], subscribe: ["_INBOX.>"] }} }}
    {{ user: "deaf", password: "{password}", permissions: {{ publish: [">"], subscribe: ["none"] }} }}
  ]
}}
"""


@contextmanager
def own(folder: Any, more: str = "", **options: Any) -> Iterator[Server]:
    """A server with users, and limits of its own."""
    port = free_port()
    path = folder / "nats.conf"
    path.write_text(USERS.format(port=port, folder=folder / "js", password=PASSWORD, more=more))
    with (
        running("nats-server", ["nats-server", "-a", "127.0.0.1", "-c", str(path)], port),
        opened(f"nats://127.0.0.1:{port}", user="admin", password=PASSWORD, **options) as made,
    ):
        yield made


@pytest.fixture(scope="module")
def guarded(tmp_path_factory) -> Iterator[Server]:
    with own(tmp_path_factory.mktemp("nats")) as made:
        yield made


def as_user(name: str) -> dict[str, Any]:
    return {"user": name, "password": PASSWORD}


def test_it_keeps_the_contract(guarded) -> None:
    line = Line("127.0.0.1", guarded.credentials["port"], b"HPUB")
    check_contract(Nats(), NatsPeer(guarded, line))
    line.close()


def test_what_a_message_is(server) -> None:
    with server.session() as session:
        first = upsert("a", 3, {"n": 1})
        outcomes = session.push([first, leaving("a", 4), leaving("b", 1, "erase")])
    assert kinds(outcomes) == [Accepted] * 3
    assert outcomes[0].detail == f"the stream {server.name} has it as 1"
    told = {"operation": "upsert", "id": "a", "version": "3", "idempotency_key": first.idempotency_key}
    found = server.messages()
    assert found[0] == {
        "subject": f"{server.name}.a",
        "headers": {"Nats-Msg-Id": first.idempotency_key, **told, "content-type": "application/json"},
        "body": '{"n":1}',
    }
    assert [(one["headers"]["operation"], one["body"]) for one in found[1:]] == [
        ("remove", ""),
        ("erase", ""),
    ]


def test_a_repeat_is_known_by_its_key(server) -> None:
    delivery = upsert("a", 1, {"n": 1})
    with server.session() as session:
        outcomes = [session.push([delivery])[0] for _time in range(2)]
    assert kinds(outcomes) == [Accepted] * 2
    assert "had it already" in outcomes[1].detail
    assert server.count() == 1


def test_one_bad_item_of_a_hundred_is_one_rejection(server) -> None:
    server.change(max_msg_size=2_000)
    deliveries = [upsert(f"p{at}", 1, {"n": at}) for at in range(100)]
    deliveries[40] = upsert("large", 1, {"text": "x" * 3_000})
    with server.session() as session:
        outcomes = session.push(deliveries)
    assert kinds(outcomes) == [Accepted] * 40 + [Rejected] + [Accepted] * 59
    assert outcomes[40].code == "too_large"
    assert "exceeds maximum allowed" in outcomes[40].reason
    assert server.count() == 99


@pytest.mark.parametrize("key", ["a b", "a*", "a>", "a..b", ".a", "a.", ""])
def test_an_id_that_is_no_part_of_a_subject_is_refused_alone(server, key) -> None:
    with server.session() as session:
        outcomes = session.push([upsert("good", 1, {}), upsert(key, 1, {})])
    assert kinds(outcomes) == [Accepted, Rejected]


def test_more_than_the_server_takes_is_refused_with_its_limit(guarded) -> None:
    with guarded.session(as_user("writer")) as session:
        outcomes = session.push(
            [upsert("a", 1, {"text": "x" * 61_440}), upsert("b", 1, {"text": "x" * 60_000})]
        )
    assert kinds(outcomes) == [Rejected, Accepted]
    assert outcomes[0].code == "too_large"
    assert "max_payload: 61" in outcomes[0].reason


def test_a_full_stream_is_tried_again(server) -> None:
    server.change(max_msgs=1, discard=DiscardPolicy.NEW)
    with server.session() as session:
        outcomes = session.push([upsert("a", 1, {}), upsert("b", 1, {})])
    assert kinds(outcomes) == [Accepted, Retry]
    assert "maximum messages exceeded" in outcomes[1].reason


def test_a_stream_or_a_subject_that_is_not_there_holds(server) -> None:
    for wrong, said, found in (
        ({"subject": f"other-{server.name}"}, "no stream takes the subject", "does not take the subject"),
        ({"stream": "not-there"}, "expected stream does not match", "there is no stream not-there"),
    ):
        with server.session(**wrong) as session:
            (outcome,) = session.push([upsert("a", 1, {})])
            assert isinstance(outcome, Hold)
            assert said in outcome.reason
            with pytest.raises(ConfigurationError, match=found):
                session.check()
    assert server.count() == 0


def test_check_looks_at_the_stream(server) -> None:
    with server.session() as session:
        assert session.check().endswith(f"the stream {server.name} is there")


@pytest.mark.parametrize("user", ["reader", "blind", "deaf"])
def test_missing_rights_are_named(guarded, user) -> None:
    with guarded.session(as_user(user)) as session:
        if user == "reader":
            assert "is there" in session.check()
            (outcome,) = session.push([upsert("a", 1, {})])
            assert isinstance(outcome, Hold)
            assert outcome.reason == f"this user may not publish to {guarded.name}.a"
        elif user == "blind":
            assert f"without the right to publish to $JS.API.STREAM.INFO.{guarded.name}" in session.check()
            assert kinds(session.push([upsert("a", 1, {})])) == [Accepted]
        else:
            with pytest.raises(ConfigurationError, match=r"may not subscribe to _INBOX\.>"):
                session.push([upsert("a", 1, {})])


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"password": "wr0ng-pass"}, ConfigurationError, "refused the user name"),
        ({"user": "", "password": "wr0ng-token"}, ConfigurationError, "refused the user name"),
        ({"user": "", "password": ""}, ConfigurationError, "refused the user name"),
        ({"port": 1}, Unreachable, "could not connect to 127.0.0.1:1"),
        ({"host": "no-such-host.invalid"}, Unreachable, "cannot be resolved"),
        ({"tls": True}, ConfigurationError, "does not speak TLS"),
    ],
)
def test_what_a_failed_connection_says(guarded, wrong, error, words) -> None:
    with guarded.session({**as_user("writer"), **wrong}) as session:
        for attempt in (session.check, lambda: session.push([upsert("a", 1, {})])):
            with pytest.raises(error, match=words) as caught:
                attempt()
            assert "wr0ng" not in str(caught.value)


def test_certificates_are_verified(tmp_path) -> None:
    certificate = certificate_of(tmp_path)
    files = f'tls {{ cert_file: "{tmp_path}/pair.pem", key_file: "{tmp_path}/pair.pem" }}'
    with own(tmp_path, files, tls=certificate.context) as server:
        with (
            server.session({**as_user("writer"), "tls": True}) as session,
            pytest.raises(Unreachable, match="could not be verified"),
        ):
            session.check()
        secure = {**as_user("writer"), "tls": True, "authorities": certificate.text}
        with server.session(secure) as session:
            assert kinds(session.push([upsert("a", 1, {})])) == [Accepted]


def test_a_connection_that_was_closed_meanwhile_is_made_again(server) -> None:
    line = Line("127.0.0.1", server.credentials["port"])
    with server.session({"port": line.port}) as session:
        session.push([upsert("a", 1, {})])
        line.cut()
        assert kinds(session.push([upsert("a", 2, {})])) in ([Accepted], [Unknown])
        assert kinds(session.push([upsert("a", 3, {})])) == [Accepted]
    line.close()


def test_what_was_under_way_when_the_connection_broke_is_unknown(server) -> None:
    line = Line("127.0.0.1", server.credentials["port"], b"HPUB")
    with server.session({"port": line.port, "timeout": 60}) as session:
        session.check()
        line.is_silent = True
        outcomes: list[Any] = []
        pushing = threading.Thread(target=lambda: outcomes.extend(session.push([upsert("a", 1, {})])))
        pushing.start()
        line.wait_for(b"HPUB")
        line.cut()
        pushing.join(30)
        assert kinds(outcomes) == [Unknown]
    line.close()
