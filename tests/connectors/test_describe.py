"""What a preview shows is what goes out: `describe` against the wire, for every connector.

The message of RabbitMQ is compared where there is a broker: tests/services/test_rabbitmq.py.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import time_machine

from destinations.connectors.amqp.connector import RabbitMQ
from destinations.connectors.base import Accepted, ConfigurationError, Delivery
from destinations.connectors.http.connector import HttpApi
from destinations.connectors.mautic import identity
from destinations.connectors.mautic.connector import Mautic
from destinations.connectors.redaction import MASK

PAYLOAD = {"name": "Žofie", "n": 1.5, "nested": {"a": [1, True, None]}, "none": None}
MAUTIC = {"public_key": "public", "private_key": "secret-key"}
DELIVERY = Delivery(PAYLOAD, "installation:7:1:abc")


@pytest.mark.parametrize(
    ("connector", "credentials", "settings"),
    [
        (HttpApi(), {"url": "http://h.example/{{profile@id}}"}, {}),
        (HttpApi(), {"url": "http://h.example/"}, {"headers": {"Host": "x"}}),
        (Mautic(), {**MAUTIC, "api_url": "http://h.example/{{profile@id}}"}, {}),
        (RabbitMQ(), {"uri": "amqp://h.example/"}, {"queue": {"name": "{{profile@id}}"}}),
    ],
)
def test_what_cannot_be_sent_is_not_shown_either(connector, credentials, settings) -> None:
    delivery = Delivery({"email": "ana@x.example"}, "1:1")
    with pytest.raises(ConfigurationError):
        connector.describe(credentials, settings, delivery)
    with pytest.raises(ConfigurationError):
        connector.open(credentials, settings)


def compare(told: dict[str, Any], seen: Any) -> None:
    """Everything of a request that a server has seen, in what was told of it."""
    assert set(told) == {"method", "url", "headers", "body"}
    assert told["method"] == seen.method
    compare_url(told["url"], f"http://{seen.headers['Host']}{seen.path}")
    sent = [(name, value) for name, value in seen.headers.items() if name != "Host"]
    assert sorted(told["headers"]) == sorted(name for name, _value in sent)
    assert len({name.lower() for name in told["headers"]}) == len(told["headers"])
    for name, value in sent:
        assert told["headers"][name] in (value, MASK)
    assert (told["body"] or "") == seen.body.decode()


def compare_url(told: str, sent: str) -> None:
    one, other = urlsplit(told), urlsplit(sent)
    assert (one.scheme, one.netloc, one.path or "/", one.fragment) == (*other[:3], "")
    values = zip(parse_qsl(one.query, True), parse_qsl(other.query, True), strict=True)
    assert all(shown[0] == real[0] and shown[1] in (real[1], MASK) for shown, real in values)


HTTP_API: dict[str, tuple[dict[str, Any], dict[str, Any], Any]] = {
    "JSON": ({}, {}, PAYLOAD),
    "PUT": ({}, {"method": "PUT"}, PAYLOAD),
    "PATCH": ({}, {"method": "PATCH"}, [1, 2]),
    "DELETE": ({}, {"method": "DELETE"}, None),
    "GET": ({"url": "/in?key=secret-key&blank=#part"}, {"method": "GET"}, PAYLOAD),
    "GET of nothing": ({}, {"method": "GET"}, {}),
    "GET with a type": ({}, {"method": "GET", "headers": {"content-type": "text/plain"}}, {"a": "x y"}),
    "JSON in lower case": ({}, {"headers": {"content-type": "application/json; charset=utf-8"}}, PAYLOAD),
    "JSON in upper case": ({"headers": {"CONTENT-TYPE": "application/vnd.api+json"}}, {}, PAYLOAD),
    "a form": ({}, {"headers": {"Content-type": "application/x-www-form-urlencoded"}}, PAYLOAD),
    "text": ({}, {"headers": {"content-type": "text/plain"}}, "plain ž"),
    "no text": ({}, {"headers": {"content-type": "text/plain"}}, PAYLOAD),
    "XML": ({}, {"headers": {"Content-Type": "application/xml"}}, "<a>ž</a>"),
    "cookies": ({}, {"cookies": {"a": "1", "b": "2"}}, PAYLOAD),
    "a cookie header": ({"headers": {"cookie": "a=1"}}, {}, PAYLOAD),
    "a token": ({"token": "t0ken"}, {}, PAYLOAD),
    "a password": ({"username": "bob", "password": "pass"}, {}, PAYLOAD),
    "an own authorization": ({"headers": {"authorization": "Custom 1"}}, {}, PAYLOAD),
    "headers of both": ({"headers": {"x-both": "1", "X-Key": "k"}}, {"headers": {"X-Both": "2"}}, PAYLOAD),
    "what is usual, otherwise": (
        {},
        {"headers": {"user-agent": "us", "ACCEPT": "text/html", "accept-encoding": "gzip"}},
        PAYLOAD,
    ),
    "an own key": ({}, {"headers": {"idempotency-key": "mine"}}, PAYLOAD),
    "latin 1": ({}, {"headers": {"X-Name": "é"}}, PAYLOAD),
    "a path": ({"url": "/ž/%7Ea/../b?ž=ž&c=%2F&secret"}, {}, PAYLOAD),
    "a path and a query of the profile": (
        {"url": "/in?key=secret-key"},
        {"path": "/ž/{{profile@id}}?a={{profile@id}}", "query": {"q": "profile@tags", "no?": "profile@no"}},
        PAYLOAD,
    ),
    "a header of the profile": ({}, {"headers": {"X-Id": "id {{delivery@key}}", "X-No?": "profile@no"}}, 1),
    "a body of its own": ({}, {"body": {"all": "delivery@", "k": "{{credentials@token}}"}}, PAYLOAD),
    "lines": ({}, {"encoding": "ndjson"}, [1, {"a": "ž"}]),
    "a form of JSON": ({}, {"encoding": "form_json"}, PAYLOAD),
    "a batch": ({}, {"batch": {"size": 5, "body": {"records": "items@"}}}, PAYLOAD),
    "a standard webhook": (
        {"signing_secrets": ["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"]},
        {"sign": {"scheme": "standard-webhooks"}},
        PAYLOAD,
    ),
    "a signature in a header": (
        {"signing_secrets": ["s3cret"]},
        {"sign": {"scheme": "hex", "header": "X-Sum"}},
        PAYLOAD,
    ),
    "AWS": (
        {"aws": {"access_key": "AKID", "secret_key": "s3cret", "region": "r", "service": "s3"}},
        {"path": "/a b~%24/{{profile@id}}".replace(" ", "+")},
        PAYLOAD,
    ),
}


@pytest.mark.parametrize(("credentials", "settings", "payload"), HTTP_API.values(), ids=HTTP_API)
@time_machine.travel(1_700_000_000, tick=False)
def test_http_api(server, loopback, credentials, settings, payload) -> None:
    given = {**credentials, "url": server.url + credentials.get("url", "/in")}
    delivery = Delivery(payload, "installation:7:1:abc", key="p/1", profile={"id": "p 1/ž", "tags": [1, "b"]})
    told = HttpApi().describe(given, settings, delivery)
    assert server.seen == []
    with HttpApi().open(given, settings, loopback) as session:
        (outcome,) = session.push([delivery])
    assert isinstance(outcome, Accepted)
    (seen,) = server.seen
    compare(told, seen)
    assert seen.headers["Idempotency-Key"] == "installation:7:1:abc"
    assert outcome.exchange.request == as_text(told)


@pytest.mark.parametrize(
    ("settings", "operation"),
    [
        ({"remove": {"path": "/{{delivery@remote.id}}"}}, "remove"),
        ({"erase": {"method": "POST", "body": {"id": "delivery@key"}}}, "erase"),
        ({"remote_id": "answer@id", "update": {"path": "/{{delivery@remote.id}}"}}, "upsert"),
    ],
)
def test_http_api_with_a_remote_id(server, loopback, settings, operation: str) -> None:
    delivery = Delivery(PAYLOAD, "1:1", {"id": "47/a"}, operation, "p-1")
    told = HttpApi().describe({"url": server.url}, settings, delivery)
    with HttpApi().open({"url": server.url}, settings, loopback) as session:
        (outcome,) = session.push([delivery])
    compare(told, server.seen[0])
    assert outcome.exchange.request == as_text(told)


def test_http_api_with_an_access_token(server, loopback) -> None:
    oauth2 = {"token_url": f"{server.url}/token", "client_id": "me", "client_secret": "s3cret"}
    told = HttpApi().describe({"url": server.url, "oauth2": oauth2}, {}, DELIVERY)
    assert server.seen == []
    server.answers.append((200, {}, b'{"access_token": "T0KEN"}'))
    with HttpApi().open({"url": server.url, "oauth2": oauth2}, {}, loopback) as session:
        (outcome,) = session.push([DELIVERY])
    compare(told, server.seen[1])
    assert outcome.exchange.request == as_text(told)


def as_text(told: dict[str, Any]) -> str:
    """As the log of attempts shows it."""
    lines = [
        f"{told['method']} {told['url']}",
        *(f"{name}: {told['headers'][name]}" for name in told["headers"]),
    ]
    return "\n".join(lines) + "\n\n" + (told["body"] or "")


@pytest.mark.parametrize("user", ["bob:p%40ss@", "token@"])
def test_http_api_with_the_user_in_the_url(server, loopback, user: str) -> None:
    given = {"url": server.url.replace("://", f"://{user}")}
    told = HttpApi().describe(given, {}, DELIVERY)
    with HttpApi().open(given, {}, loopback) as session:
        session.push([DELIVERY])
    compare(told, server.seen[0])
    assert told["headers"]["Authorization"] == MASK


def mautic(server, status: int, answer: Any) -> dict[str, str]:
    token = {"access_token": "T0KEN", "expires_in": 3600, "token_type": "bearer"}
    for code, content in ((200, token), (status, answer)):
        server.answers.append((code, {"Content-Type": "application/json"}, json.dumps(content).encode()))
    return {**MAUTIC, "api_url": f"{server.url}/sub/api/"}


@pytest.mark.parametrize("settings", [{}, {"overwrite_with_blank": True}])
def test_mautic(server, loopback, settings) -> None:
    credentials = mautic(server, 201, {"contact": {"id": 47}})
    delivery = Delivery(
        {"email": "ana@x.example", "firstname": "Žofie", "tags": ["a"]}, "installation:7:1:abc"
    )
    told = Mautic().describe(credentials, settings, delivery)
    with Mautic().open(credentials, settings, loopback) as session:
        (outcome,) = session.push([delivery])
    assert isinstance(outcome, Accepted)
    compare(told, server.seen[-1])
    assert server.seen[-1].headers["Authorization"] == "Bearer T0KEN"
    assert told["headers"]["Authorization"] == MASK
    assert outcome.exchange.request == as_text(told)


def test_mautic_gives_a_known_contact_another_address(server, loopback) -> None:
    """Looking at the contact comes first; what is shown is the call that changes it."""
    place = f"127.0.0.1:{server.port}/sub"
    known = identity.identity("47", place, "old@x.example")
    there = {"contact": {"id": 47, "fields": {"all": {"id": 47, "email": "old@x.example"}}}}
    credentials = mautic(server, 200, there)
    server.answers.append((200, {}, json.dumps(there).encode()))
    delivery = Delivery({"email": "ana@x.example"}, "installation:7:1:abc", {"id": str(known)})
    told = Mautic().describe(credentials, {}, delivery)
    assert told["method"] == "PATCH"
    with Mautic().open(credentials, {}, loopback) as session:
        (outcome,) = session.push([delivery])
    assert isinstance(outcome, Accepted)
    compare(told, server.seen[-1])


def test_mautic_in_a_batch_sends_each_contact_as_it_is_shown(server, loopback) -> None:
    people = [{"email": f"{n}@x.example", "overwriteWithBlank": "no"} for n in range(3)]
    told = {"contacts": [{"id": n + 1} for n in range(3)], "statusCodes": [201] * 3}
    credentials = mautic(server, 201, told)
    deliveries = [Delivery(one, f"1:{n}") for n, one in enumerate(people)]
    shown = [Mautic().describe(credentials, {}, delivery) for delivery in deliveries]
    with Mautic().open(credentials, {}, loopback) as session:
        session.push(deliveries)
    assert json.loads(server.seen[-1].body) == [json.loads(one["body"]) for one in shown]
