"""Objects of a template that are no objects of the payload: `$formula`, `$if`, `$map`, `$lookup`, `$literal`.

An object is a directive only if its keys are exactly those of one, so that payloads with other `$` keys
(`{"$set": ...}`) stay what they are. There are no more than these: functions that somebody adds are used
within `$formula` and never change what a template means.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeVar

from tracsync.common.messages import message

from .budget import COST_OF_PART
from .errors import NotationError
from .parser import parse, parse_formula
from .template_tree import Choice, Constant, Each, Formula, Part, Table, parts_below

_FORMS: Final = (
    ("$formula",),
    ("$literal",),
    ("$if", "then"),
    ("$if", "then", "else"),
    ("$lookup", "in"),
    ("$lookup", "in", "else"),
    ("$map", "to"),
    ("$map", "where", "to"),
)
KEYS: Final = {frozenset(form): form[0] for form in _FORMS}  # the keys of an object: what directive it is

NOTHING: Final = Constant(None)

Read = Callable[[Any, Any], Part]
_Tree = TypeVar("_Tree")


def read_directive(name: str, value: dict[str, Any], place: Any, read: Read) -> Part:
    """The part of an object with the keys of `name`, at a `Place` of template_reader.py, which is `read`'s.

    Raises NotationError with the JSON path.
    """
    if name == "$literal":
        return Constant(value[name])
    if name == "$formula":
        operand = _parsed(parse_formula, value, name, place)
        return Formula(value[name], operand, place.key(name).path)
    return {"$if": _choice, "$lookup": _table, "$map": _each}[name](value, place, read)


def _parsed(parse_text: Callable[..., _Tree], value: dict[str, Any], key: str, place: Any) -> _Tree:
    text = value[key]
    try:
        return parse_text(text, item=place.item, sources=place.sources)
    except NotationError as error:
        path: str = place.key(key).path
        raise error.placed(text, path=path) if isinstance(text, str) else _no_text(key, path) from None


def _no_text(key: str, path: str) -> NotationError:
    if key == "$formula":
        needs = message("%(name)s needs the text of a formula", name=key)
    else:
        needs = message("%(name)s needs the text of a condition", name=key)
    hint = message('to have this object itself in the payload, write {"$literal": ...} around it')
    return NotationError(needs, hint=hint, path=path)


def _choice(value: dict[str, Any], place: Any, read: Read) -> Part:
    condition = _parsed(parse, value, "$if", place)
    then = read(value["then"], place.key("then"))
    return Choice(value["$if"], condition, then, _otherwise(value, place, read), place.key("$if").path)


def _otherwise(value: dict[str, Any], place: Any, read: Read) -> Part:
    return read(value["else"], place.key("else")) if "else" in value else NOTHING


def _table(value: dict[str, Any], place: Any, read: Read) -> Part:
    entries, inner = value["in"], place.key("in")
    if not isinstance(entries, dict):
        raise NotationError(message('"in" needs an object: the table'), path=inner.path)
    of = read(value["$lookup"], place.key("$lookup"))
    parts = {key: read(item, inner.key(key)) for key, item in entries.items()}
    return Table(of, parts, _otherwise(value, place, read), place.key("$lookup").path)


def _each(value: dict[str, Any], place: Any, read: Read) -> Part:
    over = read(value["$map"], place.key("$map"))
    within = replace(place, item=True)
    where = _parsed(parse, value, "where", within) if "where" in value else None
    to = read(value["to"], within.key("to"))
    cost = COST_OF_PART * sum(1 for _ in parts_below(to))
    return Each(
        over, value.get("where", ""), where, to, cost, place.key("$map").path, place.key("where").path
    )
