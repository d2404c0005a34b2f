"""HMAC signatures that receivers of webhooks know, over exactly the bytes that are sent.

Standard Webhooks: https://www.standardwebhooks.com (symmetric, `v1`). `t=...,v1=...` is the form that Stripe
made common, `sha256=...` GitHub's, which others have without a prefix. For all others what is signed, how its
digest is written and what stands before it is free: Shopify has base64, Slack `v0:{{timestamp}}:{{body}}`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from destinations.connectors.base import ConfigurationError
from destinations.connectors.http.client import Request
from destinations.connectors.http.wire.request_headers import checked_headers
from tracsync.common.messages import message

CUSTOM = "custom"
DEFAULT_HEADERS = dict.fromkeys(("timestamped", "hex", "plain-hex", CUSTOM), "X-Signature")
SCHEMES = ("standard-webhooks", *DEFAULT_HEADERS)
DIGESTS = ("hex", "base64")
_PREFIX = "whsec_"
_SHORTEST_KEY = 16  # bytes; the standard asks for 24, and generators in use make fewer
_ANY = re.compile(r"\{\{[^{}]*(?:\}\})?")
_KNOWN = re.compile(rb"\{\{(id|timestamp|body)\}\}")
_NAMES = ("{{id}}", "{{timestamp}}", "{{body}}")


@dataclass(frozen=True, slots=True)
class Form:
    """Of the scheme `custom`: what is signed, how the digest is written, what stands before it, and which
    header tells the time. `signed` and `prefix` hold {{id}}, {{timestamp}} and, the first only, {{body}}.
    """

    signed: str = "{{body}}"
    digest: str = "hex"
    prefix: str = ""
    timestamp_header: str = ""


@dataclass(frozen=True, slots=True)
class WebhookSigner:
    """Adds a signature by each of the secrets: the first one stays, the others are being replaced."""

    scheme: str
    keys: Sequence[bytes] = field(repr=False)
    header: str = ""
    form: Form = Form()

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

    def _custom(self, body: bytes, key: str, now: int) -> Mapping[str, str]:
        """By the first secret only, as `_hex`."""
        values = {b"id": key.encode(), b"timestamp": b"%d" % now, b"body": body}
        digest = self._digest(self.keys[0], _filled(self.form.signed, values))
        written = digest.hex() if self.form.digest == "hex" else base64.b64encode(digest).decode()
        added = {self.header: _filled(self.form.prefix, values).decode() + written}
        return {**added, self.form.timestamp_header: str(now)} if self.form.timestamp_header else added

    @staticmethod
    def _digest(secret: bytes, signed: bytes) -> bytes:
        return hmac.new(secret, signed, hashlib.sha256).digest()


_ADDED: Mapping[str, Callable[[WebhookSigner, bytes, str, int], Mapping[str, str]]] = {
    "standard-webhooks": WebhookSigner._standard,
    "timestamped": WebhookSigner._timestamped,
    "hex": WebhookSigner._hex,
    "plain-hex": WebhookSigner._hex,
    CUSTOM: WebhookSigner._custom,
}


def _filled(text: str, values: Mapping[bytes, bytes]) -> bytes:
    """At once: what a value brings along is no placeholder."""
    return _KNOWN.sub(lambda found: values[found[1]], text.encode())


def signer(
    scheme: str, secrets: Sequence[str], header: str = "", form: Mapping[str, str] | None = None
) -> WebhookSigner:
    """A signer of one of SCHEMES; `form`: the fields of a Form, blank for those that are as usual.

    Raises ConfigurationError where it could not sign.
    """
    made = checked_form(scheme, header, form or {})
    if not secrets:
        raise ConfigurationError(
            message("sign needs a secret: enter one under signing_secrets of the resource")
        )
    if scheme == "standard-webhooks":
        return WebhookSigner(scheme, [_standard_key(secret) for secret in secrets])
    name = header or DEFAULT_HEADERS[scheme]
    checked_headers({name: ""})
    return WebhookSigner(scheme, [secret.encode() for secret in secrets], name, made)


def checked_form(scheme: str, header: str, given: Mapping[str, str]) -> Form:
    """Raises ConfigurationError for a form that nobody could verify, or that the scheme does not take."""
    fields = {name: value for name, value in given.items() if value}
    if scheme != CUSTOM:
        if fields:
            free = message("%(name)s is for the scheme custom: the others have their own")
            raise ConfigurationError(free.with_values(name=next(iter(fields))))
        return Form()
    form = Form(**fields)
    _check_placeholders("signed", form.signed, _NAMES)
    _check_placeholders("prefix", form.prefix, _NAMES[:2])
    if "{{body}}" not in form.signed:
        raise ConfigurationError(
            message("signed has to hold {{body}}: the body could be another one otherwise")
        )
    if "{{timestamp}}" in form.signed and not (form.timestamp_header or "{{timestamp}}" in form.prefix):
        raise ConfigurationError(
            message(
                "signed holds {{timestamp}}, which receivers have to be told: set timestamp_header, or write"
                " it into prefix, too"
            )
        )
    name = header or DEFAULT_HEADERS[CUSTOM]
    if form.timestamp_header.lower() == name.lower():
        raise ConfigurationError(message("timestamp_header has to be another header than the signature's"))
    checked_headers({name: form.prefix, form.timestamp_header or "X-Timestamp": ""})
    return form


def _check_placeholders(name: str, text: str, known: Sequence[str]) -> None:
    for found in _ANY.findall(text):
        if found not in known:
            unknown = message("%(name)s holds %(found)s; it takes %(names)s")
            raise ConfigurationError(unknown.with_values(name=name, names=", ".join(known), found=found))


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
