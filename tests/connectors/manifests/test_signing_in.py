"""`auth` of a manifest: who is calling, in each of the ways."""

from __future__ import annotations

import hmac
import json
import re
from typing import Any

import pytest

from destinations.connectors.base import Accepted, ConfigurationError, Delivery
from destinations.connectors.http.manifests import files, start
from destinations.connectors.redaction import MASK

TEXT = {"type": "string", "default": ""}
SECRET = {**TEXT, "secret": True}


def connector(auth: Any):
    content = json.loads(start.text("acme")) | {"auth": auth}
    content["credentials"] = {
        "type": "object",
        "properties": {"user": TEXT, "key": SECRET, "base_url": {**TEXT, "format": "uri"}},
    }
    return files.made_of(json.dumps(content).encode(), "acme.json")


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"type": "none"}, "Authorization", None),
        (
            {"type": "basic", "username": "credentials@user", "password": "credentials@key"},
            "Authorization",
            "Basic YW5hOms3eS1zM2NyZXQ=",
        ),
        ({"type": "bearer", "token": "credentials@key"}, "Authorization", "Bearer k7y-s3cret"),
        (
            {"type": "bearer", "token": "credentials@key", "proof": "proof", "proof_key": "credentials@user"},
            "Authorization",
            "Bearer k7y-s3cret",
        ),
        ({"type": "header", "name": "Api-Token", "value": "credentials@key"}, "Api-Token", "k7y-s3cret"),
        (
            {"type": "header", "name": "Authorization", "value": "Key {{credentials@key}}"},
            "Authorization",
            "Key k7y-s3cret",
        ),
        (
            {
                "type": "signature",
                "scheme": "hex",
                "header": "X-Sum",
                "secrets": "credentials@key",
            },
            "X-Sum",
            ...,
        ),
        (
            {
                "type": "signature",
                "scheme": "custom",
                "header": "X-Sum",
                "secrets": "credentials@key",
                "signed": "v0:{{timestamp}}:{{body}}",
                "digest": "base64",
                "prefix": "v0=",
                "timestamp_header": "X-Time",
            },
            "X-Sum",
            ...,
        ),
        (
            {
                "type": "aws",
                "access_key": "credentials@user",
                "secret_key": "credentials@key",
                "region": "eu-central-1",
                "service": "sqs",
            },
            "Authorization",
            ...,
        ),
        ({"type": "azure", "key_name": "credentials@user", "key": "credentials@key"}, "Authorization", ...),
        ({"type": "jwt", "key": "credentials@key", "issuer": "credentials@user"}, "Authorization", ...),
    ],
)
def test_who_is_calling_is_sent_and_not_shown(server, loopback, auth, header, value) -> None:
    made = connector(auth)
    credentials = {"user": "ana", "key": "k7y-s3cret", "base_url": server.url}
    server.answers.append((201, {}, b'{"contact": {"id": 1}}'))
    delivery = Delivery({"email": "ana@x.example"}, "1:1")
    with made.open(credentials, {}, loopback) as session:
        (outcome,) = session.push([delivery])
    assert isinstance(outcome, Accepted)
    assert "k7y-s3cret" not in repr(outcome)
    told = made.describe(credentials, {}, delivery)["headers"]
    if value is None:
        assert header not in server.seen[0].headers
        return
    sent = server.seen[0].headers[header]
    assert sent == value or value is ...
    assert told[header] in (MASK, sent)
    assert "k7y-s3cret" not in repr(told)


def test_a_token_is_proved_by_another_secret_where_there_is_one(server, loopback) -> None:
    auth = {"type": "bearer", "token": "credentials@key", "proof": "proof", "proof_key": "credentials@user"}
    made = connector(auth)
    credentials = {"key": "k7y-s3cret", "user": "app-s3cret", "base_url": server.url}
    proof = hmac.new(b"app-s3cret", b"k7y-s3cret", "sha256").hexdigest()
    server.answers.extend([(201, {}, b'{"contact": {"id": 1}}')] * 2)
    delivery = Delivery({"email": "ana@x.example"}, "1:1")
    for given in (credentials, {**credentials, "user": ""}):
        with made.open(given, {}, loopback) as session:
            (outcome,) = session.push([delivery])
        assert proof not in repr(outcome)
        assert proof not in repr(made.describe(given, {}, delivery))
    assert [one.path.partition("?")[2] for one in server.seen] == [f"proof={proof}", ""]


def test_a_key_in_the_query_is_sent_with_every_call_and_not_shown(server, loopback) -> None:
    made = connector({"type": "query", "name": "api_secret", "value": "credentials@key"})
    credentials = {"key": "k7y-s3cret", "base_url": f"{server.url}/v1"}
    with made.open(credentials, {}, loopback) as session:
        session.check()
        (outcome,) = session.push([Delivery(None, "1:1", {"id": "a/1"}, "remove")])
    assert [one.path for one in server.seen] == [
        "/v1/me?api_secret=k7y-s3cret",
        "/v1/contacts/a%2F1?api_secret=k7y-s3cret",
    ]
    assert "k7y-s3cret" not in repr(outcome)
    shown = made.describe(credentials, {}, Delivery({"email": "a@x.example"}, "1:1"))
    assert "k7y-s3cret" not in repr(shown)


def test_an_access_token_is_asked_for_once(server, loopback) -> None:
    oauth2 = {"type": "oauth2", "client_id": "credentials@user", "client_secret": "credentials@key"}
    made = connector({**oauth2, "token_url": "{{credentials@base_url}}/token"})
    server.answers.append((200, {}, b'{"access_token": "T0KEN"}'))
    credentials = {"user": "ana", "key": "k7y-s3cret", "base_url": server.url}
    with made.open(credentials, {}, loopback) as session:
        session.push([Delivery({"email": f"{n}@x.example"}, f"1:{n}") for n in range(2)])
    assert [one.path for one in server.seen] == ["/token", "/contacts", "/contacts"]
    assert server.seen[1].headers["Authorization"] == "Bearer T0KEN"
    assert made.authorisation(credentials) is None


def test_a_person_may_have_to_let_us_in() -> None:
    oauth2 = {"type": "oauth2", "client_id": "credentials@user", "client_secret": "credentials@key"}
    where = {"token_url": "https://x.example/token", "authorize_url": "https://x.example/authorize"}
    made = connector({**oauth2, **where, "grant": "authorization_code"})
    credentials = {"user": "ana", "key": "k7y-s3cret", "base_url": "https://api.x.example"}
    assert (
        made.authorisation(credentials)
        .url("https://me.example/back", "st4te", "v" * 50)
        .startswith("https://x.example/authorize?")
    )


@pytest.mark.parametrize(
    ("auth", "says"),
    [
        ({"type": "bearer", "token": "credentials@key"}, "auth.token"),
        ({"type": "header", "name": "X-Key", "value": "credentials@key"}, "auth.value"),
        ({"type": "query", "name": "key", "value": "credentials@key"}, "auth.value"),
        ({"type": "jwt", "key": "credentials@key"}, "auth.key"),
    ],
)
def test_what_is_missing_is_said(auth, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        connector(auth).open({"base_url": "https://api.x.example"}, {})


@pytest.mark.parametrize(
    "address",
    ["", "api.x.example", "ftp://x.example", "https://u:p@x.example", "https://x.example/?a=1", "https://["],
)
def test_an_address_has_to_be_one(address: str) -> None:
    with pytest.raises(ConfigurationError):
        connector({"type": "none"}).open({"base_url": address}, {})


def test_an_address_that_is_secret_may_have_a_query_and_is_shown_nowhere(server, loopback) -> None:
    content = json.loads(start.text("acme")) | {"auth": {"type": "none"}}
    content["credentials"] = {"type": "object", "properties": {"base_url": SECRET}}
    made = files.made_of(json.dumps(content).encode(), "acme.json")
    assert made.credentials_schema["properties"]["base_url"]["address"] is True
    host = server.url.replace("http", "HTTP")
    credentials = {"base_url": f"{host}/hooks/w3bhookOfTests?v=1.0&sig=s1gnature"}
    delivery = Delivery({"email": "a@x.example"}, "1:1")
    server.answers.append((400, {}, b"no /hooks/w3bhookOfTests (w3bhookOfTests) with s1gnature in hooks"))
    with made.open(credentials, {}, loopback) as session:
        (outcome,) = session.push([delivery])
    assert server.seen[0].path == "/hooks/w3bhookOfTests/contacts?v=1.0&sig=s1gnature"
    shown = f"{made.describe(credentials, {}, delivery)} {outcome!r}"
    assert "/contacts" in shown
    assert "in hooks" in shown
    assert not {"w3bhookOfTests", "s1gnature"} & set(re.findall(r"\w+", shown))


def test_a_part_of_a_host_cannot_lead_elsewhere() -> None:
    content = json.loads(start.text("acme")) | {"base_url": "https://{{credentials@dc}}.api.x.example"}
    content["credentials"]["properties"]["dc"] = {"type": "string", "title": "Data centre"}
    made = files.made_of(json.dumps(content).encode(), "acme.json")
    assert made.credentials_schema["properties"]["dc"]["address"] is True
    delivery = Delivery({"email": "a@x.example"}, "1:1")
    assert (
        made.describe({"token": "t", "dc": "us19"}, {}, delivery)["url"]
        == "https://us19.api.x.example/contacts"
    )
    for part in ("evil.example/", "evil.example#", "a@evil.example", "evil.example?", "", "-a", "a b", "a\\"):
        with pytest.raises(ConfigurationError):
            made.describe({"token": "t", "dc": part}, {}, delivery)
