"""HMAC signatures that receivers of webhooks know: Standard Webhooks, `t=...,v1=...`, and plain hex.

Standard Webhooks: https://www.standardwebhooks.com (symmetric, `v1`). The second is the form that Stripe made
common, the third GitHub's (`sha256=...`), which others have without a prefix. All of them sign exactly the
bytes that are sent.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from destinations.connectors.base import ConfigurationError
from destinations.connectors.http.client import Request
from destinations.connectors.http.headers import checked_headers
from tracsync.common.messages import message

DEFAULT_HEADERS = dict.fromkeys(("timestamped", "hex", "plain-hex"), "X-Signature")
SCHEMES = ("standard-webhooks", *DEFAULT_HEADERS)
_PREFIX = "whsec_"
_SHORTEST_KEY = 16  # bytes; the standard asks for 24, and generators in use make fewer


@dataclass(frozen=True, slots=True)
class WebhookSigner:
    """Adds a signature by each of the secrets: the first one stays, the others are being replaced."""

    scheme: str
    keys: Sequence[bytes] = field(repr=False)
    header: str = ""

    def signed(self, request: Request, key: str, now: int) -> Request:
        """The request with its signatures. `key`: the idempotency key; `now`: epoch seconds of this try."""
        added = _ADDED[self.scheme](self, request.data or b"", key, now)
        return replace(request, headers={**request.headers, **added})

    def _standard(self, body: bytes, key: str, now: int) -> Mapping[str, str]:
        signed = b"%s.%d." % (key.encode(), now) + body
        signatures = " ".join(
            f"v1,{base64.b64encode(self._digest(secret, signed)).decode()}" for secret in self.keys
        )
        return {"webhook-id": key, "webhook-timestamp": str(now), "webhook-signature": signatures}

    def _timestamped(self, body: bytes, key: str, now: int) -> Mapping[str, str]:
        signed = b"%d." % now + body
        values = (f"v1={self._digest(secret, signed).hex()}" for secret in self.keys)
        return {self.header: ",".join((f"t={now}", *values))}

    def _hex(self, body: bytes, key: str, now: int) -> Mapping[str, str]:
        """Receivers of these forms compare one value: it is signed by the first secret only."""
        prefix = "sha256=" if self.scheme == "hex" else ""
        return {self.header: f"{prefix}{self._digest(self.keys[0], body).hex()}"}

    @staticmethod
    def _digest(secret: bytes, signed: bytes) -> bytes:
        return hmac.new(secret, signed, hashlib.sha256).digest()


_ADDED: Mapping[str, Callable[[WebhookSigner, bytes, str, int], Mapping[str, str]]] = {
    "standard-webhooks": WebhookSigner._standard,
    "timestamped": WebhookSigner._timestamped,
    "hex": WebhookSigner._hex,
    "plain-hex": WebhookSigner._hex,
}


def signer(scheme: str, secrets: Sequence[str], header: str = "") -> WebhookSigner:
    """A signer of one of SCHEMES. Raises ConfigurationError where it could not sign."""
    if not secrets:
        raise ConfigurationError(
            message("sign needs a secret: enter one under signing_secrets of the resource")
        )
    if scheme == "standard-webhooks":
        return WebhookSigner(scheme, [_standard_key(secret) for secret in secrets])
    name = header or DEFAULT_HEADERS[scheme]
    checked_headers({name: ""})
    return WebhookSigner(scheme, [secret.encode() for secret in secrets], name)


def _standard_key(secret: str) -> bytes:
    """The bytes of a secret, which the standard writes in base64 after `whsec_`."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < _SHORTEST_KEY:
        raise ConfigurationError(
            message(
                "signing_secrets: Standard Webhooks needs secrets of at least %(number)s bytes in base64,"
                " such as whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                number=_SHORTEST_KEY,
            )
        )
    return key
