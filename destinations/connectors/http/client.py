"""What connectors that speak HTTP share: one guarded, pooled session and the meaning of its answers."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError

from destinations.connectors.addresses import Guard
from destinations.connectors.base import (
    JSON,
    Accepted,
    ConfigurationError,
    Exchange,
    Hold,
    Outcome,
    Rejected,
    Retry,
    Stop,
)
from destinations.connectors.http.guarded_adapter import KNOWN_URLS, GuardedAdapter
from destinations.connectors.redaction import SCAN_LIMIT, Redactor, cut, mask_url
from tracsync.common.messages import Message, joined, message

USER_AGENT = "tracsync"
CONNECT_TIMEOUT = 5.0  # seconds
RESPONSE_LIMIT = 64 * 1024  # bytes
LONGEST_WAIT = 24 * 3600.0  # seconds
RETRYABLE = frozenset({408, 425, 429})

_MARKUP = re.compile(r"<[^<>]*>")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SYSTEM_WORDS: dict[str, str] = {
    one: one for one in (message("connection refused"), message("connection failed"))
}
_NOT_SENT_TLS = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER", "hostname", "HANDSHAKE_FAILURE")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `shown_url` stands for `url` in what is stored or shown, its secrets masked."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | str | None = None
    shown_url: str = ""

    def show(self, redactor: Redactor) -> str:
        """The request as text for an Exchange, secrets masked."""
        lines = [
            f"{self.method} {self.shown_url or mask_url(self.url)}",
            *_lines(redactor.headers(self.headers)),
        ]
        body = self.body.decode("utf-8", "replace") if isinstance(self.body, bytes) else self.body or ""
        return redactor.excerpt("\n".join(lines) + "\n\n" + body)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. `body` is cut at the client's limit; `complete` is False when it ends early."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool
    seconds: float
    exchange: Exchange

    @property
    def text(self) -> str:
        """The beginning of the body as text; of a web page without head and markup."""
        text = self.body[:SCAN_LIMIT].decode("utf-8", "replace")
        if "html" not in self.headers.get("Content-Type", "").lower():
            return text
        _head, body, content = text.partition("<body")
        return html.unescape(_MARKUP.sub(" ", body + content or text))

    def json(self) -> JSON:
        """The body as JSON; None when it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class NotSent(Exception):
    """The request did not reach the server: repeating it cannot do harm."""


class NoAnswer(Exception):
    """The request was sent and no answer came: it may have been carried out."""

    def __init__(self, message: str, exchange: Exchange) -> None:
        super().__init__(message)
        self.exchange = exchange


class HttpClient:
    """Keep-alive connections to one destination. Follows no redirects, keeps no cookies, reads no
    environment. `timeout`: seconds to wait for data; an exchange in all may take twice as long.
    """

    def __init__(
        self,
        guard: Guard,
        redactor: Redactor,
        *,
        timeout: float,
        proxy: str = "",
        verify: bool = True,
        limit: int = RESPONSE_LIMIT,
    ) -> None:
        self._guard, self._redactor, self._limit = guard, redactor, limit
        self._timeouts = (min(CONNECT_TIMEOUT, timeout), timeout)
        self._verify = verify
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._adapter = GuardedAdapter(guard, limit=2 * timeout)
        self._urls: dict[str, str] = {}  # as given and as sent; reading a URL takes long

    def close(self) -> None:
        self._adapter.close()

    def send(self, request: Request) -> Reply:
        """One exchange. Raises NotSent, NoAnswer, or ConfigurationError for a refused address."""
        prepared = self._prepare(request)
        shown = request.show(self._redactor)
        started = time.monotonic()
        with self._failures(shown):
            # Not through a requests.Session: what that adds (cookies, redirects, hooks, the environment) is
            # not wanted here, and would be paid for at every push.
            response = self._adapter.send(
                prepared, stream=True, timeout=self._timeouts, verify=self._verify, proxies=self._proxies
            )
        with response:
            content, complete = self._read(response)
            return self._reply(response, content, complete, shown, time.monotonic() - started)

    def _prepare(self, request: Request) -> requests.PreparedRequest:
        headers = {
            "User-Agent": USER_AGENT,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            **request.headers,
        }
        prepared = requests.PreparedRequest()
        try:
            prepared.prepare_method(request.method)
            prepared.url = self._urls.get(request.url) or self._checked(request.url, prepared)
            prepared.prepare_headers(headers)
            prepared.prepare_body(request.body, None)
        except (requests.RequestException, ValueError) as error:
            raise ConfigurationError(
                message("the url cannot be used: it is not a valid web address")
            ) from error
        return prepared

    def _checked(self, url: str, prepared: requests.PreparedRequest) -> str:
        """The URL as it is sent. Behind a proxy, which connects for us, its host is checked here."""
        prepared.prepare_url(url, None)
        if self._proxies:
            self._guard.check_target(urlsplit(prepared.url or "").hostname or "")
        elif len(self._urls) < KNOWN_URLS:
            self._urls[url] = prepared.url or ""
        return prepared.url or ""

    @contextmanager
    def _failures(self, shown: str) -> Iterator[None]:
        try:
            yield
        except requests.exceptions.ConnectTimeout:
            raise NotSent(message("could not connect: it took too long")) from None
        except requests.exceptions.ProxyError as error:
            raise _proxy_failure(error) from None
        except requests.exceptions.SSLError as error:
            if any(sign in str(error) for sign in _NOT_SENT_TLS):
                raise NotSent(
                    message("could not connect: TLS failed (%(reason)s)", reason=_tls_words(error))
                ) from None
            broke = message("the TLS connection broke before an answer came")
            raise NoAnswer(broke, Exchange(shown)) from None
        except requests.exceptions.Timeout:
            raise NoAnswer(message("no answer in time"), Exchange(shown)) from None
        except requests.exceptions.ConnectionError as error:
            if (reason := _connect_words(error)) is not None:
                raise NotSent(message("could not connect: %(reason)s", reason=reason)) from None
            lost = message("the connection was lost before an answer came")
            raise NoAnswer(lost, Exchange(shown)) from None
        except (requests.RequestException, HTTPError, OSError):
            raise NoAnswer(message("the answer could not be read"), Exchange(shown)) from None

    def _read(self, response: requests.Response) -> tuple[bytes, bool]:
        """At most `limit` bytes; the status is known by now, so a broken body is not a failure."""
        content = b""
        try:
            while len(content) <= self._limit:
                piece = response.raw.read(self._limit + 1 - len(content))
                if not piece:
                    return content, True
                content += piece
        except (HTTPError, OSError):
            return content, False
        return content[: self._limit], False

    def _reply(
        self, response: requests.Response, content: bytes, complete: bool, shown: str, seconds: float
    ) -> Reply:
        lines = [f"HTTP {response.status_code}", *_lines(self._redactor.headers(response.headers))]
        text = "\n".join(lines) + "\n\n" + content[:SCAN_LIMIT].decode("utf-8", "replace")
        exchange = Exchange(shown, self._redactor.excerpt(text), response.status_code)
        return Reply(response.status_code, response.headers, content, complete, seconds, exchange)


def outcome(reply: Reply, redactor: Redactor, payload: JSON = None) -> Outcome:
    """What an answer means: 2xx accepted; 408, 425, 429 and 5xx retry; 401, 403 and 407 are the destination's
    problem, 410 its end; the rest rejected."""
    status = reply.status
    if 200 <= status < 300:
        return Accepted(detail=_answered(status), exchange=reply.exchange)
    if status == 407:
        return Hold(message("the proxy refused its credentials (407)"), reply.exchange)
    if status in RETRYABLE or status >= 500:
        return Retry(reason(reply, redactor, payload), retry_after(reply.headers), reply.exchange)
    if status in (401, 403):
        return Hold(reason(reply, redactor, payload), reply.exchange)
    if status == 410:
        return Stop(reason(reply, redactor, payload), reply.exchange)
    return Rejected(reason(reply, redactor, payload), reply.exchange)


def reason(reply: Reply, redactor: Redactor, payload: JSON = None) -> str:
    """Why an answer is a failure, in words; of a redirect only the host it points to."""
    if 300 <= reply.status < 400:
        host = _host(reply.headers.get("Location", ""))
        return message(
            "answered %(status)s, a redirect to %(host)s; redirects are not followed, change the url",
            status=reply.status,
            host=host,
        )
    answered = _answered(reply.status)
    if reply.status in (401, 403):
        answered = message("answered %(status)s: it refused the credentials", status=reply.status)
    said = redactor.reason(reply.text, payload)
    return cut(joined(": ", (answered, said))) if said else answered


@lru_cache(maxsize=100)
def _answered(status: int) -> Message:
    """Made once: most pushes are accepted with one and the same."""
    return message("answered %(status)s", status=status)


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110 10.2.3), at most a day; None if unusable."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        seconds = float(value[:12])
    else:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = moment.timestamp() - (time.time() if now is None else now)
    return min(seconds, LONGEST_WAIT) if seconds >= 0 else None


def checked_headers(*sources: Mapping[str, str]) -> CaseInsensitiveDict[str]:
    """One set of headers, later sources winning. Raises ConfigurationError naming an unusable one."""
    merged: CaseInsensitiveDict[str] = CaseInsensitiveDict()
    for name, value in (pair for source in sources for pair in source.items()):
        if not _HEADER_NAME.fullmatch(name):
            raise ConfigurationError(message("a header's name may hold only letters, digits and -_."))
        if _CONTROL.search(value) or not _is_latin1(value):
            raise ConfigurationError(
                message("the value of header %(name)s holds characters that a header cannot carry", name=name)
            )
        merged[name] = value.strip()
    return merged


def _lines(headers: Mapping[str, str]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers.items()]


def _is_latin1(value: str) -> bool:
    return all(ord(character) < 256 for character in value)


def _host(location: str) -> str:
    try:
        return urlsplit(location).hostname or message("the same host")
    except ValueError:
        return message("an unreadable address")


def _proxy_failure(error: Exception) -> Exception:
    if "407" in str(error):
        return ConfigurationError(message("the proxy refused its credentials (407)"))
    return NotSent(message("could not connect: the proxy cannot be used or did not reach the destination"))


def _connect_words(error: Exception) -> str | None:
    """Why a connection was not made; None when it was made and then lost."""
    cause: Any = error.args[0] if error.args else None
    cause = getattr(cause, "reason", cause)
    if isinstance(cause, NameResolutionError):
        return message("the host name cannot be resolved")
    if isinstance(cause, NewConnectionError):
        words = str(cause).rpartition(": ")[2].lower()
        return _SYSTEM_WORDS.get(words, words)
    return None


def _tls_words(error: Exception) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in str(error) or "hostname" in str(error):
        return message("its certificate could not be verified")
    return message("the two sides do not agree on a protocol")
