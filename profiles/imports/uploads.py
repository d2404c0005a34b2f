"""The content of uploaded files, kept in the database until it is imported.

There every worker can read it, whichever host it runs on. It lies in compressed pieces of one size, so that
reading can go on anywhere.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

from django.conf import settings
from django.db import transaction

from profiles.imports import encodings, workbook
from profiles.imports.files import GZIP, HEAD_SIZE, Source, UnusableFile, check_beginning
from profiles.imports.models import ImportChunk, ImportJob
from tracsync.common.messages import message

CHUNK_SIZE = 262_144  # bytes, before they are compressed
QUICK = 1  # zlib's level; documents shrink to a fifth with it
LARGE = 4_000_000  # bytes of a workbook, unpacked, of which the rows are read in about two seconds


class Kept(NamedTuple):
    """The encoding that a file is kept in. `sheets`: of a workbook, that of which the rows are kept first.
    `written_in`: where the file itself is in another encoding."""

    encoding: str
    sheets: list[str]
    written_in: str = ""


def store(job: ImportJob, file: IO[bytes], encoding: str = "", sheet: str = "") -> Kept:
    """Keep what the file holds: unpacked where it is gzipped, and of a workbook a sheet as CSV.

    The encoding is what was said, or what all of its bytes tell; UTF-16 is kept as UTF-8. Each piece is
    written by itself: a large file holds nobody else up. Raises UnusableFile.
    """
    stream, kept = _opened(file, encoding, sheet)
    evidence = encodings.Evidence()
    job.size = _keep(job, stream, evidence.add)
    return kept._replace(encoding=kept.encoding or evidence.encoding)


def is_large_workbook(file: IO[bytes]) -> bool:
    """Whether to read its rows takes longer than anybody should wait for an answer. Raises UnusableFile."""
    is_workbook = file.read(len(workbook.MARK)) == workbook.MARK
    is_large = is_workbook and workbook.unpacked_size(file) > LARGE
    file.seek(0)
    return is_large


def store_packed(job: ImportJob, file: IO[bytes]) -> None:
    """Keep a workbook as it is, for `unpack`. Raises UnusableFile."""
    job.size = _keep(job, file)


def unpack(job: ImportJob, sheet: str, before_piece: Callable[[], None]) -> tuple[int, int, list[str]]:
    """Keep the rows of a sheet behind the workbook that is kept: the number of their first piece, their size,
    and the names of the sheets, that of this one first.

    `before_piece` is called in the transaction of each piece. What an earlier try has left is forgotten.
    Raises UnusableFile.
    """
    first = -(-job.size // CHUNK_SIZE)
    job.chunks.filter(number__gte=first).delete()
    packed = io.BufferedReader(_Content(job, 0), CHUNK_SIZE)
    rows, sheets = workbook.read(packed, sheet)
    return first, _keep(job, rows, first=first, before_piece=before_piece), sheets


def source(job: ImportJob) -> Source:
    """What was stored, from its beginning."""
    encoding = job.options.get("encoding", encodings.UTF8)
    content = _Content(job, job.options.get("first_piece", 0))
    source = Source(io.BufferedReader(content, CHUNK_SIZE), encoding=encoding)
    source.can_go_back = True
    return source


def _opened(file: IO[bytes], encoding: str, sheet: str) -> tuple[IO[bytes], Kept]:
    """What the file holds as plain lines, and its encoding as far as it is known."""
    mark = file.read(len(workbook.MARK))
    is_packed = mark.startswith(GZIP)
    file.seek(0)
    if mark == workbook.MARK:
        rows, sheets = workbook.read(file, sheet)
        return rows, Kept(encodings.UTF8, sheets)
    if sheet:
        raise UnusableFile(message("has no sheets: only an Excel workbook (.xlsx) has"))
    stream: Any = gzip.GzipFile(fileobj=file) if is_packed else file
    with _unpacking():
        head = stream.read(HEAD_SIZE)
        stream.seek(0)
    check_beginning(head)
    plain, sixteen = encodings.plain(stream, head, encoding)
    return plain, Kept(encodings.UTF8 if sixteen else encoding, [], sixteen)


def _keep(
    job: ImportJob,
    stream: IO[bytes],
    look_at: Callable[[bytes], None] = lambda piece: None,
    first: int = 0,
    before_piece: Callable[[], None] = lambda: None,
) -> int:
    """How many bytes that were. Raises UnusableFile."""
    size = 0
    for number, piece in enumerate(_pieces(stream), first):
        size += len(piece)
        if size > settings.TRACSYNC_MAX_UPLOAD_BYTES:
            most = f"{settings.TRACSYNC_MAX_UPLOAD_BYTES:,}"
            raise UnusableFile(message("has more than %(number)s bytes", number=most))
        look_at(piece)
        with transaction.atomic():
            before_piece()
            ImportChunk.objects.create(job=job, number=number, data=zlib.compress(piece, QUICK))
    if not size:
        raise UnusableFile(message("is empty"))
    return size


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    while True:
        with _unpacking():
            piece = stream.read(CHUNK_SIZE)
        if not piece:
            return
        yield piece


@contextmanager
def _unpacking() -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        raise UnusableFile(message("cannot be unpacked: %(said)s", said=error)) from None


class _Content(io.RawIOBase):
    """What is kept from a piece on, up to the size of the job."""

    def __init__(self, job: ImportJob, first: int) -> None:
        super().__init__()
        self.job, self.first = job, first
        self.position = 0
        self.number, self.piece = -1, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.job.size}[whence]
        self.position = base + offset
        return self.position

    def tell(self) -> int:
        return self.position

    def readinto(self, buffer: Any) -> int:
        if self.position >= self.job.size:
            return 0
        number, start = divmod(self.position, CHUNK_SIZE)
        part = self._piece(number)[start : start + len(buffer)]
        buffer[: len(part)] = part
        self.position += len(part)
        return len(part)

    def _piece(self, number: int) -> bytes:
        if number != self.number:
            stored = self.job.chunks.filter(number=self.first + number).values_list("data", flat=True).first()
            if stored is None:
                raise UnusableFile(message("is not kept any more"))
            self.number, self.piece = number, zlib.decompress(stored)
        return self.piece
