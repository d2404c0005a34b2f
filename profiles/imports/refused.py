"""What is refused: equal mistakes as one, with a cell for example, and the lines to be mended."""

from __future__ import annotations

import csv
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from profiles.imports.guess import OURS
from profiles.imports.kinds import harmless
from profiles.imports.records import Record
from tracsync.common.messages import Message, pack, unpack

MOST_KINDS = 100  # of mistakes that are told apart
MOST_LINES = 5  # that are named of one kind
LONGEST_EXAMPLE = 80  # characters
ADDED = (f"{OURS}line", f"{OURS}reason")
Refused = tuple[int, str, Sequence[str] | str | None]  # line, packed reason, what stands there
Said = Callable[[str], str]


def group(mistakes: list[dict[str, Any]], record: Record, error: str) -> dict[str, Any]:
    """Count a mistake with its equals: those of one column, or with one reason.

    Each has `reason` (packed), `count`, the first `lines`, and `cell` and `example` where one cell is wrong.
    """
    key = _key(error, record.column)
    found = next((one for one in mistakes if one["key"] == key), None)
    if found is None and len(mistakes) >= MOST_KINDS:
        key = "…"
        found = next((one for one in mistakes if one["key"] == key), None)
    if found is None:
        found = {"key": key, "reason": pack(error), "count": 0, "lines": [], **_example(record)}
        mistakes.append(found)
    found["count"] += 1
    if len(found["lines"]) < MOST_LINES:
        found["lines"].append(record.line)
    return found


def _key(error: str, column: int | None) -> str:
    parts = [error] if not isinstance(error, Message) else [error.template, *_said_within(error)]
    return " ".join(parts if column is None else [*parts, str(column)])


def _said_within(error: Message) -> list[str]:
    """The messages among its values, such as what is wrong with JSON, where the others tell its place."""
    values = error.values if isinstance(error.values, tuple) else error.values.values()
    return [value.template for value in values if isinstance(value, Message)]


def _example(record: Record) -> dict[str, str]:
    if record.column is None or record.raw is None or isinstance(record.raw, bytes):
        return {"cell": "", "example": ""}
    cell = record.raw[record.column] if record.column < len(record.raw) else ""
    shown = _readable(cell).replace("\0", "")
    shown = shown if len(shown) <= LONGEST_EXAMPLE else f"{shown[:LONGEST_EXAMPLE]}…"
    return {"cell": f"{letters(record.column)}{record.line}", "example": shown}


def letters(column: int) -> str:
    """What a spreadsheet calls a column, which is counted from 0: A, B, ... Z, AA."""
    text, number = "", column + 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


def stored(record: Record, error: str) -> Refused:
    raw = record.raw
    return record.line, pack(error), _readable(raw) if isinstance(raw, bytes) else raw


def packed(lines: Iterable[Refused]) -> bytes:
    return zlib.compress("\n".join(map(json.dumps, lines)).encode(), 1)


def unpacked(data: bytes) -> Iterator[Refused]:
    for line in zlib.decompress(data).decode().splitlines():
        number, reason, raw = json.loads(line)
        yield number, reason, raw


def as_file(lines: Iterable[Refused], heading: Sequence[str], delimiter: str, said: Said) -> Iterator[bytes]:
    """The lines as a file that can be mended and imported again: rows, each with its line and why it was
    refused, where there is a heading; otherwise lines of JSON.
    """
    if heading:
        names = [name for name in heading if name not in ADDED]
        yield b"\xef\xbb\xbf" + _row([*names, *ADDED], delimiter)
    yield from rows(lines, heading, delimiter, said)


def rows(lines: Iterable[Refused], heading: Sequence[str], delimiter: str, said: Said) -> Iterator[bytes]:
    """As `as_file`, without the heading."""
    kept = [at for at, name in enumerate(heading) if name not in ADDED]
    for number, reason, raw in lines:
        if heading:
            cells = list(raw) if raw is not None and not isinstance(raw, str) else []
            cells += [""] * (len(heading) - len(cells))
            more = cells[len(heading) :]  # a row that is too wide has its last cells after ours
            shown = [_harmless(cells[at]) for at in kept]
            yield _row([*shown, str(number), said(unpack(reason)), *map(_harmless, more)], delimiter)
        elif isinstance(raw, str):
            yield f"{_LINE_ENDS.sub(' ', raw.strip())}\n".encode()


_LINE_ENDS = re.compile(r"[\r\n]+")  # other separators of lines, such as U+2028, are text in JSON


def _harmless(cell: str) -> str:
    return harmless(_readable(cell))


def _row(cells: Iterable[str], delimiter: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerow(cells)
    return text.getvalue().encode(errors="replace")


def _readable(text: str | bytes) -> str:
    """What is no UTF-8 is most probably what Windows writes."""
    data = text if isinstance(text, bytes) else text.encode(errors="surrogateescape")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
