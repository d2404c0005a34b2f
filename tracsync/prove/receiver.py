"""The other side, in a process of its own: `python -m tracsync.prove.receiver SEED`.

It listens on loopback only, prints its address, fails by script and notes what arrives. GET /arrivals
answers with the notes, POST /calm ends the faults, POST /mend those of the destinations in its list that last
until somebody mends them; it ends with the process that started it.
"""

from __future__ import annotations

import json
import os
import random
import socket
import struct
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tracsync.prove.environments import PLACES, TIMEOUT, Answer


class Notes:
    """What arrived, in order, and what the script says to it."""

    def __init__(self, seed: str) -> None:
        self.places = {place.name: place for place in PLACES}
        # Repeatable, and guards nothing.
        rngs = {name: random.Random(f"{seed}:{name}") for name in self.places}  # noqa: S311 - repeatable, guards nothing
        self.scripts = {name: place.script(rngs[name]) for name, place in self.places.items()}
        self.arrivals: list[tuple[float, str, str, str, int, dict[str, Any] | None, str, bool]] = []
        self.counts: dict[str, int] = defaultdict(int)
        self.keys: dict[str, set[str]] = defaultdict(set)  # under which something was taken
        self.is_calm = False
        self.mended: set[str] = set()
        self.lock = threading.Lock()

    def note(
        self, place: str, key: str, profile: str, version: int, payload: dict[str, Any] | None
    ) -> Answer:
        """Place the request in the order of arrivals; the order is that in which bodies are complete.

        `payload`: None where the profile is to be removed.
        """
        with self.lock:
            answer = self._answer(place, payload)
            if answer.takes and key in self.keys[place] and self.places[place].honours_keys:
                answer = Answer.KNOWN
            elif answer.takes:
                self.keys[place].add(key)
            self.counts[place] += 1
            arrival = (time.time(), place, key, profile, version, payload, str(answer), answer.takes)
            self.arrivals.append(arrival)
            return answer

    def _answer(self, name: str, payload: dict[str, Any] | None) -> Answer:
        place, count, script = self.places[name], self.counts[name], self.scripts[name]
        if place.refuses and payload and payload["plan"] == place.refuses:
            return Answer.REFUSED
        begins, ends = place.spell
        lasts = name not in self.mended if place.until_noticed else place.insists or not self.is_calm
        if place.ailment and (count == begins or (begins < count < ends and lasts)):
            return place.ailment
        if self.is_calm:
            return Answer.OK
        return script[count % len(script)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    notes: Notes

    def do_GET(self) -> None:
        with self.notes.lock:
            body = json.dumps(self.notes.arrivals).encode()
        self._say(200, body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/calm":
            self.notes.is_calm = True
            self._say(200)
            return
        if self.path == "/mend":
            self.notes.mended.update(json.loads(body))
            self._say(200)
            return
        try:
            payload = json.loads(body)
        except ValueError:
            self.close_connection = True  # its sender was killed half-way: not a request
            return
        self._note(self.path.strip("/"), payload["id"], payload)

    def do_DELETE(self) -> None:
        name, profile = self.path.strip("/").split("/")
        self._note(name, profile, None)

    def _note(self, name: str, profile: str, payload: dict[str, Any] | None) -> None:
        key, version = self.headers["Idempotency-Key"], int(self.headers["X-Version"])
        answer = self.notes.note(name, key, profile, version, payload)
        time.sleep(self.notes.places[name].delay)
        self._do(answer)

    def _do(self, answer: Answer) -> None:
        match answer:
            case Answer.OK | Answer.KNOWN:
                self._say(200, b"{}")
            case Answer.HINTS_FIRST:
                self.send_response_only(103)
                self.send_header("Link", "</style.css>; rel=preload")
                self.end_headers()
                self._say(200, b"{}")
            case Answer.MANY_HEADERS:
                self._say(200, b"{}", {f"X-Header-{n}": "value" for n in range(150)})
            case Answer.DRIPPING:
                self._drip(b"0123456789" * 10, 0.25)
            case Answer.WRONG_JSON:
                self._say(200, b'{"ok": tru')
            case Answer.SLOW_BODY:
                self._drip(b"0123456789", 0.0 if self.notes.is_calm else 0.05)
            case Answer.LATE:
                time.sleep(TIMEOUT * 1.4)
                self._say(200)
            case Answer.RESET | Answer.CUT_OFF:
                self._reset()
            case Answer.NONSENSE:
                self.close_connection = True
                self.wfile.write(b"\x00\x01 what?\r\n\r\n")
            case Answer.ERROR | Answer.FAILED_AFTERWARDS:
                self._say(500, b"scripted")
            case Answer.BUSY:
                self._say(429, headers={"Retry-After": "1"})
            case Answer.BUSY_UNTIL:
                moment = datetime.now(UTC) + timedelta(seconds=2)
                self._say(503, headers={"Retry-After": format_datetime(moment, usegmt=True)})
            case Answer.REFUSED:
                self._say(422, b"this plan is blocked")
            case Answer.REFUSES_ALL:
                self._say(422, b"it is broken")
            case Answer.LOCKED_OUT:
                self._say(401, b"who are you?")

    def _say(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self, body: bytes, seconds: float) -> None:
        """A byte each so many seconds."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for byte in body:
            time.sleep(seconds)
            self.wfile.write(bytes([byte]))

    def _reset(self) -> None:
        """What is unread and unsent is lost, and the sender gets a reset instead of an orderly end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def log_message(self, *args: Any) -> None:
        """The ledger says what arrived."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *args: Any) -> None:
        """Senders are killed half-way: that is the point."""


def serve(seed: str) -> None:
    _Handler.notes = Notes(seed)
    parent = os.getppid()
    with _Server(("127.0.0.1", 0), _Handler) as server:
        sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
        sys.stdout.flush()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        while os.getppid() == parent:
            time.sleep(0.2)


if __name__ == "__main__":
    serve(sys.argv[1])
