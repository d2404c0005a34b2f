"""The web server: waitress, which gives a request to a thread when all of it is there, with limits of time.

Slow clients cost a socket and no thread. They are cut off, whatever they send in drops: waitress itself only
looks at how long nothing has come. docs/decisions says why it is this server.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

from django.conf import settings
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer

from tracsync.notices import loop as notices
from tracsync.processes import orphans, supervisor
from tracsync.processes.handler import application

logger = logging.getLogger(__name__)

THREADS = 8
HEADER_SECONDS = 15.0  # for all headers
BODY_SECONDS = 20.0  # for a body, and as long again for each ...
BODY_BYTES = 200_000  # ... of it: at least 10 kB/s
ANSWER_SECONDS = 30.0  # without a byte of an answer that is taken
IDLE_SECONDS = 30.0  # between two requests
CONNECTIONS = 500
CROWDED = 400  # connections from which on those go that have waited longest
MOST_HEADERS = 65_536  # bytes
MOST_BUFFERED = 1_000_000_000  # bytes of bodies that are coming in, which lie on disk; then the largest goes
GRACE = 20.0  # seconds to finish what is under way when it is stopped
SILENT_FOR = 60.0
TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def run(host: str, port: int, processes: int, with_notices: bool = True) -> None:
    """Serve, and unless somebody else does so look for notices, until SIGTERM or Ctrl-C.

    Raises OSError where the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    listener = socket.create_server((host, port), family=family, backlog=1024, dualstack_ipv6=both)
    answering = application()
    if processes == 1:
        with _notices() if with_notices else nullcontext():
            _Server(answering, listener).run()
        return

    def serve(beat: Any) -> None:
        _Server(answering, listener).run(beat)

    servers = [supervisor.Child(f"web {n + 1}", serve, SILENT_FOR) for n in range(processes)]
    supervisor.keep([*servers, supervisor.notices()] if with_notices else servers)


@contextmanager
def _notices() -> Iterator[None]:
    """Beside the server: who else would tell that no worker runs?"""
    ended = threading.Event()
    threading.Thread(target=notices.run, args=(ended.is_set,), name="notices", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


class _Channel(HTTPChannel):
    """A connection that knows since when it has been waiting for its client."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.active_at = self.asked_at = time.monotonic()
        super().__init__(*args, **kwargs)

    def received(self, data: bytes) -> bool:
        self.active_at = time.monotonic()
        if self.request is None:
            self.asked_at = self.active_at
        is_read: bool = super().received(data)
        return is_read

    def _flush_some(self, do_close: bool = True) -> bool:
        has_sent: bool = super()._flush_some(do_close)
        if has_sent:
            self.active_at = time.monotonic()
        return has_sent

    @property
    def waits_since(self) -> float | None:
        """None: not for its client."""
        if self.total_outbufs_len:
            return self.active_at
        if self.requests:
            return None
        return self.active_at if self.request is None else self.asked_at

    @property
    def is_under_way(self) -> bool:
        """Whether a request of it is not all there, or an answer not all taken."""
        return self.request is not None or bool(self.total_outbufs_len)

    def is_overdue(self, now: float) -> bool:
        since = self.waits_since
        return since is not None and now - since > self._limit()

    def _limit(self) -> float:
        request = self.request
        if self.total_outbufs_len:
            return ANSWER_SECONDS
        if request is None:
            return IDLE_SECONDS
        if not request.headers_finished:
            return HEADER_SECONDS
        return HEADER_SECONDS + BODY_SECONDS * (1 + request.body_bytes_received / BODY_BYTES)

    def cut(self) -> None:
        if self.total_outbufs_len:
            self.handle_close()  # its socket takes nothing: waitress would wait until it does
            return
        if self.request is not None:
            with suppress(OSError):
                self.socket.send(TIMED_OUT)
        self.will_close = True


class _Server(TcpWSGIServer):
    channel_class = _Channel

    def __init__(self, application: Callable[..., Any], listener: socket.socket) -> None:
        largest = max(settings.TRACSYNC_MAX_UPLOAD_BYTES, settings.TRACSYNC_MAX_REQUEST_BYTES)
        adjustments = Adjustments(
            threads=THREADS,
            connection_limit=CONNECTIONS,
            cleanup_interval=1,
            max_request_header_size=MOST_HEADERS,
            max_request_body_size=largest + 1_000_000,  # a form around the file
            clear_untrusted_proxy_headers=False,  # TRACSYNC_HTTPS says whether there is a proxy
            ident=None,
        )
        address = (listener.family, listener.type, listener.proto, listener.getsockname())
        super().__init__(
            application, {}, _sock=listener, adj=adjustments, bind_socket=False, sockinfo=address
        )

    def maintenance(self, now: float) -> None:
        """Once a second: cut off who takes too long, and who takes the place of others."""
        now = time.monotonic()
        waiting = [one for one in self.active_channels.values() if one.waits_since is not None]
        waiting.sort(key=lambda one: one.waits_since)
        many = max(0, len(self.active_channels) - CROWDED)
        overdue = [one for place, one in enumerate(waiting) if place < many or one.is_overdue(now)]
        bodies = [(one.request.body_bytes_received, one) for one in waiting if one.request is not None]
        if sum(size for size, _ in bodies) > MOST_BUFFERED:
            overdue.append(max(bodies, key=lambda body: body[0])[1])
        slow = sum(channel.is_under_way for channel in overdue)  # the others only had nothing more to ask
        for channel in overdue:
            channel.cut()
        if slow:
            logger.info("%s connections of slow clients were closed", slow)

    def run(self, beat: Any = None) -> None:
        """Serve until SIGTERM or Ctrl-C, then finish what is under way."""
        stopping, parent = supervisor.Signals(), orphans.parent_pid()

        def stop(*_: object) -> None:
            stopping.ask()
            self.pull_trigger()  # wakes it up

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        is_watched = beat is not None or supervisor.SUPERVISED in os.environ
        while not stopping.asked and not (is_watched and os.getppid() != parent):
            if beat is not None:
                beat.value = time.monotonic()
            self._look(1.0)
        wasyncore.dispatcher.close(self)  # takes no more connections
        ends_at = time.monotonic() + GRACE
        while self._is_busy() and time.monotonic() < ends_at:
            self._look(0.1)
        self.task_dispatcher.shutdown(timeout=0.1)
        wasyncore.close_all(self._map)

    def _look(self, seconds: float) -> None:
        wasyncore.loop(seconds, use_poll=True, map=self._map, count=1)

    def _is_busy(self) -> bool:
        return any(one.requests or one.total_outbufs_len for one in self.active_channels.values())
