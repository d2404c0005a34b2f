"""How a file is to be read, as JSON: by the command and on the page alike.

`format` is ndjson, json (an array, which begins at the byte `at`) or csv; `encoding` is in encodings.py, and
`written_in` what the file was written in where it is kept in another one. Of csv also `delimiter`, `skip`
(lines above the heading), `merge`, `heading` (the names of the columns), and `columns`: name, path and kind
of each one that is imported, or null until they are chosen. Of a workbook
that was uploaded `sheets`: their names, first that of the one that is read; of a large one `first_piece`, the
number of the first piece of what is kept of it, and until its rows are read nothing but `workbook`: what was
asked for, and how often it was tried.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

from profiles.imports import csv_reader, encodings, guess, json_shapes
from profiles.imports.csv_reader import Column
from profiles.imports.files import BYTE_ORDER_MARK, HEAD_SIZE, Place, Source, UnusableFile
from profiles.imports.guess import DELIMITERS, Guess, Layout
from profiles.imports.records import Record, read_array, read_ndjson
from tracsync.common.messages import message

FORMATS = ("ndjson", "json", "csv")
TABLES = (".csv", ".tsv", ".tab", ".txt")
TAB = message("tab")
OF_JSON = (".json", ".ndjson", ".jsonl")


def choose(
    name: str,
    source: Source,
    format: str = "",
    delimiter: str = "",
    merge: bool = False,
    skip: int | None = None,
) -> dict[str, Any]:
    """The options of a file; what is not said is told by its name and its beginning. Raises UnusableFile."""
    head = source.head().removeprefix(BYTE_ORDER_MARK)
    format = format or _format(name, head)
    if format == "csv":
        return _of_csv(source, DELIMITERS.get(delimiter, delimiter), merge, skip)
    options: dict[str, Any] = {"format": format, "encoding": source.encoding}
    if at := json_shapes.array_within(head) if format == "json" else None:
        options["at"] = at + (len(BYTE_ORDER_MARK) if source.head().startswith(BYTE_ORDER_MARK) else 0)
    return options


def _format(name: str, head: bytes) -> str:
    name = name.lower().removesuffix(".gz")
    begun = head.lstrip()
    if begun.startswith(b"["):
        return "json"
    if begun.startswith(b"{"):
        return "ndjson" if json_shapes.array_within(head) is None else "json"
    if name.endswith(TABLES):
        return "csv"
    first = begun.partition(b"\n")[0]
    looks_like_it = any(sign.encode() in first for sign in DELIMITERS.values())
    return "csv" if looks_like_it and not name.endswith(OF_JSON) and name != "-" else "ndjson"


def _of_csv(source: Source, delimiter: str, merge: bool, skip: int | None) -> dict[str, Any]:
    told = guess.layout(source.utf8(_lines(source)).decode(errors="replace"), delimiter)
    options: dict[str, Any] = {"format": "csv", "encoding": source.encoding, "merge": merge}
    options |= {"delimiter": told.delimiter, "skip": told.skip if skip is None else skip}
    try:
        heading = beginning(source, options)[0]
    except UnusableFile:  # said when it is read
        heading = []
    return {**options, "heading": heading, "columns": None}


def check_delimiter(source: Source, options: Any) -> None:
    """Raises UnusableFile where the delimiter that was said is not in the heading, but another one is."""
    try:
        heading = beginning(source, options)[0]
        told = guess.layout(source.utf8(_lines(source)).decode(errors="replace"))
        others = beginning(source, {**options, "delimiter": told.delimiter, "skip": told.skip})[0]
    except UnusableFile:  # said when it is read
        return
    if len(heading) > 1 or len(others) < 2:
        return
    said, likely = (TAB if one == "\t" else one for one in (options["delimiter"], told.delimiter))
    raise UnusableFile(
        message(
            "has no “%(said)s” in its heading: “%(likely)s” seems to stand between two cells",
            **{"said": said, "likely": likely},
        )
    )


def encoding_of(options: Any) -> str:
    """The name of the encoding that the file was written in."""
    return encodings.NAMES.get(options.get("written_in") or options.get("encoding", encodings.UTF8), "")


def layout(options: Any) -> Layout:
    return Layout(options["delimiter"], options.get("skip", 0))


def _lines(source: Source) -> bytes:
    """The whole lines that a file begins with."""
    head = source.head()
    end = head.rfind(b"\n") + 1
    return head[:end] if end and len(head) >= HEAD_SIZE else head


def beginning(source: Source, options: Any) -> tuple[list[str], list[list[str]]]:
    """The names of the columns and the first rows of a table. Raises UnusableFile."""
    begun = Source(io.BytesIO(_lines(source)), encoding=options.get("encoding", encodings.UTF8))
    return csv_reader.beginning(begun, layout(options), guess.MOST_ROWS)


def guesses(source: Source, options: Any) -> list[Guess]:
    """Where each column probably goes. Raises UnusableFile."""
    heading, rows = beginning(source, options)
    return guess.columns(heading, rows, options["delimiter"])


def resolved(columns: Sequence[Column], source: Source, options: Any) -> list[Column]:
    """The columns, with the form of those numbers, dates and lists of which none was said, as the first rows
    have it. Raises UnusableFile.
    """
    heading, rows = beginning(source, options)
    cells = dict(zip(heading, guess.cells_of(len(heading), rows), strict=True))
    comma = guess.writes_comma(list(cells.values()), options["delimiter"])
    return [
        column
        if ":" in column.kind
        else Column(column.name, column.keys, guess.resolved(column.kind, cells.get(column.name, []), comma))
        for column in columns
    ]


def records(source: Source, options: Any, start: Place, columns: Sequence[Column] = ()) -> Iterator[Record]:
    """What a file holds from a place on; `columns` stand for those of the options. Raises UnusableFile."""
    source.encoding = options.get("encoding", encodings.UTF8)
    if options["format"] == "json":
        at = options.get("at")
        return read_array(
            source, start if at is None or start.number else Place(at), is_within=at is not None
        )
    if options["format"] == "ndjson":
        source.skip_to(start)
        return read_ndjson(source)
    try:
        columns = columns or csv_reader.columns_of(options["columns"])
    except ValueError as error:
        raise UnusableFile(message("cannot be read: %(reason)s", reason=str(error))) from None
    resumed = start if start.offset else None
    return csv_reader.read_csv(source, columns, layout(options), options["merge"], resumed)
