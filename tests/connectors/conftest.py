"""A real HTTP server on loopback, because mocks of requests bypass the connections under test."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from destinations.connectors.base import Runtime
from tests.connectors.http.oauth_double import Double

Answer = tuple[int, dict[str, str], bytes] | Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Seen:
    method: str
    path: str
    headers: Any
    body: bytes
    client: tuple[str, int]


@dataclass
class LocalServer:
    url: str = ""
    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    answers: deque[Answer] = field(default_factory=deque)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    local: LocalServer

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        self.local.seen.append(Seen(self.command, self.path, self.headers, body, self.client_address))
        answer = self.local.answers.popleft() if self.local.answers else (200, {}, b"ok")
        if callable(answer):
            answer(self)
            return
        status, headers, content = answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_CONNECT = _answer

    def log_message(self, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[LocalServer]:
    local = LocalServer()
    handler = type("Handler", (_Handler,), {"local": local})
    httpd = _Server(("127.0.0.1", 0), handler)
    local.port = httpd.server_address[1]
    local.url = f"http://127.0.0.1:{local.port}"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield local
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture
def loopback() -> Runtime:
    return Runtime(allowed_internal=("127.0.0.0/8",))


@pytest.fixture
def double() -> Iterator[Double]:
    double = Double()
    yield double
    double.close()
