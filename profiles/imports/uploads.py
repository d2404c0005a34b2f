"""The content of uploaded files, kept in the database until it is imported.

There every worker can read it, whichever host it runs on. It lies in compressed pieces of one size, so that
reading can go on anywhere.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

from django.conf import settings

from profiles.imports import encodings, workbook
from profiles.imports.files import GZIP, HEAD_SIZE, Source, UnusableFile, check_beginning
from profiles.imports.models import ImportChunk, ImportJob
from tracsync.common.messages import message

CHUNK_SIZE = 262_144  # bytes, before they are compressed
QUICK = 1  # zlib's level; documents shrink to a fifth with it


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
    evidence = encodings.Evidence()
    stream, kept = _opened(file, encoding, sheet)
    for number, piece in enumerate(_pieces(stream)):
        job.size += len(piece)
        if job.size > settings.TRACSYNC_MAX_UPLOAD_BYTES:
            most = f"{settings.TRACSYNC_MAX_UPLOAD_BYTES:,}"
            raise UnusableFile(message("has more than %(number)s bytes", number=most))
        evidence.add(piece)
        ImportChunk.objects.create(job=job, number=number, data=zlib.compress(piece, QUICK))
    if not job.size:
        raise UnusableFile(message("is empty"))
    return kept._replace(encoding=kept.encoding or evidence.encoding)


def source(job: ImportJob) -> Source:
    """What was stored, from its beginning."""
    encoding = job.options.get("encoding", encodings.UTF8)
    source = Source(io.BufferedReader(_Content(job), CHUNK_SIZE), encoding=encoding)
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
    def __init__(self, job: ImportJob) -> None:
        super().__init__()
        self.job = job
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
            stored = self.job.chunks.filter(number=number).values_list("data", flat=True).first()
            if stored is None:
                raise UnusableFile(message("is not kept any more"))
            self.number, self.piece = number, zlib.decompress(stored)
        return self.piece
