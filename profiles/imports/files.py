"""Where an import reads from: a file, a compressed file or standard input, line by line."""

from __future__ import annotations

import gzip
import os
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

from profiles.documents import longest_text
from tracsync.common.messages import message

CHUNK_SIZE = 65_536
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class UnusableFile(Exception):
    """The file as a whole cannot be imported."""


class Place(NamedTuple):
    """Where reading has come to: bytes, and lines or records."""

    offset: int = 0
    number: int = 0


class Source:
    """Lines of bytes with their numbers. `size` is None where nobody knows how much will come.

    `place` is after the last line that was read.
    """

    def __init__(self, stream: IO[bytes], file: IO[bytes] | None = None) -> None:
        self.stream = stream
        self.file = file
        self.size = os.fstat(file.fileno()).st_size if file else None
        self.place = Place()

    def go_to(self, place: Place) -> None:
        """Read on from there, where the stream can."""
        self.stream.seek(place.offset)
        self.place = place

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
            number = self.place.number + 1
            size, is_too_long = len(line), len(line) > limit
            if is_too_long:
                size += self._skip_rest(line)
            self.place = Place(self.place.offset + size, number)
            text = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
            yield number, None if is_too_long else text

    def _skip_rest(self, line: bytes) -> int:
        """How many bytes that were."""
        skipped = 0
        while line and not line.endswith(b"\n"):
            line = self._read(CHUNK_SIZE)
            skipped += len(line)
        return skipped

    def _read(self, limit: int) -> bytes:
        try:
            return self.stream.readline(limit)
        except (OSError, EOFError, zlib.error) as error:
            raise UnusableFile(message("cannot be read any further: %(said)s", said=_reason(error))) from None


@contextmanager
def open_source(name: str) -> Iterator[Source]:
    """The file of this name; `-` is standard input and `.gz` is unpacked. Raises UnusableFile."""
    if name == "-":
        yield Source(sys.stdin.buffer)
        return
    try:
        file = open(name, "rb")  # noqa: SIM115 (closed below; only opening may fail as unusable)
    except (OSError, ValueError) as error:
        raise UnusableFile(message("cannot be opened: %(said)s", said=_reason(error))) from None
    with file:
        stream: Any = gzip.GzipFile(fileobj=file) if name.lower().endswith(".gz") else file
        is_regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
        yield Source(stream, file if is_regular else None)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
