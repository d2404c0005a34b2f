"""Rows of a CSV file as changes: cells of named columns go to places in the document."""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

from profiles import documents
from profiles.changes import Change
from profiles.documents import JSON, InvalidDocument, longest_text
from profiles.imports.files import Place, Source, UnusableFile
from profiles.imports.records import TOO_LONG, Record
from tracsync.common.messages import message

Kind = Literal["text", "number", "boolean"]
KINDS = get_args(Kind)
BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
ID = ("id",)
_NOT_A = {
    "number": message("column %(name)s: not a number"),
    "boolean": message("column %(name)s: not a boolean"),
}

_KEY = re.compile(r'\.((?:\\\.|[^.\[\]"])+)|\["((?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"\]')


@dataclass(frozen=True, slots=True)
class Column:
    """Cells under this name go to this place, as text, number or boolean."""

    name: str
    keys: tuple[str, ...]
    kind: Kind = "text"

    def value(self, cell: str) -> JSON:
        if self.kind == "text":
            return cell
        number = _number(cell)
        value = number if self.kind == "number" else BOOLEANS.get(cell.strip().lower())
        if value is None:
            raise InvalidDocument(_NOT_A[self.kind].with_values(name=self.name))
        return value


def _number(cell: str) -> JSON:
    try:
        number = documents.parse(cell.strip())
    except InvalidDocument:
        return None
    return number if type(number) in (int, float) else None


def parse_path(text: str) -> tuple[str, ...]:
    r"""The keys of a path: `data.contact`, `traits["support rep"]`; `\.` is a dot in a key.

    Raises ValueError.
    """
    keys: list[str] = []
    rest = text if text.startswith("[") else f".{text}"
    while rest:
        match = _KEY.match(rest)
        if not match:
            problem = message('%(path)s is not a path: write keys joined by dots, or ["any key"]', path=text)
            raise ValueError(problem)
        bare, quoted = match.groups()
        keys.append(bare.replace(r"\.", ".") if bare else json.loads(f'"{quoted}"'))
        rest = rest[match.end() :]
    return tuple(keys)


def columns_from(maps: Sequence[str], types: Sequence[str]) -> list[Column]:
    """Columns from `column=path` and `column=type`; a column id goes to id where no other one does.

    Raises ValueError.
    """
    kinds = dict(_pair(text, "type") for text in types)
    named = [_pair(text, "path") for text in maps]
    columns = [Column(name, parse_path(path), _kind(kinds.get(name, "text"))) for name, path in named]
    columns = complete(columns)
    if unknown := kinds.keys() - {column.name for column in columns}:
        raise ValueError(f"column {min(unknown)} has a type but no place: add --map {min(unknown)}=PATH")
    return columns


def columns_of(chosen: Iterable[Sequence[str]]) -> list[Column]:
    """Columns from names, paths and types. Raises ValueError."""
    return complete([Column(name, parse_path(path), _kind(kind)) for name, path, kind in chosen])


def complete(columns: list[Column]) -> list[Column]:
    """With the id, whose column is called id where no other one goes there. Raises ValueError."""
    if all(column.keys != ID for column in columns):
        columns = [*columns, Column("id", ID)]
    _check_places(columns)
    return columns


def _pair(text: str, wanted: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not (name and found and value):
        raise ValueError(f"{text} is not COLUMN={wanted.upper()}")
    return name.strip(), value


def _kind(name: str) -> Kind:
    if name not in KINDS:
        names = ", ".join(KINDS)
        raise ValueError(message("%(name)s is not a type: choose one of %(names)s", name=name, names=names))
    return cast(Kind, name)


def _check_places(columns: Sequence[Column]) -> None:
    """One column goes to one place, and none into what another one fills."""
    places = sorted(column.keys for column in columns)
    for one, other in itertools.pairwise(places):
        if other[: len(one)] == one:
            raise ValueError(message("two columns go to %(name)s", name=".".join(one)))


def read_csv(
    source: Source, columns: Sequence[Column], delimiter: str, merge: bool, start: Place | None = None
) -> Iterator[Record]:
    """One record per row below the heading, or from `start`. Raises UnusableFile where the heading lacks a
    column.
    """
    lines = _Lines(source)
    rows = _rows(lines, delimiter)
    heading = _heading(rows)
    places = _places(heading, columns)
    if start is not None:
        source.go_to(start)
    for row in rows:
        try:
            change = _change(row, len(heading), places, merge)
        except InvalidDocument as error:
            yield Record(lines.first, lines.size, None, str(error))
        else:
            yield Record(lines.first, lines.size, change)


def beginning(source: Source, delimiter: str, most: int) -> tuple[list[str], list[list[str]]]:
    """The heading and the first rows, for people to look at. Raises UnusableFile."""
    rows = _rows(_Lines(source), delimiter)
    heading = _heading(rows)
    try:
        _check_text(heading)
    except InvalidDocument as error:
        raise UnusableFile(
            message("has no heading that can be read: it is %(reason)s", reason=str(error))
        ) from None
    return heading, [row for row in itertools.islice(rows, most) if isinstance(row, list)]


def _heading(rows: Iterator[list[str] | InvalidDocument]) -> list[str]:
    heading = next(rows, None)
    if not isinstance(heading, list):
        reason = message("it is empty") if heading is None else str(heading)
        raise UnusableFile(message("has no heading: %(reason)s", reason=reason))
    return [name.strip() for name in heading]


class _Lines:
    """The lines as the csv module wants them; it asks for several where a cell holds line breaks.

    An error ends the row: the csv module begins a new one with the next line.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.lines = source.lines()
        self.first = self.size = 0

    def begin(self) -> None:
        self.first, self.size = self.source.place.number + 1, 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        _, line = next(self.lines)
        self.size += len(line or b"")
        if line is None or self.size > longest_text():
            raise InvalidDocument(TOO_LONG)
        return line.decode(errors="surrogateescape")


def _rows(lines: _Lines, delimiter: str) -> Iterator[list[str] | InvalidDocument]:
    """The rows that are not blank, and what is wrong with the others."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.begin()
        try:
            row = next(reader)
        except StopIteration:
            return
        except InvalidDocument as error:
            yield error
        except csv.Error as error:
            yield InvalidDocument(message("not CSV: %(said)s", said=error))
        else:
            if any(cell.strip() for cell in row):
                yield row


_NAMED = {  # whether there are many, and whether it holds the id
    (False, False): message("has no column named %(name)s in its heading"),
    (True, False): message("has several columns named %(name)s in its heading"),
    (False, True): message(
        "has no column named %(name)s in its heading: --map COLUMN=id says which one holds the id"
    ),
    (True, True): message(
        "has several columns named %(name)s in its heading: --map COLUMN=id says which one holds the id"
    ),
}


def _places(heading: list[str], columns: Sequence[Column]) -> list[tuple[int, Column]]:
    for column in columns:
        if heading.count(column.name) != 1:
            many = column.name in heading
            raise UnusableFile(_NAMED[many, column.keys == ID].with_values(name=column.name))
    return [(heading.index(column.name), column) for column in columns]


def _change(
    row: list[str] | InvalidDocument, width: int, places: list[tuple[int, Column]], merge: bool
) -> Change:
    if isinstance(row, InvalidDocument):
        raise row
    if len(row) != width:
        raise InvalidDocument(
            message("%(number)s cells, the heading has %(most)s", number=len(row), most=width)
        )
    _check_text(row)
    document = _document(row, places)
    id = document.get("id")
    if id is None:
        raise InvalidDocument(message("the id is blank"))
    if not merge:
        return Change(id, "put", document)
    return Change(id, "set", {key: value for key, value in document.items() if key != "id"})


def _check_text(row: list[str]) -> None:
    try:
        "".join(row).encode()
    except UnicodeEncodeError:
        raise InvalidDocument(message("not UTF-8")) from None


def _document(row: list[str], places: list[tuple[int, Column]]) -> dict[str, JSON]:
    document: dict[str, JSON] = {}
    for index, column in places:
        if not row[index].strip():
            continue
        inner = document
        for key in column.keys[:-1]:
            inner = inner.setdefault(key, {})
        inner[column.keys[-1]] = column.value(row[index])
    return document
