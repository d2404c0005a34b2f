"""All functions by name: the built-in ones, registered ones, and those that installed packages declare."""

from __future__ import annotations

import logging
import re
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from ..literals import KEYWORDS
from . import audiences, choices, dates, lists, numbers, objects, texts
from .function import Function

GROUP: Final = "tracsync.functions"

_NAME = re.compile(r"[a-z_][a-z0-9_]*(?:\.[a-z0-9_]+)*")
_BUILT_IN: Final = {
    function.name: function
    for table in (
        dates.TABLE,
        texts.TABLE,
        numbers.TABLE,
        lists.TABLE,
        objects.TABLE,
        choices.TABLE,
        audiences.TABLE,
    )
    for function in table
}
_registered: dict[str, Function] = {}

logger = logging.getLogger(__name__)


def get(name: str) -> Function | None:
    """The function of this name, in any case; None if there is none, or its package is broken."""
    name = name.lower()
    return _BUILT_IN.get(name) or _registered.get(name) or _load(name)


def names() -> list[str]:
    """The names of all functions, built-in ones first. Imports no package."""
    return list(dict.fromkeys([*_BUILT_IN, *_registered, *_declared()]))


def register(function: Function) -> Function:
    """Offer a function in both languages, for this process. Gives it back.

    Raises ValueError for a name that is taken or cannot be written. Conditions and templates that are
    parsed already keep the functions they were parsed with.
    """
    if _NAME.fullmatch(function.name) is None or function.name.upper() in KEYWORDS:
        raise ValueError(f"{function.name!r} is no name for a function: lower case, digits, _ and dots")
    if function.name in _BUILT_IN or function.name in _registered:
        raise ValueError(f"there is a function {function.name} already")
    _registered[function.name] = function
    return function


def forget() -> None:
    """Only the built-in functions and what installed packages declare now (for tests)."""
    _registered.clear()
    _declared.cache_clear()
    _loaded.cache_clear()


@cache
def _declared() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP) if entry.name not in _BUILT_IN}


def _load(name: str) -> Function | None:
    """Only names that packages declare are kept: others are whatever people write."""
    entry = _declared().get(name)
    return None if entry is None else _loaded(entry)


@cache
def _loaded(entry: EntryPoint) -> Function | None:
    name = entry.name
    try:
        function = entry.load()
        if not isinstance(function, Function) or function.name != name:
            raise TypeError(f"{entry.value} is no Function of the name {name}")
    except Exception:  # a foreign module may raise anything while it is imported
        logger.exception("function %s (%s) cannot be used and is left out", name, entry.value)
        return None
    return function
