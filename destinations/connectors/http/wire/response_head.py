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
from typing import Any

LONGEST_LINE = 16 * 1024  # bytes; what is longer is cut
MOST_HEADERS = 1000

_STATUS = re.compile(rb"(HTTP/\d(?:\.\d+)?)[ \t]+([1-9]\d\d)(?=\s|$)[ \t]*([^\r\n]*)")
_SWITCHING_PROTOCOLS = 101  # final: what would follow is no HTTP
_WITHOUT_BODY = frozenset({_SWITCHING_PROTOCOLS, 204, 304})
_NAME = re.compile(rb"[!-9;-~]+")
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)

Headers = list[tuple[str, str]]


class Answer(http.client.HTTPResponse):
    """An answer whose status decides, whatever its headers are like."""

    fp: Any
    length: int | None
    _method: str

    def _read_status(self) -> tuple[str, int, str]:
        """Version, status and reason of the real answer; of a proxy that is asked for a way through, too."""
        while True:
            line = self._line()
            if not line:
                raise http.client.RemoteDisconnected("closed before an answer came")
            found = _STATUS.match(line)
            if found is None:
                raise http.client.BadStatusLine("not an answer in HTTP")
            status = int(found[2])
            if not 100 <= status < 200 or status == _SWITCHING_PROTOCOLS:
                return found[1].decode(), status, found[3].decode("latin-1").strip()
            while self._line().strip():  # the head of an interim answer
                pass

    def begin(self, *_args: Any, **_kwargs: Any) -> None:
        """Read status and headers. As http.client does it, but for what it gives up on."""
        if self.headers is not None:
            return
        version, self.status, self.reason = self._read_status()
        self.code = self.status
        self.version = 11 if version.startswith("HTTP/1.") and version != "HTTP/1.0" else 10
        headers, is_whole = self._read_headers()
        headers, is_clear = _framed(headers)
        self.headers = self.msg = http.client.HTTPMessage()
        for name, value in headers:
            self.headers.set_raw(name, value)
        self.chunked = self.headers.get("Transfer-Encoding") == "chunked"
        self.chunk_left = self.length = None
        if self.status in _WITHOUT_BODY or self._method == "HEAD":
            self.length = 0
        elif not self.chunked and (length := self.headers.get("Content-Length")):
            self.length = int(length)
        has_end = self.chunked or self.length is not None
        self.will_close = self._check_close() or not has_end or self.status == _SWITCHING_PROTOCOLS
        if not (is_whole and is_clear):
            self.fp, self.will_close = _BrokenOff(self.fp), True

    def _read_headers(self) -> tuple[Headers, bool]:
        """The headers, without lines that are none, and whether they end with an empty line."""
        headers: list[tuple[bytes, bytes]] = []
        is_whole = False
        try:
            while line := self._line():
                if line in (b"\r\n", b"\n"):
                    is_whole = True
                    break
                _add(line, headers)
        except OSError:  # timeouts, lost connections, too much of it
            pass
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers], is_whole

    def _line(self) -> bytes:
        """The next line; of one that is too long, the beginning."""
        line: bytes = self.fp.readline(LONGEST_LINE)
        piece = line
        while len(piece) == LONGEST_LINE and not piece.endswith(b"\n"):
            piece = self.fp.readline(LONGEST_LINE)
        return line


def _add(line: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    """Add a header; nothing for a line that is none."""
    if line[:1] in (b" ", b"\t") and headers:  # the obsolete way to fold a long one
        name, value = headers[-1]
        headers[-1] = name, (value + b" " + line.strip())[:LONGEST_LINE]
        return
    name, colon, value = line.partition(b":")
    name = name.rstrip()
    if colon and _NAME.fullmatch(name) and len(headers) < MOST_HEADERS:
        headers.append((name, value.strip().replace(b"\r", b" ")))


def _framed(headers: Headers) -> tuple[Headers, bool]:
    """The headers with one word on where the body ends, where there is one, and whether they agree on it."""
    others, lengths = [], set()
    for name, value in headers:
        kind = name.lower()
        if kind == "content-length":
            lengths |= {length.strip() for length in value.split(",")}
        elif kind == "transfer-encoding" and value.lower().rpartition(",")[2].strip() == "chunked":
            others.append((name, "chunked"))
        else:
            others.append((name, value))
    if not lengths:
        return others, True
    length = lengths.pop()
    if lengths or not _LENGTH.fullmatch(length):
        return others, False
    return [*others, ("Content-Length", length)], True


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
