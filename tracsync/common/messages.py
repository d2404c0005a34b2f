"""Messages: English texts that know the template and the values that they are made of.

The engine, the connectors and the notation know neither languages nor readers. What they say is an English
text, so that it can be logged, compared and answered by the API; a page says it again, in the language of
whoever reads it, by its template, which is its code, and its values (see translation.py).

    message("answered %(status)s: %(said)s", status=503, said="maintenance")

This module is pure Python.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

SEPARATOR = "\x1e"  # ASCII's record separator: between a stored text and what it is made of
_PLACEHOLDER = re.compile(r"%(?:%|\((\w+)\)s)")


class Message(str):
    """An English text with its `template` and `values`; any operation of `str` gives plain text.

    The values are texts that everybody reads as they are, or messages; by name where the template has
    placeholders, and a tuple where it stands between the parts of a list. `str(message)` is the message, and
    so is `str(error)` of an exception that was given one.
    """

    __slots__ = ("_packed", "template", "values")
    template: str
    values: Mapping[str, str] | tuple[str, ...]
    _packed: str | None

    def __new__(cls, template: str, values: Mapping[str, str] | tuple[str, ...] = ()) -> Message:
        if isinstance(values, tuple):
            text = template.join(values) if values else template
        else:
            text = template % values
        self = super().__new__(cls, text)
        self.template, self.values, self._packed = template, values, None
        return self

    def __str__(self) -> str:
        return self

    def with_values(self, **values: object) -> Message:
        """Its template with values."""
        return message(self.template, **values)

    def __reduce__(self) -> tuple[Any, ...]:
        return Message, (self.template, self.values)


def message(template: str, /, **values: object) -> Message:
    """The message that a template and its values make; in it `%` is written `%%` where there are values.

    The template is a literal: the catalogue of translations is made of the calls of this function.
    """
    if not values:
        return Message(template)
    texts = {name: value if isinstance(value, str) else str(value) for name, value in values.items()}
    return Message(template, texts)


SAID = "said"  # the name of a value that is what another system says, in whatever template


def of_others(text: str) -> Message:
    """What another system says: a message that says this and nothing of ours."""
    return Message(f"%({SAID})s", {SAID: text})


def unsaid(text: str, mask: str) -> str:
    """A message with a mask in the place of what other systems say; plain text is nobody's in particular."""
    if not isinstance(text, Message):
        return text
    if isinstance(text.values, tuple):
        # Earlier releases stored `answered 422: and why` as a list, in which nothing says whose it is.
        name = SAID if text.template == ": " else ""
        return Message(text.template, tuple(_unsaid(name, value, mask) for value in text.values))
    return Message(text.template, {name: _unsaid(name, value, mask) for name, value in text.values.items()})


def _unsaid(name: str, value: str, mask: str) -> str:
    is_said = name == SAID and not isinstance(value, Message) and not value.isdecimal()
    return mask if is_said else unsaid(value, mask)


def impersonal(text: str) -> str:
    """A message without what others have said, for logs: of its values only numbers and messages stay."""
    if not isinstance(text, Message):
        return "…" if text else ""
    if isinstance(text.values, tuple):
        return text.template.join(map(impersonal, text.values)) if text.values else text.template
    return str(text.with_values(**{name: _impersonal(value) for name, value in text.values.items()}))


def _impersonal(value: str) -> str:
    return value if value.isdecimal() else impersonal(value)


def joined(separator: str, parts: Iterable[str]) -> str:
    """A list of texts or messages as one; a separator with words, such as " and ", is a message itself."""
    texts = tuple(parts)
    between = separator.template if isinstance(separator, Message) else separator
    if len(texts) < 2:
        return texts[0] if texts else ""
    return Message(between, texts)


def shortened(text: str, most: int) -> str:
    """At most so many characters, the last of them "…": of a message its longest value gives way, of a list
    its last parts.
    """
    if len(text) <= most:
        return text
    if isinstance(text, Message) and text.values:
        short = _of_list(text, most) if isinstance(text.values, tuple) else _of_values(text, most)
        if len(short) <= most:
            return short
    return text[: most - 1] + "…"


def _of_values(text: Message, most: int) -> str:
    values = text.values
    assert isinstance(values, Mapping)
    longest = max(values, key=lambda name: len(values[name]))
    left = max(1, most - len(text) + len(values[longest]))
    return Message(text.template, {**values, longest: shortened(values[longest], left)})


def _of_list(text: Message, most: int) -> str:
    kept: list[str] = []
    left, sign = most, len(text.template) + len("…")  # what it takes to say that there are more
    for place, part in enumerate(text.values, 1):
        left -= len(text.template) if kept else 0
        if len(part) > left - (sign if place < len(text.values) else 0):
            kept.append(shortened(part, min(left, len(part) - 1)))
            break
        kept.append(part)
        left -= len(part)
    return Message(text.template, tuple(kept))


def pack(text: str) -> str:
    """A text or message as it is stored: the text and, where it has values, where in it they stand.

    So neither template nor values are stored twice, and whoever reads it without us finds the text.
    """
    if not isinstance(text, Message) or not text.values:
        return text
    if text._packed is None:
        text._packed = f"{text}{SEPARATOR}{_spans(text)}"
    return text._packed


def unpack(stored: str) -> str:
    """What `pack` was given; what holds no values comes back as plain text."""
    text, separator, spans = stored.rpartition(SEPARATOR)
    if not separator:
        return stored
    try:
        return _restored(text, json.loads(spans))
    except (ValueError, TypeError, LookupError, RecursionError):  # a text of others with a separator in it
        return stored


def _spans(text: Message) -> str:
    """As JSON, written out as every reason passes through here: of each value the name ("" in a list), begin
    and end within the text and, of a message, its spans.
    """
    spans: list[str] = []
    end = 0
    for before, name, value in _in_list(text) if isinstance(text.values, tuple) else _in_template(text):
        start = end + before
        end = start + len(value)
        within = f",{_spans(value)}" if isinstance(value, Message) else ""
        spans.append(f'["{name}",{start},{end}{within}]')
    return f"[{','.join(spans)}]"


def _in_list(text: Message) -> Iterator[tuple[int, str, str]]:
    """How many characters come before each value, its name, and itself."""
    for place, value in enumerate(text.values):
        yield len(text.template) if place else 0, "", value


def _in_template(text: Message) -> Iterator[tuple[int, str, str]]:
    assert isinstance(text.values, Mapping)
    for before, name in _places(text.template):
        yield before, name, text.values[name]


@lru_cache(maxsize=1000)
def _places(template: str) -> list[tuple[int, str]]:
    """The placeholders of a template, each with how many characters come before it."""
    places: list[tuple[int, str]] = []
    before = end = 0
    for place in _PLACEHOLDER.finditer(template):
        before += place.start() - end
        end = place.end()
        if place[1] is None:
            before += len("%")
        else:
            places.append((before, place[1]))
            before = 0
    return places


def _restored(text: str, spans: list[Any]) -> Message:
    values = [
        _restored(text[start:end], *within) if within else text[start:end]
        for _name, start, end, *within in spans
    ]
    if not spans:
        return Message(text)
    if not spans[0][0]:
        return Message(text[spans[0][2] : spans[1][1]], tuple(values))
    template, end_before = "", 0
    for name, start, end, *_ in spans:
        template += f"{text[end_before:start].replace('%', '%%')}%({name})s"
        end_before = end
    template += text[end_before:].replace("%", "%%")
    return Message(template, {name: value for (name, *_), value in zip(spans, values, strict=True)})
