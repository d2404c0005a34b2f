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


def translated(text: str, messages: tuple[str, ...] = DOCUMENTS) -> str:
    """Line by line; lines that begin with a space quote something."""
    if not text or get_language() in (None, "en"):
        return text
    return "\n".join(
        line if line.startswith(" ") or not line else _of_line(line, messages) for line in text.split("\n")
    )


def _of_line(text: str, messages: tuple[str, ...]) -> str:
    return _known(text, messages) or _joined(text, messages) or text


def _known(text: str, messages: tuple[str, ...]) -> str | None:
    """The translation of one message; None where it is none of these."""
    for pattern, message in _patterns(messages):
        if match := pattern.fullmatch(text):
            parts = match.groupdict()
            said = {name: _part(name, part, messages) for name, part in parts.items()}
            return gettext(message) % said if said else gettext(message)
    return None


def _part(name: str, text: str, messages: tuple[str, ...]) -> str:
    if name == "pieces":
        return ", ".join(_of_line(piece, messages) for piece in _COMMA.split(text))
    return _of_line(text, messages) if name in NESTED else text


def _joined(text: str, messages: tuple[str, ...]) -> str | None:
    """Several messages in a row: those that are known, and of a sentence with “and” all or none."""
    parts = text.split("; ")
    if len(parts) > 1:
        return "; ".join(_of_line(part, messages) for part in parts)
    known = [_known(part, messages) for part in _AND.split(text)]
    if len(known) < 2 or None in known:
        return None
    return gettext(" and ").join(filter(None, known))


@cache
def _patterns(messages: tuple[str, ...]) -> Sequence[tuple[re.Pattern[str], str]]:
    """Those with the most words of their own first: the others may fit by chance."""
    by_words = sorted(messages, key=lambda message: len(_PLACEHOLDER.sub("", message)), reverse=True)
    return [(_pattern(message), message) for message in by_words]


def _pattern(message: str) -> re.Pattern[str]:
    literal, *rest = _PLACEHOLDER.split(message)
    expression = re.escape(literal)
    for name, text in zip(rest[::2], rest[1::2], strict=True):
        seen = f"(?P<{name}>" in expression
        expression += f"(?P={name})" if seen else f"(?P<{name}>{FORMS.get(name, '.+?')})"
        expression += re.escape(text)
    return re.compile(expression, re.DOTALL)


_(" and ")
