"""Importing profiles: records are read one at a time, written in batches, and each failure has its line."""

from __future__ import annotations

import signal
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from profiles import changes, documents, request_stream
from profiles.changes import Change, Written
from profiles.documents import InvalidDocument
from profiles.imports import json_shapes
from profiles.imports.files import CHUNK_SIZE, Place, Source, UnusableFile
from tracsync.common.messages import message

BATCH_BYTES = 2_000_000  # of text, which takes 25 times as much in memory; then fewer records are a batch
TOO_LONG = message("the line is too long")
_CUT_OFF = message("the list has no end, as the file was probably cut off here")
NAMESPACE = uuid.UUID("5b1a64f5-3c43-4d5c-9c0e-6f5d5a3f1c7e")


@dataclass(frozen=True, slots=True)
class Record:
    """A change with the line it begins on, or why there is none.

    `raw` is what stands in the file, cells or the bytes of a line, as far as it is kept; `column`, from 0, is
    that of the cell that is wrong.
    """

    line: int
    size: int
    change: Change | None
    error: str = ""
    raw: Sequence[str] | bytes | None = None
    column: int | None = None


def read_ndjson(source: Source) -> Iterator[Record]:
    """One record per line that is not blank: a document or `{"id": ..., "set": {...}}`."""
    for number, line in source.lines():
        if line is None:
            yield Record(number, 0, None, TOO_LONG)
        elif line.strip():
            yield _record(number, line)


def read_array(source: Source, start: Place, is_within: bool = False) -> Iterator[Record]:
    """One record per element of a JSON array, and of others behind it, numbered from 1. Raises UnusableFile
    where it is broken before the first one ends; behind that what is left of it is one record refused.

    `is_within`: the array begins at `start` within an object, of which the rest is left out.
    """
    is_resumed = start.number > 0
    if is_resumed and _is_beyond_end(source, start):
        return
    array, begun = request_stream.Array(is_resumed, is_within, may_follow=not is_within), start.offset
    source.skip_to(start)
    reason: str = _CUT_OFF
    try:
        while not (array.has_ended and is_within) and (piece := source.read(CHUNK_SIZE)):
            last, begun = begun, begun + len(piece)
            for item in array.feed(piece):
                source.place = Place(last + array.end, source.place.number + 1)
                number, text = source.place.number, source.utf8(bytes(item))
                yield Record(number, 0, None, TOO_LONG) if item.too_long else _record(number, text)
        if array.has_ended:
            return
    except request_stream.BrokenArray as error:
        reason = str(error)
    number = source.place.number + 1
    if number == 1:
        raise UnusableFile(message("is not a JSON array: %(reason)s", reason=reason))
    while piece := source.read(CHUNK_SIZE):
        begun += len(piece)
    source.place = Place(begun + 1, number)
    reason = message("the list cannot be read from here on: %(reason)s", reason=reason)
    yield Record(number, 0, None, reason, source.utf8(bytes(array.item)))


def _is_beyond_end(source: Source, place: Place) -> bool:
    """Whether nothing is before it: there reading has come to where an array is broken."""
    source.skip_to(Place(place.offset - 1, place.number))
    return not source.read(1)


def _record(number: int, line: bytes) -> Record:
    try:
        return Record(number, len(line), _change(line), "", line)
    except InvalidDocument as error:
        return Record(number, len(line), None, str(error), line)


def _change(line: bytes) -> Change:
    record = json_shapes.unwrapped(documents.parse(line.strip()))
    change = changes.change_from(record)
    if "id" in record:
        return change
    # The same document has the same id at every import, so that importing it again adds nothing.
    id = str(uuid.uuid5(NAMESPACE, documents.digest(record)))
    return Change(id, "put", documents.with_id(record, id))


class Import:
    """Writes records and counts what became of them; `line` is the last one that is dealt with.

    `on_error` is told record and reason of each failure. `stop`: nothing after the first one is written.
    `is_rehearsal`: nothing is written at all.
    """

    def __init__(
        self, on_error: Callable[[Record, str], None], stop: bool = False, is_rehearsal: bool = False
    ) -> None:
        self.on_error = on_error
        self.stop = stop
        self.is_rehearsal = is_rehearsal
        self.line = self.created = self.changed = self.unchanged = self.failed = 0

    def run(self, records: Iterable[Record], after_batch: Callable[[], None]) -> None:
        for batch in _batches(records):
            with uninterrupted():
                self._write(batch)
            after_batch()
            if self.stop and self.failed:
                return

    def _write(self, batch: list[Record]) -> None:
        if self.stop:
            errors = (place for place, record in enumerate(batch) if not record.change)
            batch = batch[: next(errors, len(batch)) + 1]
        wanted = [record.change for record in batch if record.change]
        answers = iter(
            changes.rehearse(wanted) if self.is_rehearsal else changes.write(wanted, stop_at_error=self.stop)
        )
        for record in batch:
            self._count(record, next(answers) if record.change else Written("", error=record.error))
            if self.stop and self.failed:
                return

    def _count(self, record: Record, written: Written) -> None:
        self.line = record.line
        if written.error:
            self.failed += 1
            self.on_error(record, written.error)
        elif written.created:
            self.created += 1
        elif written.changed:
            self.changed += 1
        else:
            self.unchanged += 1


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Records as many as one transaction takes."""
    batch: list[Record] = []
    size = 0
    for record in records:
        batch.append(record)
        size += record.size
        if len(batch) == changes.BATCH_SIZE or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until the batch is written and counted; pressed again, it does not."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed = False

    def remember(*_: Any) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt
