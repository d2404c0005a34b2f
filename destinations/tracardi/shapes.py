"""Reading what Tracardi gives out: the answers of its API, and the records of its database.

A file holds one JSON value, several of them, or one a line. Each is a record, a list of records, or an answer
with records in it (`result`, `grouped`, Elasticsearch's `hits`); a record may be wrapped (`_source`). What
differs between versions is taken as it comes: fields as base64 of (gzipped) JSON, `tags` as a text with
commas, `resource_id` in the place of `resource`.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, Literal

from profiles import documents
from profiles.imports import files
from profiles.imports.files import BYTE_ORDER_MARK, Place, Source, UnusableFile
from tracsync.common.messages import message

JSON = Any
Kind = Literal["resource", "destination", "profile"]

OURS: Final[tuple[Kind, ...]] = ("resource", "destination", "profile")
DEEPEST: Final = 3  # lists and answers within each other
MOST_BYTES: Final = 64_000_000  # of a file that is no file of lines, and is read as a whole

_OF_PROFILES = {"traits", "data", "pii", "stats", "segments", "interests", "consents", "aux"}
_WITH_PROFILES = {*_OF_PROFILES, "id", "ids", "primary_id", "metadata", "active", "operation"}
_INDEX = re.compile(r"tracardi-([a-z-]*[a-z])|\b(resource|destination|profile)(?![a-z])")
_SOMETHING = re.compile(r"\S")


class Unreadable(ValueError):
    """Something at `place` that nothing can be made of. The message repeats nothing of it."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")


@dataclass(frozen=True, slots=True)
class Record:
    """What Tracardi knows as `kind`, with its fields; `place` says where it stands, for people."""

    kind: Kind
    id: str
    fields: Mapping[str, JSON]
    place: str


@dataclass(frozen=True, slots=True)
class Other:
    """A record of a kind that has no counterpart here, such as an event."""

    kind: str


def records(name: str) -> Iterator[Record | Other | Unreadable]:
    """All of a file, in its order. Raises UnusableFile, with its name, where nothing can be read of it."""
    try:
        with files.open_source(name) as source, closing(_values(name, source)) as values:
            for place, value in values:
                if isinstance(value, Unreadable):
                    yield value
                else:
                    yield from _found(place, value)
    except UnusableFile as error:
        raise UnusableFile(message("%(file)s %(reason)s", file=name, reason=str(error))) from None


def _values(name: str, source: Source) -> Generator[tuple[str, JSON], None, None]:
    """The values of a file with their places, or in place of a value what is wrong with it."""
    first = next((line for _number, line in source.lines() if line is None or line.strip()), b"{}")
    source.go_to(Place())
    if first is not None and _is_value(first):
        yield from _lines(name, source)
    else:
        yield from _texts(name, source)


def _is_value(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _lines(name: str, source: Source) -> Iterator[tuple[str, JSON]]:
    for number, line in source.lines():
        place = f"{name}, line {number}"
        if line is None:
            yield place, Unreadable(place, "the line is too long")
        elif line.strip():
            try:
                text = _text(line).strip()
                value, end = _decoded(text, 0)
                if text[end:].strip():
                    raise ValueError(f"not JSON: something follows at column {end + 1}")
            except ValueError as error:
                value = Unreadable(place, str(error))
            yield place, value


def _texts(name: str, source: Source) -> Iterator[tuple[str, JSON]]:
    """Values that go over several lines, one after the other. What follows a broken one cannot be found."""
    try:
        data = source.stream.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UnusableFile(message("cannot be read any further: %(said)s", said=str(error))) from None
    if len(data) > MOST_BYTES:
        raise UnusableFile(
            message(
                "has more than %(most)s MB and not one record a line: split it, or write JSON lines",
                most=MOST_BYTES // 1_000_000,
            )
        )
    at, line, place = 0, 1, name
    try:
        text = _text(data)
        while (begin := _begin(text, at)) < len(text):
            line += text.count("\n", at, begin)
            place = name if line == 1 else f"{name}, line {line}"
            value, end = _decoded(text, begin)
            line, at = line + text.count("\n", begin, end), end
            yield place, value
    except ValueError as error:
        yield place, Unreadable(place, str(error))


def _begin(text: str, at: int) -> int:
    """Where the next value begins; the end of the text where there is none."""
    found = _SOMETHING.search(text, at)
    return found.start() if found else len(text)


def _text(data: bytes) -> str:
    try:
        return data.removeprefix(BYTE_ORDER_MARK).decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: byte {error.start + 1} cannot be read") from None


def _decoded(text: str, at: int) -> tuple[JSON, int]:
    """The JSON value that begins there, and where it ends. Raises ValueError without its content."""
    try:
        return _DECODER.raw_decode(text, _begin(text, at))
    except json.JSONDecodeError as error:
        several = "\n" in text.strip()
        where = f"line {error.lineno}, column {error.colno}" if several else f"column {error.colno}"
        raise ValueError(f"not JSON: {documents.python_says(error)} at {where}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return number


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant)


def _found(place: str, value: JSON) -> Iterator[Record | Other | Unreadable]:
    """The records in a value, however the answer that it is holds them."""
    for at, item in _items(place, value):
        if not isinstance(item, Mapping):
            yield Unreadable(at, f"a record must be an object, not {documents.kind_of(item)}")
            continue
        index, fields = _unwrapped(item)
        kind = _kind(index, fields)
        if kind is None:
            yield Unreadable(
                at, "this is no resource, destination or profile of Tracardi, nor a list of them"
            )
        elif kind not in OURS:
            yield Other(kind)
        elif not isinstance(fields.get("id"), str) or not fields["id"]:
            yield Unreadable(at, f"the {kind} has no id")
        else:
            yield Record(kind, fields["id"], fields, at)


def _items(place: str, value: JSON, depth: int = 0) -> Iterator[tuple[str, JSON]]:
    """The single records, each with its place within the value as a JSON pointer."""
    for pointer, items in _lists(value) if depth < DEEPEST else [("", None)]:
        if items is None:
            yield place, value
            return
        for key, item in items:
            yield from _items(f"{place}{'' if depth else ', '}{pointer}/{key}", item, depth + 1)


def _lists(value: JSON) -> Iterator[tuple[str, Iterator[tuple[str | int, JSON]] | None]]:
    """The lists of an answer by where they stand; None for a value that is itself a record."""
    if isinstance(value, list):
        yield "", iter(enumerate(value))
    elif not isinstance(value, Mapping) or _kind(*_unwrapped(value)) is not None:
        yield "", None
    elif isinstance(value.get("grouped"), Mapping):
        for name, group in value["grouped"].items():
            yield f"/grouped/{name}", _members(group)
    elif isinstance(hits := value.get("hits"), Mapping) and isinstance(hits.get("hits"), list):
        yield "/hits/hits", iter(enumerate(hits["hits"]))
    elif isinstance(value.get("result"), list | Mapping):
        yield "/result", _members(value["result"])
    elif value and all(isinstance(item, Mapping) for item in value.values()):
        yield "", iter(value.items())  # by id, as /destinations/entity answers
    else:
        yield "", None


def _members(group: JSON) -> Iterator[tuple[str | int, JSON]]:
    return iter(group.items()) if isinstance(group, Mapping) else iter(enumerate(group or []))


def _unwrapped(item: Mapping[str, JSON]) -> tuple[str, Mapping[str, JSON]]:
    """The index it is from, blank where that is not said, and its fields."""
    source = item.get("_source")
    if not isinstance(source, Mapping):
        return "", item
    return str(item.get("_index", "")), {"id": item.get("_id"), **source}


def _kind(index: str, fields: Mapping[str, JSON]) -> str | None:
    """By the name of the index, else by the fields; None where nobody can tell."""
    if named := _INDEX.search(index):
        kind = named[1] or named[2]
        return next((one for one in OURS if re.match(rf"{one}s?(?![a-z])(?!-[a-z])", kind)), kind)
    if {"resource", "resource_id"} & fields.keys() and {
        "mapping",
        "condition",
        "destination",
    } & fields.keys():
        return "destination"
    if "credentials" in fields:
        return "resource"
    if "type" in fields and {"session", "source", "properties"} & fields.keys():
        return "event"
    if _OF_PROFILES & fields.keys() or ("id" in fields and fields.keys() <= _WITH_PROFILES):
        return "profile"
    return None
