"""Where in the text of a JSON value its places stand: `$.tags[1]` is characters 27 to 43."""

from __future__ import annotations

import json
import re
from bisect import bisect
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .template_reader import below

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[{}\[\],:]|[^\s{}\[\],:"]+')
_CHARACTER = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\]", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Span:
    start: int
    end: int


def find(text: str, path: str) -> Span | None:
    """The span of the value at a JSON path, or of what is nearest above it. `text` is valid JSON."""
    best, span = "", None
    for found, where in _values(text):
        leads_there = path == found or path.startswith((f"{found}.", f"{found}["))
        if leads_there and len(found) >= len(best):
            best, span = found, where
    return span


def find_all(text: str, paths: Container[str]) -> dict[str, Span]:
    """The spans of the values at these JSON paths, found in one go. `text` is valid JSON."""
    return {found: where for found, where in _values(text) if found in paths}


def find_keys(text: str, paths: Container[str]) -> dict[str, Span]:
    """The spans of the keys that stand before the values at these JSON paths. `text` is valid JSON."""
    return {found: where for found, where, is_key in _places(text) if is_key and found in paths}


def line_of(lines: Mapping[str, int], keys: Sequence[str | int]) -> int:
    """The line of the value that these keys and places in lists lead to, or of what is above it."""
    for length in range(len(keys), 0, -1):
        if (line := lines.get(path_to(keys[:length]))) is not None:
            return line
    return lines.get("$", 1)


def lines_of(text: str) -> dict[str, int]:
    """The lines, from 1, of all values, by their JSON paths. `text` is valid JSON."""
    ends = [match.start() for match in re.finditer("\n", text)]
    return {path: bisect(ends, span.start) + 1 for path, span in _values(text)}


def path_to(keys: Iterable[str | int]) -> str:
    """The JSON path of the value that these keys and places in lists lead to."""
    path = "$"
    for key in keys:
        path = f"{path}[{key}]" if isinstance(key, int) else below(path, key)
    return path


def keys_of(value: object, path: str) -> tuple[str | int, ...]:
    """The keys and places in lists to a JSON path within a value, or to what is nearest above it."""
    keys: tuple[str | int, ...] = ()
    above = "$"
    while isinstance(value, dict | list):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in inner:
            here = f"{above}[{key}]" if isinstance(value, list) else below(above, str(key))
            if path == here or path.startswith((f"{here}.", f"{here}[")):
                keys, above, value = (*keys, key), here, item
                break
        else:
            break
    return keys


def offset_in_string(text: str, string: Span, offset: int) -> int:
    """Where in `text` the character `offset` of the string stands, whose escapes are not decoded there."""
    position = string.start + 1
    for number, match in enumerate(_CHARACTER.finditer(text, position, string.end - 1)):
        if number == offset:
            break
        position = match.end()
    return position


@dataclass(slots=True)
class _Container:
    """An object or list that is being read; `index` counts the items of a list, `key` is an object's."""

    path: str
    start: int
    index: int | None
    key: str | None = None

    def inner(self) -> str:
        return below(self.path, self.key or "") if self.index is None else f"{self.path}[{self.index}]"


def _values(text: str) -> Iterator[tuple[str, Span]]:
    return ((path, span) for path, span, is_key in _places(text) if not is_key)


def _places(text: str) -> Iterator[tuple[str, Span, bool]]:
    """Every value with its path, a container after what is in it; and the key before it, which is marked."""
    open_now: list[_Container] = []
    for match in _TOKEN.finditer(text):
        found, last = match[0], open_now[-1] if open_now else None
        if found in "{[":
            path = last.inner() if last else "$"
            open_now.append(_Container(path, match.start(), None if found == "{" else 0))
        elif found in "}]":
            closed = open_now.pop()
            yield closed.path, Span(closed.start, match.end()), False
        elif found == ",":
            if last is not None:
                last.key, last.index = None, None if last.index is None else last.index + 1
        elif found != ":":
            if last is not None and last.index is None and last.key is None:
                last.key = json.loads(found, strict=False)
                yield last.inner(), Span(match.start(), match.end()), True
            else:
                yield last.inner() if last else "$", Span(match.start(), match.end()), False
