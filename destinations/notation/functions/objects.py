"""Objects: as a list of their entries, made of a list, and several as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from ..values import MismatchError, absent, type_name
from .function import Function, Parameter
from .parameters import ANY_DEPTH, LIST

Each = Callable[[Any], Any]


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MismatchError("%(subject)s is %(kind)s, where an object is needed", kind=type_name(value))
    return value


def _entries(value: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": inner} for key, inner in value.items()]


def _made_of(items: list[Any], name: Each, make: Each) -> dict[str, Any]:
    """Items without a key are left out; of two with the same key the later one counts."""
    found = {}
    for item in items:
        key, value = name(item), make(item)
        if isinstance(key, (str, int)) and not isinstance(key, bool):
            found[str(key)] = None if absent(value) else value
        elif not absent(key):
            raise MismatchError("%(subject)s is %(kind)s, where a key is needed", side=1, kind=type_name(key))
    return found


def _merged(*given: Any) -> dict[str, Any]:
    """The later one counts more; what is missing or null has no keys."""
    return {key: value for one in given if not absent(one) for key, value in _object(one).items()}


_OBJECT: Final = Parameter("object", _object, deep=True)

TABLE: Final = (
    Function("entries", (_OBJECT,), _entries),
    Function(
        "keyed",
        (replace(LIST, deep=True), Parameter("key", each=True), Parameter("value", each=True)),
        _made_of,
    ),
    Function("merge", (ANY_DEPTH.named("object"),), _merged, repeats=True, takes_missing=True),
)
