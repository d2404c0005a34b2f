"""How an uploaded file is to be read: as the options of `import_profiles` say it, but as JSON.

`format` is ndjson, json (an array) or csv; of csv also `delimiter`, `merge`, and `columns`: name, path and
type of each one that is imported, or null until they are chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from profiles.imports import csv_reader
from profiles.imports.files import BYTE_ORDER_MARK, Place, Source, UnusableFile
from profiles.imports.records import Record, read_array, read_ndjson
from tracsync.common.messages import message

FORMATS = ("ndjson", "json", "csv")
DELIMITERS = {",": ",", ";": ";", "tab": "\t", "|": "|"}
TABLES = (".csv", ".tsv", ".txt")
LOOKED_AT = 65_536  # bytes of the beginning


def choose(name: str, source: Source, format: str = "", delimiter: str = "", merge: bool = False) -> Any:
    """The options of a file; what is not said is told by its name and its beginning."""
    head = source.stream.read(LOOKED_AT).removeprefix(BYTE_ORDER_MARK).lstrip()
    format = format or _format(name, head)
    if format != "csv":
        return {"format": format}
    heading = head.partition(b"\n")[0]
    most = max(DELIMITERS.values(), key=lambda one: heading.count(one.encode()))
    delimiter = DELIMITERS.get(delimiter) or most
    return {"format": format, "delimiter": delimiter, "merge": merge, "columns": None}


def _format(name: str, head: bytes) -> str:
    if head.startswith(b"["):
        return "json"
    if head.startswith(b"{") or not name.lower().removesuffix(".gz").endswith(TABLES):
        return "ndjson"
    return "csv"


def records(source: Source, options: Any, start: Place) -> Iterator[Record]:
    """What a file holds from a place on. Raises UnusableFile."""
    if options["format"] == "json":
        return read_array(source, start)
    if options["format"] == "ndjson":
        source.go_to(start)
        return read_ndjson(source)
    try:
        columns = csv_reader.columns_of(options["columns"])
    except ValueError as error:
        raise UnusableFile(message("cannot be read: %(reason)s", reason=str(error))) from None
    resumed = start if start.offset else None
    return csv_reader.read_csv(source, columns, options["delimiter"], options["merge"], resumed)
