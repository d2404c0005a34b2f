"""Signatures against what their inventors publish, and access tokens from a real token address."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from destinations.connectors.base import (
    Accepted,
    ConfigurationError,
    Delivery,
    Hold,
    Runtime,
    Unreachable,
)
from destinations.connectors.http.auth import aws_sigv4, webhook_signature
from destinations.connectors.http.client import Request
from destinations.connectors.http.connector import HttpApi

# From awslabs/aws-c-auth, tests/aws-signing-test-suite/v4: those without repeated headers or parts like .. in
# the path.
VECTORS = json.loads(Path(__file__).with_name("aws_sigv4_vectors.json").read_text(encoding="utf-8"))
MOMENT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_aws_signs_as_its_vectors(vector: dict[str, Any]) -> None:
    given = aws_sigv4.Credentials("AKIDEXAMPLE", SECRET, "us-east-1", "service", vector["token"])
    host = vector["headers"].pop("Host")
    if "x-amz-content-sha256" in vector["signed"]:
        vector["headers"]["x-amz-content-sha256"] = hashlib.sha256(vector["body"].encode()).hexdigest()
    request = Request(
        vector["method"], f"https://{host}{vector['target']}", vector["headers"], vector["body"] or None
    )
    authorization = aws_sigv4.signed(request, given, MOMENT).headers["Authorization"]
    assert f"SignedHeaders={vector['signed']}, Signature={vector['signature']}" in authorization


def test_aws_leaves_the_keys_of_s3_as_they_are() -> None:
    """AWS, "Authenticating Requests: Using the Authorization Header", example PUT Object."""
    given = aws_sigv4.Credentials(
        "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1", "s3"
    )
    headers = {
        "Date": "Fri, 24 May 2013 00:00:00 GMT",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
    }
    url = "https://examplebucket.s3.amazonaws.com/test%24file.text"
    request = Request("PUT", url, headers, "Welcome to Amazon S3.")
    signed = aws_sigv4.signed(request, given, datetime(2013, 5, 24, tzinfo=UTC)).headers
    assert signed["X-Amz-Content-Sha256"] == hashlib.sha256(b"Welcome to Amazon S3.").hexdigest()
    assert signed["Authorization"].endswith(
        "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    )


def test_standard_webhooks_signs_as_the_reference_library() -> None:
    made = webhook_signature.signer("standard-webhooks", ["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"])
    signed = made.signed(Request("POST", "https://h.example", {}, '{"a":"é"}'), "msg_1", 1_700_000_000)
    assert signed.headers == {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1700000000",
        "webhook-signature": "v1,f8mTBueWJfhFyjEKFVfhBhmQcUlCAd1l1Zmsq0COoWY=",
    }


def test_while_secrets_are_replaced_both_of_them_sign() -> None:
    old, new = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", "whsec_GBkaGxwdHh8gISIjJCUmJygpKissLS4v"
    request = Request("POST", "https://h.example", {}, "body")

    def signatures(*secrets: str) -> list[str]:
        made = webhook_signature.signer("standard-webhooks", secrets).signed(request, "k", 1)
        return made.headers["webhook-signature"].split(" ")

    assert signatures(new, old) == signatures(new) + signatures(old)
    timestamped = webhook_signature.signer("timestamped", ["new", "old"], "Stripe-Signature")
    value = timestamped.signed(request, "k", 5).headers["Stripe-Signature"]
    expected = [hmac.new(secret, b"5.body", hashlib.sha256).hexdigest() for secret in (b"new", b"old")]
    assert value == f"t=5,v1={expected[0]},v1={expected[1]}"


@pytest.mark.parametrize(
    ("scheme", "secrets", "says"),
    [
        ("standard-webhooks", [], "signing_secrets"),
        ("standard-webhooks", ["short"], "at least 16 bytes in base64"),
        ("standard-webhooks", ["whsec_AAEC"], "at least 16 bytes in base64"),
        ("hex", [], "signing_secrets"),
    ],
)
def test_what_cannot_sign_is_refused_when_saved(scheme: str, secrets: list[str], says: str) -> None:
    credentials = {"url": "https://h.example", "signing_secrets": secrets}
    with pytest.raises(ConfigurationError, match=says):
        HttpApi().open(credentials, {"sign": {"scheme": scheme}})


# OAuth 2

OAUTH = {"client_id": "me", "client_secret": "s3cret-of-mine"}


def push(server, runtime: Runtime, oauth2: dict[str, Any] | None = None):
    given = {**OAUTH, "token_url": f"{server.url}/token", **(oauth2 or {})}
    with HttpApi().open({"url": f"{server.url}/in", "oauth2": given}, {}, runtime) as session:
        return session.push([Delivery({"n": 1}, "1:1"), Delivery({"n": 2}, "1:2")])


def token(value: str, **more: Any) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, json.dumps({"access_token": value, "token_type": "bearer", **more}).encode()


def test_one_token_serves_all_sessions_of_a_resource(server, loopback) -> None:
    server.answers.append(token("T-1", expires_in="3600"))
    push(server, loopback)
    push(server, loopback)
    assert [seen.path for seen in server.seen] == ["/token", *["/in"] * 4]
    assert {seen.headers["Authorization"] for seen in server.seen[1:]} == {"Bearer T-1"}


def test_a_token_that_is_refused_again_holds_the_destination(server, loopback) -> None:
    server.answers += [token("T-1"), (401, {}, b""), token("T-2"), (401, {}, b"who are you")]
    outcomes = push(server, loopback)
    assert [type(one) for one in outcomes] == [Hold, Hold]
    assert [seen.path for seen in server.seen] == ["/token", "/in", "/token", "/in"]
    assert server.seen[1].body == server.seen[3].body
    assert server.seen[1].headers["Idempotency-Key"] == server.seen[3].headers["Idempotency-Key"]
    assert "T-1" not in str(outcomes)
    assert "T-2" not in str(outcomes)


def test_a_refresh_token_is_exchanged_with_basic_authentication(server, loopback) -> None:
    server.answers.append(token("T-1"))
    more = {"grant": "refresh_token", "refresh_token": "r-1", "client_auth": "basic", "audience": "https://a"}
    assert isinstance(push(server, loopback, more)[0], Accepted)
    asked = server.seen[0]
    assert asked.body.decode() == "grant_type=refresh_token&audience=https%3A%2F%2Fa&refresh_token=r-1"
    assert asked.headers["Authorization"] == "Basic bWU6czNjcmV0LW9mLW1pbmU="


def test_a_refresh_token_that_counts_once_is_replaced_by_the_one_that_came(server, loopback) -> None:
    more = {"grant": "refresh_token", "refresh_token": "r-1"}
    server.answers += [token("T-1", refresh_token="r-2"), (200, {}, b""), (200, {}, b"")]
    push(server, loopback, more)
    server.answers += [(401, {}, b""), token("T-2"), (200, {}, b""), (401, {}, b""), token("T-3")]
    push(server, loopback, more)
    asked = [seen.body.decode() for seen in server.seen if seen.path == "/token"]
    assert ["refresh_token=r-1" in asked[0], *("refresh_token=r-2" in one for one in asked[1:])] == [True] * 3


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        ((400, {}, b'{"error": "invalid_client"}'), ConfigurationError, "refused: invalid_client"),
        ((401, {}, b"s3cret-of-mine"), ConfigurationError, "answered 401"),
        ((200, {}, b"<html>"), ConfigurationError, "without an access token"),
        ((200, {}, b'{"access_token": "a\\r\\nX-Evil: 1"}'), ConfigurationError, "without an access token"),
        ((503, {}, b""), Unreachable, "answered 503"),
        ((302, {"Location": "http://169.254.169.254/"}, b""), ConfigurationError, "answered 302"),
    ],
)
def test_without_a_token_nothing_is_sent(server, loopback, answer, error, says: str) -> None:
    server.answers.append(answer)
    with pytest.raises(error, match=says) as raised:
        push(server, loopback)
    assert [seen.path for seen in server.seen] == ["/token"]
    assert "s3cret" not in str(raised.value)


def test_a_token_address_within_is_refused_as_any_other(server) -> None:
    with pytest.raises(ConfigurationError):
        push(server, Runtime())
    assert server.seen == []


def test_the_grant_refresh_token_needs_one() -> None:
    given = {**OAUTH, "token_url": "https://h.example/token", "grant": "refresh_token"}
    with pytest.raises(ConfigurationError, match="needs a refresh token"):
        HttpApi().open({"url": "https://h.example", "oauth2": given}, {})


@pytest.mark.parametrize(
    "more",
    [{"token": "t"}, {"username": "u"}, {"headers": {"authorization": "x"}}, {"url": "https://u@h.example"}],
)
def test_there_is_one_way_to_sign_in(more: dict[str, Any]) -> None:
    given = {"url": "https://h.example", "oauth2": {**OAUTH, "token_url": "https://h.example/token"}, **more}
    with pytest.raises(ConfigurationError, match=r"give (only one|either)"):
        HttpApi().open(given, {})
