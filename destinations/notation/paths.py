"""Dot notation: `profile@data.contact.email.business`, parsed and followed.

Conditions and templates share it. In a condition a bare key has letters, digits, `_`, `$` and `-`; in a
template, where nothing can follow it, it may hold anything but a dot, brackets and braces in a row, and
`\\.` is a dot inside a key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tracsync.common.messages import message

from .errors import NotationError
from .values import MISSING

SOURCES: Final = ("profile", "event", "session", "payload", "memory", "flow")  # where nothing else is said
ITEM: Final = "item"  # where functions and templates go through a list: what is looked at now
LOOP: Final = "loop"  # and the how-manieth it is: `loop@index` from 0, `loop@number` from 1
WHOLE: Final = "..."
STAR: Final = "*"
EMPTY: Final[Mapping[str, Any]] = {}  # what an absent source is

# Letters of any script; not the punctuation, spaces and signs (≥, “, —) that word processors insert.
NAME_CHARACTERS: Final = (
    r"\w$\-\u00c0-\u1fff\u200c\u200d\u2c00-\u2dff\u3040-\ud7ff\uf900-\ufdff\ufe70-\ufefc\U00010000-\U0010ffff"
)
MAX_KEYS: Final = 1_000
MAX_INDEX_DIGITS: Final = 15

_CONDITION_KEY = re.compile(f"[{NAME_CHARACTERS}]+")
_TEMPLATE_KEY = re.compile(r"(?:\\\.|\{(?!\{)|\}(?!\})|[^.\[\]{}\x00-\x1f])+")
_QUOTED = re.compile(r'\["((?:[^"\\\n]|\\.)*)"\]')
_INDEX = re.compile(r"\[([0-9]+)\]")
STAR_HINT = message('to go through a list write $map or map(); a key that is called * is written ["*"]')
_NO_STAR = message("a path leads to one place: * cannot stand for all items of a list")
_BRACKET_HINT = message('a key in brackets is a JSON string, ["like this"], or a list index, [0]')


@dataclass(frozen=True, slots=True)
class Key:
    """One step of a path: a key of an object and, when it is written in digits, an index of a list."""

    name: str
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """A place in the data. No keys: the whole source."""

    source: str
    keys: tuple[Key, ...]
    text: str = field(compare=False)
    start: int = field(default=0, compare=False)

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def follow(reference: Reference, sources: Mapping[str, Any]) -> Any:
    """The value a reference points at, or MISSING. Never raises for JSON data; sources are not null."""
    value = sources.get(reference.source, EMPTY)
    for key in reference.keys:
        value = step(value, key.name, key.index, MISSING)
        if value is MISSING:
            break
    return value


def present(sources: Mapping[str, Any]) -> dict[str, Any]:
    """The sources that are there: null is none."""
    return {name: value for name, value in sources.items() if value is not None}


def loop(index: int) -> dict[str, int]:
    """What `loop@` points at for the item at an index of a list."""
    return {"index": index, "number": index + 1}


def step(value: Any, name: str, index: int | None, default: Any) -> Any:
    """One key further: an item of an object by name, of a list by index."""
    if isinstance(value, dict):
        return value.get(name, default)
    if isinstance(value, list) and index is not None and index < len(value):
        return value[index]
    return default


def parse_path(text: str, start: int, end: int, *, template: bool) -> tuple[Key, ...]:
    """Read the path in `text[start:end]`, the part after `source@`.

    Raises NotationError with the offset within `text` (but not yet the text itself).
    """
    if text[start:end] == WHOLE:
        return ()
    keys: list[Key] = []
    position = start
    while position < end or not keys:
        after_dot = bool(keys) and text[position] == "."
        if keys and not after_dot and text[position] != "[":
            raise _broken(text, position, template)
        position += after_dot
        key, position = _key(text, position, end, template, bare=after_dot or not keys, bracket=not after_dot)
        keys.append(key)
        if len(keys) > MAX_KEYS:
            raise NotationError(
                message("the path has more than %(number)s keys", number=MAX_KEYS), offset=start
            )
    return tuple(keys)


def _key(text: str, start: int, end: int, template: bool, *, bare: bool, bracket: bool) -> tuple[Key, int]:
    if bracket and text.startswith("[", start, end):
        return _bracketed(text, start, end)
    match = (_TEMPLATE_KEY if template else _CONDITION_KEY).match(text, start, end) if bare else None
    if match is None:
        if start < end:
            raise _broken(text, start, template)
        raise NotationError(message("a key is missing"), offset=start)
    name = match.group().replace("\\.", ".")
    if name == STAR:
        raise NotationError(_NO_STAR, offset=start, hint=STAR_HINT)
    return Key(name, _index(name)), match.end()


def _bracketed(text: str, start: int, end: int) -> tuple[Key, int]:
    if match := _INDEX.match(text, start, end):
        return Key(match.group(1), _index(match.group(1))), match.end()
    match = _QUOTED.match(text, start, end)
    if match is None and text.startswith(f"[{STAR}]", start, end):
        raise NotationError(_NO_STAR, offset=start, hint=STAR_HINT)
    if match is None:
        raise NotationError(message("the key in brackets cannot be read"), offset=start, hint=_BRACKET_HINT)
    try:
        name: str = json.loads(f'"{match.group(1)}"', strict=False)
        name.encode()
    except ValueError:
        raise NotationError(
            message("the key in brackets is no JSON string"), offset=start, hint=_BRACKET_HINT
        ) from None
    return Key(name), match.end()


def _index(name: str) -> int | None:
    """Digits are an index too; of more digits than any list has items, they are a key only."""
    return int(name) if len(name) <= MAX_INDEX_DIGITS and name.isascii() and name.isdigit() else None


def _broken(text: str, position: int, template: bool) -> NotationError:
    found = text[position]
    if found == ".":
        return NotationError(message("a key is missing before this dot"), offset=position)
    hint = message('put keys with other characters in brackets: ["any key"]')
    if found in "[]":
        hint = _BRACKET_HINT
    elif found == "{":
        hint = message("a reference is the whole string or stands in {{ }}; it cannot hold {{ }} itself")
    elif not template and found == "\\":
        hint = message('in a condition a dot inside a key is written ["a.b"]')
    shown = found if found.isprintable() else f"U+{ord(found):04X}"
    return NotationError(
        message("the path cannot be read at %(token)s", token=shown), offset=position, hint=hint
    )
