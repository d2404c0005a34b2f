"""The content of uploaded files, kept in the database until it is imported.

There every worker can read it, whichever host it runs on. It lies in compressed pieces of one size, so that
reading can go on anywhere.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import IO, Any

from django.conf import settings

from profiles.imports.files import Source, UnusableFile
from profiles.imports.models import ImportChunk, ImportJob
from tracsync.common.messages import message

CHUNK_SIZE = 262_144  # bytes, before they are compressed
QUICK = 1  # zlib's level; documents shrink to a fifth with it
GZIP = b"\x1f\x8b"
ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"PK\x03\x04": "ZIP"}


def store(job: ImportJob, file: IO[bytes]) -> None:
    """Keep what the file holds, unpacked where it is gzipped. Raises UnusableFile.

    Each piece is written by itself: a large file holds nobody else up.
    """
    for number, piece in enumerate(_pieces(file)):
        if number == 0 and (kinds := [ENCODINGS[mark] for mark in ENCODINGS if piece.startswith(mark)]):
            raise UnusableFile(message("is %(name)s: save it as UTF-8 text", name=kinds[0]))
        job.size += len(piece)
        if job.size > settings.TRACSYNC_MAX_UPLOAD_BYTES:
            most = f"{settings.TRACSYNC_MAX_UPLOAD_BYTES:,}"
            raise UnusableFile(message("has more than %(number)s bytes", number=most))
        ImportChunk.objects.create(job=job, number=number, data=zlib.compress(piece, QUICK))
    if not job.size:
        raise UnusableFile(message("is empty"))


def source(job: ImportJob) -> Source:
    """What was stored, from its beginning."""
    return Source(io.BufferedReader(_Content(job), CHUNK_SIZE))


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    is_packed = file.read(len(GZIP)) == GZIP
    file.seek(0)
    stream: Any = gzip.GzipFile(fileobj=file) if is_packed else file
    try:
        while piece := stream.read(CHUNK_SIZE):
            yield piece
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
