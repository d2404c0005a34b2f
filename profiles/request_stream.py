"""Reading request bodies: never more than is allowed, and a record at a time where there are many."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, cast

from django.conf import settings
from django.http import HttpRequest
from rest_framework.exceptions import APIException

from profiles.documents import SMALL, longest_text
from tracsync.common.messages import message

CHUNK_SIZE = 65_536


class BodyTooLarge(APIException):
    status_code = 413
    default_code = "too_large"


def chunks(request: HttpRequest) -> Iterator[bytes]:
    """The body of a Django request with many records, piece by piece. Raises BodyTooLarge."""
    limit = settings.TRACSYNC_MAX_REQUEST_BYTES
    too_large = BodyTooLarge(f"The request has more than {limit:,} bytes; send it in several parts")
    return _bounded(request, limit, too_large)


def whole(request: HttpRequest, most: int | None = None) -> bytes:
    """The body with one document or other object; `most`: bytes of what is larger than a profile may be.

    Raises BodyTooLarge.
    """
    limit = min(most or max(longest_text(), SMALL), settings.TRACSYNC_MAX_REQUEST_BYTES)
    text = f"The request has more than {limit:,} bytes"
    if most is None:
        text += f"; a profile has at most {settings.TRACSYNC_MAX_DOCUMENT_BYTES:,}"
    return b"".join(_bounded(request, limit, BodyTooLarge(text)))


def _bounded(request: HttpRequest, limit: int, too_large: BodyTooLarge) -> Iterator[bytes]:
    if int(request.META.get("CONTENT_LENGTH") or 0) > limit:
        raise too_large
    stream, size = _stream(request), 0
    while chunk := stream.read(CHUNK_SIZE):
        size += len(chunk)
        if size > limit:
            raise too_large
        yield chunk


def _stream(request: HttpRequest) -> IO[bytes]:
    """A chunked body has no length; the server says whether it ends by itself."""
    chunked = not request.META.get("CONTENT_LENGTH") and request.META.get("HTTP_TRANSFER_ENCODING")
    ends = chunked and request.META.get("wsgi.input_terminated")
    return request.META["wsgi.input"] if ends else cast("IO[bytes]", request)


class Item(bytearray):
    """A record on its way in: what is too long is counted as seen and not kept."""

    too_long = False

    def add(self, piece: bytes) -> None:
        self.too_long |= len(self) + len(piece) > longest_text()
        if self.too_long:
            self.clear()
        else:
            self.extend(piece)


def lines(pieces: Iterator[bytes]) -> Iterator[Item]:
    """The lines of a text, without their ends."""
    line = Item()
    for piece in pieces:
        first, *others = piece.split(b"\n")
        line.add(first)
        for other in others:
            yield line
            line = Item()
            line.add(other)
    if line or line.too_long:
        yield line


class BrokenArray(ValueError):
    """The text is no complete JSON array; the message says where it goes wrong."""


def elements(pieces: Iterator[bytes]) -> Iterator[Item]:
    """The elements of a JSON array, still as text, so that a bad one fails alone.

    Raises BrokenArray when there is no array, or no end of it; what came before has been given out.
    """
    array = Array()
    for piece in pieces:
        yield from array.feed(piece)
    if not array.has_ended:
        raise BrokenArray(message("the array has no end") if array.has_begun else _NO_ARRAY)


_NO_ARRAY = message("the body is not a JSON array; send one record per line as application/x-ndjson instead")
_MARKS = re.compile(rb'\\(?s:.)?|["\[\]{},]')
_BLANK = b" \t\r\n"


class Array:
    """Finds the commas between elements; what an element says is for others to judge.

    `end`: where in the last piece the last element ended, a comma included. One that is `resumed` there goes
    on with the next element; of one that `is_within` something else what comes after its end is not its own.
    `may_follow`: after its end there may be others, one behind the other.
    """

    def __init__(self, resumed: bool = False, is_within: bool = False, may_follow: bool = False) -> None:
        self.is_within, self.may_follow = is_within, may_follow
        self.depth = int(resumed)
        self.has_begun = resumed
        self.has_ended = self.has_items = False
        self.end = 0
        self.in_text = self.escaped = False
        self.item = Item()

    def feed(self, piece: bytes) -> Iterator[Item]:
        kept = 0  # up to where the piece is in an item
        if not self.has_begun:
            kept = self._begin(piece)
        start, self.escaped = kept + self.escaped, False
        for mark in _MARKS.finditer(piece, start):
            if self.has_ended:
                if not self._is_next(piece[kept : mark.end()]):
                    break
                kept = mark.end()
            elif self._is_border(mark.group(), at_end=mark.end() == len(piece)):
                self.item.add(piece[kept : mark.start()])
                self.end = mark.start() if self.has_ended else mark.end()
                yield from self._finished()
                kept = mark.end()
        rest = piece[kept:]
        if not self.has_ended:
            self.item.add(rest)
        elif rest.strip(_BLANK) and not self.is_within:
            raise BrokenArray(message("there is more text after the end of the array"))

    def _is_next(self, text: bytes) -> bool:
        """Whether another array begins."""
        if self.may_follow and text.strip(_BLANK) == b"[":
            self.has_ended = self.has_items = False
            self.depth = 1
        return not self.has_ended

    def _begin(self, piece: bytes) -> int:
        """Where the elements begin: after the first bracket."""
        text = piece.removeprefix(b"\xef\xbb\xbf").lstrip(_BLANK)
        if not text:
            return len(piece)
        if not text.startswith(b"["):
            raise BrokenArray(_NO_ARRAY)
        self.has_begun, self.depth = True, 1
        return len(piece) - len(text) + 1

    def _is_border(self, mark: bytes, at_end: bool) -> bool:
        if mark.startswith(b"\\"):
            self.escaped = at_end and len(mark) == 1
        elif mark == b'"':
            self.in_text = not self.in_text
        elif not self.in_text:
            if mark == b",":
                return self.depth == 1
            self.depth += 1 if mark in b"[{" else -1
            self.has_ended = self.depth == 0
            if self.has_ended and mark != b"]":
                raise BrokenArray(message("the array ends with a wrong bracket"))
        return self.has_ended

    def _finished(self) -> Iterator[Item]:
        """The element before a border; between the brackets of an empty array there is none."""
        is_nothing = self.has_ended and not self.has_items and not self.item.strip(_BLANK)
        if not is_nothing:
            yield self.item
        self.has_items, self.item = True, Item()
