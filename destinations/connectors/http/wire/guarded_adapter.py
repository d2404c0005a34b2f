"""Connections that go only to checked addresses and end in time: a transport adapter for requests.

It replaces the step of urllib3 that makes a socket. The host name stays what it was, so the Host
header, TLS server name and certificate check are not touched. The place is that of requests_hardened's
`ip_filter_adapter.py`.
"""

from __future__ import annotations

import io
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from destinations.connectors.addresses import Guard
from destinations.connectors.http.wire.response_head import Answer

HEAD_LIMIT = 1024 * 1024  # bytes of an answer beside its body: its head, the frames of chunks, trailers
KNOWN_URLS = 10  # those of GET all differ

# urllib3 logs whole URLs, whose query may hold secrets or, with GET, the payload.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)


class UnsendableError(Exception):
    """http.client refuses to write this request; nothing has been sent."""


class GuardedAdapter(HTTPAdapter):
    """An adapter whose connections pass the guard. `limit`: seconds that one exchange may take in all;
    `most`: bytes of a body that will be read.

    It is always asked with the same proxies and the same `verify`, and does no more than is needed here, as
    everything is paid for at each push. ConfigurationError comes through requests unchanged when an address
    is refused.
    """

    def __init__(self, guard: Guard, limit: float, most: int) -> None:
        self._pools = _pools(guard, limit, most + HEAD_LIMIT)
        self._pool_of: dict[str, Any] = {}
        super().__init__(pool_connections=2, pool_maxsize=2)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def get_connection_with_tls_context(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        """The pool of the request's address, found once."""
        url = request.url or ""
        pool = self._pool_of.get(url)
        if pool is None or pool.pool is None:  # closed, to make room for another one
            pool = super().get_connection_with_tls_context(request, *args, **kwargs)
            if len(self._pool_of) < KNOWN_URLS:
                self._pool_of[url] = pool
        return pool

    def build_response(self, request: PreparedRequest, answer: Any) -> Response:
        """What is needed of an answer; its cookies, which take long to read, are not."""
        response = Response()
        response.request, response.status_code, response.raw = request, answer.status, answer
        response.headers = CaseInsensitiveDict(answer.headers)
        return response


def _pools(guard: Guard, limit: float, most: int) -> dict[str, Any]:
    """urllib3 makes connections from classes, so what they need is bound into classes."""

    class Plain(_Guarded, HTTPConnection):
        _guard, _limit, _most = guard, limit, most

    class Secure(_Guarded, HTTPSConnection):
        _guard, _limit, _most = guard, limit, most

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

        def _validate_conn(self, conn: Any) -> None:
            # without the warning at every request: not to verify is the destination's setting
            if conn.is_closed:
                conn.connect()

    return {"http": PlainPool, "https": SecurePool}


class _Guarded(HTTPConnection):
    response_class = Answer
    _guard: Guard
    _limit: float
    _most: int

    def _new_conn(self) -> socket.socket:
        """Connect to the first checked address that answers; errors as urllib3 raises them."""
        try:
            addresses = self._guard.resolve(self._dns_host, self.port or self.default_port)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        failure: OSError = OSError("no address")
        for address in addresses:
            try:
                return create_connection(
                    (address.host, address.port), self.timeout, socket_options=self.socket_options
                )
            except OSError as error:
                failure = error
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(self, "connecting took too long") from failure
        raise NewConnectionError(self, failure.strerror or "connection failed") from failure

    def connect(self) -> None:
        try:
            super().connect()
        except TimeoutError as error:  # of a proxy or of TLS: nothing has been sent
            raise ConnectTimeoutError(self, "connecting took too long") from error
        except ConnectionError as error:
            raise NewConnectionError(self, "connection failed") from error
        self.sock: Any = _TimedSocket(self.sock)

    def _tunnel(self) -> None:
        """Ask a proxy for a way through. TLS, which comes next, needs the socket itself."""
        plain, self.sock = self.sock, _TimedSocket(self.sock)
        self.sock.end, self.sock.left = time.monotonic() + self._limit, self._most
        super()._tunnel()
        self.sock = plain

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is None:
            self.connect()
        self.sock.end, self.sock.left = time.monotonic() + self._limit, self._most
        with self.sock.at_once():
            try:
                super().request(*args, **kwargs)
            except ValueError as error:
                raise UnsendableError(str(error)) from error


class _TimedSocket:
    """A socket whose reads stop at `end` (monotonic seconds) and after the bytes that are `left`, and that
    asks little of the system.

    A socket's own timeout starts again with every byte, so a server that drips would hold it forever.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._timeout = sock.gettimeout()
        self._waiting: list[bytes] | None = None
        self.end, self.left = float("inf"), 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What is sent meanwhile goes out together at the end: a request's headers with its body."""
        waiting: list[bytes] = []
        self._waiting = waiting
        try:
            yield
        finally:
            self._waiting = None
        self._sock.sendall(b"".join(waiting))

    def sendall(self, data: Any) -> None:
        if self._waiting is None:
            self._sock.sendall(data)
        else:
            self._waiting.append(data)

    def gettimeout(self) -> float | None:
        return self._timeout

    def settimeout(self, timeout: float | None) -> None:
        if timeout != self._timeout:
            self._sock.settimeout(timeout)
            self._timeout = timeout

    def makefile(self, *_mode: Any) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self))


class _TimedReader(io.RawIOBase):
    def __init__(self, timed: _TimedSocket) -> None:
        self._timed = timed
        self._raw = timed._sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._timed.left <= 0:
            raise ConnectionError("the answer is too long")
        read = self._read_in_time(buffer)
        self._timed.left -= read or 0
        return read

    def _read_in_time(self, buffer: Any) -> int | None:
        left = self._timed.end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the whole exchange took too long")
        timeout = self._timed.gettimeout()
        if timeout is not None and timeout <= left:
            return self._raw.readinto(buffer)
        self._timed.settimeout(left)
        try:
            return self._raw.readinto(buffer)
        finally:
            self._timed.settimeout(timeout)

    def close(self) -> None:
        self._raw.close()
        super().close()
