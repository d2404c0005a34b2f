"""A web server on loopback, for what speaks HTTP: mocks of libraries bypass the connection under test."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from destinations.connectors.testing.peer import Description, Peer

Answer = tuple[int, Mapping[str, str], bytes]  # status, headers, body
_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
_READING = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """`path` is with its query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class HttpPeer(Peer):
    """Say in a subclass what it answers; `with` starts and ends the server. `url` is known from the start."""

    def __init__(self) -> None:
        self.seen: list[SeenRequest] = []
        self._is_silent = False
        self._server = _server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, request: SeenRequest) -> Answer:
        """What the system does with a request."""
        return 200, {}, b""

    def changes(self, request: SeenRequest) -> bool:
        """Whether a request may have changed something."""
        return request.method not in _READING

    def requests(self) -> Sequence[Description]:
        return [self._described(request) for request in self.seen if self.changes(request)]

    def _described(self, request: SeenRequest) -> Description:
        headers = {name: value for name, value in request.headers.items() if name != "Host"}
        body = request.body.decode() if request.body else None
        return {"method": request.method, "url": self.url + request.path, "headers": headers, "body": body}

    @contextmanager
    def silent(self) -> Iterator[None]:
        self._is_silent = True
        try:
            yield
        finally:
            self._is_silent = False

    def take(self, request: SeenRequest) -> Answer | None:
        """Called by the server for each request; None: it gets no answer."""
        self.seen.append(request)
        answer = self.answer(request)
        return None if self._is_silent and self.changes(request) else answer

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _server(peer: HttpPeer) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else bodies wait for the acknowledgement of their headers

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = peer.take(SeenRequest(self.command, self.path, dict(self.headers.items()), body))
            if answer is None:
                self.close_connection = True
                return
            status, headers, content = answer
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    for method in _METHODS:
        setattr(Handler, f"do_{method}", Handler.answer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    return server
