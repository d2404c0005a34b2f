"""What is wrong with a text that is no condition: the place, what would be possible there, and a hint."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Final

from lark import Token, UnexpectedInput, UnexpectedToken

from . import functions
from .errors import NotationError
from .literals import KEYWORDS
from .paths import ITEM, SOURCES

MAX_LENGTH: Final = 65_536
MAX_DEPTH: Final = 100
MAX_COMMAS: Final = 10_000

# What may stand somewhere, in words, in the order it is listed to people.
_POSSIBLE: Final = {
    "FIELD": "a field (profile@...)",
    "NAME": "a function",
    "STRING": 'a value (5, "text", true, null, [1, 2])',
    "OFFSET": "an offset (-15m)",
    "COMPARISON": "a comparison (== != < <= > >=)",
    **{word: word for word in ("AND", "OR", "NOT", "IS", "NULL", "BETWEEN", "EXISTS", "EMPTY", "CONTAINS")},
    **{"STARTS": "STARTS WITH", "ENDS": "ENDS WITH", "WITH": "WITH", "IN": "IN"},
    **{"LPAR": "(", "RPAR": ")", "RSQB": "]", "COMMA": "a comma", "$END": "the end"},
}
_QUESTIONS: Final = (
    *("COMPARISON", "AND", "OR", "NOT", "IS", "EXISTS", "EMPTY"),
    *("BETWEEN", "CONTAINS", "STARTS", "ENDS", "IN"),
)
_COMPARISON_HINT: Final = "comparisons are == (or =), != (or <>), <, <=, > and >=, written without spaces"
_SMART: Final = "“”„‟«»‘’‚‛`´"  # noqa: RUF001
_SIGNS: Final = {"≥": ">=", "≤": "<=", "≠": "!=", "–": "-", "—": "-", "−": "-", "&": "AND", "|": "OR"}  # noqa: RUF001
_BRACKETS = re.compile(r""""(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[()\[\],]""")
_WORD_BEFORE = re.compile(r"[^\W\d][\w.]{0,200}\Z")
_FIELD_BEFORE = re.compile(r"\w@[^\s()]{0,200}\Z")


def check_limits(text: str, kind: str) -> None:
    """Length, nesting and characters, before anything expensive is done. Raises NotationError."""
    if not isinstance(text, str):
        raise NotationError(f"a {kind} is a text")
    if len(text) > MAX_LENGTH:
        raise NotationError(f"the {kind} is longer than {MAX_LENGTH} characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NotationError("the text holds half of a character", text, error.start) from None
    if not text.strip():
        possible = _possible({"FIELD", "NAME"} | ({"NOT", "LPAR"} if kind == "condition" else {"STRING"}))
        raise NotationError(f"the {kind} is blank", text, 0, expected=possible)
    depth = commas = 0
    for match in _BRACKETS.finditer(text):
        depth += (match[0] in "([") - (match[0] in ")]")
        commas += match[0] == ","
        if depth > MAX_DEPTH:
            raise NotationError(f"brackets are nested more than {MAX_DEPTH} deep", text, match.start())
        if commas > MAX_COMMAS:
            raise NotationError(f"lists have more than {MAX_COMMAS} values", text, match.start())


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
        hint = f"a string ends with the quote it began with, on the same line: {found}text{found}"
        return NotationError("the string is not closed", text, offset, hint)
    name = found if found.isprintable() else f"the invisible character U+{ord(found):04X}"
    return NotationError(f"{name} cannot stand here", text, offset, _character_hint(text, offset), possible)


def _character_hint(text: str, offset: int) -> str | None:
    found = text[offset]
    if found in _SMART:
        return "these are not the straight quotes \" or ' (word processors change them)"
    if found in _SIGNS:
        return f"write {_SIGNS[found]} instead of {found}"
    if found in "~:" and text[offset + 1 : offset + 2] == "=":
        return _COMPARISON_HINT
    if found == "!":
        return 'write != for "is not", and NOT ( ... ) to turn a part around'
    if found == "\\":
        return 'in a condition a dot inside a key is written ["a.b"]'
    if found == "@":
        return f"a field is source@path, without spaces; sources are {', '.join(SOURCES)}"
    return 'put keys with other characters in brackets: ["any key"]' if _after_field(text, offset) else None


def _unexpected_token(text: str, token: Token, accepts: set[str], what: str) -> NotationError:
    kind = token.type
    offset = len(text.rstrip()) if kind == "$END" else token.start_pos or 0
    word = _word_before(text, offset)
    if accepts == {"LPAR"} and word and word.upper() != "NOT":
        return _stray_name(text, text.rindex(word, 0, offset), word)
    if kind in ("AND", "OR") and {"AND", "OR"} & accepts:
        hint = "put brackets around what belongs together: (a AND b) OR c"
        return NotationError("AND and OR are mixed on one level", text, offset, hint)
    message = f"{_shortened(token)} cannot stand here"
    if kind == "$END":
        message = f"the {what} ends too early"
    elif (
        kind == "RPAR" and "RSQB" not in accepts and text.count("(", 0, offset) <= text.count(")", 0, offset)
    ):
        message = ") closes a bracket that was never opened"
    return NotationError(message, text, offset, _token_hint(text, offset, token, accepts), _possible(accepts))


def _token_hint(text: str, offset: int, token: Token, accepts: set[str]) -> str | None:
    kind, found = token.type, str(token)
    if kind == "$END":
        return _unclosed_hint(text)
    if kind in _QUESTIONS and accepts <= {"$END"}:
        return 'a formula is a value; to choose by a condition write {"$if": "...", "then": ..., "else": ...}'
    if kind == "COMPARISON" and text[:offset].rstrip().endswith(("=", "!", "<", ">")):
        return _COMPARISON_HINT
    if kind in ("RPAR", "RSQB") and {"RPAR", "RSQB"} & accepts:
        return "a list is closed by ], brackets and functions by )"
    if kind == "NAME":
        return _name_hint(text, offset, found, accepts)
    if kind == "LSQB" and _after_field(text, offset):
        return 'a key in brackets is a JSON string, ["like this"], or a list index, [0]'
    if kind in ("NUMBER", "STRING", "TRUE", "FALSE", "NULL", "LSQB") and "FIELD" in accepts:
        return "a comparison begins with the field or function, the value follows"
    if kind == "FIELD" and accepts == {"LPAR"}:
        return "NOT needs brackets: NOT ( ... )"
    if kind == "FIELD" and accepts == {"LSQB"}:
        return "IN needs a list of values; for a list in the data write profile@list CONTAINS profile@value"
    if kind == "NOT" and text[:offset].rstrip().upper().endswith("NOT"):
        return "two NOTs cancel out"
    return _not_hint(text, offset) if kind in ("EMPTY", "EXISTS", "BETWEEN", "NOT") else None


def _not_hint(text: str, offset: int) -> str | None:
    before = text[:offset].rstrip().upper()
    if before.endswith(("IS", "IS NOT")):
        return "IS goes with NULL only: x IS NOT NULL, x EMPTY, x NOT EMPTY, x EXISTS, x NOT EXISTS"
    return "write NOT (x BETWEEN a AND b)" if before.endswith("NOT") else None


def _name_hint(text: str, offset: int, found: str, accepts: set[str]) -> str | None:
    if text[offset - 1 : offset] in ("'", '"'):
        return "the string ended before this; a quote inside it is written \\' or \\\""
    if near := _near(found, [word for word in KEYWORDS if word in accepts]):
        return f"did you mean {near[0]}?"
    if _after_field(text, offset):
        return 'a key with spaces is written in brackets: profile@aux["first seen"]'
    if found.partition(".")[0].lower() in SOURCES:
        return "a field is source@path, as in profile@id"
    return None


def _stray_name(text: str, offset: int, name: str) -> NotationError:
    """A word that is neither field nor keyword could only be a function, but no bracket follows."""
    source, dot, rest = name.partition(".")
    shown = _shortened(name)
    if name.upper() in KEYWORDS:
        possible = _possible({"FIELD", "NAME", "NOT", "LPAR"})
        return NotationError(f"{name} cannot stand here", text, offset, expected=possible)
    if source.lower() in (*SOURCES, ITEM):
        hint = f"a field is source@path: {source.lower()}@{_shortened(rest) if dot else 'path'}"
    elif functions.get(name):
        hint = f"a function is called with brackets: {name.lower()}(...)"
    elif near := _near(name, KEYWORDS):
        hint = f'did you mean {near[0]}? Text needs quotes: "{shown}"'
    else:
        hint = f'text needs quotes: "{shown}"; a field needs its source: profile@{shown}'
    return NotationError(f"{shown} is no field, value or keyword", text, offset, hint)


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
    return f"the bracket opened in line {place.line}, column {place.column} is not closed"


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
    return text if len(text) <= 40 else text[:39] + "…"
