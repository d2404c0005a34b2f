"""Objects of a template that are no objects of the payload: `$formula`, `$if`, `$map`, `$lookup`, `$literal`.

An object is a directive only if its keys are exactly those of one, so that payloads with other `$` keys
(`{"$set": ...}`) stay what they are. There are no more than these: functions that somebody adds are used
within `$formula` and never change what a template means.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

from tracsync.common.messages import message

from . import functions
from .budget import COST_OF_PART
from .errors import NotationError
from .parser import parse, parse_formula
from .paths import ITEM, LOOP, SOURCES
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
    ("$map", "as", "to"),
    ("$map", "as", "where", "to"),
)
KEYS: Final = {frozenset(form): form[0] for form in _FORMS}  # the keys of an object: what directive it is

_NAME: Final = re.compile(r"[^\W\d]\w{0,50}")
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
        parsed = parse_text(text, sources=place.sources, names=place.names)
    except NotationError as error:
        path: str = place.key(key).path
        raise error.placed(text, path=path) if isinstance(text, str) else _no_text(key, path) from None
    place.key(key).note(text, parsed)
    return parsed


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
    name = _name_of_items(value, place) if "as" in value else ""
    within = place.within(name)
    where = _parsed(parse, value, "where", within) if "where" in value else None
    to = read(value["to"], within.key("to"))
    cost = COST_OF_PART * sum(1 for _ in parts_below(to))
    return Each(
        *(over, value.get("where", ""), where, to, name, cost),
        *(place.key("$map").path, place.key("where").path),
    )


def _name_of_items(value: dict[str, Any], place: Any) -> str:
    """What stands before the @ for an item of this list. Raises NotationError."""
    name, path = value["as"], place.key("as").path
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name != name.lower():
        hint = message("such as %(example)s", example='"as": "order"')
        needs = message('"as" needs a name: lower-case letters, digits and _')
        raise NotationError(needs, hint=hint, path=path)
    if name in (*SOURCES, *place.sources, ITEM, LOOP):
        raise NotationError(message("%(name)s is a source, and no name for an item", name=name), path=path)
    if functions.get(name):
        raise NotationError(message("%(name)s is a function, and no name for an item", name=name), path=path)
    if name in place.names:
        taken = message("%(name)s is the name of the items of a list around this one", name=name)
        raise NotationError(taken, path=path)
    return name
