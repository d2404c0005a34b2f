from __future__ import annotations

import base64
import json
import socket
from urllib.parse import parse_qsl

import pytest

from destinations.connectors.base import (
    Accepted,
    ConfigurationError,
    Delivery,
    Rejected,
    Retry,
    Runtime,
    Unreachable,
)
from destinations.connectors.http.connector import HttpApi
from tests.cases import for_each

PAYLOAD = {"name": "Žofie", "n": 1.5, "nested": {"a": [1, True, None], "b": {"c": "x y&z"}}, "none": None}


def push(server, runtime, *payloads, credentials=None, **settings):
    deliveries = [Delivery(payload, f"7:{at}") for at, payload in enumerate(payloads or (PAYLOAD,))]
    given = {"url": server.url + "/hook", **(credentials or {})}
    with HttpApi().open(given, settings, runtime) as session:
        return session.push(deliveries)


def test_the_payload_is_the_json_body(server, loopback) -> None:
    (outcome,) = push(server, loopback)
    (seen,) = server.seen
    assert isinstance(outcome, Accepted)
    assert seen.method == "POST"
    assert seen.body == json.dumps(PAYLOAD, ensure_ascii=False, separators=(",", ":")).encode()
    assert seen.headers["Content-Type"] == "application/json"
    assert seen.headers["Idempotency-Key"] == "7:0"
    assert seen.headers["User-Agent"] == "tracsync"


@pytest.mark.parametrize("resource", [True, False])
@pytest.mark.parametrize("destination", [True, False])
def test_certificates_are_verified_where_nobody_switched_it_off(resource, destination) -> None:
    credentials = {"url": "https://crm.example/", "ssl_check": resource}
    with HttpApi().open(credentials, {"ssl_check": destination}) as session:
        assert session._client._verify is (resource and destination)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_methods_with_a_body(server, loopback, method: str) -> None:
    push(server, loopback, {"a": 1}, method=method)
    assert (server.seen[0].method, server.seen[0].body) == (method, b'{"a":1}')


def test_get_makes_query_parameters(server, loopback) -> None:
    push(server, loopback, credentials={"url": server.url + "/hook?k=v#part"}, method="GET")
    (seen,) = server.seen
    path, _, query = seen.path.partition("?")
    assert (seen.method, path, seen.body) == ("GET", "/hook", b"")
    assert parse_qsl(query) == [
        ("k", "v"),
        ("name", "Žofie"),
        ("n", "1.5"),
        ("nested.a", "1"),
        ("nested.a", "true"),
        ("nested.b.c", "x y&z"),
    ]
    assert "Content-Type" not in seen.headers


def test_get_of_an_empty_payload(server, loopback) -> None:
    push(server, loopback, {}, method="GET")
    assert server.seen[0].path == "/hook"


def test_a_form(server, loopback) -> None:
    push(server, loopback, headers={"content-type": "application/x-www-form-urlencoded"})
    assert ("nested.a", "true") in parse_qsl(server.seen[0].body.decode())


@pytest.mark.parametrize(
    ("kind", "payload", "body"),
    [
        ("text/plain", "plain ž", "plain ž".encode()),
        ("text/plain", {"a": "ž"}, '{"a":"ž"}'.encode()),
        ("application/xml", "<a/>", b"<a/>"),
        ("application/vnd.api+json", {"a": 1}, b'{"a":1}'),
        ("application/json; charset=utf-8", "text", b'"text"'),
    ],
)
def test_other_content_types(server, loopback, kind: str, payload, body: bytes) -> None:
    push(server, loopback, payload, credentials={"headers": {"Content-Type": kind}})
    assert (server.seen[0].body, server.seen[0].headers["Content-Type"]) == (body, kind)


def test_a_payload_that_cannot_be_written_is_rejected_alone(server, loopback) -> None:
    outcomes = push(server, loopback, {"a": "\ud800"}, {"a": float("nan")}, {"a": 1})
    assert [type(outcome) for outcome in outcomes] == [Rejected, Rejected, Accepted]
    assert len(server.seen) == 1


def test_get_needs_an_object(server, loopback) -> None:
    (outcome,) = push(server, loopback, [1], method="GET")
    assert outcome == Rejected("the payload must be an object to be sent as parameters", code="invalid_field")


@pytest.mark.parametrize(
    ("credentials", "authorization"),
    [
        ({"token": "t0ken"}, "Bearer t0ken"),
        (
            {"username": "bob", "password": "pä:ss"},
            "Basic " + base64.b64encode("bob:pä:ss".encode()).decode(),
        ),
        ({"username": "bob"}, "Basic " + base64.b64encode(b"bob:").decode()),
        ({"headers": {"Authorization": "Custom 1"}}, "Custom 1"),
        ({}, None),
    ],
)
def test_authorization(server, loopback, credentials, authorization) -> None:
    push(server, loopback, credentials=credentials)
    assert server.seen[0].headers["Authorization"] == authorization


def test_credentials_in_the_url_become_basic(server, loopback) -> None:
    push(server, loopback, credentials={"url": f"http://bob:p%40ss@127.0.0.1:{server.port}/"})
    assert server.seen[0].headers["Authorization"] == "Basic " + base64.b64encode(b"bob:p@ss").decode()


@for_each(
    ("credentials", "settings"),
    [
        ({"token": "t", "username": "u"}, {}),
        ({"token": "t", "password": "p"}, {}),
        ({"url": "http://u:p@h.example/", "token": "t"}, {}),
        ({"token": "t"}, {"headers": {"authorization": "x"}}),
        ({"token": "a\r\nb"}, {}),
        ({"headers": {"X": "a\nb"}}, {}),
        ({}, {"headers": {"X-€": "1"}}),
        ({}, {"headers": {"X": "€"}}),
        ({}, {"timeout": 61}),
        ({}, {"timeout": 0}),
        ({}, {"method": "TRACE"}),
        ({"url": "ftp://h.example/"}, {}),
        ({"url": "http://"}, {}),
        ({"url": ""}, {}),
        ({"proxy": "socks5://h:1"}, {}),
        ({"unknown": 1}, {}),
    ],
)
def test_unusable_configuration_is_refused_when_opened(credentials, settings) -> None:
    with pytest.raises(ConfigurationError):
        HttpApi().open({"url": "http://h.example/", **credentials}, settings)


OF_THE_CONNECTION = [
    *(
        "Transfer-Encoding",
        "Content_Length",
        "Content-Length",
        "Connection",
        "Expect",
        "TE",
        "Trailer",
        "Upgrade",
        "Keep-Alive",
    ),
    *("Proxy-Connection", "Proxy-Authenticate", "HTTP2-Settings", "Host", "Proxy-Authorization"),
]


@for_each("name", OF_THE_CONNECTION)
@for_each("write", [str, str.lower, str.upper])
def test_headers_of_the_connection_are_refused(name: str, write) -> None:
    """Beside our own they made one request be read as two, or left a server waiting."""
    header = {"headers": {write(name): "chunked"}}
    for credentials, settings in (({}, header), (header, {})):
        with pytest.raises(ConfigurationError, match=f"the header (?i:{name}) cannot be set: ") as caught:
            HttpApi().open({"url": "http://h.example/", **credentials}, settings)
        assert "chunked" not in str(caught.value)


@pytest.mark.parametrize(
    ("credentials", "settings", "field"),
    [
        ({"url": "http://h.example/{{profile@id}}"}, {}, "url"),
        ({"url": "http://h.example/?id=profile@id"}, {}, "url"),
        ({"url": "http://h.example/profile@id"}, {}, "url"),
        ({"url": "http://{{profile@host}}/"}, {}, "url"),
        ({"url": "http://h.example/{{"}, {}, "url"),
        ({"proxy": "http://{{profile@proxy}}:3128"}, {}, "proxy"),
        ({"headers": {"X-Id": "profile@id"}}, {}, "headers.X-Id"),
        ({}, {"cookies": {"id": "{{profile@id}}"}}, "cookies.id"),
        ({}, {"cookies": {"{{profile@id}}": "1"}}, "cookies.{{profile@id}}"),
    ],
)
def test_a_reference_that_would_be_sent_as_it_stands_is_refused(credentials, settings, field: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        HttpApi().open({"url": "http://h.example/", **credentials}, settings)
    assert str(caught.value) == (
        f"{field} holds {{{{ or profile@ and would be sent just so:"
        " only the mapping takes values from the profile"
    )


@pytest.mark.parametrize(
    "credentials",
    [
        {"url": "http://user:profile@h.example/"},
        {"url": "http://h.example/%7B%7Bx"},
        {"url": "http://h.example/?to=my-profile@example.org"},
        {"proxy": "http://user:my.profile@proxy.example:3128"},
        {"username": "{{", "password": "profile@"},
        {"token": "{{profile@"},
    ],
)
def test_what_only_looks_like_a_reference_is_taken(credentials) -> None:
    with HttpApi().open({"url": "http://h.example/", **credentials}, {}):
        pass


@for_each(
    ("credentials", "settings", "words"),
    [
        ({"headers": {"X-A": "1", "x-a": "2"}}, {}, "a header is given twice"),
        (
            {},
            {"headers": {"Content-Type": "text/plain", "content-type": "text/html"}},
            "a header is given twice",
        ),
        ({}, {"headers": {"cookie": "a=1"}, "cookies": {"b": "2"}}, "either a Cookie header or cookies"),
        ({"headers": {"Cookie": "a=1"}}, {"cookies": {"b": "2"}}, "either a Cookie header or cookies"),
        ({}, {"cookies": {"a;b": "1"}}, "the name of cookie “a;b” cannot be blank or hold ="),
        ({}, {"cookies": {"a": "1; b=2"}}, "the value of cookie “a” cannot hold ; or ,"),
        ({}, {"cookies": {"a": "1", "b": "€"}}, "the value of cookie “b” holds characters"),
        ({"url": "http://h.example:x/"}, {}, "the url cannot be used"),
        ({"url": "http://h.example:99999/"}, {}, "the url cannot be used"),
        ({"url": "http://[::1/"}, {}, "the url cannot be used"),
        ({"url": "http://*/"}, {}, "the url cannot be used"),
        ({"proxy": "http://proxy.example:x"}, {}, "the proxy cannot be used"),
        ({"proxy": "http://[::1"}, {}, "the proxy cannot be used"),
    ],
)
def test_what_contradicts_itself_or_leads_nowhere_is_refused_when_opened(
    credentials, settings, words
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        HttpApi().open({"url": "http://h.example/", **credentials}, settings)


def test_cookies_and_headers_are_sent_and_settings_win(server, loopback) -> None:
    push(
        server,
        loopback,
        credentials={"headers": {"X-Api-Key": "k", "X-Both": "credentials"}},
        headers={"x-both": "settings", "Idempotency-Key": "mine"},
        cookies={"a": "1", "b": "2"},
    )
    headers = server.seen[0].headers
    assert (headers["X-Api-Key"], headers["X-Both"], headers["Cookie"]) == ("k", "settings", "a=1; b=2")
    assert headers.get_all("Idempotency-Key") == ["7:0"]


def test_asked_to_wait(server, loopback) -> None:
    server.answers.append((429, {"Retry-After": "30"}, b"slow down"))
    (outcome,) = push(server, loopback)
    assert isinstance(outcome, Retry)
    assert (outcome.after, outcome.reason) == (30, "answered 429: slow down")


def test_a_service_that_is_gone_is_retried(server, loopback) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    outcomes = push(server, loopback, {}, credentials={"url": f"http://127.0.0.1:{port}/"})
    assert outcomes == [Retry("could not connect: connection refused", not_taken=True)]


def test_an_internal_address_is_refused(server) -> None:
    with pytest.raises(ConfigurationError, match="TRACSYNC_ALLOWED_INTERNAL_NETWORKS"):
        push(server, Runtime())
    assert server.seen == []


def test_nothing_secret_or_personal_leaks(server, loopback) -> None:
    echo = "token-marker header-marker cookie-marker query-marker Ana@Example.org"
    server.answers.append((400, {"X-Echo": "token-marker"}, echo.encode()))
    (outcome,) = push(
        server,
        loopback,
        {"email": "ana@example.org"},
        credentials={
            "url": server.url + "/hook?key=query-marker",
            "token": "token-marker",
            "headers": {"X-Custom": "header-marker", "X-Pin": "12"},
        },
        cookies={"a": "cookie-marker"},
    )
    assert isinstance(outcome, Rejected)
    text = repr(outcome)
    assert "marker" not in text
    assert "X-Pin: ********" in outcome.exchange.request
    assert "ana@example.org" not in outcome.reason.lower()
    assert "ana@example.org" in outcome.exchange.request
    assert outcome.exchange.status == 400


def test_basic_credentials_do_not_leak(server, loopback) -> None:
    encoded = base64.b64encode(b"bob:pass-marker").decode()
    server.answers.append((403, {}, f"{encoded} pass-marker".encode()))
    (outcome,) = push(server, loopback, credentials={"username": "bob", "password": "pass-marker"})
    assert "it refused the credentials" in outcome.reason
    assert encoded not in repr(outcome)
    assert "marker" not in repr(outcome)


def test_describe_sends_nothing_and_masks(server) -> None:
    credentials = {"url": server.url + "/hook?key=query-marker", "token": "token-marker"}
    told = HttpApi().describe(credentials, {}, Delivery({"a": "ž"}, "1:2"))
    assert told == {
        "method": "POST",
        "url": server.url + "/hook?key=********",
        "headers": {
            "User-Agent": "tracsync",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Authorization": "********",
            "Content-Type": "application/json",
            "Content-Length": "10",
            "Idempotency-Key": "1:2",
        },
        "body": '{"a":"ž"}',
    }
    assert server.seen == []


def test_describe_of_get_and_of_an_impossible_payload() -> None:
    credentials = {"url": "http://h.example/?key=abc"}
    told = HttpApi().describe(credentials, {"method": "GET"}, Delivery({"a": 1}, "1:2"))
    assert (told["url"], told["body"]) == ("http://h.example/?key=********&a=1", None)
    assert "problem" in HttpApi().describe(credentials, {"method": "GET"}, Delivery([], "1:2"))


def check(server, runtime) -> str:
    with HttpApi().open({"url": server.url, "token": "token-marker"}, {}, runtime) as session:
        return session.check()


@pytest.mark.parametrize("status", [200, 204, 302, 404, 405, 501])
def test_check_says_what_happened(server, loopback, status: int) -> None:
    server.answers.append((status, {"Content-Length": "0"}, b""))
    assert check(server, loopback).startswith(f"answered {status} to HEAD in ")
    assert (server.seen[0].method, server.seen[0].body) == ("HEAD", b"")


@pytest.mark.parametrize(
    ("status", "headers", "meaning"),
    [
        (404, {}, "perhaps there is nothing at this address"),
        (200, {"Content-Type": "text/html; charset=utf-8"}, "if that is a sign-in page"),
        (429, {}, "asked too often at the moment: test again later"),
        (429, {"Retry-After": "120"}, "asked too often at the moment: test again in 120 s"),
        (405, {}, "it takes no HEAD, with which this only asks"),
        (501, {}, "it takes no HEAD, with which this only asks"),
        (400, {}, "it did not take a call without a profile"),
        (422, {}, "it did not take a call without a profile"),
    ],
)
def test_check_says_what_to_look_at(server, loopback, status: int, headers: dict, meaning: str) -> None:
    server.answers.append((status, {"Content-Length": "0", **headers}, b""))
    assert meaning in check(server, loopback)


def test_check_of_a_server_that_has_an_error(server, loopback) -> None:
    server.answers.append((500, {"Content-Length": "0"}, b""))
    with pytest.raises(Unreachable, match="answered 500 to HEAD: the server has an error"):
        check(server, loopback)


@pytest.mark.parametrize(
    ("path", "is_sign_in"), [("/in", False), ("/login?next=/x", True), ("/oauth/sign-in", True)]
)
def test_check_says_where_a_redirect_leads(server, loopback, path: str, is_sign_in: bool) -> None:
    server.answers.append((301, {"Location": f"https://new.example{path}"}, b""))
    with pytest.raises(
        ConfigurationError, match=r"answered 301, a redirect to https://new\.example/"
    ) as told:
        check(server, loopback)
    assert ("sign-in page" in str(told.value)) == is_sign_in


@pytest.mark.parametrize("status", [401, 403, 407])
def test_check_of_refused_credentials(server, loopback, status: int) -> None:
    server.answers.append((status, {}, b""))
    with pytest.raises(ConfigurationError, match="refused the credentials"):
        check(server, loopback)


def test_check_of_a_service_that_hangs_up(server, loopback) -> None:
    server.answers.append(lambda handler: handler.connection.shutdown(socket.SHUT_RDWR))
    with pytest.raises(Unreachable):
        check(server, loopback)
