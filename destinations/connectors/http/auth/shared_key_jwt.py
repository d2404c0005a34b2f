"""JSON Web Tokens that count for two minutes, signed with a shared key by HS256, anew for each request.

Their form is RFC 7519's, signed as RFC 7518 (3.2) says. Ghost's Admin API wants them ("Token Authentication"
in its documentation): `Authorization: Ghost <token>`, the key's id as `kid`, the key in hex.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field, replace

from destinations.connectors.base import ConfigurationError
from destinations.connectors.http.auth.jwt_bearer import base64url, given
from destinations.connectors.http.client import Request
from destinations.connectors.http.wire.request_headers import checked_headers
from tracsync.common.messages import message

LIFE = 120  # seconds that a token counts; Ghost takes five minutes at most
ENCODINGS = ("text", "hex", "base64")


@dataclass(frozen=True, slots=True)
class Credentials:
    """`written`: the key as it was entered, without its id. `prefix`: the scheme before the token."""

    key: bytes = field(repr=False)
    written: str = field(default="", repr=False)
    key_id: str = ""
    issuer: str = ""
    subject: str = ""
    audience: str = ""
    prefix: str = "Bearer"


def credentials(
    key: str,
    *,
    encoding: str = "text",
    key_id: str = "",
    issuer: str = "",
    subject: str = "",
    audience: str = "",
    prefix: str = "Bearer",
) -> Credentials:
    """`encoding`: one of ENCODINGS. A key in hex or base64 may stand after its id, as in `id:key`.

    Raises ConfigurationError where it could not sign, or the token could not be sent.
    """
    written = key.strip()
    if encoding != "text" and not key_id and ":" in written:
        key_id, _colon, written = written.partition(":")
    checked_headers({"Authorization": f"{prefix} token"})
    return Credentials(_bytes(written, encoding), written, key_id, issuer, subject, audience, prefix)


def signed(request: Request, credentials: Credentials, now: int) -> Request:
    """The request with Authorization. `now`: epoch seconds."""
    made = f"{credentials.prefix} {token(credentials, now)}"
    return replace(request, headers={**request.headers, "Authorization": made})


def token(credentials: Credentials, now: int) -> str:
    header = given({"alg": "HS256", "typ": "JWT", "kid": credentials.key_id})
    claims: dict[str, str | int] = {
        "iss": credentials.issuer,
        "sub": credentials.subject,
        "aud": credentials.audience,
        "iat": now,
        "exp": now + LIFE,
    }
    text = b".".join((base64url(header), base64url(given(claims))))
    digest = hmac.new(credentials.key, text, hashlib.sha256).digest()
    return b".".join((text, base64url(digest))).decode()


def _bytes(written: str, encoding: str) -> bytes:
    try:
        if encoding == "hex":
            key = bytes.fromhex(written)
        elif encoding == "base64":
            key = base64.b64decode(written, validate=True)
        else:
            key = written.encode()
    except (ValueError, binascii.Error):
        key = b""
    if key:
        return key
    if encoding == "text":
        raise ConfigurationError(message("the key that signs is missing"))
    must = message("the key must be written in %(encoding)s, perhaps after its id and a colon")
    raise ConfigurationError(must.with_values(encoding=encoding))
