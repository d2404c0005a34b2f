"""Access tokens by OAuth 2.0: client credentials (RFC 6749, 4.4) and refresh tokens (RFC 6749, 6)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote_plus, urlencode

from destinations.connectors.base import (
    JSON,
    ConfigurationError,
    Token,
    TokenStore,
    Unreachable,
)
from destinations.connectors.http import client as http
from destinations.connectors.http.payload import FORM_TYPE
from destinations.connectors.http.replies import RETRYABLE, Reply
from destinations.connectors.redaction import Redactor, basic
from tracsync.common.messages import message

USUAL_LIFE = 3600.0  # seconds, where the answer does not say
EARLY = 30.0  # seconds before its end that a token is renewed: clocks differ, and calls take time
LONGEST_TOKEN = 16_000  # characters


@dataclass(frozen=True, slots=True)
class Grant:
    """How to ask for a token. `client_auth`: "body", or "basic" for the Authorization header."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""
    audience: str = ""
    client_auth: str = "body"
    grant: str = "client_credentials"
    refresh_token: str = field(default="", repr=False)

    def request(self, refresh_token: str) -> http.Request:
        values = {"grant_type": self.grant, "scope": self.scope, "audience": self.audience}
        if self.grant == "refresh_token":
            values["refresh_token"] = refresh_token
        headers = {"Content-Type": FORM_TYPE, "Accept": "application/json"}
        if self.client_auth == "basic":  # each part is form-encoded first (RFC 6749, 2.3.1)
            pair = basic(quote_plus(self.client_id), quote_plus(self.client_secret))
            headers["Authorization"] = f"Basic {pair}"
        else:
            values |= {"client_id": self.client_id, "client_secret": self.client_secret}
        body = urlencode({name: value for name, value in values.items() if value})
        return http.Request("POST", self.token_url, headers, body)


class AccessTokens:
    """The access token of one resource, shared with all workers by a TokenStore."""

    def __init__(self, grant: Grant, client: http.HttpClient, store: TokenStore, redactor: Redactor) -> None:
        self._grant, self._client, self._store, self._redactor = grant, client, store, redactor

    def current(self) -> Token:
        """The stored token, or a new one. Raises ConnectorError."""
        token = self._store.get() or self._store.renew(None, self._fetch)
        self._redactor.add(token.value)
        return token

    def instead_of(self, refused: Token) -> Token:
        """Another one than that which was refused. Raises ConnectorError."""
        token = self._store.renew(refused, self._fetch)
        self._redactor.add(token.value)
        return token

    def _fetch(self) -> Token:
        """A new token. Some services give a new refresh token each time, and take the one before no more."""
        refresh = self._store.refresh_token() or self._grant.refresh_token
        self._redactor.add(refresh)
        try:
            reply = self._client.send(self._grant.request(refresh))
        except (http.NotSent, http.NoAnswer) as error:
            raise Unreachable(message("no access token: %(reason)s", reason=str(error))) from None
        answer = reply.json()
        said = answer if isinstance(answer, Mapping) else {}
        if reply.status in RETRYABLE or reply.status >= 500:
            raise Unreachable(
                message("no access token: the token address answered %(status)s", status=reply.status)
            )
        value = said.get("access_token")
        if not 200 <= reply.status < 300 or not isinstance(value, str) or not value.isprintable():
            raise ConfigurationError(self._refusal(reply, said))
        if not value or len(value) > LONGEST_TOKEN or not value.isascii():
            raise ConfigurationError(message("the token address gave no access token that can be sent"))
        return Token(value, time.time() + _life(said.get("expires_in")), self._next(said, refresh))

    def _next(self, said: Mapping[str, JSON], refresh: str) -> str:
        """The refresh token to use the next time: the one that came, or else the same again."""
        if self._grant.grant != "refresh_token":
            return ""
        given = said.get("refresh_token")
        return given if isinstance(given, str) and 0 < len(given) <= LONGEST_TOKEN else refresh

    def _refusal(self, reply: Reply, said: Mapping[str, JSON]) -> str:
        """With the standard's own word for it (RFC 6749, 5.2), such as invalid_client."""
        word = said.get("error")
        if 200 <= reply.status < 300:
            return message(
                "the token address answered %(status)s without an access token", status=reply.status
            )
        if isinstance(word, str) and word:
            shown = self._redactor.reason(word[:100])
            return message("the token address refused: %(reason)s", reason=shown)
        return message("the token address answered %(status)s", status=reply.status)


def _life(expires_in: JSON) -> float:
    """Seconds that a token is used; some servers send the number as text."""
    try:
        seconds = float(expires_in)
    except (TypeError, ValueError):
        return USUAL_LIFE
    if not 0 < seconds < 1e9:  # also what is no number
        return USUAL_LIFE
    return max(seconds - EARLY, seconds / 2)
