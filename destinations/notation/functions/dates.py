"""Moments: now, reading, moving and writing them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

from ..dates import EPOCH, in_zone, read_date_text, shift
from ..values import MismatchError
from .function import Function, Parameter
from .parameters import DATE, OFFSET, TEXT, TIMESTAMP, ZONE

MAX_PATTERN: Final = 200
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Longest first, so that MM is not read as M and M. English names: the same on every machine.
_TOKENS: Final[dict[str, Callable[[datetime], str]]] = {
    "YYYY": lambda at: f"{at.year:04}",
    "MMMM": lambda at: _MONTHS[at.month - 1],
    "dddd": lambda at: _DAYS[at.weekday()],
    "MMM": lambda at: _MONTHS[at.month - 1][:3],
    "ddd": lambda at: _DAYS[at.weekday()][:3],
    "SSS": lambda at: f"{at.microsecond // 1000:03}",
    "YY": lambda at: f"{at.year % 100:02}",
    "MM": lambda at: f"{at.month:02}",
    "DD": lambda at: f"{at.day:02}",
    "HH": lambda at: f"{at.hour:02}",
    "hh": lambda at: f"{at.hour % 12 or 12:02}",
    "mm": lambda at: f"{at.minute:02}",
    "ss": lambda at: f"{at.second:02}",
    "ZZ": lambda at: at.strftime("%z")[:5],
    "M": lambda at: f"{at.month}",
    "D": lambda at: f"{at.day}",
    "H": lambda at: f"{at.hour}",
    "h": lambda at: f"{at.hour % 12 or 12}",
    "A": lambda at: "AM" if at.hour < 12 else "PM",
    "Z": lambda at: at.strftime("%z")[:3] + ":" + at.strftime("%z")[3:5],
}
_PIECE = re.compile(rf"\[([^\[\]]*)\]|({'|'.join(_TOKENS)})|([^A-Za-z\[\]])")


def _read_pattern(value: Any) -> Any:
    pattern = TEXT.read(value)
    if len(pattern) > MAX_PATTERN:
        raise MismatchError("%(subject)s is too long for a pattern of a date")
    if "".join(match[0] for match in _PIECE.finditer(pattern)) != pattern:
        raise MismatchError(
            "%(subject)s is no pattern of a date, such as YYYY-MM-DD HH:mm; words stand in [brackets]"
        )
    return pattern


PATTERN: Final = Parameter("pattern", _read_pattern)


def _now(now: datetime, zone: tzinfo | None = None) -> datetime:
    return in_zone(now, zone) if zone else now


def _format(date: datetime, pattern: str, zone: tzinfo | None = None) -> str:
    local = in_zone(date, zone) if zone else date
    return _PIECE.sub(lambda piece: _written(local, piece), pattern)


def _written(at: datetime, piece: re.Match[str]) -> str:
    words, token, sign = piece.groups()
    return _TOKENS[token](at) if token else words if sign is None else sign


def _timestamp(date: datetime) -> int | float:
    seconds = date - EPOCH
    whole = seconds // timedelta(seconds=1)
    return whole if not seconds.microseconds else seconds.total_seconds()


TABLE: Final = (
    Function("now", (ZONE,), _now, required=0, uses_now=True),
    Function("now.timezone", (ZONE,), _now, uses_now=True),
    Function("utcnow", (), _now, uses_now=True),
    Function("now.offset", (OFFSET,), shift, uses_now=True),
    Function(
        "now.timezone.offset",
        (ZONE, OFFSET),
        lambda now, zone, offset: in_zone(shift(now, offset), zone),
        uses_now=True,
    ),
    Function("datetime", (DATE,), lambda date: date, quick=read_date_text, quick_gives=datetime),
    Function("datetime.offset", (DATE, OFFSET), shift),
    Function("datetime.timezone", (DATE, ZONE), in_zone),
    Function("datetime.from_timestamp", (TIMESTAMP,), lambda moment: moment),
    Function("datetime.timestamp", (DATE,), _timestamp),
    Function("datetime.format", (DATE, PATTERN, ZONE), _format, required=2),
    Function("age_days", (DATE,), lambda now, date: (now - date).days, uses_now=True),
)
