"""AWS Signature Version 4: headers that prove who sends a request.

As AWS describes it ("Create a signed AWS API request"); the tests use the vectors that AWS publishes in
aws-c-auth. Amazon's own libraries would bring all their services and another HTTP client with them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit, urlunsplit

from destinations.connectors.http.client import Request

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNRESERVED = "-_.~"


@dataclass(frozen=True, slots=True)
class Credentials:
    """`session_token` only of temporary credentials. Region and service are the names of the endpoint's."""

    access_key: str
    secret_key: str = field(repr=False)
    region: str
    service: str
    session_token: str = field(default="", repr=False)


def signed(request: Request, credentials: Credentials, now: datetime) -> Request:
    """The request with X-Amz-Date, X-Amz-Security-Token where there is one, and Authorization.

    `now` is in UTC. What is signed is the URL as it is sent (`client.normal_url`), its host and all headers
    of the request; S3 also wants the hash of the body in a header. A blank in the query is sent as %20: who
    checks the signature may read a + as itself.
    """
    request = replace(request, url=_without_plus(request.url))
    added = {"X-Amz-Date": now.strftime("%Y%m%dT%H%M%SZ")}
    if credentials.session_token:
        added["X-Amz-Security-Token"] = credentials.session_token
    hash_of_body = hashlib.sha256(request.data or b"").hexdigest()
    if credentials.service == "s3":
        added["X-Amz-Content-Sha256"] = hash_of_body
    headers = {**request.headers, **added}
    names, canonical = _canonical(request, headers, hash_of_body, credentials.service)
    scope = f"{now:%Y%m%d}/{credentials.region}/{credentials.service}/aws4_request"
    text = f"{_ALGORITHM}\n{added['X-Amz-Date']}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(_key(credentials, scope), text.encode(), hashlib.sha256).hexdigest()
    headers["Authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return replace(request, headers=headers)


def _without_plus(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=parts.query.replace("+", "%20"))) if "+" in parts.query else url


def _key(credentials: Credentials, scope: str) -> bytes:
    key = b"AWS4" + credentials.secret_key.encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _canonical(
    request: Request, headers: Mapping[str, str], hash_of_body: str, service: str
) -> tuple[str, str]:
    """The names of the signed headers, and the request in the one form that both sides hash."""
    url = urlsplit(request.url)
    lines = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    lines["host"] = _host(url)
    names = ";".join(sorted(lines))
    parts = (
        request.method,
        _path(url.path or "/", service),
        _query(url.query),
        *(f"{name}:{lines[name]}" for name in sorted(lines)),
        "",
        names,
        hash_of_body,
    )
    return names, "\n".join(parts)


def _host(url: SplitResult) -> str:
    """As it stands in the header Host: without the port that is usual."""
    host = url.netloc.rpartition("@")[2]
    return host.removesuffix(":443" if url.scheme == "https" else ":80")


def _path(path: str, service: str) -> str:
    """Encoded once more than it is sent, but for S3, whose keys stay as they are."""
    return quote(unquote(path) if service == "s3" else path, safe="/" + _UNRESERVED)


def _query(query: str) -> str:
    pairs = [
        (quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED))
        for name, value in parse_qsl(query, keep_blank_values=True)
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))
