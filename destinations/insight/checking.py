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
from destinations.connectors import registry
from destinations.connectors.base import Field
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
from destinations.notation.template_reader import below
from destinations.notation.warnings import MAX_WARNINGS, OFFERED, NotationWarning
from profiles import documents
from profiles.documents import EqualKeys, InvalidDocument
from tracsync.common.messages import message
from tracsync.common.translation import translated

_KEY = re.compile(r'"(?:[^"\\]|\\.)*+"?')
_MADE = re.compile(r"[@`]|\{\{")  # in a text that is more than fixed
MOST_CHOICES = 10  # that are named
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


def check_mapping(
    text: str, sample: Sample | None = None, destination: Destination | None = None
) -> list[Problem]:
    """With a destination, what it makes is compared with the fields of the other system that are known."""
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
    warned = [_warning(one, text, *_place_in_string(text, spans.get(one.path), one.offset)) for one in found]
    if destination is not None:
        warned += _unknown_keys(value, text, destination)
    return warned


def _unknown_keys(mapping: object, text: str, destination: Destination) -> Iterator[Problem]:
    """What the other system does not know, at the keys."""
    found = list(islice(_about_targets(mapping, destination), MAX_WARNINGS))
    spans = json_spans.find_keys(text, {one.place for one in found})
    for one in found:
        span = spans.get(one.place) or Span(0, 1)
        line, column = line_and_column(text, span.start)
        length = span.end - span.start
        yield Problem(one.said, line, column, length, one.hint, path=one.path, severity="warning")


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
    about = islice(_about_targets(destination.mapping, destination), MAX_WARNINGS)
    return [*found, *(Warned("mapping", one.said, one.hint, one.path, 1, 1) for one in about)]


@dataclass(frozen=True, slots=True)
class _Target:
    """What is said of a field that a mapping makes. `place`: where in the mapping, as it is written there."""

    path: str
    place: str
    said: str
    hint: str


def _about_targets(mapping: object, destination: Destination) -> Iterator[_Target]:
    """What a mapping makes and the other system does not have, lets nobody write, or does not take."""
    if destination.resource_id is None or not target_fields.offers(destination):
        return
    known = {field.name: field for field in target_fields.known(destination)}
    within = {name.rpartition(".")[0] for name in known if "." in name}
    within |= _of_the_payload(destination)
    for keys, value in _targets(mapping) if known else ():
        names = [key.removesuffix("?") for key in keys]
        name = ".".join(names)
        if name in known:
            said, hint = _refused(known[name], value)
            if not said:
                continue
        elif name in within or names[0] in known:
            continue
        else:
            said = message("the destination has no field %(name)s", name=name)
            near = difflib.get_close_matches(name, known, 1)
            hint = message("the nearest that it has is %(name)s", name=near[0]) if near else ""
        place = "$"
        for key in keys:
            place = below(place, key)
        yield _Target(f"$.{name}", place, translated(said), translated(hint))


def _of_the_payload(destination: Destination) -> set[str]:
    """What a payload has beside the fields that the system lists, such as the address of a person."""
    connector = registry.find(destination.resource.type_id)
    return set() if connector is None else set(connector.payload_schema.get("properties", ()))


def _refused(field: Field, value: object) -> tuple[str, str]:
    """Why the system would not take a value for this field, as far as the mapping tells it; "" if it may."""
    if field.read_only:
        return message("the destination has %(name)s only for reading", name=field.name), ""
    is_fixed = isinstance(value, str) and not _MADE.search(value)
    if not (is_fixed and field.choices) or value in field.choices:
        return "", ""
    said = message("the field %(name)s of the destination does not take this", name=field.name)
    shown = ", ".join(field.choices[:MOST_CHOICES]) + (", ..." if len(field.choices) > MOST_CHOICES else "")
    return said, message("it takes: %(names)s", names=shown)


def _targets(mapping: object, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """The fields that a mapping makes, each by its keys from the outside in; of lists and directives, such as
    $if with its then and else, only the whole."""
    if not isinstance(mapping, dict) or any(key.startswith("$") for key in mapping):
        return
    for key, value in mapping.items():
        if key == "..." or "{{" in key:
            continue
        path = (*above, key)
        inner = list(_targets(value, path))
        yield from inner or [(path, value)]


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
