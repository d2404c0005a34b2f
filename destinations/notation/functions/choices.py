"""Choosing a value: by what is there, by a condition, by a small table."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from ..budget import COST
from ..errors import NotationError
from ..values import MISSING, MismatchError, absent, same
from .function import Function, Parameter
from .parameters import ANY_DEPTH

Ask = Callable[[], Any]


def _default(*values: Ask) -> Any:
    """The first that is neither missing nor null; those after it are not looked at."""
    return next((found for value in values if not absent(found := value())), MISSING)


def _try(value: Ask, other: Ask) -> Any:
    """The other where the first cannot be had. When no work is left, `Function.call` says so all the same."""
    with suppress(NotationError, MismatchError):
        if not absent(found := value()):
            return found
    return _default(other)


def _if(condition: Ask, then: Ask, otherwise: Ask | None = None) -> Any:
    if condition():
        return then()
    return MISSING if otherwise is None else otherwise()


def _lookup(value: Any, *table: Any) -> Any:
    """`table` is key, value, key, value ... and perhaps what stands for every other key."""
    for position in range(0, len(table) - 1, 2):
        if same(value, table[position]):
            return table[position + 1]
    return table[-1] if len(table) % 2 else MISSING


_LAZY: Final = Parameter("value", lazy=True)
_OTHER: Final = _LAZY.named("other")
_CONDITION: Final = Parameter("condition", lazy=True, condition=True)

TABLE: Final = (
    Function("default", (_LAZY, _OTHER), _default, repeats=True, takes_missing=True),
    Function("coalesce", (_LAZY, _OTHER), _default, repeats=True, takes_missing=True),
    Function("try", (_LAZY, _OTHER), _try, takes_missing=True, more_work=5 * COST),  # an error takes long
    Function(
        "if", (_CONDITION, _LAZY.named("then"), _LAZY.named("else")), _if, required=2, takes_missing=True
    ),
    Function(
        "lookup",
        (ANY_DEPTH, ANY_DEPTH.named("key"), ANY_DEPTH.named("its value")),
        _lookup,
        repeats=True,
        takes_missing=True,
    ),
)
