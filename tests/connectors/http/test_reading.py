"""Reading back: a call of its own, of which the answer tells what is held."""

from __future__ import annotations

import pytest

from destinations.connectors.base import ConfigurationError, Delivery, Held, Unreachable
from destinations.connectors.capabilities import abilities
from destinations.connectors.http.connector import HttpApi

READ = {"path": "/{{delivery@remote.id}}", "at": "answer@contact"}
DELIVERY = Delivery({"email": "a@x.example"}, "1:1", {"id": "c/1"}, key="p-1")


def read(server, loopback, settings, *deliveries):
    given = {"url": f"{server.url}/contacts", "token": "t0ken-marker"}
    with HttpApi().open(given, {"read": settings}, loopback) as session:
        return session.read(deliveries or (DELIVERY,))


def test_it_can_where_it_has_a_call() -> None:
    assert abilities(HttpApi(), {}) == ()
    assert abilities(HttpApi(), {"read": READ}) == ("read",)


def test_what_the_answer_tells(server, loopback) -> None:
    server.answers.append((200, {}, b'{"contact": {"email": "b@x.example"}}'))
    assert read(server, loopback, READ) == [Held({"email": "b@x.example"})]
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.body) == ("GET", "/contacts/c%2F1", b"")
    assert seen.headers["Authorization"] == "Bearer t0ken-marker"
    assert "Idempotency-Key" not in seen.headers


def test_the_whole_answer_and_a_search_by_post(server, loopback) -> None:
    server.answers.append((200, {}, b'{"email": "b@x.example"}'))
    search = {"method": "POST", "path": "/search", "body": {"mail": "delivery@payload.email"}}
    assert read(server, loopback, search) == [Held({"email": "b@x.example"})]
    assert server.seen[0].body == b'{"mail":"a@x.example"}'


@pytest.mark.parametrize(
    ("answer", "held"),
    [
        ((404, {}, b""), Held()),
        ((410, {}, b""), Held()),
        ((500, {}, b"t0ken-marker"), Held(problem="answered 500: ********")),
        ((403, {}, b""), Held(problem="answered 403: it refused the credentials")),
        ((200, {}, b'{"contacts": []}'), Held()),
        ((200, {}, b"<p>sign in</p>"), Held(problem="answered 200, and what it says is no JSON")),
    ],
)
def test_other_answers(server, loopback, answer, held) -> None:
    server.answers.append(answer)
    assert read(server, loopback, READ) == [held]


def test_one_without_an_id_is_told_alone(server, loopback) -> None:
    server.answers.append((200, {}, b'{"contact": {"a": 1}}'))
    found = read(server, loopback, READ, Delivery({}, "1:2"), DELIVERY)
    assert found == [Held(problem="delivery@remote.id is missing"), Held({"a": 1})]


def test_nobody_there(loopback) -> None:
    opened = HttpApi().open({"url": "http://127.0.0.1:1"}, {"read": READ}, loopback)
    with opened as session, pytest.raises(Unreachable):
        session.read([DELIVERY])


@pytest.mark.parametrize(
    "settings", [{"path": "/{{profile@id}}"}, {"method": "DELETE"}, {"at": "profile@id"}]
)
def test_what_cannot_be_a_reading_call(settings) -> None:
    with pytest.raises(ConfigurationError):
        HttpApi().open({"url": "http://h.example"}, {"read": settings})
