"""What is wrong with a text that is no condition: the place, what would be possible there, and a hint."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Final

from lark import Token, UnexpectedInput, UnexpectedToken

from tracsync.common.messages import message, shortened

from . import functions
from .errors import NotationError
from .literals import KEYWORDS
from .paths import ITEM, LOOP, SOURCES, STAR, STAR_HINT

MAX_LENGTH: Final = 65_536
MAX_DEPTH: Final = 100
MAX_COMMAS: Final = 10_000

# What may stand somewhere, in words, in the order it is listed to people.
_POSSIBLE: Final = {
    "FIELD": message("a field (profile@...)"),
    "NAME": message("a function"),
    "STRING": message('a value (5, "text", true, null, [1, 2])'),
    "OFFSET": message("an offset (-15m)"),
    "COMPARISON": message("a comparison (== != < <= > >=)"),
    **{word: word for word in ("AND", "OR", "NOT", "IS", "NULL", "BETWEEN", "EXISTS", "EMPTY", "CONTAINS")},
    **{"STARTS": "STARTS WITH", "ENDS": "ENDS WITH", "WITH": "WITH", "IN": "IN"},
    **{"LPAR": "(", "RPAR": ")", "RSQB": "]", "COMMA": message("a comma"), "$END": message("the end")},
}
_NO_TEXT: Final = {"condition": message("a condition is a text"), "formula": message("a formula is a text")}
_TOO_LONG: Final = {
    "condition": message("the condition is longer than %(number)s characters"),
    "formula": message("the formula is longer than %(number)s characters"),
}
_BLANK: Final = {"condition": message("the condition is blank"), "formula": message("the formula is blank")}
_ENDS_TOO_EARLY: Final = {
    "condition": message("the condition ends too early"),
    "formula": message("the formula ends too early"),
}
_QUESTIONS: Final = (
    *("COMPARISON", "AND", "OR", "NOT", "IS", "EXISTS", "EMPTY"),
    *("BETWEEN", "CONTAINS", "STARTS", "ENDS", "IN"),
)
_COMPARISON_HINT: Final = message(
    "comparisons are == (or =), != (or <>), <, <=, > and >=, written without spaces"
)
SMART_QUOTES: Final = "“”„‟«»‘’‚‛`´"  # noqa: RUF001
_SIGNS: Final = {"≥": ">=", "≤": "<=", "≠": "!=", "–": "-", "—": "-", "−": "-", "&": "AND", "|": "OR"}  # noqa: RUF001
# Strings as a whole, also those without an end: each character is looked at once.
_BRACKETS = re.compile(r""""(?:[^"\\\n]|\\.)*+"?|'(?:[^'\\\n]|\\.)*+'?|[()\[\],]""")
_WORD_BEFORE = re.compile(r"[^\W\d][\w.]{0,200}\Z")
_FIELD_BEFORE = re.compile(r"\w@[^\s()]{0,200}\Z")


def check_limits(text: str, kind: str) -> None:
    """Length, nesting and characters, before anything expensive is done. Raises NotationError."""
    if not isinstance(text, str):
        raise NotationError(_NO_TEXT[kind])
    if len(text) > MAX_LENGTH:
        raise NotationError(_TOO_LONG[kind].with_values(number=MAX_LENGTH))
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NotationError(message("the text holds half of a character"), text, error.start) from None
    if not text.strip():
        possible = _possible({"FIELD", "NAME"} | ({"NOT", "LPAR"} if kind == "condition" else {"STRING"}))
        raise NotationError(_BLANK[kind], text, 0, expected=possible)
    depth = commas = 0
    for match in _BRACKETS.finditer(text):
        depth += (match[0] in "([") - (match[0] in ")]")
        commas += match[0] == ","
        if depth > MAX_DEPTH:
            too_deep = message("brackets are nested more than %(number)s deep", number=MAX_DEPTH)
            raise NotationError(too_deep, text, match.start())
        if commas > MAX_COMMAS:
            too_many = message("lists have more than %(number)s values", number=MAX_COMMAS)
            raise NotationError(too_many, text, match.start())


def explain_mistake(text: str, error: UnexpectedInput, kind: str) -> NotationError:
    """The error of the parser as one for people."""
    parser = error.interactive_parser
    accepts: set[str] = parser.accepts() if parser else set()  # type: ignore[no-untyped-call]
    if isinstance(error, UnexpectedToken):
        return _unexpected_token(text, error.token, accepts, kind)
    return _unexpected_character(text, error.pos_in_stream or 0, _possible(accepts))


def _unexpected_character(text: str, offset: int, possible: list[str]) -> NotationError:
    found = text[offset]
    if found in "\"'":
        hint = message(
            "a string ends with the quote it began with, on the same line: %(example)s",
            example=f"{found}text{found}",
        )
        return NotationError(message("the string is not closed"), text, offset, hint)
    if found.isprintable():
        astray = message("%(token)s cannot stand here", token=found)
    else:
        name = f"U+{ord(found):04X}"
        astray = message("the invisible character %(name)s cannot stand here", name=name)
    return NotationError(astray, text, offset, _character_hint(text, offset), possible)


def _character_hint(text: str, offset: int) -> str | None:
    found = text[offset]
    if found in SMART_QUOTES:
        return message("these are not the straight quotes \" or ' (word processors change them)")
    if found in _SIGNS:
        return message("write %(right)s instead of %(wrong)s", right=_SIGNS[found], wrong=found)
    if found in "~:" and text[offset + 1 : offset + 2] == "=":
        return _COMPARISON_HINT
    if found == "!":
        return message('write != for "is not", and NOT ( ... ) to turn a part around')
    if found == "\\":
        return message('in a condition a dot inside a key is written ["a.b"]')
    if found == STAR and _after_field(text, offset):
        return STAR_HINT
    if found == "@":
        return message(
            "a field is source@path, without spaces; sources are %(names)s", names=", ".join(SOURCES)
        )
    return (
        message('put keys with other characters in brackets: ["any key"]')
        if _after_field(text, offset)
        else None
    )


def _unexpected_token(text: str, token: Token, accepts: set[str], what: str) -> NotationError:
    kind = token.type
    offset = len(text.rstrip()) if kind == "$END" else token.start_pos or 0
    word = _word_before(text, offset)
    if accepts == {"LPAR"} and word and word.upper() != "NOT":
        return _stray_name(text, text.rindex(word, 0, offset), word)
    if kind in ("AND", "OR") and {"AND", "OR"} & accepts:
        hint = message("put brackets around what belongs together: (a AND b) OR c")
        return NotationError(message("AND and OR are mixed on one level"), text, offset, hint)
    problem = message("%(token)s cannot stand here", token=_shortened(token))
    if kind == "$END":
        problem = _ENDS_TOO_EARLY[what]
    elif (
        kind == "RPAR" and "RSQB" not in accepts and text.count("(", 0, offset) <= text.count(")", 0, offset)
    ):
        problem = message(") closes a bracket that was never opened")
    return NotationError(problem, text, offset, _token_hint(text, offset, token, accepts), _possible(accepts))


def _token_hint(text: str, offset: int, token: Token, accepts: set[str]) -> str | None:
    kind, found = token.type, str(token)
    if kind == "$END":
        return _unclosed_hint(text)
    if kind in _QUESTIONS and accepts <= {"$END"}:
        return message(
            'a formula is a value; to choose by a condition write {"$if": "...", "then": ..., "else": ...}'
        )
    if kind == "COMPARISON" and text[:offset].rstrip().endswith(("=", "!", "<", ">")):
        return _COMPARISON_HINT
    if kind in ("RPAR", "RSQB") and {"RPAR", "RSQB"} & accepts:
        return message("a list is closed by ], brackets and functions by )")
    if kind == "NAME":
        return _name_hint(text, offset, found, accepts)
    if kind == "LSQB" and _after_field(text, offset):
        return message('a key in brackets is a JSON string, ["like this"], or a list index, [0]')
    if kind in ("NUMBER", "STRING", "TRUE", "FALSE", "NULL", "LSQB") and "FIELD" in accepts:
        return message("a comparison begins with the field or function, the value follows")
    if kind == "FIELD" and accepts == {"LPAR"}:
        return message("NOT needs brackets: NOT ( ... )")
    if kind == "FIELD" and accepts == {"LSQB"}:
        return message(
            "IN needs a list of values; for a list in the data write profile@list CONTAINS profile@value"
        )
    if kind == "NOT" and text[:offset].rstrip().upper().endswith("NOT"):
        return message("two NOTs cancel out")
    return _not_hint(text, offset) if kind in ("EMPTY", "EXISTS", "BETWEEN", "NOT") else None


def _not_hint(text: str, offset: int) -> str | None:
    before = text[:offset].rstrip().upper()
    if before.endswith(("IS", "IS NOT")):
        return message("IS goes with NULL only: x IS NOT NULL, x EMPTY, x NOT EMPTY, x EXISTS, x NOT EXISTS")
    return message("write NOT (x BETWEEN a AND b)") if before.endswith("NOT") else None


def _name_hint(text: str, offset: int, found: str, accepts: set[str]) -> str | None:
    if text[offset - 1 : offset] in ("'", '"'):
        return message("the string ended before this; a quote inside it is written \\' or \\\"")
    if near := _near(found, [word for word in KEYWORDS if word in accepts]):
        return message("did you mean %(name)s?", name=near[0])
    if _after_field(text, offset):
        return message('a key with spaces is written in brackets: profile@aux["first seen"]')
    if found.partition(".")[0].lower() in SOURCES:
        return message("a field is source@path, as in profile@id")
    return None


def _stray_name(text: str, offset: int, name: str) -> NotationError:
    """A word that is neither field nor keyword could only be a function, but no bracket follows."""
    source, dot, rest = name.partition(".")
    shown = _shortened(name)
    if name.upper() in KEYWORDS:
        possible = _possible({"FIELD", "NAME", "NOT", "LPAR"})
        astray = message("%(token)s cannot stand here", token=name)
        return NotationError(astray, text, offset, expected=possible)
    if source.lower() in (*SOURCES, ITEM, LOOP):
        example = f"{source.lower()}@{_shortened(rest) if dot else 'path'}"
        hint = message("a field is source@path: %(example)s", example=example)
    elif functions.get(name):
        hint = message("a function is called with brackets: %(example)s", example=f"{name.lower()}(...)")
    elif near := _near(name, KEYWORDS):
        hint = message('did you mean %(name)s? Text needs quotes: "%(token)s"', name=near[0], token=shown)
    else:
        hint = message(
            'text needs quotes: "%(token)s"; a field needs its source: %(example)s',
            token=shown,
            example=f"profile@{shown}",
        )
    unknown = message("%(token)s is no field, value or keyword", token=shown)
    return NotationError(unknown, text, offset, hint)


def _unclosed_hint(text: str) -> str | None:
    opened = []
    for match in _BRACKETS.finditer(text):
        if match[0] in "([":
            opened.append(match.start())
        elif match[0] in ")]" and opened:
            opened.pop()
    if not opened:
        return None
    place = NotationError("", text, opened[-1])
    return message(
        "the bracket opened in line %(line)s, column %(column)s is not closed",
        line=place.line,
        column=place.column,
    )


def _near(word: str, words: Sequence[str]) -> list[str]:
    return difflib.get_close_matches(word[:30].upper(), words, n=1, cutoff=0.75)


def _word_before(text: str, offset: int) -> str:
    match = _WORD_BEFORE.search(text[max(0, offset - 300) : offset].rstrip())
    return match[0] if match else ""


def _after_field(text: str, offset: int) -> bool:
    return _FIELD_BEFORE.search(text[max(0, offset - 300) : offset].rstrip()) is not None


def _possible(terminals: set[str]) -> list[str]:
    """NULL is named where it is not just one of the values."""
    hidden = {"NULL"} if "STRING" in terminals else set()
    return [words for name, words in _POSSIBLE.items() if name in terminals - hidden]


def _shortened(text: str) -> str:
    return shortened(text, 40)
