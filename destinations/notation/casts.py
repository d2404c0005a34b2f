"""What backticks make of a value."""

from __future__ import annotations

import re
from typing import Any, Final

from .literals import MAX_DIGITS

_INTEGER: Final = re.compile(r"-?[0-9]+")
_FRACTION: Final = re.compile(r"-?(?:[0-9]+\.[0-9]*|\.[0-9]+)")
_WORDS: Final = {"true": True, "false": False, "null": None, "none": None}


def cast(value: Any) -> Any:
    """ "0042" is 42, "1.5" is 1.5, "TRUE" is true, "none" is null; everything else stays."""
    if not isinstance(value, str) or len(value) > MAX_DIGITS:
        return value
    if value.lower() in _WORDS:
        return _WORDS[value.lower()]
    if _INTEGER.fullmatch(value):
        return int(value)
    if _FRACTION.fullmatch(value) and abs(number := float(value)) != float("inf"):
        return number
    return value
