"""Mappings: from their JSON value to rows, and back."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any, Final

from tracsync.common.messages import message

from .. import tree
from ..directives import KEYS
from ..errors import NotationError
from ..parser import parse_formula
from ..paths import Reference
from ..template_reader import Place
from ..template_reader import read as read_template
from ..template_tree import Constant, Lookup, Text
from ..templates import parse_template
from . import condition_rows
from .composed import Composed, named, reference
from .shapes import MAX_DEPTH, MAX_ROWS, Case, Entry, Group, Question, RowsError, numbered

CASTS: Final = ("", "number", "text", "date")
DAY: Final = "YYYY-MM-DD"  # the pattern of a date where nobody has chosen another
STEP: Final = "  "  # of the indentation, as the form shows mappings
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")


def read(value: Any) -> Entry:
    """The rows of a mapping. Raises RowsError where rows cannot show it; that it can be parsed is for others
    to see."""
    if not isinstance(value, dict) or frozenset(value) in KEYS or not all(map(_is_name, value)):
        raise RowsError(message("rows show a mapping that is an object of fields; this one stays text"))
    if _size(value, 1) > MAX_ROWS:  # reading a row takes much longer than counting it
        raise RowsError(message("more than %(number)s rows are too many: write it as text", number=MAX_ROWS))
    return Entry(source="object", rows=tuple(_read(key, one, 2) for key, one in value.items()))


def _size(value: Any, depth: int) -> int:
    """How many rows it makes at most."""
    if not isinstance(value, dict) or depth > MAX_DEPTH:
        return 1
    if frozenset(value) in KEYS:
        table = value.get("in")
        return 1 + len(table) if isinstance(table, dict) else 1
    return 1 + sum(_size(one, depth + 1) for one in value.values())


def _read(key: str, value: Any, depth: int) -> Entry:
    name = key.removesuffix("?")
    shown = _shown(value, depth)
    entry = Entry(**{"key": name, "optional": name != key, **shown})
    if entry.source in ("object", "json") or (_same(_value(entry), value) and _means(entry)):
        return entry
    return Entry(key=name, optional=name != key, source="json", value=_json(value))


def _means(entry: Entry) -> bool:
    """Whether a cast, written anew, is the same formula."""
    try:
        return not entry.written or parse_formula(_formula_of(entry)) == parse_formula(entry.written)
    except NotationError:
        return False


def _same(text: str, value: Any) -> bool:
    """Whether a text is the JSON of a value: 1, 1.0 and true are not the same."""
    try:
        return json.dumps(json.loads(text)) == json.dumps(value)
    except ValueError:
        return False


def _shown(value: Any, depth: int) -> dict[str, Any]:
    if isinstance(value, dict):
        return _object(value, depth)
    if isinstance(value, str):
        return _string(value)
    if value is None or isinstance(value, (bool, int, float)):
        return {"source": "fixed", **_constant(value)}
    return {"source": "json", "value": _json(value)}


def _object(value: dict[str, Any], depth: int) -> dict[str, Any]:
    directive = KEYS.get(frozenset(value))
    if directive is None and depth < MAX_DEPTH and all(map(_is_name, value)):
        return {"source": "object", "rows": tuple(_read(key, one, depth + 1) for key, one in value.items())}
    shown = {"$formula": _formula, "$lookup": _choice, "$if": _if}.get(directive or "", lambda _value: None)(
        value
    )
    return shown or {"source": "json", "value": _json(value)}


def _is_name(key: str) -> bool:
    """Whether a row can hold it: a line, which is not blank, and loses the blanks around it."""
    name = key.removesuffix("?")
    return name == name.strip() != "" and _is_one_line(name)


def _string(value: str) -> dict[str, Any]:
    try:
        part = read_template(value, Place())
    except NotationError:
        return {"source": "json", "value": _json(value)}
    if isinstance(part, Lookup):
        return {"source": "field", "field": named(part.reference.text), "cast": "number" if part.cast else ""}
    if isinstance(part, Text) and not part.cast and _is_one_line(value):
        return {"source": "text", "value": value}
    if isinstance(part, Constant) and isinstance(part.value, str) and _is_one_line(part.value):
        return {"source": "fixed", "type": "text", "value": part.value}
    return {"source": "json", "value": _json(value)}


def _is_one_line(text: str) -> bool:
    return "\n" not in text and "\r" not in text


def _constant(value: bool | int | float | str | None) -> dict[str, str]:
    if isinstance(value, str):
        return {"type": "text", "value": value}
    kind = "null" if value is None else "boolean" if isinstance(value, bool) else "number"
    return {"type": kind, "value": "" if value is None else json.dumps(value)}


def _formula(value: dict[str, Any]) -> dict[str, Any] | None:
    """What makes a field a text or a date has rows of its own; other formulas are shown as they are."""
    text = value["$formula"]
    if not isinstance(text, str) or not _is_one_line(text):
        return None
    return _cast(text) or {"source": "formula", "value": text}


def _cast(text: str) -> dict[str, Any] | None:
    try:
        call = parse_formula(text)
    except NotationError:
        return None
    if not isinstance(call, tree.Call) or not isinstance(
        call.arguments[0] if call.arguments else None, Reference
    ):
        return None
    field, *others = call.arguments
    assert isinstance(field, Reference)
    if call.function.name == "text" and not others:
        return {"source": "field", "field": named(field.text), "cast": "text", "written": text}
    if call.function.name == "datetime.format" and len(others) == 1 and isinstance(others[0], tree.Literal):
        shown = {"source": "field", "field": named(field.text), "cast": "date", "pattern": others[0].written}
        return {**shown, "written": text} if isinstance(others[0].written, str) else None
    return None


def _choice(value: dict[str, Any]) -> dict[str, Any] | None:
    """A table whose key is a field, and whose values are fields or constants."""
    of, table, otherwise = _simple(value["$lookup"]), value["in"], _simple(value.get("else"))
    if of is None or of[0] != "field" or not isinstance(table, dict) or otherwise is None:
        return None
    cases = []
    for when, one in table.items():
        gives = _simple(one)
        if gives is None or not _is_one_line(when):
            return None
        cases.append(Case(when, *gives))
    kind, text = otherwise
    return {"source": "choice", "field": of[1], "cases": tuple(cases), "type": kind, "value": text}


def _if(value: dict[str, Any]) -> dict[str, Any] | None:
    """A condition that is one question, and two fields or constants."""
    then, otherwise = _simple(value["then"]), _simple(value.get("else"))
    if then is None or otherwise is None or not isinstance(value["$if"], str):
        return None
    try:
        rows = condition_rows.read(value["$if"]).rows
    except (NotationError, RowsError):
        return None
    if len(rows) != 1 or not isinstance(rows[0], Question) or rows[0].written != value["$if"]:
        return None
    kind, text = otherwise
    return {"source": "if", "question": rows[0], "cases": (Case("", *then),), "type": kind, "value": text}


def _simple(value: Any) -> tuple[str, str] | None:
    """The type and text of a field or constant that fits into one line."""
    if isinstance(value, (dict, list)):
        return None
    shown = _shown(value, MAX_DEPTH)
    if shown["source"] == "fixed":
        return shown["type"], shown["value"]
    if shown["source"] == "field" and not shown["cast"]:
        return "field", shown["field"]
    return None


def write(top: Entry, without: Collection[int] = ()) -> Composed:
    """The JSON text of the mapping. Blank rows and those whose numbers are in `without` are left out; what is
    half filled in stands there so, and is a mistake where it does."""
    composed = Composed()
    with composed.row(0):
        _write_object(top, 0, composed, "", without)
    return composed


def is_blank(entry: Entry) -> bool:
    """Whether nobody has filled anything in."""
    return not (entry.key.strip() or entry.field.strip() or entry.value.strip() or entry.cases or entry.rows)


def _write_object(
    entry: Entry, number: int, composed: Composed, indent: str, without: Collection[int]
) -> None:
    shown = [(row, at) for row, at in numbered(entry, number) if not is_blank(row) and at not in without]
    inner = indent + STEP
    composed.add("{")
    for position, (row, at) in enumerate(shown):
        composed.add(f"{',' if position else ''}\n{inner}")
        with composed.row(at):
            composed.add(f"{_json(key_of(row))}: ")
            if row.source == "object":
                _write_object(row, at, composed, inner, without)
            else:
                composed.add(_value(row, inner))
    composed.add(f"\n{indent}}}" if shown else "}")


def key_of(entry: Entry) -> str:
    """The key as mappings write it."""
    return f"{entry.key.strip()}{'?' if entry.optional else ''}"


def _value(entry: Entry, indent: str = "") -> str:
    """The JSON of what the field is made of."""
    if entry.source == "field":
        return _indented(_of_field(entry), indent)
    if entry.source == "text":
        return _json(entry.value)
    if entry.source == "fixed":
        return _literal(entry.type, entry.value)
    if entry.source == "formula":
        return _indented({"$formula": entry.value}, indent)
    if entry.source == "choice":
        return _of_choice(entry, indent)
    if entry.source == "if":
        return _of_if(entry, indent)
    try:
        return _indented(json.loads(entry.value), indent)
    except (ValueError, RecursionError):
        return entry.value


def _of_field(entry: Entry) -> Any:
    text = reference(entry.field)
    if entry.cast in ("text", "date"):
        return {"$formula": entry.written or _formula_of(entry)}
    return f"`{text}`" if entry.cast == "number" else text


def _formula_of(entry: Entry) -> str:
    text = reference(entry.field)
    if entry.cast == "text":
        return f"text({text})"
    pattern = entry.pattern or DAY
    quoted = f"'{pattern}'" if "'" not in pattern and "\\" not in pattern else _json(pattern)
    return f"datetime.format({text}, {quoted})"


def _of_choice(entry: Entry, indent: str) -> str:
    inner = indent + STEP
    cases = [f"\n{inner}{STEP}{_json(case.when)}: {_literal(case.type, case.value)}" for case in entry.cases]
    table = f"{{{','.join(cases)}\n{inner}}}" if cases else "{}"
    lines = [f'"$lookup": {_json(reference(entry.field))}', f'"in": {table}']
    if entry.type != "null":
        lines.append(f'"else": {_literal(entry.type, entry.value)}')
    return "{" + ",".join(f"\n{inner}{line}" for line in lines) + f"\n{indent}}}"


def _of_if(entry: Entry, indent: str) -> str:
    then = entry.cases[0] if entry.cases else Case()
    asked = condition_rows.write(Group("all", (entry.question,))).text
    lines = [f'"$if": {_json(asked)}', f'"then": {_literal(then.type, then.value)}']
    if entry.type != "null":
        lines.append(f'"else": {_literal(entry.type, entry.value)}')
    return "{" + ",".join(f"\n{indent}{STEP}{line}" for line in lines) + f"\n{indent}}}"


def _literal(kind: str, text: str) -> str:
    """The JSON of a constant, or of a field."""
    if kind == "field":
        return _json(reference(text))
    if kind == "text":
        return _json(_escaped(text))
    return "null" if kind == "null" else text.strip()


def _escaped(text: str) -> str:
    """With a backslash before what would be more than text."""
    try:
        part = read_template(text, Place())
    except NotationError:
        part = None
    return (
        text
        if isinstance(part, Constant) and part.value == text and isinstance(part.value, str)
        else f"\\{text}"
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _indented(value: Any, indent: str) -> str:
    return json.dumps(value, ensure_ascii=False, indent=STEP).replace("\n", f"\n{indent}")


def mistake(entry: Entry) -> NotationError | None:
    """What is wrong with a row that is filled in, if anything is; of an object only its name."""
    if not entry.key.strip():
        return NotationError(message("name their field"))
    if entry.source == "object":
        return None
    if wrong := _unfinished(entry):
        return NotationError(wrong)
    try:
        value = json.loads(_value(entry))
    except (ValueError, RecursionError):
        return NotationError(message("this is not JSON"))
    try:
        parse_template({key_of(entry): value})
    except NotationError as error:
        return error
    if entry.source == "field" and _shown(value, MAX_DEPTH)["source"] != "field":
        return NotationError(message("this is no field: %(name)s", name=entry.field.strip()[:60]))
    return None


def _unfinished(entry: Entry) -> str:
    """What is missing, in the words of the rows and not of the text."""
    if entry.source in ("field", "choice") and not entry.field.strip():
        return message("choose a field")
    if entry.source in ("formula", "json") and not entry.value.strip():
        return message("a value is missing")
    if entry.source == "if" and (wrong := condition_rows.mistake(entry.question)):
        return wrong.message
    constants = [(entry.type, entry.value)] if entry.source in ("fixed", "choice", "if") else []
    constants += [(case.type, case.value) for case in entry.cases] if entry.source in ("choice", "if") else []
    return next(filter(None, (_wrong(kind, text) for kind, text in constants)), "")


def _wrong(kind: str, text: str) -> str:
    if kind == "number" and not _NUMBER.fullmatch(text.strip()):
        return message("this is no number; a fraction is written 3.5")
    if kind == "boolean" and text.strip() not in ("true", "false"):
        return message("choose yes or no")
    if kind == "field" and not text.strip():
        return message("choose a field")
    return ""
