"""Lists: counting, picking, and going through them item by item (`item@...`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from ..values import MISSING, MismatchError, absent, distinct, type_name
from .function import Function, Parameter
from .parameters import ANY, LIST

Each = Callable[[Any], Any]


def _count(value: Any) -> int:
    if value is None:
        return 0
    if not isinstance(value, (list, dict)):
        raise MismatchError(
            "%(subject)s is %(kind)s, where a list or an object is needed", kind=type_name(value)
        )
    return len(value)


def _flatten(items: list[Any]) -> list[Any]:
    """Items that are lists are replaced by what is in them; all others stay."""
    return [one for item in items for one in (item if isinstance(item, list) else (item,))]


def _map(items: list[Any], make: Each) -> list[Any]:
    """What is missing for an item is null, so that the others keep their places."""
    return [None if absent(made := make(item)) else made for item in items]


_DEEP_LIST: Final = replace(LIST, deep=True)

TABLE: Final = (
    Function("count", (ANY,), _count, takes_missing=True),
    Function("first", (LIST,), lambda items: items[0] if items else MISSING),
    Function("last", (LIST,), lambda items: items[-1] if items else MISSING),
    Function("unique", (_DEEP_LIST,), distinct),
    Function("flatten", (_DEEP_LIST,), _flatten),
    Function(
        "filter",
        (LIST, Parameter("condition", each=True, condition=True)),
        lambda items, keeps: [item for item in items if keeps(item)],
    ),
    Function("map", (LIST, Parameter("value", each=True)), _map),
)
