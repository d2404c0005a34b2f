"""Rows of a CSV file as changes: cells of named columns go to places in the document."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from profiles.changes import Change
from profiles.documents import JSON, InvalidDocument
from profiles.imports import guess, kinds
from profiles.imports.csv_rows import BadCell, Rows
from profiles.imports.files import Place, Source, UnusableFile
from profiles.imports.guess import Layout
from profiles.imports.kinds import NotOfItsKind
from profiles.imports.records import Record
from tracsync.common.messages import message

ID = ("id",)
_SHORTENED = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+[0-9]+")  # what Excel makes of long numbers

_KEY = re.compile(r'\.((?:\\\.|[^.\[\]"])+)|\["((?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"\]')
_BARE = re.compile(r'[^.\[\]"\\]+')


@dataclass(frozen=True, slots=True)
class Column:
    """Cells under this name go to this place, as this kind (see kinds.py)."""

    name: str
    keys: tuple[str, ...]
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class _Cell:
    """Where in a row the cells of a column are, and what reads them."""

    at: int
    column: Column
    read: kinds.Reader

    def value(self, cell: str) -> JSON:
        try:
            if cell in kinds.ERRORS:
                raise NotOfItsKind
            return self.read(cell)
        except NotOfItsKind:
            raise BadCell(kinds.wrong(self.column.kind, self.column.name, cell), self.at) from None


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


def path_of(keys: Sequence[str]) -> str:
    """The path that `parse_path` reads as these keys."""
    text = ""
    for key in keys:
        bare = _BARE.fullmatch(key) is not None
        text += (f".{key}" if text else key) if bare else f"[{json.dumps(key)}]"
    return text


def columns_from(maps: Sequence[str], types: Sequence[str]) -> list[Column]:
    """Columns from `column=path` and `column=type`; a column id goes to id where no other one does.

    Raises ValueError.
    """
    told = kinds_from(types)
    named = [_pair(text, "path") for text in maps]
    columns = [Column(name, parse_path(path), told.get(name, "text")) for name, path in named]
    columns = complete(columns)
    if unknown := told.keys() - {column.name for column in columns}:
        raise ValueError(f"column {min(unknown)} has a type but no place: add --map {min(unknown)}=PATH")
    return columns


def kinds_from(types: Sequence[str]) -> dict[str, str]:
    """Kinds by the names of their columns, from `column=type`. Raises ValueError."""
    return {name: kinds.known(kind) for name, kind in (_pair(text, "type") for text in types)}


def columns_of(chosen: Iterable[Sequence[str]]) -> list[Column]:
    """Columns from names, paths and types. Raises ValueError."""
    return complete([Column(name, parse_path(path), kinds.known(kind)) for name, path, kind in chosen])


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


def _check_places(columns: Sequence[Column]) -> None:
    """One column goes to one place, and none into what another one fills."""
    places = sorted(column.keys for column in columns)
    for one, other in itertools.pairwise(places):
        if other[: len(one)] == one:
            raise ValueError(message("two columns go to %(name)s", name=".".join(one)))


def read_csv(
    source: Source, columns: Sequence[Column], layout: Layout, merge: bool, start: Place | None = None
) -> Iterator[Record]:
    """One record per row below the heading, or from `start`. Raises UnusableFile where the heading lacks a
    column.
    """
    rows = _below_titles(source, layout)
    heading = _heading(rows)
    cells = _places(heading, columns)
    needed = max((at + 1 for at, name in enumerate(heading) if name), default=0)
    if start is not None:
        rows.go_to(start)
    for row in rows.rows():
        try:
            change = _change(row, range(needed, len(heading) + 1), cells, merge)
        except InvalidDocument as error:
            column = error.column if isinstance(error, BadCell) else None
            yield Record(rows.first, rows.size, None, str(error), rows.cells, column)
        else:
            yield Record(rows.first, rows.size, change, "", rows.cells)


def beginning(source: Source, layout: Layout, most: int) -> tuple[list[str], list[list[str]]]:
    """The names of the columns and the first rows. Raises UnusableFile."""
    rows = _below_titles(source, layout)
    heading = _heading(rows)
    try:
        _check_text(heading)
    except InvalidDocument as error:
        raise UnusableFile(
            message("has no heading that can be read: it is %(reason)s", reason=str(error))
        ) from None
    return heading, [row for row in itertools.islice(rows.rows(), most) if isinstance(row, list)]


def _below_titles(source: Source, layout: Layout) -> Rows:
    rows = Rows(source, layout.delimiter)
    rows.skip(layout.skip)
    return rows


def _heading(rows: Rows) -> list[str]:
    heading = next(rows.rows(), None)
    if not isinstance(heading, list):
        reason = message("it is empty") if heading is None else str(heading)
        raise UnusableFile(message("has no heading: %(reason)s", reason=reason))
    rows.names = guess.unique(heading)
    return rows.names


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


def _places(heading: list[str], columns: Sequence[Column]) -> list[_Cell]:
    places = {name: at for at, name in enumerate(heading)}
    return [_Cell(_find(column, places, heading), column, kinds.reader(column.kind)) for column in columns]


def _find(column: Column, places: dict[str, int], heading: list[str]) -> int:
    """Where a column is: by its name, or by the only one that differs in case and blanks."""
    if column.name in places:
        return places[column.name]
    wanted = " ".join(column.name.split()).casefold()
    alike = [at for at, name in enumerate(heading) if name.casefold() == wanted]
    if len(alike) == 1:
        return alike[0]
    is_many = bool(alike) or f"{wanted} (1)" in map(str.casefold, heading)
    raise UnusableFile(_NAMED[is_many, column.keys == ID].with_values(name=column.name))


def _change(row: list[str] | InvalidDocument, widths: range, cells: Sequence[_Cell], merge: bool) -> Change:
    if isinstance(row, InvalidDocument):
        raise row
    if len(row) not in widths and (len(row) < widths.start or any(map(str.strip, row[widths.stop - 1 :]))):
        most = widths.stop - 1
        raise InvalidDocument(
            message("%(number)s cells, the heading has %(most)s", number=len(row), most=most)
        )
    _check_text(row)
    document = _document(row, cells)
    id = document.get("id")
    if id is None:
        raise InvalidDocument(message("the id is blank"))
    if isinstance(id, str) and _SHORTENED.fullmatch(id):
        raise InvalidDocument(message("the id was shortened by a spreadsheet: format its column as text"))
    if not merge:
        return Change(id, "put", document)
    return Change(id, "set", {key: value for key, value in document.items() if key != "id"})


def _check_text(row: list[str]) -> None:
    try:
        "".join(row).encode()
    except UnicodeEncodeError:
        raise InvalidDocument(message("not UTF-8")) from None


def _document(row: list[str], cells: Sequence[_Cell]) -> dict[str, JSON]:
    document: dict[str, JSON] = {}
    for cell in cells:
        said = kinds.said(row[cell.at]) if cell.at < len(row) else ""
        if not said:
            continue
        inner = document
        keys = cell.column.keys
        for key in keys[:-1]:
            inner = inner.setdefault(key, {})
        inner[keys[-1]] = cell.value(said)
    return document
