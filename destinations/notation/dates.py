"""Dates, time zones and offsets. A moment is a datetime with a fixed offset from UTC.

Fixed, because Python compares datetimes of one named zone by their clocks: in the hour when summer time
ends, an hour later would be the same. The named zone only decides how the moment is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from dateutil import parser as dateutil_parser

from tracsync.common.messages import message

from .values import NUMBERS, MismatchError, type_name

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DATE: Final = message("a date")
_ZONE: Final = message("a time zone")
_OFFSET_WORD: Final = message("an offset")
MAX_TEXT: Final = 100  # no date, zone or offset is longer
UNUSUAL: Final = 500  # the work of reading a date that Python itself does not read

_OFFSET = re.compile(r"([+-]?)\s*((?:\d+(?:\.\d+)?\s*[a-z]+[\s,]*)+)", re.IGNORECASE | re.ASCII)
_CLOCK_OFFSET = re.compile(r"([+-]?)\s*(\d{1,6}):([0-5]\d):([0-5]\d(?:\.\d{1,6})?)", re.ASCII)
_NUMERIC_DATE = re.compile(  # three numbers with the same sign between them
    r"(?<![\d.:/-])(\d{1,4})(?:\s?([./-])\s?(\d{1,2})\s?\2\s?|\s(\d{1,2})\s)(\d{1,4})(?![\d:])", re.ASCII
)
_QUICK_DATE = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
    r"(?:[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d{1,9})?)?(?:Z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?)?",
    re.ASCII,
)
_UTC_BEFORE_SIGN = re.compile(r"\b(?:UTC|GMT)\s?(?=[+-]\d)")  # browsers' "GMT+0200"; dateutil reverses it
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)", re.IGNORECASE | re.ASCII)
_UNITS: Final = {
    "seconds": ("s", "sec", "secs", "second", "seconds"),
    "minutes": ("m", "min", "mins", "minute", "minutes"),
    "hours": ("h", "hr", "hrs", "hour", "hours"),
    "days": ("d", "day", "days"),
    "weeks": ("w", "week", "weeks"),
}
_UNIT_OF: Final = {name: unit for unit, names in _UNITS.items() for name in names}


_now: ContextVar[datetime | None] = ContextVar("now", default=None)


def now() -> datetime:
    return _now.get() or datetime.now(UTC)


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """What is evaluated or rendered within has this moment as its `now`."""
    token = _now.set(moment)
    try:
        yield
    finally:
        _now.reset(token)


def read_date(value: Any) -> datetime:
    """ISO 8601 first, then other usual forms; without zone it is UTC. Raises MismatchError.

    Python reads most of ISO 8601 fast, `isoparse` the rest of it (`1991`, `1991-04`, 24:00).
    """
    if isinstance(value, datetime):
        return value
    text = bounded_text(value)
    try:
        return _moment(datetime.fromisoformat(text))
    except ValueError:
        pass
    for read in (dateutil_parser.isoparse, _read_usual_form):
        try:
            return _moment(read(text))
        except MismatchError:
            raise
        except Exception:  # noqa: S112 - dateutil lets many kinds through
            continue
    raise MismatchError("%(subject)s cannot be read as a date")


def bounded_text(value: Any) -> str:
    """The text of a date, no longer than any is. Raises MismatchError."""
    return _text(value, _DATE)


def work_of_reading(text: str) -> int:
    """How much more work it is to read a date than its length says."""
    return 0 if _QUICK_DATE.fullmatch(text) else UNUSUAL


def read_date_text(text: str) -> datetime:
    """`read_date` for the usual case: a text in the form of ISO 8601. Raises ValueError for all others."""
    if len(text) > MAX_TEXT:
        raise ValueError("too long for a date")
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else in_zone(moment, moment.tzinfo)


def _moment(read: datetime) -> datetime:
    return in_zone(read, read.tzinfo) if read.tzinfo else read.replace(tzinfo=UTC)


@lru_cache(maxsize=16_384)  # slow, and lists within lists would read all texts of a profile again and again
def _read_usual_form(text: str) -> datetime:
    """Read with two different defaults: what differs was not in the text (a year or a month is missing)."""
    if text.isdigit():
        raise ValueError("a number is no date")
    text = _NUMERIC_DATE.sub(_year_first, _UTC_BEFORE_SIGN.sub("", text))
    first, second = (
        dateutil_parser.parse(text, default=datetime(year, month, 1), tzinfos=_zone_in_date)
        for year, month in ((2000, 1), (2004, 3))
    )
    if first != second:
        raise ValueError("incomplete date")
    return first


def _year_first(numbers: re.Match[str]) -> str:
    """What is written in numbers, as ISO 8601 has it. Only dots say that the day comes first, and only four
    digits that the year does: for all others people have to tell, since 02/11 is a day in two countries.
    """
    first, sign, between, blank, last = numbers.groups()
    sign, month = sign or " ", between or blank
    if len(first) == 4 and len(last) <= 2:
        return f"{first}-{month:0>2}-{last:0>2}"
    if sign == "." and len(last) == 4 and len(first) <= 2:
        return f"{last}-{month:0>2}-{first:0>2}"
    year = "YYYY" if len(last) == 4 else "YY"
    pattern = sign.join((("D", "DD")[len(first) > 1], ("M", "MM")[len(month) > 1], year))
    raise MismatchError(
        "%(subject)s is a date whose order nobody can tell: say which it is, as in"
        ' datetime(x, "%(pattern)s")',
        pattern=pattern,
    )


def _zone_in_date(name: str | None, offset: int | None) -> tzinfo | None:
    """Never dateutil's own reading of names like CET: it depends on the machine's zone."""
    if offset is not None:
        return timezone(timedelta(seconds=offset))
    if name is None:
        return None
    if name in ("UTC", "GMT", "Z"):
        return UTC
    raise ValueError("unknown zone")


def read_timestamp(value: Any) -> datetime:
    """Seconds since 1970. Raises MismatchError."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, bool) or not isinstance(value, NUMBERS):
        raise MismatchError("%(subject)s is %(kind)s, not a number of seconds", kind=type_name(value))
    try:
        return EPOCH + timedelta(seconds=float(value) if isinstance(value, Decimal) else value)
    except (ValueError, OverflowError):
        raise MismatchError("%(subject)s is no moment between the years 1 and 9999") from None


def read_zone(value: Any) -> tzinfo:
    """A zone name of the IANA database, in any case. Raises MismatchError."""
    if isinstance(value, tzinfo):
        return value
    name = _zones().get(_text(value, _ZONE).lower())
    if name is None:
        raise MismatchError("%(subject)s is no known time zone")
    return ZoneInfo(name)


@cache
def _zones() -> dict[str, str]:
    """All names by what they are in lower case."""
    return {name.lower(): name for name in available_timezones()}


def read_offset(value: Any) -> timedelta:
    """`-15m`, `36h`, `1 day`, `2w`, `1:30:00`. Raises MismatchError."""
    if isinstance(value, timedelta):
        return value
    text = _text(value, _OFFSET_WORD)
    if clock := _CLOCK_OFFSET.fullmatch(text):
        length = timedelta(hours=int(clock[2]), minutes=int(clock[3]), seconds=float(clock[4]))
        return -length if clock[1] == "-" else length
    match = _OFFSET.fullmatch(text)
    if match is None:
        raise MismatchError("%(subject)s cannot be read as an offset")
    try:
        parts = [timedelta(**{_UNIT_OF[unit.lower()]: float(n)}) for n, unit in _AMOUNT.findall(match[2])]
        length = sum(parts, timedelta())
    except (KeyError, OverflowError):
        raise MismatchError("%(subject)s cannot be read as an offset") from None
    return -length if match[1] == "-" else length


def shift(moment: datetime, offset: timedelta) -> datetime:
    try:
        return moment + offset
    except OverflowError:
        raise MismatchError("%(subject)s gives no moment between the years 1 and 9999") from None


def in_zone(moment: datetime, zone: tzinfo | None) -> datetime:
    """The same moment as the clocks of `zone` show it."""
    try:
        local = moment.astimezone(zone)
        return local.replace(tzinfo=timezone(local.utcoffset() or timedelta()), fold=0)
    except OverflowError:
        return moment  # at the edge of the calendar; only the way of writing is lost


def _text(value: Any, kind: str) -> str:
    """The text to read, bounded: long ones take parsers long."""
    if not isinstance(value, str):
        raise MismatchError(
            "%(subject)s is %(kind)s, not the text of %(other)s", kind=type_name(value), other=kind
        )
    if len(value) > MAX_TEXT:
        raise MismatchError("%(subject)s is too long for %(other)s", other=kind)
    return value.strip()
