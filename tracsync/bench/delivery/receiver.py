"""The other side, in a process of its own: `python -m tracsync.bench.delivery.receiver`.

An HTTP/1.1 server that does as little as it can, so that it is not what is measured. It listens on loopback
only, prints its address, notes what is posted, and ends with the process that started it.

The first part of a path says how to answer: `/0/...` at once, `/20/...` after 20 ms, `/never/...` not at all,
`/drip/...` with a byte every half a second for half a minute. GET /count, /used (processor time), /arrivals,
POST /forget and /release (what is being waited for gets its answer) are for the one who measures.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any, Final

LOOK_EVERY: Final = 0.5  # seconds
HEAD_END: Final = b"\r\n\r\n"
OK: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
DRIP: Final = 60  # bytes
DRIP_EVERY: Final = 0.5  # seconds
DRIP_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % DRIP
NO_LENGTH: Final = b"HTTP/1.1 411 Length Required\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

Note = tuple[float, str, bytes]  # when the body was complete, path, body


class Connection(asyncio.Protocol):
    """One request after the other: the next is read when the one before has its answer, as HTTP has it."""

    def __init__(self, notes: list[Note], held: set[Connection]) -> None:
        self.notes = notes
        self.held = held  # all that are waited for without an end
        self.left = 0  # bytes of an answer that drips
        self.buffer = b""
        self.waiting = False  # for the moment of an answer
        self.closing = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self.held.discard(self)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self._go_on()

    def _go_on(self) -> None:
        while not self.waiting and self._take():
            pass

    def _take(self) -> bool:
        """Answer the next request, if it is complete."""
        end = self.buffer.find(HEAD_END)
        if end < 0:
            return False
        head = self.buffer[:end]
        length = _length(head)
        if length is None:
            self.closing = True
            self._answer(NO_LENGTH)
            return False
        body_at = end + len(HEAD_END)
        if len(self.buffer) < body_at + length:
            return False
        body, self.buffer = self.buffer[body_at : body_at + length], self.buffer[body_at + length :]
        method, path, _ = head[: head.index(b"\r\n")].decode("latin-1").split(" ", 2)
        self.closing = b"\r\nconnection: close" in head.lower()
        self._handle(method, path, body)
        return True

    def _handle(self, method: str, path: str, body: bytes) -> None:
        if method == "GET":
            answer = self._asked(path)
            self._answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
        elif path == "/forget":
            self.notes.clear()
            self._answer(OK)
        elif path == "/release":
            for one in list(self.held):
                one.release()
            self._answer(OK)
        else:
            self.notes.append((time.time(), path, body))
            self._answer_as(path[1 : path.index("/", 1)])

    def _answer_as(self, manner: str) -> None:
        if manner == "0":
            self._answer(OK)
            return
        self.waiting = True
        if manner in ("never", "drip"):
            self.held.add(self)
            if manner == "drip":
                self.transport.write(DRIP_HEAD)
                self.left = DRIP
                self._drip()
        else:
            asyncio.get_running_loop().call_later(int(manner) / 1000, self._answer_late)

    def _drip(self) -> None:
        if self in self.held and self.left > 1:
            self.transport.write(b"x")
            self.left -= 1
            asyncio.get_running_loop().call_later(DRIP_EVERY, self._drip)

    def release(self) -> None:
        self.held.discard(self)
        self.waiting = False
        self._answer(b"x" * self.left if self.left else OK)
        self.left = 0
        self._go_on()

    def _answer_late(self) -> None:
        self.waiting = False
        self._answer(OK)
        self._go_on()

    def _answer(self, data: bytes) -> None:
        self.transport.write(data)
        if self.closing:
            self.transport.close()

    def _asked(self, path: str) -> bytes:
        if path == "/count":
            return b"%d" % len(self.notes)
        if path == "/used":
            return b"%f" % time.process_time()
        arrivals = [(at, path, json.loads(body)) for at, path, body in self.notes]
        return json.dumps([(at, path, body["id"], body["n"]) for at, path, body in arrivals]).encode()


def _length(head: bytes) -> int | None:
    """Of the body; None where it is not said and may not be empty."""
    low = head.lower()
    at = low.find(b"\r\ncontent-length:")
    if at >= 0:
        return int(low[at + 17 :].split(b"\r\n", 1)[0])
    return None if b"\r\ntransfer-encoding:" in low else 0


async def serve() -> None:
    parent, notes, held = os.getppid(), list[Note](), set[Connection]()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(notes, held), "127.0.0.1", 0, backlog=512)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    while os.getppid() == parent:
        await asyncio.sleep(LOOK_EVERY)


if __name__ == "__main__":
    asyncio.run(serve())
