"""Where an import reads from: a file, a compressed file or standard input, line by line."""

from __future__ import annotations

import gzip
import io
import os
import re
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

from profiles.documents import longest_text
from profiles.imports import encodings
from tracsync.common.messages import message

CHUNK_SIZE = 65_536
HEAD_SIZE = 65_536  # bytes of the beginning that are looked at before anything else is read
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
GZIP = b"\x1f\x8b"


class UnusableFile(Exception):
    """The file as a whole cannot be imported."""


class Place(NamedTuple):
    """Where reading has come to: bytes, and lines or records."""

    offset: int = 0
    number: int = 0


class Source:
    """Lines of bytes with their numbers, in UTF-8 whatever the `encoding` of the stream.

    `size` is None where nobody knows how much will come. `place` is after the last line that was given.
    """

    def __init__(
        self, stream: IO[bytes], file: IO[bytes] | None = None, encoding: str = encodings.UTF8
    ) -> None:
        self.stream = stream
        self.file = file
        self.size = os.fstat(file.fileno()).st_size if file else None
        self.encoding = encoding
        self.written_in = ""  # where that is another one
        self.can_go_back = file is not None
        self.place = self._read_to = Place()

    def skip_to(self, place: Place) -> None:
        """As `go_to`, also where the stream can only be read on."""
        if self.can_go_back:
            self.go_to(place)
            return
        left = place.offset
        while left and (piece := self.read(min(left, CHUNK_SIZE))):
            left -= len(piece)
        self.place = self._read_to = place

    def read(self, size: int) -> bytes:
        """The next bytes. Raises UnusableFile."""
        return self._guarded(self.stream.read, size)

    def head(self) -> bytes:
        """The beginning of what is still to be read. Raises UnusableFile."""
        head = self.read(HEAD_SIZE)
        if self.can_go_back:
            self.stream.seek(0)
        else:
            self.stream = io.BufferedReader(_Joined(head, self.stream), CHUNK_SIZE)
        return head

    def make_plain(self, encoding: str = "") -> None:
        """Read it in this encoding, or in what its first bytes tell for sure. Raises UnusableFile.

        What is neither said nor sure is UTF-8 for now: see `tell_encoding`.
        """
        head = self.head()
        check_beginning(head)
        plain, sixteen = encodings.plain(self.stream, head, encoding)
        if plain is not self.stream:
            self.stream, self.can_go_back = plain, False
        self.written_in = sixteen
        self.encoding = encodings.UTF8 if sixteen else encoding or encodings.UTF8

    def tell_encoding(self) -> None:
        """By all bytes of a file that can be read twice, or else by its beginning. Raises UnusableFile."""
        evidence = encodings.Evidence()
        if not self.can_go_back:
            evidence.add(self.head())
        else:
            while not evidence.is_enough and (piece := self.read(CHUNK_SIZE)):
                evidence.add(piece)
            self.stream.seek(0)
        self.encoding = evidence.encoding

    def go_to(self, place: Place) -> None:
        """Read on from there, where the stream can."""
        self.stream.seek(place.offset)
        self.place = self._read_to = place

    @property
    def position(self) -> int:
        """How much of `size` has been read."""
        return self.file.tell() if self.file else 0

    def lines(self) -> Iterator[tuple[int, bytes | None]]:
        """Number and bytes of each line; None instead of a line that is too long to be kept in memory.

        Raises UnusableFile where reading fails.
        """
        limit = longest_text()
        while line := self._read(limit + 1):
            number = self._read_to.number + 1
            size, is_too_long = len(line), len(line) > limit
            if is_too_long:
                size += self._skip_rest(line)
            self.place = self._read_to = Place(self._read_to.offset + size, number)
            text = self.utf8(line)
            yield number, None if is_too_long else text.removeprefix(BYTE_ORDER_MARK) if number == 1 else text

    def utf8(self, data: bytes) -> bytes:
        """Bytes of the file as UTF-8; what stands for nothing in their encoding is none."""
        if self.encoding == encodings.UTF8:
            return data
        return data.decode(self.encoding, "surrogateescape").encode(errors="surrogateescape")

    def _skip_rest(self, line: bytes) -> int:
        """How many bytes that were."""
        skipped = 0
        while line and not line.endswith(b"\n"):
            line = self._read(CHUNK_SIZE)
            skipped += len(line)
        return skipped

    def _read(self, limit: int) -> bytes:
        return self._guarded(self.stream.readline, limit)

    def _guarded(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            return read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise UnusableFile(message("cannot be read any further: %(said)s", said=_reason(error))) from None


class _Joined(io.RawIOBase):
    """What was read of a stream already, and then the rest of it."""

    def __init__(self, begun: bytes, stream: IO[bytes]) -> None:
        super().__init__()
        self.begun, self.stream = begun, stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self.begun[: len(buffer)] or self.stream.read(len(buffer))
        self.begun = self.begun[len(part) :]
        buffer[: len(part)] = part
        return len(part)


_AS_CSV = message("in Excel choose Save as, then CSV UTF-8, and import that file")
_NO_TEXT = {
    b"PK\x03\x04": message(
        "is an Excel workbook (.xlsx) or another archive: import it as a file, not packed or piped"
    ),
    b"\xd0\xcf\x11\xe0": message(
        "is an old Excel workbook (.xls), or one with a password: %(how)s", how=_AS_CSV
    ),
    GZIP: message("is gzipped: unpack it first"),  # twice, or on standard input
    **dict.fromkeys(encodings.UTF32, message("is %(name)s: save it as UTF-8 text", name="UTF-32")),
}
_MARKUP = re.compile(rb"<(?:!doctype|html|table|\?xml)", re.IGNORECASE)


def check_beginning(head: bytes) -> None:
    """Raises UnusableFile for what is no text, or none with records."""
    for mark, reason in _NO_TEXT.items():
        if head.startswith(mark):
            raise UnusableFile(reason)
    if _MARKUP.match(head.removeprefix(BYTE_ORDER_MARK).lstrip()):
        raise UnusableFile(message("is HTML or XML, whatever its name says: %(how)s", how=_AS_CSV))


@contextmanager
def open_source(name: str) -> Iterator[Source]:
    """The file of this name; `-` is standard input and what is gzipped is unpacked. Raises UnusableFile."""
    if name == "-":
        yield Source(sys.stdin.buffer)
        return
    try:
        file = open(name, "rb")  # noqa: SIM115 (closed below; only opening may fail as unusable)
    except (OSError, ValueError) as error:
        raise UnusableFile(message("cannot be opened: %(said)s", said=_reason(error))) from None
    with file:
        is_packed = name.lower().endswith(".gz") or file.peek(2)[:2] == GZIP
        stream: Any = gzip.GzipFile(fileobj=file) if is_packed else file
        is_regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
        yield Source(stream, file if is_regular else None)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
