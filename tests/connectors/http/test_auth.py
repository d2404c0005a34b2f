"""Signatures against what their inventors publish, and access tokens from a real token address."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, unquote

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from destinations.connectors.base import (
    Accepted,
    ConfigurationError,
    Delivery,
    Hold,
    Runtime,
    SignInAgain,
    Unreachable,
)
from destinations.connectors.http.auth import (
    aws_sigv4,
    azure_sas,
    jwt_bearer,
    shared_key_jwt,
    webhook_signature,
)
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


def test_aws_sends_blanks_of_a_query_as_they_are_signed() -> None:
    """Some who check a signature take a + for itself, and others for a blank: %20 is one for all."""
    given = aws_sigv4.Credentials("AKIDEXAMPLE", SECRET, "us-east-1", "service")
    one, other = (
        aws_sigv4.signed(Request("GET", f"https://h.example/a+b?c={blank}d", {}), given, MOMENT)
        for blank in ("+", "%20")
    )
    assert one.url == other.url == "https://h.example/a+b?c=%20d"
    assert one.headers == other.headers


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


def test_standard_webhooks_signs_as_its_vector() -> None:
    """The one of the specification's own libraries."""
    made = webhook_signature.signer("standard-webhooks", ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
    body = '{"test": 2432232314}'
    request = Request("POST", "https://h.example", {}, body)
    signed = made.signed(request, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330).headers
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


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


@pytest.mark.parametrize(("scheme", "prefix"), [("hex", "sha256="), ("plain-hex", "")])
def test_the_body_is_signed_by_the_first_secret(scheme: str, prefix: str) -> None:
    made = webhook_signature.signer(scheme, ["new", "old"])
    expected = hmac.new(b"new", "é".encode(), hashlib.sha256).hexdigest()
    assert made.signed(Request("POST", "https://h.example", {}, "é"), "k", 1).headers == {
        "X-Signature": f"{prefix}{expected}"
    }


def custom(**form: str) -> webhook_signature.WebhookSigner:
    header = form.pop("header", "")
    return webhook_signature.signer("custom", ["new", "old"], header, form)


def mac(text: bytes) -> bytes:
    return hmac.new(b"new", text, hashlib.sha256).digest()


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        ({}, {"X-Signature": mac(b"{{id}} \xc3\xa9").hex()}),
        ({"digest": "base64"}, {"X-Signature": base64.b64encode(mac(b"{{id}} \xc3\xa9")).decode()}),
        (
            {"signed": "{{id}}.{{timestamp}}.{{body}}", "prefix": "t={{timestamp}},k={{id}},s="},
            {"X-Signature": "t=5,k=key-1,s=" + mac(b"key-1.5.{{id}} \xc3\xa9").hex()},
        ),
        (
            {
                "header": "X-S",
                "signed": "v0:{{timestamp}}:{{body}}",
                "prefix": "v0=",
                "timestamp_header": "X-T",
            },
            {"X-S": "v0=" + mac(b"v0:5:{{id}} \xc3\xa9").hex(), "X-T": "5"},
        ),
    ],
)
def test_every_part_of_a_signature_is_free(form: dict[str, str], headers: dict[str, str]) -> None:
    """What a body brings along is no placeholder."""
    request = Request("POST", "https://h.example", {}, "{{id}} é")
    assert custom(**form).signed(request, "key-1", 5).headers == headers


@pytest.mark.parametrize(
    ("sign", "says"),
    [
        ({"header": "X-Sum"}, "sign needs a scheme"),
        ({"scheme": "hex", "digest": "base64"}, "digest is for the scheme custom"),
        ({"scheme": "custom", "digest": "md5"}, "sign.digest must be one of"),
        ({"scheme": "custom", "signed": "{{timestamp}}"}, "signed has to hold {{body}}"),
        ({"scheme": "custom", "signed": "{{body}}{{secret}}"}, "signed holds {{secret}}; it takes {{id}}"),
        ({"scheme": "custom", "prefix": "{{body}}"}, "prefix holds {{body}}; it takes {{id}}, {{timestamp}}"),
        ({"scheme": "custom", "signed": "{{timestamp}}{{body}}"}, "receivers have to be told"),
        ({"scheme": "custom", "timestamp_header": "x-signature"}, "another header than the signature's"),
        ({"scheme": "custom", "prefix": "a\r\nX-Evil: 1"}, "prefix|X-Signature"),
        ({"scheme": "custom", "timestamp_header": "not a name"}, "name may hold only"),
    ],
)
def test_a_form_that_nobody_could_verify_is_refused(sign: dict[str, str], says: str) -> None:
    credentials = {"url": "https://h.example", "signing_secrets": ["shared"]}
    with pytest.raises(ConfigurationError) as raised:
        HttpApi().open(credentials, {"sign": sign})
    assert any(one in str(raised.value) for one in says.split("|"))


@pytest.mark.parametrize(
    ("scheme", "secrets", "says"),
    [
        ("standard-webhooks", [], "signing_secrets"),
        ("standard-webhooks", ["short"], "at least 16 bytes in base64"),
        ("standard-webhooks", ["whsec_AAEC"], "at least 16 bytes in base64"),
        ("hex", [], "signing_secrets"),
        ("plain-hex", [], "signing_secrets"),
        ("custom", [], "signing_secrets"),
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
    with pytest.raises(ConfigurationError, match="needs refresh_token"):
        HttpApi().open({"url": "https://h.example", "oauth2": given}, {})


@pytest.mark.parametrize(
    "more",
    [{"token": "t"}, {"username": "u"}, {"headers": {"authorization": "x"}}, {"url": "https://u@h.example"}],
)
def test_there_is_one_way_to_sign_in(more: dict[str, Any]) -> None:
    given = {"url": "https://h.example", "oauth2": {**OAUTH, "token_url": "https://h.example/token"}, **more}
    with pytest.raises(ConfigurationError, match=r"give (only one|either)"):
        HttpApi().open(given, {})


# Signed assertions (RFC 7523)

# RFC 7515, appendix A.2: the private key by its numbers, what is signed, and the signature.
P = (
    "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDc"
    "mnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc"
)
Q = (
    "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-"
    "TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc"
)
D = (
    "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pW"
    "J1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2Qv"
    "Xt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRu"
    "OopznQ"
)
SIGNED = (
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
    "fQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t"
    "1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwu"
    "sC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
)


def number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


def rfc_key() -> rsa.RSAPrivateKey:
    p, q, d = map(number, (P, Q, D))
    public = rsa.RSAPublicNumbers(65537, p * q)
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public).private_key()


def pem(key: Any, form: Any = PrivateFormat.PKCS8) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


KEY = pem(rfc_key())


def test_a_signature_is_that_of_the_standard() -> None:
    claims = b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'
    assert jwt_bearer.compact(b'{"alg":"RS256"}', claims, rfc_key()) == SIGNED


def test_an_assertion_says_what_google_and_salesforce_ask_for() -> None:
    key = jwt_bearer.Key(rfc_key(), key_id="key-7", subject="ann@x.example")
    made = key.assertion(
        "me@project.example", "https://oauth2.googleapis.com/token", "scope-1", 1_700_000_000
    )
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in made.split(".")[:2])
    assert header == {"alg": "RS256", "typ": "JWT", "kid": "key-7"}
    assert claims.pop("jti") != key.assertion("me", "a", "", 1).split(".")[1]
    assert claims == {
        "iss": "me@project.example",
        "sub": "ann@x.example",
        "aud": "https://oauth2.googleapis.com/token",
        "scope": "scope-1",
        "iat": 1_700_000_000,
        "exp": 1_700_000_150,
    }


@pytest.mark.parametrize(
    "text",
    [KEY, pem(rfc_key(), PrivateFormat.TraditionalOpenSSL), KEY.replace("\n", ""), KEY.replace("\n", "\\n")],
    ids=["PKCS8", "PKCS1", "from a field of a form", "from a JSON file"],
)
def test_keys_are_read_as_people_paste_them(text: str) -> None:
    assert jwt_bearer.private_key(text).private_numbers() == rfc_key().private_numbers()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nonsense", "RSA key in PEM"),
        (KEY.replace("MII", "MIJ"), "RSA key in PEM"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "RSA key in PEM"),
        (pem(rsa.generate_private_key(65537, 1024)), "1024 bits"),
    ],
)
def test_keys_that_cannot_sign_are_refused_when_saved(text: str, says: str) -> None:
    given = {**OAUTH, "token_url": "https://h.example/token", "grant": "jwt_bearer", "private_key": text}
    with pytest.raises(ConfigurationError, match=says) as raised:
        HttpApi().open({"url": "https://h.example", "oauth2": given}, {})
    assert text not in str(raised.value)


def test_a_service_takes_the_assertion_and_not_the_secret(double, loopback) -> None:
    double.public_key = rfc_key().public_key()
    given = double.oauth2(grant="jwt_bearer", private_key=KEY, key_id="1", scope="a b")
    with HttpApi().open({"url": f"{double.url}/in", "oauth2": given}, {}, loopback) as session:
        assert isinstance(session.push([Delivery({}, "k")])[0], Accepted)
    [asked] = double.asked
    assert sorted(asked) == ["assertion", "grant_type", "scope"]


def test_a_service_that_knows_another_key_says_so(double, loopback) -> None:
    double.public_key = rsa.generate_private_key(65537, 2048).public_key()
    given = double.oauth2(grant="jwt_bearer", private_key=KEY)
    with (
        HttpApi().open({"url": f"{double.url}/in", "oauth2": given}, {}, loopback) as session,
        pytest.raises(ConfigurationError, match=r"refused: invalid_grant: Invalid JWT Signature"),
    ):
        session.push([Delivery({}, "k")])


# Shared access signatures of Azure


def as_microsoft_documents_it(uri: str, key_name: str, key: str, expiry: int) -> str:
    """The steps of "Generate a Shared Access Signature token", Service Bus documentation."""
    encoded = quote_plus(uri)
    digest = hmac.HMAC(key.encode("utf-8"), f"{encoded}\n{expiry}".encode(), hashlib.sha256).digest()
    signature = quote_plus(base64.b64encode(digest))
    return f"SharedAccessSignature sr={encoded}&sig={signature}&se={expiry}&skn={key_name}"


def test_azure_signs_as_its_own_library() -> None:
    """A token that Microsoft's .NET library made of a key that was published with it."""
    given = azure_sas.Credentials("RootManageSharedAccessKey", "10T4N5apNbM0K4jGcBgVY6TqG+/PeZxT9niFzkaQlrc=")
    resource = "https%3a%2f%2fpayment-task-bus.servicebus.windows.net%2f"
    made = azure_sas.token(resource, given, 3_186_322_988)
    assert unquote(made) == (
        "SharedAccessSignature sr=https://payment-task-bus.servicebus.windows.net/"
        "&sig=v3wb1SBjw7JVWamM864dzN/a2wHTO7/+yp0O1eYbzV8=&se=3186322988&skn=RootManageSharedAccessKey"
    )


@pytest.mark.parametrize(
    ("resource", "signs"),
    [("", "https://n.servicebus.windows.net/q 1/messages"), ("sb://n.servicebus.windows.net/", None)],
)
def test_azure_signs_the_address_or_what_it_is_told(resource: str, signs: str | None) -> None:
    given = azure_sas.Credentials("send", "k+/=", resource)
    url = "https://n.servicebus.windows.net/q 1/messages?timeout=60"
    made = azure_sas.signed(Request("POST", url, {"A": "1"}, "{}"), given, 1_700_000_000)
    expected = as_microsoft_documents_it(signs or resource, "send", "k+/=", 1_700_000_600)
    assert made.headers["A"] == "1"
    assert made.headers["Authorization"] == expected


# Where a token leads, and what is wrong with one


def test_calls_go_to_the_address_that_came_with_the_token(double, server, loopback) -> None:
    double.extras = {"instance_url": server.url}
    given = double.oauth2(address_field="instance_url")
    credentials = {"url": "http://login.nowhere.invalid/api?key=k", "oauth2": given}
    with HttpApi().open(credentials, {"path": "/contacts"}, loopback) as session:
        outcome = session.push([Delivery({}, "k")])[0]
    assert isinstance(outcome, Accepted)
    assert [seen.path for seen in server.seen] == ["/api/contacts?key=k"]
    assert server.url in outcome.exchange.request


@pytest.mark.parametrize("extras", [{}, {"instance_url": "ftp://x"}, {"instance_url": "https://["}])
def test_without_a_usable_address_nothing_is_sent(double, loopback, extras: dict[str, str]) -> None:
    double.extras = extras
    given = double.oauth2(address_field="instance_url")
    with (
        HttpApi().open({"url": f"{double.url}/in", "oauth2": given}, {}, loopback) as session,
        pytest.raises(ConfigurationError, match="without an address under instance_url"),
    ):
        session.push([Delivery({}, "k")])
    assert double.called == []


def test_an_address_within_is_refused_as_any_other(double, server) -> None:
    double.extras = {"instance_url": server.url.replace("127.0.0.1", "127.0.0.2")}
    given = double.oauth2(address_field="instance_url")
    runtime = Runtime(allowed_internal=("127.0.0.1/32",))
    with (
        HttpApi().open({"url": f"{double.url}/in", "oauth2": given}, {}, runtime) as session,
        pytest.raises(ConfigurationError),
    ):
        session.push([Delivery({}, "k")])
    assert server.seen == []


def test_a_service_that_asks_to_wait_is_waited_for(double, loopback) -> None:
    double.down = 503
    with (
        HttpApi().open({"url": f"{double.url}/in", "oauth2": double.oauth2()}, {}, loopback) as session,
        pytest.raises(Unreachable, match="answered 503") as raised,
    ):
        session.push([Delivery({}, "k")])
    assert (raised.value.after, raised.value.sent) == (7, True)


def test_a_refresh_token_that_is_refused_needs_a_person(double, loopback) -> None:
    given = double.oauth2(grant="refresh_token", refresh_token="made-up-refresh-token")
    with (
        HttpApi().open({"url": f"{double.url}/in", "oauth2": given}, {}, loopback) as session,
        pytest.raises(SignInAgain, match="enter a new refresh token") as raised,
    ):
        session.push([Delivery({}, "k")])
    assert "made-up" not in str(raised.value)


# Tokens of shared keys


def test_a_token_of_a_shared_key_is_that_of_the_standard() -> None:
    key = "your-256-bit-secret"
    made = shared_key_jwt.token(shared_key_jwt.credentials(key, subject="1234567890"), 1_516_239_022)
    signed, _dot, signature = made.rpartition(".")
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in signed.split("."))
    assert header == {"alg": "HS256", "typ": "JWT"}
    assert claims == {"sub": "1234567890", "iat": 1_516_239_022, "exp": 1_516_239_142}
    expected = hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest()
    assert base64.urlsafe_b64decode(signature + "=") == expected


@pytest.mark.parametrize(
    ("given", "key", "key_id"),
    [
        ({"key": " a:b "}, b"a:b", ""),
        ({"key": "64b1:00ff", "encoding": "hex"}, b"\x00\xff", "64b1"),
        ({"key": "00ff", "encoding": "hex", "key_id": "64b1"}, b"\x00\xff", "64b1"),
        ({"key": "me:AP8=", "encoding": "base64"}, b"\x00\xff", "me"),
    ],
)
def test_shared_keys_are_read_as_services_show_them(given: Any, key: bytes, key_id: str) -> None:
    made = shared_key_jwt.credentials(**given)
    assert (made.key, made.key_id) == (key, key_id)
    assert "a:b" not in repr(made)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"key": "64b1:xyz", "encoding": "hex"}, "written in hex"),
        ({"key": "64b1:", "encoding": "hex"}, "written in hex"),
        ({"key": "a:b!", "encoding": "base64"}, "written in base64"),
        ({"key": " "}, "is missing"),
    ],
)
def test_shared_keys_that_cannot_sign_are_refused_when_saved(given: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as raised:
        HttpApi().open({"url": "https://h.example", "jwt": given}, {})
    assert "64b1" not in str(raised.value)


def test_a_shared_key_is_shown_neither_whole_nor_without_its_id(server, loopback) -> None:
    secret = "00112233445566778899aabb"
    server.answers.append((422, {}, f"no {secret} of 64b1:{secret}".encode()))
    given = {"url": server.url, "jwt": {"key": f"64b1:{secret}", "encoding": "hex"}}
    with HttpApi().open(given, {}, loopback) as session:
        (outcome,) = session.push([Delivery({}, "k")])
    assert secret not in repr(outcome)
    assert secret not in repr(HttpApi().describe(given, {}, Delivery({}, "k")))
    sent = server.seen[0].headers["Authorization"]
    assert sent.startswith("Bearer ey")
    assert sent.removeprefix("Bearer ") not in repr(outcome)
