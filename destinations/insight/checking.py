"""What is wrong with a condition or a mapping while it is being written, and where.

The parsers are the ones that are used everywhere; here their errors get a place in the text that a person
is looking at, which of a mapping is its JSON.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from destinations.insight import json_spans
from destinations.notation import NotationError, parse_condition, parse_template
from profiles import documents
from profiles.documents import InvalidDocument
from tracsync.common.messages import message
from tracsync.common.translation import translated

MAX_CHARACTERS = 1_200_000  # of a text that is checked: more than any that can be stored


@dataclass(frozen=True, slots=True)
class Problem:
    """`line` and `column` count characters from 1, `length` characters from there; `path` is of a mapping."""

    message: str
    line: int
    column: int
    length: int = 1
    hint: str = ""
    expected: tuple[str, ...] = ()
    path: str = ""


def check_condition(text: str) -> list[Problem]:
    """Blank is nothing wrong: it means everybody."""
    if not text.strip():
        return []
    try:
        parse_condition(text)
    except NotationError as error:
        return [_problem(error, text, error.offset or 0, 1)]
    return []


def check_mapping(text: str) -> list[Problem]:
    try:
        value = documents.parse(text)
        documents.canonical(value)
    except InvalidDocument as error:
        return [_not_json(text, str(error))]
    try:
        parse_template(value)
    except NotationError as error:
        return [_problem(error, text, *_place_in_json(text, error))]
    return []


def _problem(error: NotationError, text: str, offset: int, length: int) -> Problem:
    line, column = text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
    hint, expected = translated(error.hint or ""), tuple(map(translated, error.expected))
    said = translated(error.message)
    return Problem(said, line, column, length, hint=hint, expected=expected, path=error.path or "")


def _place_in_json(text: str, error: NotationError) -> tuple[int, int]:
    """Offset and length: one character of a string, or the whole value that is wrong."""
    span = json_spans.find(text, error.path or "$")
    if span is None:
        return 0, len(text)
    if error.offset is None or text[span.start] != '"':
        return span.start, span.end - span.start
    return json_spans.offset_in_string(text, span, error.offset), 1


def _not_json(text: str, problem: str) -> Problem:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        # The place is shown as such; the message need not repeat it.
        said = message("not JSON: %(reason)s", reason=documents.python_says(error))
        return Problem(translated(said), error.lineno, error.colno)
    except (ValueError, RecursionError):
        pass
    return Problem(translated(problem), 1, 1, max(len(text), 1))
