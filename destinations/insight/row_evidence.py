"""What stands beside the rows of a condition or mapping: mistakes and warnings where they are made, what one
profile has there, and how many profiles meet each row.

Everything is answered in the order of the rows, from top to bottom (`shapes.in_order`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.cache import cache
from django.utils.translation import gettext as _

from destinations.insight import checking, estimate
from destinations.insight.checking import Problem
from destinations.insight.path_suggestions import Sample
from destinations.models import Destination
from destinations.notation import NotationError, parse_condition, parse_template
from destinations.notation.paths import follow
from destinations.notation.rows import condition_rows, mapping_rows
from destinations.notation.rows.composed import Composed, keys_of, path_of
from destinations.notation.rows.shapes import Entry, Group, Question, Row, in_order
from profiles.models import Profile
from tracsync.common.messages import shortened
from tracsync.common.translation import translated

LOOKED_AT = 1_000  # profiles at most, for the counts
COUNTING_SECONDS = 1.5
SAMPLE_SECONDS = 1.0  # for what one profile has at all rows
KEPT = 60  # seconds that the same profiles are looked at, so that numbers stay where nothing was changed
MOST_VALUE = 120  # characters of a value
_CACHE_KEY = "tracsync:row-evidence"


@dataclass(slots=True)
class Evidence:
    """Of one row. `value` is what the profile has there, as JSON; None where that is not known. `outcome` is
    "met", "not met", "missing", "left out" or "error", or "" where no profile was looked at."""

    problems: list[dict[str, str]] = field(default_factory=list)
    suggestion: str = ""  # the field that was probably meant
    value: str | None = None
    outcome: str = ""

    def say(self, severity: str, message: str, hint: str | None = "") -> None:
        said = {"severity": severity, "message": translated(message), "hint": translated(hint or "")}
        if said not in self.problems:
            self.problems.append(said)


def of_condition(
    group: Group, sample: Sample | None = None, document: Any = None
) -> tuple[str, list[Evidence]]:
    """The text of the rows, and what is to be said of each. Without a sample no profiles are compared with,
    without a document there are no values."""
    rows = list(in_order(group))
    found = [Evidence() for _row in rows]
    wrong = _mistakes(rows, found, _mistake_of_question)
    right = condition_rows.write(group, without=wrong)
    _place(checking.check_condition(right.text, sample), right, found)
    _suggest(rows, found, sample)
    if document is not None:
        _answer(_conditions(rows, right), found, {"profile": document})
    return condition_rows.write(group).text, found


def of_mapping(
    top: Entry, sample: Sample | None = None, document: Any = None, destination: Destination | None = None
) -> tuple[str, list[Evidence]]:
    """As of a condition. With a destination, keys are compared with the fields of the other system."""
    rows = list(in_order(top))
    found = [Evidence() for _row in rows]
    wrong = _mistakes(rows, found, _mistake_of_entry)
    right = mapping_rows.write(top, without=wrong)
    _place(checking.check_mapping(right.text, sample, destination), right, found)
    _suggest(rows, found, sample)
    if document is not None:
        _render(rows, wrong, found, {"profile": document})
    return mapping_rows.write(top).text, found


def _mistakes(rows: Sequence[Row | Entry], found: list[Evidence], judge: Callable[[Any], Any]) -> set[int]:
    """The numbers of the rows that cannot be read; of each is said why."""
    wrong = set()
    for number, row in enumerate(rows):
        if (error := judge(row)) is not None and number:
            found[number].say("error", error.message, error.hint)
            wrong.add(number)
    return wrong


def _mistake_of_question(row: Row) -> NotationError | None:
    return None if isinstance(row, Group) or condition_rows.is_blank(row) else condition_rows.mistake(row)


def _mistake_of_entry(row: Entry) -> NotationError | None:
    return None if mapping_rows.is_blank(row) else mapping_rows.mistake(row)


def _place(problems: list[Problem], composed: Composed, found: list[Evidence]) -> None:
    """Each at the row in which it stands."""
    starts = [0]
    for line in composed.text.split("\n"):  # nothing else ends a line, whatever stands in a text
        starts.append(starts[-1] + len(line) + 1)
    for problem in problems:
        offset = starts[min(problem.line, len(starts)) - 1] + problem.column - 1
        number = composed.row_at(offset)
        found[number].say(problem.severity, problem.message, problem.hint)


def _suggest(rows: Sequence[Row | Entry], found: list[Evidence], sample: Sample | None) -> None:
    """The nearest field that some profiles have, for those that none has."""
    for row, evidence in zip(rows, found, strict=True):
        if sample is None or not isinstance(row, (Question, Entry)):
            continue
        asked = row.question.field if isinstance(row, Entry) and row.source == "if" else row.field
        keys = keys_of(asked) if asked.strip() else None
        if keys is not None and sample.lacks(keys):
            evidence.suggestion = sample.nearest(keys) or ""


def _conditions(rows: Sequence[Row], right: Composed) -> list[tuple[int, Row, Any]]:
    """Of each row that can be judged: its number, and the condition that it is."""
    found = []
    for number, row in enumerate(rows):
        if span := right.spans.get(number):
            try:
                found.append((number, row, parse_condition(right.text[span.start : span.end])))
            except NotationError:
                continue
    return found


def _answer(conditions: list[tuple[int, Row, Any]], found: list[Evidence], sources: dict[str, Any]) -> None:
    ends_at = time.monotonic() + SAMPLE_SECONDS
    for number, row, condition in conditions:
        if time.monotonic() > ends_at:
            return
        try:
            found[number].outcome = "met" if condition.evaluate(sources) else "not met"
        except NotationError as error:
            found[number].outcome = "error"
            found[number].say("warning", _("For this profile it fails."), error.message)
        if isinstance(row, Question) and (path := path_of(row.field)) is not None:
            found[number].value = _shown(follow(path, sources))


def _render(rows: Sequence[Entry], wrong: set[int], found: list[Evidence], sources: dict[str, Any]) -> None:
    ends_at = time.monotonic() + SAMPLE_SECONDS
    for number, row in enumerate(rows):
        if row.source == "object" or number in wrong or mapping_rows.is_blank(row):
            continue
        if time.monotonic() > ends_at:
            return
        alone = mapping_rows.write(Entry(source="object", rows=(row,))).text
        try:
            made = parse_template(json.loads(alone)).render(sources)
        except NotationError as error:
            found[number].outcome = "error"
            found[number].say("warning", _("For this profile it fails."), error.message)
        except ValueError:  # two equal keys within it, or the like: said already
            continue
        else:
            value = next(iter(made.values())) if made else None
            found[number].outcome = "met" if made else "left out"
            found[number].value = _shown(value) if made else None


def _shown(value: Any) -> str | None:
    """As JSON, not too long; None where there is nothing."""
    try:
        return shortened(json.dumps(value, ensure_ascii=False), MOST_VALUE)
    except TypeError:  # what a missing path gives
        return None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of the profiles looked at meet each row, None for what cannot be judged; and for how many it
    fails."""

    looked_at: int
    total: int
    met: list[int | None]
    failed: list[int]


def counted(group: Group) -> Counts:
    """Of at most LOOKED_AT profiles picked at random: all of them where there are no more."""
    rows = list(in_order(group))
    wrong = {number for number, row in enumerate(rows) if _mistake_of_question(row) is not None}
    conditions = _conditions(rows, condition_rows.write(group, without=wrong))
    ends_at = time.monotonic() + COUNTING_SECONDS

    def look(profiles: list[Profile]) -> Iterator[set[str]]:
        for profile in profiles:
            holds = set()
            for number, _row, condition in conditions:
                if time.monotonic() > ends_at:
                    return
                try:
                    if condition.evaluate({"profile": profile.document}):
                        holds.add(f"{number}")
                except NotationError:
                    holds.add(f"{number} failed")
            yield holds

    found = estimate.look_at_profiles(look, _same_for_a_while(), COUNTING_SECONDS)
    judged = {number for number, _row, _condition in conditions}
    numbers = range(len(rows))
    met = [found.held[f"{number}"] if number in judged else None for number in numbers]
    return Counts(found.looked_at, found.total, met, [found.held[f"{number} failed"] for number in numbers])


def _same_for_a_while() -> tuple[list[str], int]:
    kept: tuple[list[str], int] | None = cache.get(_CACHE_KEY)
    if kept is None:
        kept = estimate.chosen(LOOKED_AT, LOOKED_AT)
        if kept[1] > LOOKED_AT:  # otherwise all are looked at, and new ones count at once
            cache.set(_CACHE_KEY, kept, KEPT)
    return kept


def forget() -> None:
    """Look at other profiles from now on."""
    cache.delete(_CACHE_KEY)
