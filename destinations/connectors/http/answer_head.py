"""The head of an HTTP answer, read so that nothing in it can hide what the answer is.

Python's http.client takes any 1xx but 100 for the answer, and gives up at a hundredth header, at a line of
64 KiB, and at a connection that breaks before the empty line. A push whose answer is given up on is sent
again, although the server has said what became of it. Here interim answers are read over, and once the status
is known nothing that follows it is an error: what cannot be read is left out, and the answer ends there.
"""

from __future__ import annotations

import http.client
import io
import re
from collections import deque
from collections.abc import Iterator
from typing import Any

LONGEST_LINE = 16 * 1024  # bytes; what is longer is cut
MOST_HEADERS = 1000
_PIECE = 60_000  # bytes given to http.client as one line, of which it takes 99

_STATUS = re.compile(rb"HTTP/(\d)(?:\.\d+)?[ \t]+(\d{3})(?=\s|$)")
_SWITCHING_PROTOCOLS = 101  # final: what would follow is no HTTP
_NAME = re.compile(rb"[!-9;-~]+")
_DIGITS = re.compile(rb"\d{1,18}")


class Answer(http.client.HTTPResponse):
    """An answer whose status decides, whatever its headers are like."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head = _Head(self.fp)
        self.fp: Any = self._head

    def begin(self, *args: Any, **kwargs: Any) -> None:
        if self.headers is not None:
            return
        super().begin(*args, **kwargs)
        self.fp = self._head.stream
        if self._head.is_broken:
            self.fp, self.will_close = _BrokenOff(self.fp), True


class _Head:
    """A stream of lines as http.client wants them. `is_broken`: what comes after the head means nothing."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.is_broken = False
        self._has_status = False
        self._lines: deque[bytes] = deque()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def readline(self, _most: int = -1) -> bytes:
        if not self._lines:
            self._lines.extend(self._headers() if self._has_status else [self._status()])
        return self._lines.popleft()

    def _status(self) -> bytes:
        """The status line of the real answer, or what else came: http.client says what that is."""
        while True:
            line = self._line()
            found = _STATUS.match(line)
            if found is None:
                return line[:LONGEST_LINE]
            status = int(found[2])
            if not 100 <= status < 200 or status == _SWITCHING_PROTOCOLS:
                break
            while self._line().strip():  # the head of an interim answer
                pass
        self._has_status = True
        # A version that nobody knows here: at least the status is understood.
        return line if found[1] in b"01" else b"HTTP/1.0 " + line[found.start(2) :]

    def _headers(self) -> list[bytes]:
        """All headers in few pieces, and the empty line."""
        headers: list[list[bytes]] = []
        try:
            for line in self._until_empty():
                self._add(line, headers)
        except OSError:  # timeouts, lost connections, too much of it
            self.is_broken = True
        pieces, size = [b""], 0
        for name, value in self._framed(headers):
            line = name + b": " + value + b"\r\n"
            size += len(line)
            if size > _PIECE:
                pieces.append(b"")
                size = len(line)
            pieces[-1] += line
        return [*filter(None, pieces), b"\r\n"]

    @staticmethod
    def _add(line: bytes, headers: list[list[bytes]]) -> None:
        """Add a header; nothing for a line that is none."""
        if line[:1] in b" \t" and headers:  # the obsolete way to fold a long one
            headers[-1][1] = (headers[-1][1] + b" " + line.strip())[:LONGEST_LINE]
            return
        name, colon, value = line.partition(b":")
        name = name.rstrip()
        if colon and _NAME.fullmatch(name) and len(headers) < MOST_HEADERS:
            headers.append([name, value.strip().replace(b"\r", b" ")])

    def _framed(self, headers: list[list[bytes]]) -> Iterator[list[bytes]]:
        """The headers with one clear word on where the body ends, where there is one."""
        lengths = set()
        for name, value in headers:
            kind = name.lower()
            if kind == b"content-length":
                lengths |= {length.strip() for length in value.split(b",")}
            elif kind == b"transfer-encoding" and value.lower().rpartition(b",")[2].strip() == b"chunked":
                yield [name, b"chunked"]
            else:
                yield [name, value]
        if len(lengths) == 1 and _DIGITS.fullmatch(length := lengths.pop()):
            yield [b"Content-Length", length]
        elif lengths:
            self.is_broken = True

    def _until_empty(self) -> Iterator[bytes]:
        while line := self._line():
            if line in (b"\r\n", b"\n"):
                return
            yield line
        self.is_broken = True

    def _line(self) -> bytes:
        """The next line; of one that is too long, the beginning."""
        line: bytes = self.stream.readline(LONGEST_LINE)
        piece = line
        while len(piece) == LONGEST_LINE and not piece.endswith(b"\n"):
            piece = self.stream.readline(LONGEST_LINE)
        return line


class _BrokenOff(io.RawIOBase):
    """A body that cannot be read, because nobody knows where it would begin or end."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        raise ConnectionError("the answer broke off")

    def close(self) -> None:
        self._stream.close()
        super().close()
