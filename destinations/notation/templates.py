"""Object templates as the rest of the program uses them: parse once, render often."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final

from tracsync.common.messages import message

from .compiled_template import compile_template
from .errors import NotationError
from .explain_template import TemplateExplanation, explain_template
from .functions.numbers import MAX_BITS
from .parse_cache import kept
from .paths import SOURCES
from .template_reader import Place, below, read
from .template_tree import Part, Written, references

JSON = Any
Sources = Mapping[str, Any]

MAX_DEPTH: Final = 100
MAX_NODES: Final = 20_000
MAX_TEXT: Final = 65_536  # of one string
MAX_TOTAL: Final = 1_000_000  # of all strings


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template: immutable, and free to be shared between threads.

    `render(sources) -> JSON` takes `{"profile": {...}, "event": {...}}`; absent sources are empty objects.
    It never changes its sources and shares nothing mutable with them. It raises NotationError where a
    formula or condition within it cannot be answered, and for data that is no JSON. `references` are the
    texts of all references to data, each once.
    """

    text: str
    sources: tuple[str, ...]
    references: tuple[str, ...] = field(compare=False)
    render: Callable[[Sources], JSON] = field(compare=False, repr=False)
    written: tuple[Written, ...] = field(compare=False, repr=False)
    _part: Part = field(compare=False, repr=False)

    def explain(self, sources: Sources) -> TemplateExplanation:
        """Where each place of the payload comes from. Never raises, never disagrees with render."""
        return explain_template(self._part, sources)

    @property
    def value(self) -> JSON:
        """The template as it was given, as a copy of its own."""
        return json.loads(self.text)

    def __reduce__(self) -> tuple[Callable[..., Template], tuple[JSON, tuple[str, ...]]]:
        return parse_template, (self.value, self.sources)


def parse_template(value: JSON, sources: tuple[str, ...] = SOURCES) -> Template:
    """The template of a JSON value: an object, a list or a single string.

    `sources` are the names that may stand before an @: of a mapping those of Tracardi. Raises NotationError
    with the JSON path of the place. Cached by the JSON text of the value, in which 1, 1.0 and true differ
    although Python's dictionaries take them for the same.
    """
    _check(value)
    return _parsed(json.dumps(value, ensure_ascii=False), sources)


@kept
def _parsed(text: str, sources: tuple[str, ...]) -> Template:
    place = Place(sources=sources)
    part = read(json.loads(text), place)
    found = tuple(dict.fromkeys(one.text for one in references(part) if one.source in sources))
    return Template(text, sources, found, compile_template(part), tuple(place.written), part)


def _check(value: JSON) -> None:
    """That the value is JSON, and within the limits; without recursion, since its depth is not known."""
    waiting: list[tuple[Any, _Step | None, int]] = [(value, None, 1)]
    nodes = total = 0
    while waiting:
        item, place, depth = waiting.pop()
        nodes += 1
        if isinstance(item, dict):
            total += sum(_check_text(key, (place, key)) for key in item)
            waiting += [(child, (place, key), depth + 1) for key, child in item.items()]
        elif isinstance(item, list):
            waiting += [(child, (place, index), depth + 1) for index, child in enumerate(item)]
        else:
            total += _check_scalar(item, place)
        _check_size(nodes, depth, total)


def _check_size(nodes: int, depth: int, characters: int) -> None:
    if depth > MAX_DEPTH:
        raise NotationError(
            message("the template is nested more than %(number)s deep", number=MAX_DEPTH), path="$"
        )
    if nodes > MAX_NODES:
        raise NotationError(
            message("the template has more than %(number)s values", number=MAX_NODES), path="$"
        )
    if characters > MAX_TOTAL:
        too_long = message("the template has more than %(number)s characters", number=MAX_TOTAL)
        raise NotationError(too_long, path="$")


_Step = tuple[Any, str | int]  # the place it is in (or None), and the key or index there


def _check_scalar(item: Any, place: _Step | None) -> int:
    """The length of the value as text."""
    if isinstance(item, str):
        return _check_text(item, place)
    if item is not None and not isinstance(item, (int, float)):
        no_json = message("a value of type %(name)s is no JSON", name=type(item).__name__)
        raise NotationError(no_json, path=_path(place))
    if isinstance(item, float) and not isfinite(item):
        raise NotationError(message("a number must be finite"), path=_path(place))
    if isinstance(item, int) and item.bit_length() > MAX_BITS:
        raise NotationError(message("the number has too many digits"), path=_path(place))
    return 1


def _check_text(text: Any, place: _Step | None) -> int:
    if not isinstance(text, str):
        no_json = message("a key of type %(name)s is no JSON", name=type(text).__name__)
        raise NotationError(no_json, path=_path(place))
    if len(text) > MAX_TEXT:
        too_long = message("the text is longer than %(number)s characters", number=MAX_TEXT)
        raise NotationError(too_long, path=_path(place))
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NotationError(message("the text holds half of a character"), path=_path(place)) from None
    return len(text)


def _path(place: _Step | None) -> str:
    keys: list[Any] = []
    while place is not None:
        place, key = place
        keys.append(key)
    path = "$"
    for key in reversed(keys):
        # what is wrong may be that the key itself cannot be written down
        printable = str(key).encode(errors="replace").decode()
        path = f"{path}[{key}]" if isinstance(key, int) else below(path, printable)
    return path
