"""What is wrong with a condition or a mapping, or probably not meant, and where.

The parsers are the ones that are used everywhere; while a text is being written their errors get a place in
what the person is looking at, which of a mapping is its JSON. What can be read and is probably not meant is a
warning: as the notation sees it, and paths that none of the sampled profiles has.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from django.utils.translation import gettext as _

from destinations.configuration import target_fields
from destinations.insight.path_suggestions import Sample
from destinations.models import Destination
from destinations.notation import (
    Condition,
    NotationError,
    Template,
    json_spans,
    parse_condition,
    parse_template,
)
from destinations.notation import warnings as notation_warnings
from destinations.notation.errors import line_and_column
from destinations.notation.json_spans import Span
from destinations.notation.warnings import MAX_WARNINGS, OFFERED, NotationWarning
from profiles import documents
from profiles.documents import EqualKeys, InvalidDocument
from tracsync.common.messages import message
from tracsync.common.translation import translated

_KEY = re.compile(r'"(?:[^"\\]|\\.)*+"?')
MAX_CHARACTERS = 1_200_000  # of a text that is checked: more than any that can be stored


@dataclass(frozen=True, slots=True)
class Problem:
    """`line` and `column` count characters from 1, `length` characters from there; `path` is of a mapping.

    `severity` is "error", or "warning" for what may be saved all the same.
    """

    message: str
    line: int
    column: int
    length: int = 1
    hint: str = ""
    expected: tuple[str, ...] = ()
    path: str = ""
    severity: str = "error"


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning about a destination's `field`. `line` and `column` are those within the condition, or within
    the string at `path` of the mapping."""

    field: str
    message: str
    hint: str
    path: str
    line: int
    column: int

    @property
    def sentence(self) -> str:
        """All of it but the field."""
        place = {"line": self.line, "column": self.column}
        where = self.path or _("line %(line)s, column %(column)s") % place
        return f"{where}: {self.message}{f' ({self.hint})' if self.hint else ''}"


def check_condition(text: str, sample: Sample | None = None) -> list[Problem]:
    """Blank is nothing wrong: it means everybody. Without a sample no profiles are compared with."""
    if not text.strip():
        return []
    try:
        condition = parse_condition(text)
    except NotationError as error:
        return [_problem(error, text, error.offset or 0, 1)]
    return [_warning(one, text, one.offset, 1) for one in _warnings(condition, sample)]


def check_mapping(text: str, sample: Sample | None = None) -> list[Problem]:
    try:
        value = documents.parse(text, unique_keys=True)
        documents.canonical(value)
    except EqualKeys as error:
        return [_equal_keys(text, error)]
    except InvalidDocument as error:
        return [_not_json(text, str(error))]
    try:
        template = parse_template(value)
    except NotationError as error:
        return [_problem(error, text, *_place_in_json(text, error))]
    found = _warnings(template, sample)
    spans = json_spans.find_all(text, {one.path for one in found})
    return [_warning(one, text, *_place_in_string(text, spans.get(one.path), one.offset)) for one in found]


def warnings(destination: Destination, sample: Sample | None) -> list[Warned]:
    """About its prerequisites and its mapping; none about one that cannot be read. Without a sample no
    profiles are compared with."""
    found = []
    for name, parse in (("prerequisites", parse_condition), ("mapping", parse_template)):
        value = getattr(destination, name)
        if value == "" or (isinstance(value, str) and not value.strip()):
            continue
        with suppress(NotationError):
            found += [_warned(name, one) for one in _warnings(parse(value), sample)]
    return [*found, *islice(_about_targets(destination), MAX_WARNINGS)]


def _about_targets(destination: Destination) -> Iterator[Warned]:
    """What the mapping makes and the other system does not have, or does not let be written."""
    if destination.resource_id is None or not target_fields.offers(destination):
        return
    known = {field.name: field for field in target_fields.known(destination)}
    within = {name.rpartition(".")[0] for name in known if "." in name}
    for path in _targets(destination.mapping) if known else ():
        name = ".".join(path)
        if name in known and known[name].read_only:
            said, hint = message("the destination has %(name)s only for reading", name=name), ""
        elif name in known or name in within or path[0] in known:
            continue
        else:
            said = message("the destination has no field %(name)s", name=name)
            near = difflib.get_close_matches(name, known, 1)
            hint = message("the nearest that it has is %(name)s", name=near[0]) if near else ""
        yield Warned("mapping", translated(said), translated(hint), f"$.{name}", 1, 1)


def _targets(mapping: object, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The fields that a mapping makes, each as its names from the outside in; of lists only the whole."""
    if not isinstance(mapping, dict):
        return
    for key, value in mapping.items():
        if key.startswith("$") or key == "..." or "{{" in key:
            continue
        path = (*above, key.removesuffix("?"))
        below = list(_targets(value, path))
        yield from below or [path]


def _warned(name: str, one: NotationWarning) -> Warned:
    return Warned(name, translated(one.message), translated(one.hint), one.path, one.line, one.column)


def _warnings(parsed: Condition | Template, sample: Sample | None) -> list[NotationWarning]:
    found = notation_warnings.warnings(parsed.written)
    if sample is not None:
        found += islice(_unknown_paths(parsed, sample), MAX_WARNINGS)
    return found[:MAX_WARNINGS]


def _unknown_paths(parsed: Condition | Template, sample: Sample) -> Iterator[NotationWarning]:
    """Each path once, where it stands first."""
    seen: set[str] = set()
    for reference, written in notation_warnings.fields(parsed.written):
        keys = tuple(key.name for key in reference.keys)
        if reference.source != OFFERED or reference.text in seen or not sample.lacks(keys):
            continue
        seen.add(reference.text)
        near = sample.nearest(keys)
        hint = message("the nearest that some have is %(name)s", name=f"{OFFERED}@{near}") if near else ""
        said = message("none of the profiles looked at (%(number)s) has this path", number=sample.profiles)
        yield notation_warnings.at(written, reference.start, said, hint)


def _warning(one: NotationWarning, text: str, offset: int, length: int) -> Problem:
    line, column = line_and_column(text, offset)
    hint = translated(one.hint)
    return Problem(translated(one.message), line, column, length, hint, path=one.path, severity="warning")


def _problem(error: NotationError, text: str, offset: int, length: int) -> Problem:
    line, column = line_and_column(text, offset)
    hint, expected = translated(error.hint or ""), tuple(map(translated, error.expected))
    said = translated(error.message)
    return Problem(said, line, column, length, hint=hint, expected=expected, path=error.path or "")


def _place_in_json(text: str, error: NotationError) -> tuple[int, int]:
    """Offset and length: one character of a string, or the whole value that is wrong."""
    return _place_in_string(text, json_spans.find(text, error.path or "$"), error.offset)


def _place_in_string(text: str, span: Span | None, offset: int | None) -> tuple[int, int]:
    if span is None:
        return 0, len(text)
    if offset is None or text[span.start] != '"':
        return span.start, span.end - span.start
    return json_spans.offset_in_string(text, span, offset), 1


def _equal_keys(text: str, error: EqualKeys) -> Problem:
    line = text.split("\n")[error.line - 1]
    key = _KEY.match(line, error.column - 1)
    hint = translated(message("only the last of them would count"))
    length = len(key[0]) if key else 1
    return Problem(translated(message("this key stands here twice")), error.line, error.column, length, hint)


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
