"""What can be read and is probably not meant: it may be saved all the same, and people are told."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from tracsync.common.messages import message, shortened

from . import tree
from .errors import line_and_column
from .paths import ITEM, LOOP, SOURCES, Reference
from .syntax_hints import SMART_QUOTES
from .template_tree import Constant, Lookup, Text, Written

OFFERED: Final = "profile"  # the only source that a push offers
MAX_WARNINGS: Final = 100
_SHOWN: Final = 60  # characters of what people wrote

_LIKELY: Final = "|".join((OFFERED, ITEM, LOOP))  # others are as likely to begin a mail address
_WITHIN = re.compile(rf"(?<![\w@.+-])({_LIKELY})@(?=[\w$.\[])", re.IGNORECASE)
_OPENED = re.compile(r"\{\{\s{0,20}\Z")
_DOTTED = re.compile(rf"{OFFERED}(?:\.[\w$-]++|\[[^\]\n]*+\])++", re.IGNORECASE)
_DOTTED_IN_BRACES = re.compile(rf"\{{\{{\s*+({OFFERED}\.[^{{}}\n]*+)\}}\}}", re.IGNORECASE)
_REFERENCE = re.compile(r"([^\W\d]\w{0,60}+)@(?:[\w$.-]|\[[^\]\n]*+\])++")
_ADDRESS = re.compile(r"[\w-]++(?:\.[\w-]++)*?\.(?:com|example)")  # most other endings are words, too
NO_PATH: Final = message("text that looks like a reference is written with a backslash before it")
_STRAIGHT: Final = message("word processors change quotes; the straight ones are \" and '")
_BESIDE: Final = " \t\r\n`"


@dataclass(frozen=True, slots=True)
class NotationWarning:
    """As of a NotationError: `text` is the condition, or the string of a template, in which something stands
    at `offset`; `path` is the JSON path of that string, "" for conditions."""

    message: str
    text: str
    offset: int = 0
    hint: str = ""
    path: str = ""

    @property
    def line(self) -> int:
        return line_and_column(self.text, self.offset)[0]

    @property
    def column(self) -> int:
        return line_and_column(self.text, self.offset)[1]


def warnings(written: Iterable[Written]) -> list[NotationWarning]:
    """Of a condition or a template that was parsed, in the order of its texts; at most MAX_WARNINGS."""
    found = (warning for one in written for warning in _once(islice(_of(one), MAX_WARNINGS)))
    return list(islice(found, MAX_WARNINGS))


def _once(found: Iterable[NotationWarning]) -> list[NotationWarning]:
    """In the order of their places, of each place the first."""
    places: dict[int, NotationWarning] = {}
    for warning in found:
        places.setdefault(warning.offset, warning)
    return sorted(places.values(), key=lambda one: one.offset)


def fields(written: Iterable[Written]) -> Iterator[tuple[Reference, Written]]:
    """The references to data, each with the text in which it stands."""
    for one in written:
        for reference in _references(one):
            if reference.source in SOURCES:
                yield reference, one


def at(one: Written, offset: int, said: str, hint: str = "") -> NotationWarning:
    return NotationWarning(said, one.text, offset, hint, one.path)


def _of(one: Written) -> Iterator[NotationWarning]:
    for reference in _references(one):
        yield from _of_reference(one, reference)
    if isinstance(one.meaning, Constant):
        if not one.text.startswith(("\\", "`\\")):
            yield from _of_constant(one)
    elif isinstance(one.meaning, (Lookup, Text)):
        yield from _of_text(one)
    else:
        for part in tree.parts_below(one.meaning):
            if isinstance(part, tree.Literal):
                yield from _of_literal(one, part)


def _references(one: Written) -> Iterator[Reference]:
    meaning = one.meaning
    if isinstance(meaning, Lookup):
        yield meaning.reference
    elif isinstance(meaning, Text):
        yield from (part for part in meaning.parts if isinstance(part, Reference))
    elif not isinstance(meaning, Constant):
        yield from (part for part in tree.parts_below(meaning) if isinstance(part, Reference))


def _of_reference(one: Written, reference: Reference) -> Iterator[NotationWarning]:
    source, start = reference.source, reference.start
    if source in SOURCES and source != OFFERED:
        said = message("a push has no %(name)s: this is always missing", name=f"{source}@")
        yield at(one, start, said, message("what a push offers is %(name)s", name=f"{OFFERED}@"))
    elif any(character in SMART_QUOTES for character in reference.text):
        said = message("the quotes in this path are no straight ones and belong to the key")
        yield at(one, start, said, _STRAIGHT)
    elif _ADDRESS.fullmatch(reference.text, len(source) + 1):
        said = message("this looks like a mail address and is read as a path")
        hint = NO_PATH if isinstance(one.meaning, (Lookup, Text)) else message("text needs quotes")
        yield at(one, start, said, hint)


def _of_constant(one: Written) -> Iterator[NotationWarning]:
    text = one.text.strip(_BESIDE)
    start = one.text.find(text)
    if _is_in_smart_quotes(text):
        yield at(one, start, message("these quotes are no straight ones and belong to the text"), _STRAIGHT)
    elif _DOTTED.fullmatch(text):
        yield _dotted(one, start, text)
    elif (like := _REFERENCE.fullmatch(text)) and like[1] in (ITEM, LOOP):
        said = message("there is no item here, so this is text")
        yield at(one, start, said, message("%(name)s stands only within $map", name=f"{like[1]}@"))
    elif like and (near := _nearest(like[1])):
        said = message("there is no source %(name)s, so this is text", name=shortened(like[1], _SHOWN))
        yield at(one, start, said, message("did you mean %(name)s?", name=f"{near}@"))
    yield from _of_text(one)


def _of_text(one: Written) -> Iterator[NotationWarning]:
    """What looks like references between the references of a template's string, if it has any."""
    known = {reference.start for reference in _references(one)}
    for found in _WITHIN.finditer(one.text):
        if found.start() not in known:
            yield _within(one, found)
    for found in _DOTTED_IN_BRACES.finditer(one.text):
        yield _dotted(one, found.start(1), found[1].rstrip())


def _within(one: Written, found: re.Match[str]) -> NotationWarning:
    source, start = found[1], found.start()
    if source != source.lower() and (not one.text[:start].strip(_BESIDE) or _opened(one.text, start)):
        hint = message("write %(name)s", name=f"{source.lower()}@")
        return at(one, start, message("sources are written in lower case, so this is text"), hint)
    said = message("a reference within a longer text needs braces, so this is text")
    shown = shortened(_piece(one.text, start), _SHOWN)
    return at(one, start, said, message("write %(name)s", name=f"{{{{{shown}}}}}"))


def _opened(text: str, start: int) -> bool:
    """Whether braces stand before this."""
    return _OPENED.search(text[max(0, start - 30) : start]) is not None


def _piece(text: str, start: int) -> str:
    like = _REFERENCE.match(text, start, start + 4 * _SHOWN)
    return (like[0] if like else text[start : start + _SHOWN]).rstrip(".").lower()


def _dotted(one: Written, start: int, text: str) -> NotationWarning:
    shown = f"{OFFERED}@{text[len(OFFERED) :].removeprefix('.')}"
    hint = message("write %(name)s", name=shortened(shown, _SHOWN))
    return at(one, start, message("a reference has an @ after its source, so this is text"), hint)


def _of_literal(one: Written, literal: tree.Literal) -> Iterator[NotationWarning]:
    values = literal.written if isinstance(literal.written, list) else [literal.written]
    for text in values:
        if not isinstance(text, str):
            continue
        like = _REFERENCE.fullmatch(text.strip())
        if like and like[1].lower() in (*SOURCES, ITEM, LOOP):
            hint = message("a field stands without quotes: %(name)s", name=shortened(like[0], _SHOWN))
            yield at(one, literal.start, message("in quotes this is text, and no field"), hint)
        elif _DOTTED.fullmatch(text.strip()):
            yield _dotted(one, literal.start, text.strip())
        elif text and (text[0] in SMART_QUOTES or text[-1] in SMART_QUOTES):
            said = message("these quotes are no straight ones and belong to the text")
            yield at(one, literal.start, said, _STRAIGHT)


def _is_in_smart_quotes(text: str) -> bool:
    return len(text) > 1 and text[0] in SMART_QUOTES and text[-1] in SMART_QUOTES


def _nearest(name: str) -> str | None:
    """The source that was meant. One in the wrong case is another mistake."""
    if len(name) > 2 * len(OFFERED) or name.lower() in (*SOURCES, ITEM, LOOP):
        return None
    near = difflib.get_close_matches(name.lower(), (OFFERED, ITEM, LOOP), n=1, cutoff=0.8)
    return near[0] if near else None
