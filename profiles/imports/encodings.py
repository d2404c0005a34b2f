"""Which characters the bytes of a file stand for: told by the bytes, or said by whoever imports it.

What Excel, Windows, DOS and macOS write. UTF-16, and lines that end in a carriage return only, are made UTF-8
and line feeds while they are read; in all other encodings a byte below 128 is ASCII, so that lines and cells
are found before anything is decoded, and reading can go on anywhere.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable
from typing import IO, Any

from tracsync.common.messages import message

UTF8, UTF16, WINDOWS = "utf-8", "utf-16", "cp1252"
NAMES = {
    UTF8: "UTF-8",
    UTF16: "UTF-16",
    WINDOWS: "Windows-1252",
    "iso8859-15": "ISO-8859-15",
    "cp1250": "Windows-1250",
    "cp850": "DOS (850)",
    "mac-roman": "Mac Roman",
}
_ALSO = {"iso8859-1": WINDOWS, "ascii": UTF8, "utf-8-sig": UTF8, "utf-16-le": UTF16, "utf-16-be": UTF16}
_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
UTF32 = (b"\xff\xfe\0\0", b"\0\0\xfe\xff")
MOST_LOOKED_AT = 64_000_000  # bytes
ENOUGH = 2_000  # characters beyond ASCII
_PIECE = 65_536
_BROKEN = re.compile("[\udc80-\udcff]")
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_ASCII_OF_A_TABLE = 0.05  # digits, delimiters and line ends, in whatever script it is
_CAPITAL_WITHIN = re.compile("(?<=[^\\W\\d_])[ÄÖÜÉÈÁÀÓØÅŒ](?=[a-zäöüß])")
_AROUND = 3  # bytes before and after one beyond ASCII that are kept with it
# Letters that are common in the languages whose files come in that encoding.
_WESTERN = frozenset("äöüÄÖÜßéèêëàâáçñóíôîïûùúåøæÅØœ€\u2013\u2019\u201c\u201d\u201e")
_COMMON = {
    WINDOWS: _WESTERN,
    "cp850": _WESTERN,
    "mac-roman": _WESTERN,
    "cp1250": _WESTERN | frozenset("ąćęłńśźżĄĆĘŁŃŚŹŻčďěňřšťůýžČĎŘŠŽőűŐŰ"),
}


def known(name: str) -> str:
    """The name that an encoding has here. Raises ValueError."""
    try:
        found = codecs.lookup(name).name
    except LookupError:
        found = ""
    found = _ALSO.get(found, found)
    if found not in NAMES:
        names = ", ".join(NAMES)
        raise ValueError(message("%(name)s is no encoding: choose one of %(names)s", name=name, names=names))
    return found


class Evidence:
    """What the bytes of a file say about their encoding, told piece by piece."""

    def __init__(self) -> None:
        self.decoder = codecs.getincrementaldecoder(UTF8)(errors="surrogateescape")
        self.seen = self.read = self.broken = 0
        self.odd = bytearray()

    @property
    def is_enough(self) -> bool:
        return self.seen >= ENOUGH or self.read >= MOST_LOOKED_AT

    def add(self, piece: bytes) -> None:
        if self.is_enough:
            return
        self.read += len(piece)
        text = self.decoder.decode(piece)
        if text.isascii():
            return
        broken = len(_BROKEN.findall(text))
        self.broken += broken
        self.seen += len(text) - len(text.encode("ascii", "ignore"))
        if broken:
            self._keep(piece)

    def _keep(self, piece: bytes) -> None:
        for found in _NOT_ASCII.finditer(piece):
            if len(self.odd) > _PIECE:
                return
            self.odd += piece[max(0, found.start() - _AROUND) : found.end() + _AROUND]

    @property
    def encoding(self) -> str:
        """UTF-8 where most of it is: a line that is not is a mistake. Otherwise what makes most sense."""
        if self.seen - self.broken >= self.broken:
            return UTF8
        odd = bytes(self.odd)
        return max(_COMMON, key=lambda name: _sense(odd, name))


def _sense(text: bytes, encoding: str) -> int:
    """How many letters are common, but for capitals within a word: those are what another encoding makes."""
    common, decoded = _COMMON[encoding], text.decode(encoding, "replace")
    return sum(letter in common for letter in decoded) - 2 * len(_CAPITAL_WITHIN.findall(decoded))


def sixteen(head: bytes) -> str:
    """The byte order of a file in UTF-16; blank where it is none."""
    if head[:2] in _MARKS:
        return _MARKS[head[:2]]
    few, many = sorted((head[::2].count(0), head[1::2].count(0)))
    if many <= len(head) // 2 * _ASCII_OF_A_TABLE or few > many / 10:
        return ""
    order = "utf-16-le" if head[1::2].count(0) == many else "utf-16-be"
    return order if _line_ends(head.decode(order, "replace").encode()) * 2 >= _line_ends(head) else ""


def _line_ends(text: bytes) -> int:
    return text.count(b"\n") + text.count(b"\r")


def plain(stream: IO[bytes], head: bytes, encoding: str = "") -> tuple[IO[bytes], str]:
    """The stream as lines of bytes that end in a line feed, and UTF-16 where it was that, otherwise blank.

    `head` is the beginning of what the stream is about to give.
    """
    order = sixteen(head)
    known = ""
    if encoding == UTF16 or (order and not encoding):
        order, known = order or "utf-16-le", UTF16
        stream, head = _buffered(_Recoded(stream, _to_utf8(order))), head.decode(order, "replace").encode()
    if b"\r" in head and b"\n" not in head:
        stream = _buffered(_Recoded(stream, _to_line_feeds))
    return stream, known


def _buffered(raw: io.RawIOBase) -> IO[bytes]:
    return io.BufferedReader(raw, _PIECE)


def _to_line_feeds(piece: bytes, is_last: bool) -> bytes:
    return piece.replace(b"\r", b"\n")


def _to_utf8(order: str) -> Callable[[bytes, bool], bytes]:
    """What is no UTF-16 becomes what is no UTF-8, so that its line is refused."""
    decoder = codecs.getincrementaldecoder(order)(errors="surrogatepass")

    def recode(piece: bytes, is_last: bool) -> bytes:
        try:
            text = decoder.decode(piece, is_last)
        except UnicodeDecodeError:
            return b"\xff"
        return text.encode(UTF8, "surrogatepass")

    return recode


class _Recoded(io.RawIOBase):
    """A stream with its bytes written anew; it can only be read on."""

    def __init__(self, stream: IO[bytes], recode: Callable[[bytes, bool], bytes]) -> None:
        super().__init__()
        self.stream, self.recode = stream, recode
        self.waiting = b""
        self.has_ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.waiting and not self.has_ended:
            piece = self.stream.read(_PIECE)
            self.has_ended = not piece
            self.waiting = self.recode(piece, not piece)
        part = self.waiting[: len(buffer)]
        buffer[: len(part)] = part
        self.waiting = self.waiting[len(part) :]
        return len(part)
