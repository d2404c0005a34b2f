"""Conditions: from text to rows, and back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from typing import Any, Final

from tracsync.common.messages import message

from .. import tree
from ..errors import NotationError
from ..literals import read_number
from ..parser import parse
from ..paths import Reference, parse_path
from ..printer import write as in_normal_form
from .composed import Composed, named, reference
from .shapes import MAX_DEPTH, MAX_ROWS, Group, Question, Row, RowsError, Written, numbered

# Of tests with one plain value: the operator, and whether it is negated.
_COMPARED: Final = {
    "is": ("==", False),
    "is_not": ("==", True),
    "greater": (">", False),
    "at_least": (">=", False),
    "less": ("<", False),
    "at_most": ("<=", False),
    "contains": ("CONTAINS", False),
    "not_contains": ("CONTAINS", True),
    "starts": ("STARTS WITH", False),
    "not_starts": ("STARTS WITH", True),
    "ends": ("ENDS WITH", False),
    "not_ends": ("ENDS WITH", True),
}
ALONE: Final = {
    "exists": ("EXISTS", False),
    "not_exists": ("EXISTS", True),
    "not_empty": ("EMPTY", True),
    "empty": ("EMPTY", False),
    "null": ("NULL", False),
    "not_null": ("NULL", True),
}
LISTS: Final = {"one_of": ("IN", False), "none_of": ("IN", True)}
DATES: Final = {"before": "<", "until": "<=", "after": ">", "from": ">="}
SPANS: Final = {
    "last": 'datetime({field}) BETWEEN now.offset("-{length}") AND now()',
    "next": 'datetime({field}) BETWEEN now() AND now.offset("{length}")',
    "longer_ago": 'datetime({field}) < now.offset("-{length}")',
    "later_than_ago": 'datetime({field}) > now.offset("-{length}")',
}
TESTS: Final = (*_COMPARED, *LISTS, "between", *ALONE, *DATES, *SPANS)
UNITS: Final = ("m", "h", "d", "w")
NEW_LINE: Final = "\n"

_ITEM = re.compile(r'\s*+"((?:[^"]|"")*+)"\s*+(?=,|\Z)|([^,]++)')
_OFFSET = re.compile(r"(-?)(\d{1,6})([mhdw])")
_NAMES: Final = {operator: name for name, operator in (_COMPARED | ALONE | LISTS).items()}
_NAMES_OF_DATES: Final = {operator: name for name, operator in DATES.items()}
_JOINS: Final = {"AND": "all", "OR": "any"}
_NEGATED: Final = {"AND": "notall", "OR": "none"}
_WORDS: Final = {"all": "AND", "any": "OR", "none": "OR", "notall": "AND"}


def read(text: str) -> Group:
    """The rows of a condition; none of a blank one. Raises NotationError where it cannot be read, RowsError
    where it is too large for rows."""
    if not text.strip():
        return Group()
    node = parse(text)
    if _size(node) >= MAX_ROWS:  # reading a row takes much longer than counting it
        raise RowsError(message("more than %(number)s rows are too many: write it as text", number=MAX_ROWS))
    row = _read(node, text, 1)
    return row if isinstance(row, Group) else Group("all", (row,))


def _size(node: tree.Node) -> int:
    """How many rows it makes at most."""
    return 1 + sum(map(_size, node.parts)) if isinstance(node, tree.Logic) else 1


def _read(node: tree.Node, text: str, depth: int) -> Row:
    written = text[node.start : node.end]
    if isinstance(node, tree.Test):
        test = _test(node, written, text)
        return test if test is not None and _means(test, node) else Written(written)
    if depth >= MAX_DEPTH:
        return Written(written)
    if node.operator != "NOT":
        return Group(_JOINS[node.operator], tuple(_read(part, text, depth + 1) for part in node.parts))
    (inner,) = node.parts
    if isinstance(inner, tree.Logic) and inner.operator != "NOT":
        return Group(_NEGATED[inner.operator], tuple(_read(part, text, depth + 1) for part in inner.parts))
    return Group("none", (_read(inner, text, depth + 1),))


def _means(test: Question, node: tree.Test) -> bool:
    """Whether the row, written anew, is the same question."""
    try:
        return parse(_rewritten(test)) == node
    except NotationError:
        return False


def _test(node: tree.Test, written: str, text: str) -> Question | None:
    subject, *others = node.operands
    kept = {"written": written}
    if isinstance(subject, tree.Call):
        return _of_dates(node, subject, others, kept)
    if not isinstance(subject, Reference):
        return None
    kept["field"] = named(subject.text)
    name = _NAMES.get((node.operator, node.negated), node.operator)
    if name in ALONE:
        return Question(test=name, **kept)
    if name in LISTS:
        return _of_list(name, others[0], text, kept)
    values = [_value(one, text) for one in others]
    if None in values or len({value[0] for value in values if value}) != 1:
        return None
    (kind, first), *rest = [value for value in values if value]
    if node.operator == "BETWEEN":
        if not (first.strip() and rest[0][1].strip()):  # it would look as if nothing was filled in
            return None
        return Question(test="between", type=kind, value=first, other=rest[0][1], **kept)
    return Question(test=name, type=kind, value=first, **kept) if name in _COMPARED else None


def _value(operand: tree.Operand, text: str) -> tuple[str, str] | None:
    """The type and the text of a value that fits into one line."""
    if isinstance(operand, Reference):
        return "field", named(operand.text)
    if not isinstance(operand, tree.Literal):
        return None
    value = operand.written
    if isinstance(value, bool):
        return "boolean", "true" if value else "false"
    if isinstance(value, (int, float)):
        return "number", text[operand.start : operand.end]
    return ("text", value) if isinstance(value, str) and _is_one_line(value) else None


def _is_one_line(text: str) -> bool:
    return "\n" not in text and "\r" not in text


def _of_list(name: str, operand: tree.Operand, text: str, kept: dict[str, str]) -> Question | None:
    values = (
        operand.written if isinstance(operand, tree.Literal) and isinstance(operand.written, list) else []
    )
    if values and all(isinstance(value, str) and _is_one_line(value) for value in values):
        return Question(test=name, type="text", value=_with_commas(values), **kept)
    if values and all(type(value) in (int, float) for value in values):
        return Question(test=name, type="number", value=", ".join(map(repr, values)), **kept)
    return None


def _with_commas(values: list[str]) -> str:
    """In quotes, doubled within, what would not be read as it is."""
    return ", ".join(
        value if _is_plain(value) else '"{}"'.format(value.replace('"', '""')) for value in values
    )


def _is_plain(value: str) -> bool:
    return value == value.strip() != "" and "," not in value and not value.startswith('"')


def _between_commas(text: str) -> list[str]:
    """The values; of those without quotes blank ones do not count."""
    values = []
    for quoted, plain in (match.groups() for match in _ITEM.finditer(text)):
        if quoted is not None:
            values.append(quoted.replace('""', '"'))
        elif plain.strip():
            values.append(plain.strip())
    return values


def _of_dates(
    node: tree.Test, subject: tree.Call, others: list[Any], kept: dict[str, str]
) -> Question | None:
    if subject.function.name != "datetime" or len(subject.arguments) != 1 or node.negated:
        return None
    (field,) = subject.arguments
    if not isinstance(field, Reference) or not all(isinstance(one, tree.Call) for one in others):
        return None
    kept["field"] = named(field.text)
    if node.operator in _NAMES_OF_DATES and (day := _argument(others[0], "datetime")) is not None:
        return Question(test=_NAMES_OF_DATES[node.operator], type="text", value=day, **kept)
    lengths = [_argument(one, "now.offset") for one in others]
    length = next((one for one in lengths if one), None)
    if length is None or not (match := _OFFSET.fullmatch(length)):
        return None
    name = {
        ("BETWEEN", "-"): "last",
        ("BETWEEN", ""): "next",
        ("<", "-"): "longer_ago",
        (">", "-"): "later_than_ago",
    }
    test = name.get((node.operator, match[1]))
    return Question(test=test, type="number", value=match[2], unit=match[3], **kept) if test else None


def _argument(call: tree.Call, function: str) -> str | None:
    """The text that a function is called with, if it is this function and a text alone."""
    if call.function.name != function or len(call.arguments) != 1:
        return None
    (argument,) = call.arguments
    if not isinstance(argument, tree.Literal) or not isinstance(argument.written, str):
        return None
    return argument.written if _is_one_line(argument.written) else None


def write(group: Group, without: Collection[int] = ()) -> Composed:
    """The condition of the rows, one line for each of the outermost; blank without any. Rows that are blank
    and those whose numbers are in `without` are left out; what is half filled in stands there so, and is a
    mistake where it does."""
    composed = Composed()
    _write_group(group, 0, composed, _Kept(group, without), outermost=True)
    return composed


class _Kept:
    """Which rows are written, by their numbers: groups, if any of their rows is."""

    def __init__(self, group: Group, without: Collection[int]) -> None:
        self.numbers: set[int] = set()
        self.without = without
        self.keep(group, 0)

    def keep(self, row: Row, number: int) -> bool:
        if number in self.without:
            return False
        inner = [self.keep(one, at) for one, at in numbered(row, number)]
        kept = any(inner) if isinstance(row, Group) else not is_blank(row)
        if kept:
            self.numbers.add(number)
        return kept

    def of(self, group: Group, number: int) -> list[tuple[Row, int]]:
        return [(row, at) for row, at in numbered(group, number) if at in self.numbers]


def is_blank(row: Question | Written) -> bool:
    """Whether nobody has filled anything in."""
    if isinstance(row, Written):
        return not row.written.strip()
    return not (row.field.strip() or row.value.strip() or row.other.strip())


def _write_group(group: Group, number: int, composed: Composed, kept: _Kept, *, outermost: bool) -> None:
    shown = kept.of(group, number)
    if not shown:
        return
    is_negated, is_alone = group.join in ("none", "notall"), len(shown) == 1
    opening = "NOT (" if is_negated else "" if outermost or is_alone else "("
    separator = f"{' ' if opening or is_alone else NEW_LINE}{_WORDS[group.join]} "
    with composed.row(number):
        composed.add(opening)
        for position, (row, at) in enumerate(shown):
            composed.add(separator if position else "")
            if isinstance(row, Group):
                # one that is all there is has no brackets around it
                _write_group(row, at, composed, kept, outermost=outermost and is_alone and not is_negated)
                continue
            with composed.row(at):
                composed.add(_part(row, alone=is_alone and (outermost or is_negated)))
        composed.add(")" if opening else "")


def _part(row: Question | Written, *, alone: bool) -> str:
    text = row.written.strip() if row.written else _rewritten(row) if isinstance(row, Question) else ""
    if isinstance(row, Question) or alone:
        return text
    try:
        node = parse(text)
    except NotationError:
        return text
    return f"({text})" if isinstance(node, tree.Logic) and node.operator != "NOT" else text


def _rewritten(test: Question) -> str:
    """The text of a row as it is filled in."""
    field = _field(test.field)
    if test.test in ALONE:
        operator, negated = ALONE[test.test]
        if operator == "NULL":
            return f"{field} IS {'NOT ' if negated else ''}NULL"
        return f"{field} {'NOT ' if negated else ''}{operator}"
    if test.test in LISTS:
        values = ", ".join(_literal(one, test.type) for one in _between_commas(test.value))
        return f"{field} {'NOT IN' if test.test == 'none_of' else 'IN'} [{values}]"
    if test.test == "between":
        return f"{field} BETWEEN {_literal(test.value, test.type)} AND {_literal(test.other, test.type)}"
    if test.test in DATES:
        return f"datetime({field}) {DATES[test.test]} datetime({_quoted(test.value.strip())})"
    if test.test in SPANS:
        length = f"{test.value.strip()}{test.unit if test.unit in UNITS else ''}"
        return SPANS[test.test].format(field=field, length=_quoted(length)[1:-1])
    operator, negated = _COMPARED.get(test.test, ("==", False))
    shown = "!=" if operator == "==" and negated else f"{'NOT ' if negated else ''}{operator}"
    return f"{field} {shown} {_literal(test.value, test.type)}"


def _field(name: str) -> str:
    """The reference; keys that conditions want in brackets get them."""
    text = reference(name)
    start = text.index("@") + 1
    for template in (False, True):
        try:
            keys = parse_path(text, start, len(text), template=template)
        except NotationError:
            continue
        return text if not template else in_normal_form(Reference(text[: start - 1], keys, text))
    return text


def _literal(value: str, kind: str) -> str:
    writers: dict[str, Callable[[str], str]] = {"text": _quoted, "field": _field}
    return writers.get(kind, str.strip)(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def mistake(row: Question | Written) -> NotationError | None:
    """What is wrong with a row that is filled in, if anything is; also what would be read otherwise."""
    text = _part(row, alone=True)
    if isinstance(row, Question) and not row.written and (wrong := _unfinished(row)):
        return NotationError(wrong)
    try:
        node = parse(text)
    except NotationError as error:
        return error
    if isinstance(row, Question) and not row.written:
        again = _read(node, text, 1)
        if not isinstance(again, Question) or again.test != row.test:
            return NotationError(message("this is no field: %(name)s", name=row.field.strip()[:60]))
    return None


def _unfinished(row: Question) -> str:
    """What is missing, in the words of the rows and not of the text."""
    if not row.field.strip():
        return message("choose a field")
    if row.test in ALONE:
        return ""
    values = [row.value, *([row.other] if row.test == "between" else [])]
    if row.test in LISTS:
        values = _between_commas(row.value)
    needs = row.type != "text" or row.test in (*DATES, *SPANS, "between")
    if not values or (needs and not all(value.strip() for value in values)):
        return message("a value is missing")
    if row.test in SPANS and not re.fullmatch(r"\d{1,6}", row.value.strip()):
        return message("a whole number is needed here")
    if row.type == "number" and row.test not in (*DATES, *SPANS) and not all(map(_is_number, values)):
        return message("this is no number; a fraction is written 3.5")
    if row.type == "boolean" and row.value not in ("true", "false"):
        return message("choose yes or no")
    return ""


def _is_number(text: str) -> bool:
    try:
        return re.fullmatch(r"[+-]?[\d.][\d.eE+-]*", text.strip()) is not None and bool(
            read_number(text.strip()) or True
        )
    except (NotationError, ValueError):
        return False
