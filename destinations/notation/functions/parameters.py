"""What arguments are read as. Each reader accepts its own result, and raises MismatchError."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, Final

from ..dates import read_date, read_offset, read_timestamp, read_zone, work_of_reading
from ..values import NUMBERS, MismatchError, type_name
from .function import Parameter


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise MismatchError("%(subject)s is %(kind)s, where text is needed", kind=type_name(value))
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise MismatchError("%(subject)s is %(kind)s, where a list is needed", kind=type_name(value))
    return value


def _number(value: Any) -> int | float:
    """Decimals become what JSON would have: whole ones int, others float."""
    if isinstance(value, bool) or not isinstance(value, NUMBERS):
        raise MismatchError("%(subject)s is %(kind)s, where a number is needed", kind=type_name(value))
    if isinstance(value, int):
        return value
    if not math.isfinite(value):
        raise MismatchError("%(subject)s is no finite number")
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def _integer(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise MismatchError("%(subject)s is a fraction, where a whole number is needed")
    return int(number)


ANY = Parameter("value")
ANY_DEPTH = Parameter("value", deep=True)
TEXT = Parameter("text", _text)
LIST = Parameter("list", _list)
NUMBER = Parameter("number", _number)
INTEGER = Parameter("whole number", _integer)
DATE = Parameter("date", read_date, work=work_of_reading)
ZONE = Parameter("zone", read_zone)
OFFSET = Parameter("offset", read_offset)
TIMESTAMP = Parameter("seconds", read_timestamp)

_USUAL: Final = ((_text, str), (_list, list), (_number, int), (_integer, int))


def usual_type(parameter: Parameter) -> type | None:
    """The type of which every value is read as it is, if there is one."""
    return next((kind for read, kind in _USUAL if read is parameter.read), None)
