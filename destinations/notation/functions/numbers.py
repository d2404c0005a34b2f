"""Numbers: reading, rounding, and the four operations. Whole numbers stay exact at any size."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, Final

from ..errors import NotationError
from ..literals import read_number
from ..values import MismatchError
from .function import Function, Parameter
from .parameters import INTEGER, LIST, NUMBER

MAX_BITS: Final = 13_000  # somewhat fewer digits than Python refuses to write down
MAX_PLACES: Final = 20
EXACT: Final = 2.0**53  # larger floats have no fraction

_NUMERAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")


def _read_numeral(value: Any) -> int | float:
    """A number, or a text that is one."""
    if not isinstance(value, str):
        return bounded(NUMBER.read(value))
    text = value.strip() if len(value) < MAX_BITS else ""
    if _NUMERAL.fullmatch(text) is None:
        raise MismatchError("%(subject)s is text that is no number")
    try:
        return read_number(text)
    except NotationError as error:
        raise MismatchError("%(subject)s cannot be read: %(reason)s", reason=error.message) from None


def bounded(number: int | float) -> int | float:
    """Raises MismatchError for what nobody could write down."""
    too_large = number.bit_length() > MAX_BITS if isinstance(number, int) else not math.isfinite(number)
    if too_large:
        raise MismatchError("%(subject)s gives a number that is too large")
    return number


def _round(number: int | float, places: int = 0) -> int | float:
    """Halves away from zero, as people do it, judged by the digits that are written."""
    if abs(places) > MAX_PLACES:
        raise MismatchError("%(subject)s can be rounded to %(number)s places", number=MAX_PLACES)
    if isinstance(number, int) and places >= 0:
        return number
    if isinstance(number, int) or abs(number) >= EXACT:
        unit: int = 10 ** max(0, -places)
        whole = (abs(int(number)) + unit // 2) // unit * unit
        return whole if number >= 0 else -whole
    context = Context(prec=400, rounding=ROUND_HALF_UP)
    rounded = Decimal(repr(number)).quantize(Decimal(1).scaleb(-places), context=context)
    return float(rounded) if places > 0 else int(rounded)


def _two(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda a, b: bounded(operation(bounded(a), bounded(b)))


def _divide(a: int | float, b: int | float) -> int | float:
    """A whole number where it divides exactly."""
    if b == 0:
        raise MismatchError("%(subject)s cannot be divided by zero")
    is_exact = isinstance(a, int) and isinstance(b, int) and a % b == 0
    return a // b if is_exact else a / b


def _sum(items: list[Any]) -> int | float:
    """Missing and null items are skipped."""
    total: int | float = 0
    for item in items:
        total = bounded(total + (0 if item is None else NUMBER.read(item)))
    return total


NUMERAL: Final = Parameter("number or text", _read_numeral)
TABLE: Final = (
    Function("int", (NUMERAL,), int),
    Function("float", (NUMERAL,), float),
    Function("round", (NUMBER, INTEGER.named("places")), _round, required=1),
    Function("add", (NUMBER, NUMBER), _two(operator.add)),
    Function("subtract", (NUMBER, NUMBER), _two(operator.sub)),
    Function("multiply", (NUMBER, NUMBER), _two(operator.mul)),
    Function("divide", (NUMBER, NUMBER), _two(_divide)),
    Function("sum", (LIST,), _sum),
)
