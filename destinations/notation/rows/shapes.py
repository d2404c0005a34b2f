"""The rows themselves, and how they come from and go to JSON, which may be anybody's."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, overload

from tracsync.common.messages import message

MAX_ROWS: Final = 300  # of one condition or mapping, groups included
MAX_DEPTH: Final = 10  # groups within groups
MAX_CHARACTERS: Final = 65_536  # of one field of a row

JOINS: Final = ("all", "any", "none", "notall")
TYPES: Final = ("text", "number", "boolean", "null", "field")
SOURCES: Final = ("field", "text", "fixed", "choice", "if", "object", "formula", "json")


class RowsError(ValueError):
    """What was given is not made of rows, or is too much for them. Its text is a message for people."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `field` is a path without `profile@`, `test` a name of condition_rows.TESTS, `value` what
    is compared with as it is typed, of one of TYPES; `other` ends a range, `unit` is that of a number of days
    or the like. `written` is the text it was read from, as long as nobody has changed it."""

    field: str = ""
    test: str = "is"
    type: str = "text"
    value: str = ""
    other: str = ""
    unit: str = "d"
    written: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """A part of a condition that rows do not show: it stays text."""

    written: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """`join` says how many of its rows have to hold: "all", "any", "none" or "notall" (not all of them)."""

    join: str = "all"
    rows: tuple[Row, ...] = ()


Row = Question | Written | Group


@dataclass(frozen=True, slots=True)
class Case:
    """One line of a choice: where the field is `when`, there it is `value`, of one of TYPES."""

    when: str = ""
    type: str = "text"
    value: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of the other system, `key`, and what it is made of.

    `source` is "field" (`field`, perhaps made a number, text or date: `cast`, by `pattern`), "text" (`value`,
    with references in braces), "fixed" (`value` of `type`), "choice" (`field`, `cases`, and otherwise `value`
    of `type`), "if" (the first of `cases` where `question` is met, and otherwise `value` of `type`), "object"
    (`rows`), "formula" (`value`) or "json" (`value` is JSON that rows do not show).
    `written` is the formula that a cast was read from, as long as nobody has changed it.
    """

    key: str = ""
    optional: bool = False
    source: str = "field"
    field: str = ""
    cast: str = ""
    pattern: str = ""
    type: str = "text"
    value: str = ""
    cases: tuple[Case, ...] = ()
    rows: tuple[Entry, ...] = ()
    written: str = ""
    question: Question = Question()


def as_json(row: Row | Entry) -> dict[str, Any]:
    """With `kind` saying which of the rows it is."""
    if isinstance(row, Group):
        return {"kind": "group", "join": row.join, "rows": [as_json(one) for one in row.rows]}
    if isinstance(row, Entry):
        shown = {one.name: getattr(row, one.name) for one in dataclasses.fields(row)}
        cases = [dataclasses.asdict(case) for case in row.cases]
        inner = {"rows": [as_json(one) for one in row.rows], "question": as_json(row.question)}
        return {"kind": "entry", **shown, "cases": cases, **inner}
    return {"kind": "question" if isinstance(row, Question) else "written", **dataclasses.asdict(row)}


def condition_from_json(given: Any) -> Group:
    """Raises RowsError for what is no group of rows, or too large."""
    row = _row(given, _Count(), 1)
    if not isinstance(row, Group):
        raise RowsError(message("a condition begins with a group of rows"))
    return row


def mapping_from_json(given: Any) -> Entry:
    """The object of all entries. Raises RowsError."""
    entry = _entry(given, _Count(), 1)
    if entry.source != "object":
        raise RowsError(message("a mapping begins with its fields"))
    return entry


@overload
def in_order(row: Entry) -> Iterator[Entry]: ...
@overload
def in_order(row: Row) -> Iterator[Row]: ...
def in_order(row: Row | Entry) -> Iterator[Row | Entry]:
    """The row and all within it, from top to bottom: their numbers are their places here."""
    yield row
    if isinstance(row, (Group, Entry)):
        for inner in row.rows:
            yield from in_order(inner)


@overload
def numbered(row: Entry, number: int) -> list[tuple[Entry, int]]: ...
@overload
def numbered(row: Row, number: int) -> list[tuple[Row, int]]: ...
def numbered(row: Row | Entry, number: int) -> list[tuple[Row | Entry, int]]:  # type: ignore[misc]
    """The rows just within one that has this number, each with its own."""
    found: list[tuple[Row | Entry, int]] = []
    number += 1
    for inner in row.rows if isinstance(row, (Group, Entry)) else ():
        found.append((inner, number))
        number += sum(1 for _row in in_order(inner))
    return found


@dataclass(slots=True)
class _Count:
    rows: int = 0

    def one_more(self, depth: int) -> None:
        self.rows += 1
        if self.rows > MAX_ROWS:
            raise RowsError(
                message("more than %(number)s rows are too many: write it as text", number=MAX_ROWS)
            )
        if depth > MAX_DEPTH:
            raise RowsError(message("groups are nested more than %(number)s deep", number=MAX_DEPTH))


def _row(given: Any, count: _Count, depth: int) -> Row:
    kind = _object(given).get("kind")
    count.one_more(depth)
    if kind == "group":
        join = _one_of(given.get("join"), JOINS)
        return Group(join, tuple(_row(one, count, depth + 1) for one in _list(given.get("rows", []))))
    if kind == "written":
        return Written(_text(given.get("written", "")))
    if kind != "question":
        raise RowsError(message("this is no row"))
    return _question(given)


def _question(given: dict[str, Any]) -> Question:
    return Question(
        **{one.name: _text(given.get(one.name, one.default)) for one in dataclasses.fields(Question)}
    )


def _entry(given: Any, count: _Count, depth: int) -> Entry:
    if _object(given).get("kind") != "entry":
        raise RowsError(message("this is no row"))
    count.one_more(depth)
    texts = {
        name: _text(given.get(name, "")) for name in ("key", "field", "cast", "pattern", "value", "written")
    }
    cases = []
    for one in _list(given.get("cases", [])):
        count.one_more(depth)
        case = _object(one)
        kind = _one_of(case.get("type", "text"), TYPES)
        cases.append(Case(_text(case.get("when", "")), kind, _text(case.get("value", ""))))
    return Entry(
        **texts,
        optional=given.get("optional") is True,
        source=_one_of(given.get("source"), SOURCES),
        type=_one_of(given.get("type", "text"), TYPES),
        cases=tuple(cases),
        question=_question(_object(given.get("question", {}))),
        rows=tuple(_entry(one, count, depth + 1) for one in _list(given.get("rows", []))),
    )


def _object(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise RowsError(message("this is no row"))
    return given


def _list(given: Any) -> list[Any]:
    if not isinstance(given, list):
        raise RowsError(message("rows are a list"))
    return given


def _text(given: Any) -> str:
    if not isinstance(given, str) or len(given) > MAX_CHARACTERS:
        raise RowsError(
            message("a field of a row is a text of at most %(number)s characters", number=MAX_CHARACTERS)
        )
    return given


def _one_of(given: Any, names: Sequence[str]) -> str:
    if not isinstance(given, str) or given not in names:
        raise RowsError(message("a field of a row is one of %(names)s", names=", ".join(names)))
    return given
