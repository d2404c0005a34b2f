"""How a JSON value is read as a template: which strings are references, which objects are directives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from tracsync.common.messages import message, shortened

from .casts import cast
from .directives import KEYS, read_directive
from .errors import NotationError
from .paths import ITEM, SOURCES, Reference, parse_path
from .template_tree import Constant, Field, List, Lookup, Object, Part, Text

MAX_PATH: Final = 1_000  # characters; what is below keeps no longer one, and a key is cut to as many

_NAME: Final = re.compile(r"[^\W\d]\w*")

_Patterns = tuple[re.Pattern[str], re.Pattern[str]]


@lru_cache(maxsize=20)
def _patterns(*sources: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What begins a reference, and a reference in double braces."""
    source = "|".join(map(re.escape, sources))
    quoted = r'\["(?:[^"\\\n]|\\.)*+"\]'
    inner = rf"(?:{source})@(?>{quoted}|(?!\}}\}})[^{{])*+"
    return re.compile(f"(?:{source})@"), re.compile(rf"\{{\{{\s*+({inner})\}}\}}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the template something stands: its JSON path, whether there is an `item`, which sources."""

    path: str = "$"
    item: bool = False
    sources: tuple[str, ...] = SOURCES

    def key(self, key: str) -> Place:
        return replace(self, path=below(self.path, key))

    def index(self, index: int) -> Place:
        return replace(self, path=f"{self.path}[{index}]")

    def patterns(self) -> _Patterns:
        return _patterns(*self.sources, ITEM) if self.item else _patterns(*self.sources)


def below(path: str, key: str) -> str:
    """The JSON path of a key of the object at `path`; of a long one the beginning: each place has its own."""
    if len(path) > MAX_PATH:
        return path
    key = shortened(key, MAX_PATH)
    if _NAME.fullmatch(key):
        return f"{path}.{key}"
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'{path}["{escaped}"]'


def read(value: Any, place: Place = Place()) -> Part:
    """The template of a JSON value of bounded depth. Raises NotationError with the JSON path."""
    if isinstance(value, dict):
        directive = KEYS.get(frozenset(value))
        return read_directive(directive, value, place, read) if directive else _object(value, place)
    if isinstance(value, list):
        return List(tuple(read(item, place.index(position)) for position, item in enumerate(value)))
    if not isinstance(value, str):
        return Constant(value)
    try:
        return _string(value, place.patterns())
    except NotationError as error:
        raise error.placed(value, path=place.path) from None


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


def _string(text: str, patterns: _Patterns) -> Part:
    if len(text) >= 2 and text.startswith("`") and text.endswith("`"):
        part = _uncast(text, 1, len(text) - 1, patterns, cast=True)
        return Constant(cast(part.value)) if isinstance(part, Constant) else part
    return _uncast(text, 0, len(text), patterns, cast=False)


def _uncast(text: str, start: int, end: int, patterns: _Patterns, *, cast: bool) -> Part:
    if text.startswith("\\", start, end):
        return Constant(text[start + 1 : end])
    if patterns[0].match(text, start, end):
        return Lookup(_reference(text, start, end), cast)
    parts = tuple(_text_parts(text, start, end, patterns[1]))
    return Text(parts, cast) if len(parts) > 1 else Constant(text[start:end])


def _text_parts(text: str, start: int, end: int, braced: re.Pattern[str]) -> Iterator[str | Reference]:
    """Alternately plain text and the references in double braces."""
    for match in braced.finditer(text, start, end):
        yield text[start : match.start()]
        yield _reference(text, match.start(1), match.start(1) + len(match[1].rstrip()))
        start = match.end()
    yield text[start:end]


def _reference(text: str, start: int, end: int) -> Reference:
    separator = text.index("@", start)
    keys = parse_path(text, separator + 1, end, template=True)
    return Reference(text[start:separator], keys, text[start:end], start)
