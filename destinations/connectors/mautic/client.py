"""Calls to Mautic's API with an access token that all workers share."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from destinations.connectors import schemas
from destinations.connectors.addresses import Guard
from destinations.connectors.base import JSON, ConfigurationError, Token, TokenStore, Unreachable
from destinations.connectors.http import client, payload, replies
from destinations.connectors.http.wire.request_headers import checked_headers
from destinations.connectors.mautic.answers import MISSING, Said
from destinations.connectors.redaction import Redactor
from tracsync.common.messages import message

TIMEOUT = 30.0  # seconds; a batch of 200 is saved one by one
RESPONSE_LIMIT = 16 * 1024 * 1024  # bytes: the answer to a batch holds every contact in full
DEFAULT_LIFETIME = 3600.0  # seconds, where the answer does not say
MARGIN = 30.0  # seconds before its end that a token is not used any more


class MauticClient:
    """One session to one Mautic."""

    def __init__(
        self, credentials: Mapping[str, str], guard: Guard, tokens: TokenStore, redactor: Redactor
    ) -> None:
        self.redactor = redactor
        self.base = base_url(credentials["api_url"])
        self._keys = {"client_id": credentials["public_key"], "client_secret": credentials["private_key"]}
        self._tokens = tokens
        self._http = client.HttpClient(guard, redactor, timeout=TIMEOUT, limit=RESPONSE_LIMIT)

    def close(self) -> None:
        self._http.close()

    def call(self, request: client.Request, *, may_be_missing: bool = False) -> replies.Reply:
        """One API call; a refused token is renewed once and the call repeated once.

        Raises what `HttpClient.send` raises, and ConfigurationError or Unreachable when no token can be had
        or the API as a whole refuses: with 404 and 410, too, unless it may be about one contact.
        """
        token = self._tokens.get() or self._tokens.renew(None, self._fetch)
        reply = self._http.send(self._authorised(request, token))
        if reply.status == 401:
            token = self._tokens.renew(token, self._fetch)
            reply = self._http.send(self._authorised(request, token))
        if not (may_be_missing and reply.status in MISSING):
            Said(reply, self.redactor).raise_if_refused()
        return reply

    def _authorised(self, request: client.Request, token: Token) -> client.Request:
        self.redactor.add(token.value)
        return authorised(request, token.value)

    def _fetch(self) -> Token:
        """A new token by client credentials (Mautic 4.0 or later)."""
        form = urlencode({"grant_type": "client_credentials", **self._keys})
        headers = {"Content-Type": payload.FORM_TYPE}
        try:
            reply = self._http.send(client.Request("POST", f"{self.base}/oauth/v2/token", headers, form))
        except (client.NotSent, client.NoAnswer) as error:
            raise Unreachable(message("no access token: %(reason)s", reason=str(error))) from None
        said = Said(reply, self.redactor)
        if reply.status in replies.RETRYABLE or reply.status >= 500:
            reason = message("no access token: %(reason)s", reason=said.reason(None))
            raise Unreachable(reason, said.wait())
        value = said.mapping.get("access_token")
        if reply.status != 200 or not isinstance(value, str) or not value:
            raise ConfigurationError(
                message("Mautic gave no access token: %(reason)s", reason=said.reason(None))
            )
        seconds: JSON = said.mapping.get("expires_in")
        is_known = isinstance(seconds, int | float) and seconds > 0
        lifetime = float(seconds) if is_known else DEFAULT_LIFETIME
        return Token(value, time.time() + lifetime - min(MARGIN, lifetime / 10))


def request(
    base: str, method: str, path: str, body: JSON = None, idempotency_key: str = ""
) -> client.Request:
    """An API call, not yet authorised. Raises UnwritableError for a body that JSON cannot hold."""
    # Without its content type Mautic does not parse JSON and saves an empty contact (#7238, #10982).
    headers = {"Content-Type": payload.JSON_TYPE} if body is not None else {}
    if idempotency_key:
        headers["Idempotency-Key"] = idempotency_key
    data = None if body is None else payload.json_bytes(body)
    return client.Request(method, f"{base}/api/{path}", headers, data, f"{base}/api/{path}")


def authorised(request: client.Request, token: str) -> client.Request:
    headers = checked_headers({"Authorization": f"Bearer {token}"}, request.headers)
    return replace(request, headers=headers)


def base_url(api_url: str) -> str:
    """Mautic's own address: without /api and slashes at its end (a trailing slash is a 404 on POST).

    Raises ConfigurationError for one that leads nowhere.
    """
    schemas.check_no_references([("api_url", api_url)])
    given = client.normal_url(api_url.strip())
    return given.rstrip("/").removesuffix("/api").rstrip("/")
