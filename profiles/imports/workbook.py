"""A sheet of an Excel workbook (.xlsx) as CSV: from then on it is a table as any other.

A cell is written so that it can be read in one way only: dates as ISO 8601, numbers with a point and never
like a thousand. Of formulas the result counts that is stored beside them.
"""

from __future__ import annotations

import csv
import io
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from itertools import chain
from typing import IO, Any, NamedTuple

from django.conf import settings

from profiles.imports.files import UnusableFile
from profiles.imports.kinds import is_like_a_thousand
from tracsync.common.messages import message

MARK = b"PK\x03\x04"
DELIMITER = ","
MOST_ROWS = 1_048_576  # of a sheet
MOST_IN_MEMORY = 50_000_000  # bytes of what is beside the sheets, such as the texts of all cells
MOST_BLANK = 5_000_000  # cells, where hardly any has something in it; a row without any counts as so many:
BLANK_ROW = 50
HARDLY_ANY = 1000  # blank ones for each that is not


_SPARSE = message(
    "holds hardly anything but blank cells: delete the rows or columns that lie far from the table,"
    " and save it again"
)


class Table(NamedTuple):
    """Lines of UTF-8, and the names of the workbook's sheets, that of this one first."""

    stream: IO[bytes]
    sheets: list[str]


def read(file: IO[bytes], sheet: str = "") -> Table:
    """The sheet of this name, otherwise the first visible one with a cell; `file` can be read anywhere.

    Raises UnusableFile, also while the stream is read.
    """
    import openpyxl  # many modules, for few imports

    with _reading(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles that are missing, and the like
        unpacked_size(file)
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        all_sheets = [one.title for one in book.worksheets]
        name, rows = _chosen(book.worksheets, sheet)
    lines = io.BufferedReader(_Lines(_csv(rows)), io.DEFAULT_BUFFER_SIZE)
    return Table(lines, [name, *(one for one in all_sheets if one != name)])


@contextmanager
def _reading() -> Iterator[None]:
    """What is wrong with a hostile or broken archive shows itself in many ways."""
    try:
        yield
    except UnusableFile:
        raise
    except Exception as error:
        reason = message(
            "is no Excel workbook (.xlsx) that can be read (%(error)s)", error=type(error).__name__
        )
        raise UnusableFile(reason) from None


def unpacked_size(file: IO[bytes]) -> int:
    """Bytes, by what the archive says: no more than that is unpacked of it. Raises UnusableFile."""
    with _reading():
        parts = zipfile.ZipFile(file).infolist()
    beside = sum(one.file_size for one in parts if not one.filename.startswith("xl/worksheets/"))
    size = sum(one.file_size for one in parts)
    if beside > MOST_IN_MEMORY or size > settings.TRACSYNC_MAX_UPLOAD_BYTES:
        reason = message("is too large for a workbook: save it as CSV UTF-8, and import that file")
        raise UnusableFile(reason)
    return size


def _chosen(sheets: Iterable[Any], name: str) -> tuple[str, Iterable[list[str]]]:
    names = []
    for sheet in sheets:
        names.append(sheet.title)
        if name and sheet.title.casefold() != name.casefold():
            continue
        if not name and sheet.sheet_state != "visible":
            continue
        rows = _rows(sheet)
        blank: list[list[str]] = []
        for row in rows:
            if row:
                return sheet.title, chain(blank, [row], rows)
            blank.append(row)
    if name and name.casefold() not in map(str.casefold, names):
        known = ", ".join(names)
        raise UnusableFile(message("has no sheet %(name)s: it has %(names)s", name=name, names=known))
    raise UnusableFile(message("is empty"))


def _rows(sheet: Any) -> Iterator[list[str]]:
    """The cells of each row up to the last one that holds something, also of rows without any.

    A single cell far away makes millions of blank ones: raises UnusableFile where those are all there is.
    """
    sheet.reset_dimensions()  # those that the file tells may be wrong, or huge
    width = filled = blank = 0
    for number, cells in enumerate(sheet.iter_rows(values_only=True)):
        if number >= MOST_ROWS:
            raise UnusableFile(message("has more rows than a sheet can have"))
        row = [_text(cell) for cell in cells]
        while row and not row[-1]:
            row.pop()
        width = max(width, len(row))
        here = len(row) - row.count("")
        filled, blank = filled + here, blank + (width - here if row else BLANK_ROW)
        if blank > MOST_BLANK and blank > HARDLY_ANY * filled:
            raise UnusableFile(_SPARSE)
        yield row


def _text(cell: Any) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case int():
            return str(cell)
        case float():
            return _number(cell)
        case datetime():
            moment = (cell + timedelta(milliseconds=500)).replace(microsecond=0)
            is_a_day = moment.time() == moment.min.time()
            return moment.date().isoformat() if is_a_day else moment.isoformat()
        case date():
            return cell.isoformat()
    return str(cell)


def _number(value: float) -> str:
    """With the fifteen digits that Excel shows."""
    text = str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"
    return f"{text}0" if is_like_a_thousand(text.removeprefix("-")) else text


def _csv(rows: Iterable[list[str]]) -> Iterator[bytes]:
    """Rows are as wide as the widest before them: a sheet does not tell of blank cells that end a row."""
    width = 0
    for row in rows:
        width = max(width, len(row))
        text = io.StringIO()
        csv.writer(text, delimiter=DELIMITER, lineterminator="\n").writerow(
            row and [*row, *[""] * (width - len(row))]
        )
        yield text.getvalue().encode(errors="surrogatepass")


class _Lines(io.RawIOBase):
    def __init__(self, lines: Iterator[bytes]) -> None:
        super().__init__()
        self.lines = lines
        self.waiting = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _reading():
            self.waiting = self.waiting or next(self.lines, b"")
        part = self.waiting[: len(buffer)]
        buffer[: len(part)] = part
        self.waiting = self.waiting[len(part) :]
        return len(part)
