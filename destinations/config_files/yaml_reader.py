"""YAML as plain values: what JSON can say, in a form that people like to write.

It is built from the parser's events, so that nothing is ever constructed but texts, numbers, true, false,
null, lists and objects. What can hurt or surprise is refused: anchors and aliases (a few hundred bytes of
them are gigabytes), tags, two equal keys, several documents. Plain words mean what they mean in JSON (the
core schema of YAML 1.2): `no`, `on` and `2026-01-01` are texts.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import yaml

from destinations.notation.template_reader import below

JSON = Any

DEEPEST: Final = 60  # levels of objects and lists

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, where it was built with it
_NULL: Final = re.compile(r"~|null|Null|NULL|\Z")
_BOOL: Final = re.compile(r"(true|True|TRUE)|false|False|FALSE")
_INT: Final = re.compile(r"[-+]?[0-9]{1,30}", re.ASCII)
NUMBER: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,5})?", re.ASCII)


class YAMLError(ValueError):
    """The text cannot be used; `line` counts from 1. The message repeats no value."""

    def __init__(self, line: int, sentence: str) -> None:
        self.line = line
        super().__init__(sentence)


def read(text: str) -> tuple[JSON, dict[str, int]]:
    """The value, and the line of each place in it, by its JSON path. Raises YAMLError."""
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise YAMLError(line, f"this is no YAML: {error.problem or error.context}") from None
    except yaml.YAMLError:
        raise YAMLError(1, "this is no YAML: it has characters that no text may have") from None
    return builder.value, builder.lines


@dataclass(slots=True)
class _Open:
    """An object or list that is being read; `key` is the one whose value is next."""

    path: str
    value: dict[str, JSON] | list[JSON]
    key: str | None = None


class _Builder:
    def __init__(self) -> None:
        self.value: JSON = None
        self.lines: dict[str, int] = {"$": 1}
        self._open: list[_Open] = []
        self._documents = 0

    def take(self, event: Any) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                _refuse(line, "a second document begins here: write one document a file")
        elif isinstance(event, yaml.AliasEvent):
            _refuse(line, "aliases are not allowed: write it out")
        elif isinstance(event, yaml.NodeEvent):
            self._node(event, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()

    def _node(self, event: Any, line: int) -> None:
        if event.anchor is not None:
            _refuse(line, "anchors are not allowed: write it out where it is needed")
        if event.tag is not None:
            _refuse(line, "tags (!) are not allowed: put a text that begins with ! in quotes")
        value: JSON
        if isinstance(event, yaml.ScalarEvent):
            top = self._open[-1] if self._open else None
            if top is not None and isinstance(top.value, dict) and top.key is None:
                self._take_key(top, event.value, line)
                return
            value = _plain(event.value, line) if event.implicit[0] else event.value
            self._add(value, line)
        else:
            value = {} if isinstance(event, yaml.MappingStartEvent) else []
            path = self._add(value, line)
            self._open.append(_Open(path, value))
            if len(self._open) > DEEPEST:
                _refuse(line, f"it has more than {DEEPEST} levels of objects and lists")

    def _take_key(self, top: _Open, key: str, line: int) -> None:
        assert isinstance(top.value, dict)
        if key in top.value:
            _refuse(line, "the same key stands twice in one object")
        top.key = key
        self.lines[below(top.path, key)] = line

    def _add(self, value: JSON, line: int) -> str:
        if not self._open:
            self.value = value
            self.lines["$"] = line
            return "$"
        top = self._open[-1]
        if isinstance(top.value, list):
            path = f"{top.path}[{len(top.value)}]"
            self.lines[path] = line
            top.value.append(value)
        else:
            if top.key is None:
                _refuse(line, "a key must be a text")
            path = below(top.path, top.key)
            top.value[top.key] = value
            top.key = None
        return path


def _plain(text: str, line: int) -> JSON:
    """What a word without quotes means."""
    if _NULL.fullmatch(text):
        return None
    if found := _BOOL.fullmatch(text):
        return found[1] is not None
    if _INT.fullmatch(text):
        return int(text)
    if NUMBER.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            _refuse(line, "a number is too large")
        return number
    return text


def _refuse(line: int, sentence: str) -> NoReturn:
    raise YAMLError(line, sentence)
