"""The rows of a CSV file: a quote too many costs one line, never the lines after it.

A cell in quotes may hold line breaks, so a quote that nothing closes would take in everything below it. Where
what was read so is no row, only its first line is refused, and the lines after it are read again.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator

from profiles.documents import InvalidDocument, longest_text
from profiles.imports.files import Place, Source
from profiles.imports.records import TOO_LONG
from tracsync.common.messages import message

MOST_LINES = 1_000  # of one row
QUOTE = '"'
_NO_END = message("column %(name)s: a quote begins and has no end in this line")
_TEXT_AFTER = message("column %(name)s: there is text after the quote that ends it")
_RETURN = message("a carriage return stands in a cell that is not in quotes")
_LINE_TOO_LONG = InvalidDocument(TOO_LONG)

Line = tuple[Place, bytes | None]  # the place after it; None: it is too long


class BadCell(InvalidDocument):
    """The cell in this column, from 0, says something else than it should."""

    def __init__(self, reason: str, column: int) -> None:
        super().__init__(reason)
        self.column = column


class _Unclosed(Exception):
    """A row goes on and on."""


class Rows:
    """The rows that are not blank, or in place of one what is wrong with it (InvalidDocument).

    `first`, `size` and `cells` are those of the last row: its line, its bytes, and what stands in it, however
    little it is a row. `names` are those of the columns, once the heading is known.
    """

    def __init__(self, source: Source, delimiter: str) -> None:
        self.source, self.delimiter = source, delimiter
        self.names: list[str] = []
        self.first = self.size = 0
        self.cells: list[str] = []
        self._lines: Iterator[tuple[int, bytes | None]] = source.lines()
        self._again: deque[Line] = deque()
        self._taken: list[Line] = []
        self._alone_until = 0  # up to this line a row has one line: what goes on has been tried already
        csv.field_size_limit(max(csv.field_size_limit(), longest_text()))  # the row has its own limit
        self._reader = csv.reader(self, delimiter=delimiter, strict=True, skipinitialspace=True)

    def go_to(self, place: Place) -> None:
        """Read on from there."""
        self._again.clear()
        self.source.go_to(place)

    def skip(self, count: int) -> None:
        """Leave out so many lines."""
        for _ in range(count):
            self._taken.clear()
            next(self, None)

    def rows(self) -> Iterator[list[str] | InvalidDocument]:
        while True:
            self._taken.clear()
            self.first, self.size = self.source.place.number + 1, 0
            try:
                row = next(self._reader)
            except StopIteration:
                return
            except InvalidDocument as error:
                self.cells = []
                yield error
            except (csv.Error, _Unclosed) as error:
                yield self._broken(error)
            else:
                if len(self._taken) > 1 and self._has_swallowed_rows(row):
                    yield self._broken(_Unclosed())
                elif any(map(str.strip, row)):
                    self.cells = row
                    yield row

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """A line for the csv module, which asks for several where a cell holds line breaks."""
        goes_on = bool(self._taken)
        if goes_on and (self._is_alone or len(self._taken) >= MOST_LINES):
            raise _Unclosed
        if self._again:
            self.source.place, line = self._again.popleft()
        else:
            _, line = next(self._lines)
        self._taken.append((self.source.place, line))
        self.size += len(line or b"")
        if line is None or self.size > longest_text():
            raise _Unclosed if goes_on else _LINE_TOO_LONG
        return line.decode(errors="surrogateescape")

    @property
    def _is_alone(self) -> bool:
        return self.first <= self._alone_until

    def _broken(self, error: Exception) -> InvalidDocument:
        """The first line is refused; those that it has taken in are read again."""
        place, line = self._taken[0]
        ran_out = isinstance(error, _Unclosed) or "unexpected end" in str(error)
        if len(self._taken) > 1:  # the line that ended it may begin a row of several lines
            self._alone_until = self._taken[-1 if ran_out else -2][0].number
        self._again.extendleft(reversed(self._taken[1:]))
        self.source.place, self.size = place, len(line or b"")
        text = (line or b"").decode(errors="surrogateescape").rstrip("\r\n")
        self.cells = split(text, self.delimiter)
        return self._reason(text, error)

    def _reason(self, text: str, error: Exception) -> InvalidDocument:
        found = _bad_cell(text, self.delimiter)
        if found is None:
            return InvalidDocument(_RETURN if "\r" in text else message("not CSV: %(said)s", said=error))
        column, is_open = found
        name = self.names[column] if column < len(self.names) else str(column + 1)
        return BadCell((_NO_END if is_open else _TEXT_AFTER).with_values(name=name), column)

    def _has_swallowed_rows(self, row: list[str]) -> bool:
        """Whether a line within a cell is a row like this one: a quote was opened and met the next one."""
        width = len(self.names)
        if width < 2 or not row:
            return False
        for _, line in self._taken[1:-1]:
            cells = split((line or b"").decode(errors="replace").rstrip("\r\n"), self.delimiter)
            if len(cells) == width and _shape(cells[0]) == _shape(row[0]):
                return True
        return False


def split(text: str, delimiter: str) -> list[str]:
    """The cells of a line as far as they can be told: a quote that is not in order is a character."""
    cells, at = [], 0
    whole = _whole_cell(delimiter)
    while True:
        found = whole.match(text, at)
        if found:
            cells.append(found[1].replace(QUOTE * 2, QUOTE) if found[1] is not None else found[2] or "")
            end = found.end(0)
        else:
            end = text.find(delimiter, at)
            end = len(text) if end < 0 else end
            cells.append(text[at:end])
        if end >= len(text):
            return cells
        at = end + 1


def _bad_cell(text: str, delimiter: str) -> tuple[int, bool] | None:
    """The first cell that is no cell, from 0, and whether its quote is still open at the end of the line."""
    at, column, whole = 0, 0, _whole_cell(delimiter)
    while at <= len(text):
        found = whole.match(text, at)
        if found is None:
            return column, re.compile(r' *"(?:[^"]|"")*+\Z').match(text, at) is not None
        at, column = found.end() + 1, column + 1
    return None


def _whole_cell(delimiter: str) -> re.Pattern[str]:
    sign = re.escape(delimiter)
    return re.compile(rf' *"((?:[^"]|"")*+)"(?={sign}|\Z)| *(?!"| )([^{sign}]*)(?={sign}|\Z)| *(?={sign}|\Z)')


def _shape(cell: str) -> str:
    """`w-9` of K-001: what the ids of a file have in common."""
    return re.sub(r"\w+", lambda word: "9" if word[0].isdecimal() else "w", cell.strip())
