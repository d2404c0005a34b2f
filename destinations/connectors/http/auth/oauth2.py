"""Access tokens by OAuth 2.0 (RFC 6749): by client credentials (4.4), by refresh tokens (6), by what a person
has authorised (4.1), and by signed assertions (RFC 7523)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote_plus, urlencode, urlsplit, urlunsplit

from destinations.connectors.base import JSON, ConfigurationError, SignInAgain, Token, TokenStore, Unreachable
from destinations.connectors.http import client as http
from destinations.connectors.http import rate_limits
from destinations.connectors.http.auth import jwt_bearer
from destinations.connectors.http.payload import FORM_TYPE
from destinations.connectors.http.replies import RETRYABLE, Reply
from destinations.connectors.redaction import Redactor, basic
from tracsync.common.messages import message

USUAL_LIFE = 3600.0  # seconds, where the answer does not say
EARLY = 30.0  # seconds before its end that a token is renewed: clocks differ, and calls take time
LONGEST_TOKEN = 16_000  # characters
TIMEOUT = 10.0  # seconds; whoever asks has the lease of all workers meanwhile
PASSING = frozenset({"temporarily_unavailable", "server_error"})  # words of an error that ends by itself
MOST_EXTRAS = 20
LONGEST_EXTRA = 1000  # characters; of a scope, too
_STANDARD = frozenset({"access_token", "token_type", "expires_in", "refresh_token", "scope", "id_token"})


@dataclass(frozen=True, slots=True)
class Grant:
    """How to ask for a token. `client_auth`: "body", or "basic" for the Authorization header.

    `authorize_url` and `authorize_params` are of the grant "authorization_code", `key` of "jwt_bearer".
    `address_field` names what comes with a token and is the address to call.
    """

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""
    audience: str = ""
    client_auth: str = "body"
    grant: str = "client_credentials"
    refresh_token: str = field(default="", repr=False)
    authorize_url: str = ""
    authorize_params: Mapping[str, str] = field(default_factory=dict)
    key: jwt_bearer.Key | None = None
    address_field: str = ""

    @property
    def refreshes(self) -> bool:
        return self.grant in ("refresh_token", "authorization_code")

    def request(self, refresh_token: str) -> http.Request:
        """What asks for a token without a person."""
        values = {"grant_type": self.grant, "scope": self.scope, "audience": self.audience}
        if self.grant == "authorization_code":  # the scope stays what the person agreed to
            values = {"grant_type": "refresh_token"}
        if self.refreshes:
            values["refresh_token"] = refresh_token
        if self.key is not None:
            audience, scope = self.audience or self.token_url, self.scope
            assertion = self.key.assertion(self.client_id, audience, scope, int(time.time()))
            return self._asking(
                {"grant_type": jwt_bearer.GRANT_TYPE, "assertion": assertion, "scope": scope}, signs_in=False
            )
        return self._asking(values)

    def exchange(self, code: str, redirect_uri: str, verifier: str) -> http.Request:
        """What asks for a token by the code that a person came back with (RFC 6749, 4.1.3; RFC 7636, 4.5)."""
        return self._asking(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": verifier,
            }
        )

    def addressed(self, request: http.Request, token: Token) -> http.Request:
        """The request at the address that came with the token, if one has to. Raises ConfigurationError."""
        if not self.address_field:
            return request
        given = token.extras.get(self.address_field, "")
        try:
            place = urlsplit(given if "://" in given else f"https://{given}")
        except ValueError:
            place = urlsplit("")
        host = place.netloc.rpartition("@")[2]
        if not host or place.scheme not in ("https", urlsplit(self.token_url).scheme):
            raise ConfigurationError(
                message("the access token came without an address under %(name)s", name=self.address_field)
            )
        url, shown = (
            urlunsplit(urlsplit(one)._replace(scheme=place.scheme, netloc=host)) if one else ""
            for one in (request.url, request.shown_url)
        )
        return replace(request, url=url, shown_url=shown)

    def _asking(self, values: Mapping[str, str], *, signs_in: bool = True) -> http.Request:
        headers = {"Content-Type": FORM_TYPE, "Accept": "application/json"}
        client: dict[str, str] = {}
        if signs_in and self.client_auth == "basic":  # each part is form-encoded first (RFC 6749, 2.3.1)
            pair = basic(quote_plus(self.client_id), quote_plus(self.client_secret))
            headers["Authorization"] = f"Basic {pair}"
        elif signs_in:
            client = {"client_id": self.client_id, "client_secret": self.client_secret}
        body = urlencode({name: value for name, value in {**values, **client}.items() if value})
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
        if self._grant.refreshes and not refresh:
            raise SignInAgain(
                message("there is no access token that still counts: authorise it on the resource's page")
            )
        return asked(self._grant.request(refresh), self._grant, self._client, self._redactor, refresh)


def asked(
    request: http.Request, grant: Grant, client: http.HttpClient, redactor: Redactor, refresh: str = ""
) -> Token:
    """The token that a request for one gives. `refresh`: the refresh token that was sent, if one was.

    Raises SignInAgain where it is taken no more, and other ConnectorErrors.
    """
    redactor.add(refresh)
    try:
        reply = client.send(request)
    except (http.NotSent, http.NoAnswer) as error:
        reason = message("no access token: %(reason)s", reason=str(error))
        raise Unreachable(reason, sent=isinstance(error, http.NoAnswer)) from None
    answer = reply.json()
    said = answer if isinstance(answer, Mapping) else {}
    if reply.status in RETRYABLE or reply.status >= 500 or said.get("error") in PASSING:
        raise Unreachable(
            message("no access token: the token address answered %(status)s", status=reply.status),
            rate_limits.asked(reply.status, reply.headers),
            sent=reply.status >= 500,
        )
    value = said.get("access_token")
    if not 200 <= reply.status < 300 or not isinstance(value, str) or not value.isprintable():
        raise _refusal(grant, reply, said, redactor, bool(refresh))
    if not value or len(value) > LONGEST_TOKEN or not value.isascii():
        raise ConfigurationError(message("the token address gave no access token that can be sent"))
    return Token(
        value,
        time.time() + _life(said.get("expires_in")),
        _next(said, refresh) if grant.refreshes else "",
        _short(said.get("scope")) or ("" if refresh else grant.scope),
        _extras(said),
    )


def _next(said: Mapping[str, JSON], refresh: str) -> str:
    """The refresh token to use the next time: the one that came, or else the same again."""
    given = said.get("refresh_token")
    return given if isinstance(given, str) and 0 < len(given) <= LONGEST_TOKEN else refresh


def _refusal(
    grant: Grant, reply: Reply, said: Mapping[str, JSON], redactor: Redactor, sent_refresh: bool
) -> ConfigurationError:
    """With the standard's own word for it (RFC 6749, 5.2), such as invalid_client."""
    word = said.get("error")
    if 200 <= reply.status < 300:
        return ConfigurationError(
            message("the token address answered %(status)s without an access token", status=reply.status)
        )
    if not isinstance(word, str) or not word:
        return ConfigurationError(message("the token address answered %(status)s", status=reply.status))
    told = said.get("error_description")
    shown = redactor.reason(f"{word[:100]}: {told[:200]}" if isinstance(told, str) and told else word[:100])
    if word == "invalid_grant" and sent_refresh:
        if grant.grant == "authorization_code":
            again = message(
                "authorise again on the resource's page: the refresh token was refused (%(reason)s)"
            )
        else:
            again = message("enter a new refresh token in the resource: this one was refused (%(reason)s)")
        return SignInAgain(again.with_values(reason=shown))
    return ConfigurationError(message("the token address refused: %(reason)s", reason=shown))


def _life(expires_in: JSON) -> float:
    """Seconds that a token is used; some servers send the number as text."""
    try:
        seconds = float(expires_in)
    except (TypeError, ValueError):
        return USUAL_LIFE
    if not 0 < seconds < 1e9:  # also what is no number
        return USUAL_LIFE
    return max(seconds - EARLY, seconds / 2)


def _short(text: JSON) -> str:
    return text if isinstance(text, str) and len(text) <= LONGEST_EXTRA else ""


def _extras(said: Mapping[str, JSON]) -> dict[str, str]:
    """Texts beside the standard's own, such as `instance_url` of Salesforce."""
    others = {name: _short(value) for name, value in said.items() if name not in _STANDARD}
    return dict([(name, text) for name, text in others.items() if text and len(name) <= 100][:MOST_EXTRAS])
