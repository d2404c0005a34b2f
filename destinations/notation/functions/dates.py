"""Moments: now, reading, moving and writing them."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

from ..dates import EPOCH, in_zone, read_date, read_date_text, shift, work_of_reading
from . import date_patterns
from .function import Function, Parameter
from .parameters import DATE, OFFSET, TIMESTAMP, ZONE

PATTERN: Final = Parameter("pattern", date_patterns.checked)
READ_PATTERN: Final = Parameter("pattern", date_patterns.checked_to_read)
_WRITTEN_DATE: Final = Parameter("date", work=work_of_reading)  # how it is read is for the pattern to say


def _now(now: datetime, zone: tzinfo | None = None) -> datetime:
    return in_zone(now, zone) if zone else now


def _datetime(date: Any, pattern: str | None = None) -> datetime:
    return read_date(date) if pattern is None else date_patterns.read(date, pattern)


def _format(date: datetime, pattern: str, zone: tzinfo | None = None) -> str:
    return date_patterns.write(in_zone(date, zone) if zone else date, pattern)


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
    Function(
        "datetime",
        (_WRITTEN_DATE, READ_PATTERN),
        _datetime,
        required=1,
        quick=read_date_text,
        quick_gives=datetime,
    ),
    Function("datetime.offset", (DATE, OFFSET), shift),
    Function("datetime.timezone", (DATE, ZONE), in_zone),
    Function("datetime.from_timestamp", (TIMESTAMP,), lambda moment: moment),
    Function("datetime.timestamp", (DATE,), _timestamp),
    Function("datetime.format", (DATE, PATTERN, ZONE), _format, required=2),
    Function("age_days", (DATE,), lambda now, date: (now - date).days, uses_now=True),
)
