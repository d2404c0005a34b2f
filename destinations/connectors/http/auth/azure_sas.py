"""Shared access signatures of Azure Service Bus, Event Hubs and Relay: a token made of a key, for an address.

As Microsoft describes it ("Service Bus access control with Shared Access Signatures"):
`SharedAccessSignature sr={URI}&sig={HMAC-SHA256}&se={expiry}&skn={key name}`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field, replace
from urllib.parse import quote_plus, urlsplit

from destinations.connectors.http.client import Request

LIFE = 600  # seconds that a signature counts; each request has its own


@dataclass(frozen=True, slots=True)
class Credentials:
    """`key_name` is the name of the policy, `key` one of its keys as the portal shows it (text, not decoded).

    `resource`: the URI that is signed, such as that of a queue; "" signs the address of the request.
    """

    key_name: str
    key: str = field(repr=False)
    resource: str = ""


def signed(request: Request, credentials: Credentials, now: int) -> Request:
    """The request with Authorization. `now`: epoch seconds."""
    url = urlsplit(request.url)
    resource = credentials.resource or f"{url.scheme}://{url.netloc}{url.path}"
    made = token(quote_plus(resource), credentials, now + LIFE)
    return replace(request, headers={**request.headers, "Authorization": made})


def token(resource: str, credentials: Credentials, expiry: int) -> str:
    """`resource`: percent-encoded, as it is signed; `expiry`: epoch seconds."""
    text = f"{resource}\n{expiry}".encode()
    digest = hmac.new(credentials.key.encode(), text, hashlib.sha256).digest()
    signature = quote_plus(base64.b64encode(digest))
    name = quote_plus(credentials.key_name)
    return f"SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={name}"
