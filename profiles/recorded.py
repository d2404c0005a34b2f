"""Messages that are written in English where no reader is known, in the language of whoever reads them.

The engine, connectors and the notation know no languages: what they say is stored, logged, and answered by
the API. A page knows its reader. So there are tables of what they say, with named placeholders; a text that
fits none, such as what an external system said, is shown as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_noop as _

from tracsync.common import translation
from tracsync.common.messages import Message

# What stands in place of these is such a message itself; the others are names, values and texts of others.
NESTED = frozenset({"reason", "kind", "other"})
FORMS = {
    "number": r"[\d,.]+",
    "most": r"[\d,.]+",
    "status": r"\d+",
    "line": r"\d+",
    "column": r"\d+",
    "path": r"\$[^: ]*",
}
LONGEST = 1_500  # characters of a line: ours are shorter
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
# A word "and" between messages, not within what is quoted.
_AND = re.compile(r' and (?=(?:[^"]*"[^"]*")*[^"]*\Z)')
_COMMA = re.compile(r", (?![^()]*\))")

DOCUMENTS = (
    _("not UTF-8: byte %(number)s cannot be read"),
    _("not JSON: %(reason)s at line %(line)s, column %(column)s"),
    _("not JSON: %(reason)s at column %(column)s"),
    _("not JSON: %(reason)s"),
    _("nested too deeply"),
    _("nested deeper than %(number)s levels"),
    _("a number is too long"),
    _("a number is too large"),
    _("%(name)s is not a JSON value"),
    _("id must be text, not %(kind)s"),
    _("id must not be empty"),
    _("id has %(number)s characters, at most %(most)s are allowed"),
    _("id with a null byte cannot be stored"),
    _("a profile must be a JSON object, not %(kind)s"),
    _("the id in the document is not the id it is stored under"),
    _("the document has %(number)s bytes, at most %(most)s are allowed"),
    _("text with a null byte cannot be stored"),
    _("the keys of an object must be text"),
    _("NaN and Infinity are not JSON values"),
    _("text with half a surrogate pair cannot be stored"),
    # What a value is called.
    _("an object"),
    _("a list"),
    _("text"),
    _("true or false"),
    _("null"),
    _("a number"),
    # What Python says of text that is no JSON.
    _("Expecting value"),
    _("Expecting property name enclosed in double quotes"),
    _("Expecting ',' delimiter"),
    _("Expecting ':' delimiter"),
    _("Extra data"),
    _("Unterminated string starting"),
    _("Invalid control character"),
    _("Invalid \\escape"),
    _("Illegal trailing comma before end of object"),
    _("Illegal trailing comma before end of array"),
)

FILES = (
    # Of a file as a whole, after its name or “The file”.
    _("The file %(reason)s."),
    _("The file holds no profiles."),
    _("It failed: %(kind)s."),
    _("It was left alone for a day."),
    _("has more than %(number)s bytes"),
    _("is empty"),
    _("cannot be unpacked: %(said)s"),
    _("is %(name)s: save it as UTF-8 text"),
    _("is not kept any more"),
    _("cannot be opened: %(said)s"),
    _("cannot be read any further: %(said)s"),
    _("is not a JSON array: %(reason)s"),
    _("is not a JSON array: it has no end"),
    _("the array ends with a wrong bracket"),
    _("there is more text after the end of the array"),
    _("has no heading that can be read: it is %(reason)s"),
    _("has no heading: %(reason)s"),
    _("it is empty"),
    _("has no column named %(name)s in its heading"),
    _("has several columns named %(name)s in its heading"),
    _("has no column named %(name)s in its heading: --map COLUMN=id says which one holds the id"),
    _("has several columns named %(name)s in its heading: --map COLUMN=id says which one holds the id"),
    # Of a line.
    _("the line is too long"),
    _("the record is too long"),
    _("not UTF-8"),
    _("not CSV: %(said)s"),
    _("%(number)s cells, the heading has %(most)s"),
    _("column %(name)s: not a number"),
    _("column %(name)s: not a boolean"),
    _("the id is blank"),
    _("set needs an id beside it"),
    _("set must be an object, not %(kind)s"),
    _("two columns go to %(name)s"),
)


def translated(text: str, messages: tuple[str, ...] = DOCUMENTS) -> str:
    """Line by line; lines that begin with a space quote something."""
    if isinstance(text, Message):
        return translation.translated(text)
    if not text or get_language() in (None, "en"):
        return text
    return "\n".join(line if line.startswith(" ") else _line(line, messages) for line in text.split("\n"))


def _line(text: str, messages: tuple[str, ...]) -> str:
    """One message, or several in a row; what is known of them."""
    if len(text) > LONGEST:
        return text
    sentences = text.split("; ")
    return (
        _all_known(sentences, "; ", messages)
        or _all_known(_AND.split(text), gettext(" and "), messages)
        or _known(text, messages)
        or "; ".join(_known(sentence, messages) or sentence for sentence in sentences)
    )


def _all_known(parts: list[str], between: str, messages: tuple[str, ...]) -> str | None:
    known = [_known(part, messages) for part in parts] if len(parts) > 1 else [None]
    return None if None in known else between.join(filter(None, known))


def _known(text: str, messages: tuple[str, ...]) -> str | None:
    """The translation of one message; None where it is none of these."""
    for literal, pattern, message in _patterns(messages):
        match = pattern.fullmatch(text) if literal in text else None
        if match is not None:
            parts = {name: _part(name, part, messages) for name, part in match.groupdict().items()}
            return gettext(message) % parts if parts else gettext(message)
    return None


def _part(name: str, text: str, messages: tuple[str, ...]) -> str:
    if name == "pieces":
        return ", ".join(_line(piece, messages) for piece in _COMMA.split(text))
    return _line(text, messages) if name in NESTED else text


@cache
def _patterns(messages: tuple[str, ...]) -> Sequence[tuple[str, re.Pattern[str], str]]:
    """Those that begin with words of their own first, then those with most of them: others may fit by chance.

    What comes first of each must be in a text that fits, and is looked for sooner than the pattern.
    """

    def own(message: str) -> tuple[bool, int]:
        return message.startswith("%("), -len(_PLACEHOLDER.sub("", message))

    by_words = sorted(messages, key=own)
    return [(_longest_literal(message), _pattern(message), message) for message in by_words]


def _longest_literal(message: str) -> str:
    return max(_PLACEHOLDER.split(message)[::2], key=len)


def _pattern(message: str) -> re.Pattern[str]:
    literal, *rest = _PLACEHOLDER.split(message)
    expression = re.escape(literal)
    for name, text in zip(rest[::2], rest[1::2], strict=True):
        expression += f"(?P<{name}>{FORMS.get(name, '.+?')}){re.escape(text)}"
    return re.compile(expression, re.DOTALL)


_(" and ")
