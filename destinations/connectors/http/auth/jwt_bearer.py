"""Signed assertions that stand for a person's consent: the JWT bearer grant (RFC 7523), signed with RS256.

As Google's service accounts ("Using OAuth 2.0 for Server to Server Applications") and Salesforce's connected
apps ("OAuth 2.0 JWT Bearer Flow") want them. The form is RFC 7515's compact one.
"""

from __future__ import annotations

import json
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from destinations.connectors.base import ConfigurationError
from tracsync.common.messages import message

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFE = 150  # seconds that an assertion counts: Salesforce takes three minutes at most
LEAST_BITS = 2048  # of an RSA key (RFC 7518, 3.3)


@dataclass(frozen=True, slots=True)
class Key:
    """Who signs. `subject`: whom the token is for, where that is another than the issuer."""

    private_key: RSAPrivateKey = field(repr=False)
    key_id: str = ""
    subject: str = ""

    def assertion(self, issuer: str, audience: str, scope: str, now: int) -> str:
        """A new assertion. `now`: epoch seconds. Google reads the scope in it, others beside it."""
        header = {"alg": "RS256", "typ": "JWT", "kid": self.key_id}
        claims: dict[str, str | int] = {
            "iss": issuer,
            "sub": self.subject,
            "aud": audience,
            "scope": scope,
            "iat": now,
            "exp": now + LIFE,
            "jti": uuid.uuid4().hex,
        }
        return compact(given(header), given(claims), self.private_key)


def compact(header: bytes, claims: bytes, private_key: RSAPrivateKey) -> str:
    """A JSON Web Signature by RS256: header, claims and signature in base64url, joined by dots."""
    signed = b".".join(map(base64url, (header, claims)))
    signature = private_key.sign(signed, PKCS1v15(), SHA256())
    return b".".join((signed, base64url(signature))).decode()


@lru_cache(maxsize=64)  # it takes 50 ms to read one, and previews and sessions begin with it
def private_key(pem: str) -> RSAPrivateKey:
    """An RSA key in PEM. Raises ConfigurationError.

    Its line ends may be lost, as in a field of a form, or written `\\n`, as in a JSON file.
    """
    try:
        key = load_pem_private_key(_with_lines(pem).encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise ConfigurationError(
            message(
                "private_key must be an RSA key in PEM without a password, beginning with"
                " -----BEGIN PRIVATE KEY----- or -----BEGIN RSA PRIVATE KEY-----"
            )
        )
    if key.key_size < LEAST_BITS:
        raise ConfigurationError(
            message("private_key has %(number)s bits; RS256 needs 2048 or more", number=key.key_size)
        )
    return key


def given(part: Mapping[str, str | int]) -> bytes:
    """A part of a token as JSON, without what is blank."""
    known = {name: value for name, value in part.items() if value}
    return json.dumps(known, separators=(",", ":")).encode()


def _with_lines(pem: str) -> str:
    _before, _begin, rest = pem.replace("\\n", "\n").partition("-----BEGIN ")
    kind, _dashes, rest = rest.partition("-----")
    content, _end, _after = rest.partition("-----END ")
    text = "".join(content.split())
    lines = (text[at : at + 64] for at in range(0, len(text), 64))
    return "\n".join((f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----"))


def base64url(part: bytes) -> bytes:
    return urlsafe_b64encode(part).rstrip(b"=")
