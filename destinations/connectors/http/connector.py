"""HTTP API: one request per profile to any web service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

from destinations.connectors import schemas
from destinations.connectors.addresses import Guard
from destinations.connectors.base import (
    JSON,
    ConfigurationError,
    Delivery,
    Outcome,
    Rejected,
    Retry,
    Runtime,
    Schema,
    Unknown,
    Unreachable,
)
from destinations.connectors.http import client as http
from destinations.connectors.http import payload, replies
from destinations.connectors.http.headers import checked_headers
from destinations.connectors.redaction import Redactor, basic, mask_url, url_secrets
from tracsync.common.messages import message


class HttpApi:
    """Sends the payload as JSON, as query parameters (GET), as a form or as text."""

    slug: ClassVar[str] = "http_api"
    name: ClassVar[str] = "HTTP API"
    description: ClassVar[str] = message("Calls a web service once for each changed profile.")
    icon: ClassVar[str] = (
        '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round">'
        '<circle cx="12" cy="12" r="9"/><path d="M3 12h18M12 3c5 5 5 13 0 18M12 3c-5 5-5 13 0 18"/></svg>'
    )
    batch_size: ClassVar[int] = 1
    credentials_schema: ClassVar[Schema] = {
        "type": "object",
        "properties": {
            "url": {
                "type": "string",
                "title": message("URL"),
                "description": message(
                    "The address to call. Its password and query values are not shown again."
                ),
                "format": "uri",
                "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[^/?#\s]+([/?#]\S*)?$",
                "hint": message("must start with http:// or https:// and hold no spaces"),
            },
            "username": {
                "type": "string",
                "title": message("User name"),
                "description": message("For basic authentication, together with the password."),
                "default": "",
            },
            "password": {
                "type": "string",
                "title": message("Password"),
                "description": message("For basic authentication."),
                "secret": True,
                "default": "",
            },
            "token": {
                "type": "string",
                "title": message("Token"),
                "description": message("Sent as Authorization: Bearer. Not together with a user name."),
                "secret": True,
                "default": "",
            },
            "headers": {
                "type": "object",
                "title": message("Secret headers"),
                "description": message("Headers that carry keys, by name; kept secret."),
                "additionalProperties": {"type": "string"},
                "secret": True,
                "default": {},
            },
            "proxy": {
                "type": "string",
                "title": message("Proxy"),
                "description": message("The proxy to go through, such as http://user:password@proxy:3128."),
                "pattern": r"^$|^[Hh][Tt][Tt][Pp][Ss]?://[^/?#\s]+/?$",
                "hint": message("must start with http:// or https:// and name a host"),
                "secret": True,
                "address": True,
                "default": "",
            },
            "ssl_check": {
                "type": "boolean",
                "title": message("Verify TLS"),
                "description": message(
                    "Verify the server's certificate; off is off for all its destinations."
                ),
                "address": True,
                "default": True,
            },
        },
        "required": ["url"],
        "additionalProperties": False,
    }
    settings_schema: ClassVar[Schema] = {
        "type": "object",
        "properties": {
            "method": {
                "type": "string",
                "title": message("Method"),
                "description": message("With GET the payload becomes query parameters."),
                "enum": ["GET", "POST", "PUT", "PATCH", "DELETE"],
                "default": "POST",
            },
            "timeout": {
                "type": "number",
                "title": message("Timeout"),
                "description": message("Seconds to wait for data; a whole exchange may take twice as long."),
                "exclusiveMinimum": 0,
                "maximum": 60,
                "default": 10,
            },
            "headers": {
                "type": "object",
                "title": message("Headers"),
                "description": message(
                    "Headers to send, by name. A Content-Type other than JSON changes the body."
                ),
                "additionalProperties": {"type": "string"},
                "default": {},
            },
            "cookies": {
                "type": "object",
                "title": message("Cookies"),
                "description": message("Cookies to send, by name."),
                "additionalProperties": {"type": "string"},
                "secret": True,
                "default": {},
            },
            "ssl_check": {
                "type": "boolean",
                "title": message("Verify TLS"),
                "description": message("Verify the server's certificate."),
                "address": True,
                "default": True,
            },
        },
        "additionalProperties": False,
    }
    payload_schema: ClassVar[Schema] = {}

    def open(
        self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON], runtime: Runtime | None = None
    ) -> AbstractContextManager[HttpApiSession]:
        plan = _plan(credentials, settings)
        guard = Guard((runtime or Runtime()).allowed_internal)
        client = http.HttpClient(
            guard, plan.redactor, timeout=plan.timeout, proxy=plan.proxy, verify=plan.verify
        )
        return closing(HttpApiSession(plan, client))

    def describe(
        self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON], delivery: Delivery
    ) -> dict[str, JSON]:
        """Keys: method, url, headers, body (text; null when there is none); or only `problem`."""
        plan = _plan(credentials, settings)
        try:
            request = plan.request(delivery)
        except payload.UnwritableError as error:
            return {"problem": str(error)}
        return request.describe(plan.redactor)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Credentials and settings, checked and put together."""

    method: str
    url: str
    shown_url: str
    headers: Mapping[str, str]
    content_type: str
    timeout: float
    proxy: str
    verify: bool
    redactor: Redactor

    def request(self, delivery: Delivery) -> http.Request:
        """Raises UnwritableError."""
        headers = {**self.headers, "Idempotency-Key": delivery.idempotency_key}
        if self.method == "GET":
            if self.content_type:
                headers["Content-Type"] = self.content_type
            query = urlencode(payload.flatten(delivery.payload))
            url, shown_url = _extend(self.url, query), _extend(self.shown_url, query)
            return http.Request("GET", url, headers, shown_url=shown_url)
        body, headers["Content-Type"] = payload.serialise(delivery.payload, self.content_type)
        return http.Request(self.method, self.url, headers, body, self.shown_url)


class HttpApiSession:
    """One request per delivery over one kept-alive connection."""

    def __init__(self, plan: _Plan, client: http.HttpClient) -> None:
        self._plan, self._client = plan, client

    def close(self) -> None:
        self._client.close()

    def check(self) -> str:
        """Ask with HEAD, which changes nothing; any answer but 401, 403 and 407 proves reachability."""
        try:
            reply = self._client.send(http.Request("HEAD", self._plan.url, self._plan.headers))
        except (http.NotSent, http.NoAnswer) as error:
            raise Unreachable(str(error)) from None
        if reply.status in (401, 403, 407):
            by_proxy = message("the proxy refused the credentials: it answered %(status)s to HEAD")
            by_service = message("the service refused the credentials: it answered %(status)s to HEAD")
            refused = by_proxy if reply.status == 407 else by_service
            raise ConfigurationError(refused.with_values(status=reply.status))
        if 300 <= reply.status < 400 and "Location" in reply.headers:
            return replies.reason(reply, self._plan.redactor)
        return message(
            "answered %(status)s to HEAD in %(number)s ms: reachable",
            status=reply.status,
            number=f"{reply.seconds * 1000:.0f}",
        )

    def push(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        return [self._send(delivery) for delivery in deliveries]

    def _send(self, delivery: Delivery) -> Outcome:
        try:
            request = self._plan.request(delivery)
        except payload.UnwritableError as error:
            return Rejected(str(error))
        try:
            reply = self._client.send(request)
        except http.NotSent as error:
            return Retry(str(error))
        except http.NoAnswer as error:
            return Unknown(str(error), error.exchange)
        return replies.outcome(reply, self._plan.redactor, delivery.payload)


def _plan(credentials: Mapping[str, JSON], settings: Mapping[str, JSON]) -> _Plan:
    """Raises ConfigurationError when fields contradict each other or cannot be sent."""
    given = schemas.checked(HttpApi.credentials_schema, credentials)
    options = schemas.checked(HttpApi.settings_schema, settings)
    schemas.check_no_references(_fixed_texts(given, options))
    http.normal_url(given["url"])  # it may be one that cannot even be taken apart
    url, authorization = _authorization(given)
    url = http.normal_url(url)
    if given["proxy"]:
        http.check_proxy(given["proxy"])
    headers = checked_headers(given["headers"], options["headers"])
    if cookies := _cookies(options["cookies"]):
        if "Cookie" in headers:
            raise ConfigurationError(message("give either a Cookie header or cookies, not both"))
        headers.update(checked_headers({"Cookie": "; ".join(cookies)}))
    if authorization:
        if "Authorization" in headers:
            raise ConfigurationError(
                message("give either an Authorization header or a token or user name, not both")
            )
        headers["Authorization"] = authorization
    content_type = headers.pop("Content-Type", "")
    headers.pop("Idempotency-Key", None)  # it is ours
    secrets = schemas.secrets(HttpApi.credentials_schema, given) + schemas.secrets(
        HttpApi.settings_schema, options
    )
    redactor = Redactor([*secrets, *url_secrets(given["proxy"]), authorization[6:].strip()], given["headers"])
    return _Plan(
        options["method"],
        url,
        mask_url(url),
        dict(headers),
        content_type,
        float(options["timeout"]),
        given["proxy"],
        given["ssl_check"] and options["ssl_check"],
        redactor,
    )


def _fixed_texts(given: Mapping[str, Any], options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is sent as it stands, by the name of its field."""
    yield from (("url", given["url"]), ("proxy", given["proxy"]))
    groups = (("headers", given["headers"]), ("headers", options["headers"]), ("cookies", options["cookies"]))
    for field, group in groups:
        yield from ((f"{field}.{name}", f"{name} {value}") for name, value in group.items())


def _authorization(given: Mapping[str, Any]) -> tuple[str, str]:
    """The URL without its user information, and the Authorization header's value ("" for none)."""
    parts = urlsplit(given["url"])
    userinfo, at, host = parts.netloc.rpartition("@")
    url = urlunsplit(parts._replace(netloc=host))
    if sum(map(bool, (given["token"], given["username"] or given["password"], at))) > 1:
        raise ConfigurationError(
            message("give either a token or a user name and password, and only one of each")
        )
    if given["token"]:
        bearer = {"Authorization": f"Bearer {given['token'].strip()}"}
        return url, checked_headers(bearer)["Authorization"]
    username, _colon, password = userinfo.partition(":")
    found = (unquote(username), unquote(password)) if at else (given["username"], given["password"])
    return url, f"Basic {basic(*found)}" if any(found) else ""


def _cookies(cookies: Mapping[str, str]) -> list[str]:
    for name, value in cookies.items():
        if not name.strip() or set(name) & set('=;, \t"') or set(value) & set(";,"):
            raise ConfigurationError(message("a cookie's name and value cannot hold = ; , or spaces"))
    return [f"{name}={value}" for name, value in cookies.items()]


def _extend(url: str, query: str) -> str:
    if not query:
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, query))), fragment=""))
