"""How a JSON value is read as a template: which strings are references, which objects are directives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tracsync.common.messages import message, shortened

from . import tree
from .casts import cast
from .directives import KEYS, read_directive
from .errors import NotationError
from .paths import ITEM, LOOP, SOURCES, Reference, parse_path
from .template_tree import Constant, Field, List, Lookup, Object, Part, Text, Written

MAX_PATH: Final = 1_000  # characters; what is below keeps no longer one, and a key is cut to as many

_NAME: Final = re.compile(r"[^\W\d]\w*")

# Reads past what only looks like a reference; whether its source is known is asked then.
_BEGINS: Final = re.compile(r"([^\W\d]\w{0,60})@")
_BRACED: Final = re.compile(r"\{\{\s*+(([^\W\d]\w*+)@(?>\[\"(?:[^\"\\\n]|\\.)*+\"\]|(?!\}\})[^{])*+)\}\}")
_OPENED: Final = re.compile(r"\{\{\s*+([^\W\d]\w*+)@")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the template something stands: its JSON path, the sources, and the names of items there.

    `written` are all texts that have been read so far, for all places of a template.
    """

    path: str = "$"
    sources: tuple[str, ...] = SOURCES
    names: tuple[str, ...] = ()
    written: list[Written] = field(default_factory=list, compare=False)

    def key(self, key: str) -> Place:
        return replace(self, path=below(self.path, key))

    def index(self, index: int) -> Place:
        return replace(self, path=f"{self.path}[{index}]")

    def within(self, name: str) -> Place:
        """Within a list, whose items have a name besides `item` (or "")."""
        return replace(self, names=tuple(filter(None, dict.fromkeys((*self.names, ITEM, LOOP, name)))))

    def note(self, text: str, meaning: Constant | Lookup | Text | tree.Node | tree.Operand) -> None:
        self.written.append(Written(self.path, text, meaning))

    def knows(self, name: str) -> bool:
        return name in self.sources or name in self.names


def below(path: str, key: str) -> str:
    """The JSON path of a key of the object at `path`; of a long one the beginning: each place has its own."""
    if len(path) > MAX_PATH:
        return path
    key = shortened(key, MAX_PATH)
    if _NAME.fullmatch(key):
        return f"{path}.{key}"
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'{path}["{escaped}"]'


def read(value: Any, place: Place | None = None) -> Part:
    """The template of a JSON value of bounded depth. Raises NotationError with the JSON path."""
    place = place or Place()
    if isinstance(value, dict):
        directive = KEYS.get(frozenset(value))
        return read_directive(directive, value, place, read) if directive else _object(value, place)
    if isinstance(value, list):
        return List(tuple(read(item, place.index(position)) for position, item in enumerate(value)))
    if not isinstance(value, str):
        return Constant(value)
    try:
        part = _string(value, place)
    except NotationError as error:
        raise error.placed(value, path=place.path) from None
    place.note(value, part)
    return part


def _object(value: dict[str, Any], place: Place) -> Object:
    fields: dict[str, Field] = {}
    for key, item in value.items():
        name = key.removesuffix("?")
        inner = place.key(key)
        if name in fields:
            hint = message("a key and the same key with ? would be one key of the result")
            twice = message("the key %(name)s stands here twice", name=name)
            raise NotationError(twice, hint=hint, path=inner.path)
        fields[name] = Field(name, name != key, read(item, inner))
    return Object(tuple(fields.values()))


def _string(text: str, place: Place) -> Constant | Lookup | Text:
    if len(text) >= 2 and text.startswith("`") and text.endswith("`"):
        part = _uncast(text, 1, len(text) - 1, place, cast=True)
        return Constant(cast(part.value)) if isinstance(part, Constant) else part
    return _uncast(text, 0, len(text), place, cast=False)


def _uncast(text: str, start: int, end: int, place: Place, *, cast: bool) -> Constant | Lookup | Text:
    if text.startswith("\\", start, end):
        return Constant(text[start + 1 : end])
    if (begins := _BEGINS.match(text, start, end)) and place.knows(begins[1]):
        return Lookup(_reference(text, start, end), cast)
    parts = tuple(_text_parts(text, start, end, place))
    return Text(parts, cast) if len(parts) > 1 else Constant(text[start:end])


def _text_parts(text: str, start: int, end: int, place: Place) -> Iterator[str | Reference]:
    """Alternately plain text and the references in double braces."""
    position = start
    while match := _BRACED.search(text, position, end):
        position = match.start() + 2
        if place.knows(match[2]):
            yield _plain(text, start, match.start(), place)
            yield _reference(text, match.start(1), match.start(1) + len(match[1].rstrip()))
            start = position = match.end()
    yield _plain(text, start, end, place)


def _plain(text: str, start: int, end: int, place: Place) -> str:
    """Text without references; one that is begun is a mistake."""
    opened = (one for one in _OPENED.finditer(text, start, end) if place.knows(one[1]))
    if (first := next(opened, None)) is not None:
        hint = message('a reference in double braces ends with }} and holds no { but in ["..."]')
        raise NotationError(message("this {{ is not closed"), offset=first.start(), hint=hint)
    return text[start:end]


def _reference(text: str, start: int, end: int) -> Reference:
    separator = text.index("@", start)
    keys = parse_path(text, separator + 1, end, template=True)
    return Reference(text[start:separator], keys, text[start:end], start)
