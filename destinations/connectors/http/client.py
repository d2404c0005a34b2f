"""What connectors that speak HTTP share: a request, and a guarded, pooled session that sends it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError

from destinations.connectors.addresses import Guard
from destinations.connectors.base import ConfigurationError, Exchange
from destinations.connectors.http.replies import Reply
from destinations.connectors.http.wire import decoding
from destinations.connectors.http.wire.guarded_adapter import KNOWN_URLS, GuardedAdapter, UnsendableError
from destinations.connectors.redaction import SCAN_LIMIT, Redactor, mask_url
from tracsync.common.messages import message

USER_AGENT = "tracsync"
CONNECT_TIMEOUT = 5.0  # seconds
RESPONSE_LIMIT = 64 * 1024  # bytes

# Sent with every request unless it says otherwise. What is compressed all the same is read.
_USUAL = {
    "user-agent": ("User-Agent", USER_AGENT),
    "accept": ("Accept", "*/*"),
    "accept-encoding": ("Accept-Encoding", "identity"),
}
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

    @property
    def data(self) -> bytes | None:
        return self.body.encode() if isinstance(self.body, str) else self.body

    def outgoing(self) -> dict[str, str]:
        """All headers that are sent, each once; but for Host, which is the URL's."""
        headers = {**_USUAL}
        for name, value in self.headers.items():
            headers[name.lower()] = name, value
        if self.body is not None or self.method not in ("GET", "HEAD"):
            headers["content-length"] = "Content-Length", str(len(self.data or b""))
        return dict(headers.values())

    def show(self, redactor: Redactor, headers: Mapping[str, str]) -> str:
        """The request as text for an Exchange, secrets masked. `headers`: its outgoing ones."""
        lines = [f"{self.method} {self.shown_url or mask_url(self.url)}", *_lines(redactor.headers(headers))]
        body = (self.data or b"").decode("utf-8", "replace")
        return redactor.excerpt("\n".join(lines) + "\n\n" + body)

    def describe(self, redactor: Redactor) -> dict[str, Any]:
        """The request for a preview, secrets masked: method, url, headers, body (text; None for none)."""
        data = self.data
        return {
            "method": self.method,
            "url": redactor.text(self.shown_url or mask_url(self.url)),
            "headers": redactor.headers(self.outgoing()),
            "body": None if data is None else redactor.text(data.decode("utf-8", "replace")),
        }


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
        self._adapter = GuardedAdapter(guard, limit=2 * timeout, most=limit)
        self._urls: dict[str, str] = {}  # as given and as sent; reading and checking one takes long

    def close(self) -> None:
        self._adapter.close()

    def send(self, request: Request) -> Reply:
        """One exchange. Raises NotSent, NoAnswer, or ConfigurationError for a refused address."""
        prepared = self._prepare(request)
        shown = request.show(self._redactor, prepared.headers)
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
        prepared = requests.PreparedRequest()
        prepared.method, prepared.body = request.method, request.body
        prepared.headers = request.outgoing()  # type: ignore[assignment] # each is there once: it takes no more
        prepared.url = self._urls.get(request.url) or self._checked(request.url)
        return prepared

    def _checked(self, url: str) -> str:
        """The URL as it is sent. Behind a proxy, which connects for us, its host is checked here."""
        sent = normal_url(url)
        if self._proxies:
            self._guard.check_target(urlsplit(sent).hostname or "")
        if len(self._urls) < KNOWN_URLS:
            self._urls[url] = sent
        return sent

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
        except UnsendableError as error:
            raise ConfigurationError(
                message("the request cannot be sent: its headers are not valid")
            ) from error

    def _read(self, response: requests.Response) -> tuple[bytes, bool]:
        """At most `limit` bytes; the status is known by now, so a broken body is not a failure."""
        content = b""
        try:
            while len(content) <= self._limit:
                piece = response.raw.read(self._limit + 1 - len(content))
                if not piece:
                    return content, True
                content += piece
        except (HTTPError, OSError, ValueError):  # the last for frames of chunks that are none
            return content, False
        return content[: self._limit], False

    def _reply(
        self, response: requests.Response, content: bytes, complete: bool, shown: str, seconds: float
    ) -> Reply:
        headers, coding = response.headers, ""
        if codings := headers.get("Content-Encoding", ""):
            content, is_whole, coding = decoding.unpacked(content, codings, self._limit)
            complete = complete and is_whole
        told = decoding.text(content[:SCAN_LIMIT], headers.get("Content-Type", "")) if not coding else ""
        if content and not told:
            told = f"[{len(content)} bytes]"
        lines = [f"HTTP {response.status_code}", *_lines(self._redactor.headers(headers))]
        text = "\n".join(lines) + "\n\n" + told
        exchange = Exchange(shown, self._redactor.excerpt(text), response.status_code)
        return Reply(response.status_code, headers, content, complete, seconds, exchange, coding)


def normal_url(url: str) -> str:
    """A URL as it is sent: host in ASCII, path encoded, no fragment. Raises ConfigurationError."""
    prepared = requests.PreparedRequest()
    try:
        prepared.prepare_url(url, None)
        return urlunsplit(urlsplit(prepared.url or "")._replace(fragment=""))
    except (requests.RequestException, ValueError) as error:
        raise ConfigurationError(message("the url cannot be used: it is not a valid web address")) from error


def check_proxy(url: str) -> None:
    """Raises ConfigurationError for a proxy's address that nothing can be sent to."""
    try:
        normal_url(url)
    except ConfigurationError:
        raise ConfigurationError(message("the proxy cannot be used: it is not a valid web address")) from None


def _lines(headers: Mapping[str, str]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers.items()]


def _proxy_failure(error: Exception) -> Exception:
    if "Tunnel connection failed: 407" in str(error):  # as http.client says it
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
