"""The Redis connector at a real server on loopback, with a user, keys and nothing else of its own."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from destinations.connectors.base import (
    Accepted,
    ConfigurationError,
    Delivery,
    Held,
    Hold,
    Rejected,
    Runtime,
    Unknown,
    Unreachable,
)
from destinations.connectors.redis.connector import Redis
from destinations.connectors.testing import Peer, check_contract
from tests.harness import REDIS, missing
from tests.services.deliveries import kinds, leaving, upsert
from tests.services.line import Line, TlsLine

LOOPBACK = Runtime(allowed_internal=("127.0.0.0/8",))
PASSWORD = "pass-of-redis"
WRITES = (b"XADD", b"EVAL")
KINDS = ("stream", "hash")


class Server:
    """Another view of the server; takes away what was made."""

    def __init__(self) -> None:
        self.client = redis.Redis.from_url(REDIS, decode_responses=True, socket_connect_timeout=5)
        self.client.ping()
        self.name = f"tracsync-test-{uuid.uuid4().hex[:12]}"
        self.users: list[str] = []
        self.user("all", "+@all")

    def user(self, suffix: str, *rights: str) -> dict[str, Any]:
        """Credentials of a new user."""
        parts = urlsplit(REDIS)
        name = f"{self.name}-{suffix}"
        self.client.execute_command("ACL", "SETUSER", name, "on", f">{PASSWORD}", f"~{self.name}*", *rights)
        self.users.append(name)
        return {
            "host": parts.hostname,
            "port": parts.port or 6379,
            "database": int(parts.path.strip("/") or 0),
            "user": name,
            "password": PASSWORD,
            "tls": False,
            "timeout": 5,
        }

    @property
    def credentials(self) -> dict[str, Any]:
        return self.user("all", "+@all")

    def settings(self, kind: str, **more: Any) -> dict[str, Any]:
        return {"kind": kind, "key": self.name if kind == "stream" else f"{self.name}:", **more}

    def session(self, kind: str, credentials: dict[str, Any] | None = None, **more: Any) -> Any:
        return Redis().open(
            {**self.credentials, **(credentials or {})}, self.settings(kind, **more), LOOPBACK
        )

    def messages(self) -> list[dict[str, str]]:
        return [fields for _id, fields in self.client.xrange(self.name)]

    def hash(self, key: str) -> dict[str, str]:
        return self.client.hgetall(f"{self.name}:{key}")

    def keys(self) -> list[str]:
        return sorted(self.client.scan_iter(f"{self.name}*", count=1000))

    def close(self) -> None:
        for key in self.keys():
            self.client.delete(key)
        for name in set(self.users):
            self.client.execute_command("ACL", "DELUSER", name)
        self.client.close()


@pytest.fixture
def server() -> Iterator[Server]:
    try:
        made = Server()
    except (redis.RedisError, OSError) as error:
        missing("Redis", error)
        raise
    yield made
    made.close()


def commands(sent: bytes) -> Iterator[list[str]]:
    """What a client has sent, in Redis' protocol: lists of texts, each with its length before it."""
    rest = bytes(sent)
    while rest:
        line, _, rest = rest.partition(b"\r\n")
        found = []
        for _part in range(int(line[1:])):
            line, _, rest = rest.partition(b"\r\n")
            length = int(line[1:])
            found.append(rest[:length].decode())
            rest = rest[length + 2 :]
        yield found


class RedisPeer(Peer):
    def __init__(self, server: Server, kind: str, line: Line) -> None:
        self.server, self.kind, self.line = server, kind, line
        self.credentials = {**server.credentials, "port": line.port, "timeout": 1}
        self.wrong_credentials = {**self.credentials, "password": "another-pass"}
        self.settings = server.settings(kind)
        self.runtime = LOOPBACK
        self.takes_key = kind == "stream"  # a hash has none; its version makes repeats harmless

    def payload(self, number: int) -> Any:
        return {"name": f"Žofie {number}", f"only-{number}": [number, None, {"a": True}]}

    def refused(self) -> Sequence[Any]:
        few = [{"name": "ultramarine \ud800"}]
        return (
            few
            if self.kind == "stream"
            else [*few, ["ultramarine"], {"name": "ultramarine", "_version": "9"}]
        )

    def requests(self) -> Sequence[Any]:
        found = [one for sent in self.line.sent for one in commands(sent)]
        return [{"command": one} for one in found if one[0] in ("XADD", "EVAL")]

    def received(self) -> Sequence[Any]:
        found = [one["command"] for one in self.requests()]
        if self.kind == "stream":
            return [json.loads(one[-1]) for one in found if one[-2] == "payload"]
        fields = [dict(zip(one[6::2], one[7::2], strict=True)) for one in found if len(one) > 6]
        return [
            {name: text if name == "name" else json.loads(text) for name, text in one.items()}
            for one in fields
        ]

    def state(self) -> Any:
        return len(self.requests()), self.server.keys()

    @contextmanager
    def silent(self) -> Iterator[None]:
        self.line.is_silent = True
        yield
        self.line.is_silent = False


@pytest.fixture
def line(server) -> Iterator[Line]:
    made = Line("127.0.0.1", server.credentials["port"], *WRITES)
    yield made
    made.close()


@pytest.mark.parametrize("kind", KINDS)
def test_it_keeps_the_contract(server, line, kind) -> None:
    check_contract(Redis(), RedisPeer(server, kind, line))


def test_messages_of_a_stream(server) -> None:
    with server.session("stream") as session:
        outcomes = session.push([upsert("a", 3, {"n": 1}), leaving("a", 4), leaving("a", 5, "erase")])
    assert kinds(outcomes) == [Accepted] * 3
    assert server.messages() == [
        {"operation": "upsert", "id": "a", "version": "3", "idempotency_key": "a:3", "payload": '{"n":1}'},
        {"operation": "remove", "id": "a", "version": "4", "idempotency_key": "a:4"},
        {"operation": "erase", "id": "a", "version": "5", "idempotency_key": "a:5"},
    ]


def test_a_stream_keeps_about_as_many_as_wanted(server) -> None:
    with server.session("stream", most=100) as session:
        for _time in range(2):
            session.push([upsert(f"p{at}", 1, {}) for at in range(500)])
    assert 100 <= len(server.messages()) < 500


def test_an_older_version_never_overwrites_a_newer_hash(server) -> None:
    with server.session("hash") as session:
        outcomes = session.push(
            [
                upsert("a", 5, {"name": "new", "n": 1}),
                upsert("a", 4, {"name": "old"}),
                leaving("a", 3),
                upsert("b", 1, {"name": "b"}),
                leaving("b", 2, "erase"),
                leaving("gone", 1),
            ]
        )
    assert kinds(outcomes) == [Accepted, Rejected, Rejected, Accepted, Accepted, Accepted]
    assert [outcome.code for outcome in outcomes[1:3]] == ["conflict"] * 2
    assert server.keys() == [f"{server.name}:a"]
    assert server.hash("a") == {"_version": "5", "name": "new", "n": "1"}


def test_a_hash_is_exactly_its_payload(server) -> None:
    with server.session("hash", version_field="v") as session:
        session.push([upsert("a", 1, {"name": "Ana", "old": 1, "list": [1, None]})])
        session.push([upsert("a", 1, {"name": "Ana", "null": None, "true": True, "text": "5"})])
    assert server.hash("a") == {"v": "1", "name": "Ana", "true": "true", "text": "5"}


def test_what_is_held_is_read_in_the_payloads_form(server) -> None:
    sent = upsert("a", 1, {"name": "Ana", "n": 1.5, "list": [1, {"a": None}], "null": None})
    with server.session("hash") as session:
        session.push([sent])
        server.client.hset(f"{server.name}:a", "by", "hand")
        assert session.read([sent, upsert("nobody", 1, {})]) == [Held({**sent.payload, "by": "hand"}), Held()]
        server.client.hset(f"{server.name}:a", "n", "2")
        assert session.read([sent])[0].payload["n"] == "2"
    assert Redis().abilities_with(server.settings("hash")) == ("read",)
    assert Redis().abilities_with(server.settings("stream")) == ()


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_of_another_kind_stays_as_it_is(server, kind) -> None:
    server.client.set(server.name, "text")
    server.client.set(f"{server.name}:a", "text")
    with server.session(kind) as session:
        outcomes = session.push([upsert("a", 1, {"n": 1}), upsert("b", 1, {"n": 1})])
        assert kinds(outcomes) == ([Hold, Hold] if kind == "stream" else [Rejected, Accepted])
        assert "wrong kind of value" in outcomes[0].reason
        assert server.client.get(f"{server.name}:a") == "text"
        if kind == "stream":
            with pytest.raises(ConfigurationError, match="no stream but a string"):
                session.check()


@pytest.mark.parametrize(
    ("kind", "rights", "names"),
    [("stream", ("+@all", "-xadd"), "XADD"), ("hash", ("+@all", "-eval", "-hset"), "EVAL, HSET")],
)
def test_check_names_what_this_user_may_not_do_and_a_push_holds(server, kind, rights, names) -> None:
    limited = server.user("few", *rights)
    with server.session(kind, limited) as session:
        with pytest.raises(ConfigurationError, match=f"may not use these commands: {names}$"):
            session.check()
        assert kinds(session.push([upsert("a", 1, {"n": 1})])) == [Hold]
    assert server.keys() == []


def test_check_of_a_user_who_may_not_ask_says_nothing_of_rights(server) -> None:
    limited = server.user("few", "+type", "+xadd", "+select")
    with server.session("stream", limited) as session:
        assert session.check().startswith("connected to 127.0.0.1:")
        assert kinds(session.push([upsert("a", 1, {"n": 1})])) == [Accepted]


def test_a_connection_that_was_closed_meanwhile_is_made_again(server) -> None:
    with server.session("stream") as session:
        session.push([upsert("a", 1, {})])
        server.client.execute_command("CLIENT", "KILL", "USER", f"{server.name}-all")
        outcomes = session.push([upsert("a", 2, {})])
        if kinds(outcomes) == [Unknown]:  # the end had not come here yet
            outcomes = session.push([upsert("a", 2, {})])
    assert kinds(outcomes) == [Accepted]


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"password": "wr0ng-pass"}, ConfigurationError, "user name or the password"),
        ({"port": 1}, Unreachable, "could not connect to 127.0.0.1:1"),
        ({"host": "no-such-host.invalid"}, Unreachable, "cannot be resolved"),
        ({"database": 65_000}, ConfigurationError, "refused the connection"),
        ({"tls": True, "timeout": 1}, Unreachable, "could not connect"),
    ],
)
def test_what_a_failed_connection_says(server, wrong, error, words) -> None:
    with server.session("stream", wrong) as session:
        for attempt in (session.check, lambda: session.push([upsert("a", 1, {})])):
            with pytest.raises(error, match=words) as caught:
                attempt()
            assert "wr0ng-pass" not in str(caught.value)


def test_certificates_are_verified(server, tmp_path) -> None:
    line = TlsLine(server.credentials["port"], tmp_path)
    secure = {"tls": True, "port": line.port}
    with (
        server.session("stream", secure) as session,
        pytest.raises(Unreachable, match="could not be verified"),
    ):
        session.check()
    with server.session("stream", {**secure, "authorities": line.certificate}) as session:
        assert kinds(session.push([upsert("a", 1, {})])) == [Accepted]
    line.close()


def test_a_hash_needs_the_profiles_id(server) -> None:
    with server.session("hash") as session:
        (outcome,) = session.push([Delivery({"n": 1}, "1")])
    assert isinstance(outcome, Rejected)
    assert "no key" in outcome.reason
