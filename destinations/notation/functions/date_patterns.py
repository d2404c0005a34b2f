"""Patterns of dates, such as `YYYY-MM-DD HH:mm`: writing a moment by one, and reading a text by one."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from ..dates import bounded_text
from ..values import MismatchError
from .parameters import TEXT

MAX_PATTERN: Final = 200
PIVOT: Final = 69  # years of two digits, as POSIX has it: from 69 on of the 20th century, others of the 21st
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Longest first, so that MM is not read as M and M. English names: the same on every machine.
_WRITTEN: Final[dict[str, Callable[[datetime], str]]] = {
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
_PIECE = re.compile(rf"\[([^\[\]]*)\]|({'|'.join(_WRITTEN)})|([^A-SU-Za-z\[\]])")  # T needs no brackets


def _of_names(names: tuple[str, ...], letters: int | None = None) -> tuple[str, dict[str, int]]:
    """A pattern for these names, in any case, and their numbers from 1."""
    numbers = {name[:letters].lower(): number for number, name in enumerate(names, 1)}
    return "|".join(numbers), numbers


def _numbers(text: str) -> int:
    return int(text)


def _century(text: str) -> int:
    return int(text) + (1900 if int(text) >= PIVOT else 2000)


def _zone(text: str) -> timezone:
    if text in "Zz":
        return UTC
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


def _readers() -> dict[str, tuple[str, re.Pattern[str], Callable[[str], Any]]]:
    """Of each token what it is part of, what it looks like in a text, and what that means."""
    (months, month), (short_months, short_month) = _of_names(_MONTHS), _of_names(_MONTHS, 3)
    (days, day), (short_days, short_day) = _of_names(_DAYS), _of_names(_DAYS, 3)
    zone = "[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9]|Z"
    kinds: dict[str, tuple[str, str, Callable[[str], Any]]] = {
        "YYYY": ("year", "[0-9]{4}", _numbers),
        "YY": ("year", "[0-9]{2}", _century),
        "MMMM": ("month", months, lambda name: month[name.lower()]),
        "MMM": ("month", short_months, lambda name: short_month[name.lower()]),
        "dddd": ("weekday", days, lambda name: day[name.lower()]),
        "ddd": ("weekday", short_days, lambda name: short_day[name.lower()]),
        "SSS": ("microsecond", "[0-9]{3}", lambda text: 1000 * int(text)),
        "A": ("half", "AM|PM", str.upper),
        "Z": ("zone", zone, _zone),
        "ZZ": ("zone", zone, _zone),
    }
    parts = {"M": "month", "D": "day", "H": "hour", "h": "hour of 12", "m": "minute", "s": "second"}
    for letter, part in parts.items():
        kinds[letter * 2] = (part, "[0-9]{2}", _numbers)
        kinds[letter] = (part, "[0-9]{1,2}", _numbers)
    return {
        token: (part, re.compile(text, re.IGNORECASE), meaning)
        for token, (part, text, meaning) in kinds.items()
    }


_READERS: Final = _readers()


def checked(value: Any) -> str:
    """A pattern that can be written by. Raises MismatchError."""
    pattern: str = TEXT.read(value)
    if len(pattern) > MAX_PATTERN:
        raise MismatchError("%(subject)s is too long for a pattern of a date")
    if "".join(match[0] for match in _PIECE.finditer(pattern)) != pattern:
        raise MismatchError(
            "%(subject)s is no pattern of a date, such as YYYY-MM-DD HH:mm; words stand in [brackets]"
        )
    return pattern


def checked_to_read(value: Any) -> str:
    """A pattern that says enough of a date to read one. Raises MismatchError."""
    pattern = checked(value)
    parts = {_READERS[piece[2]][0] for piece in _PIECE.finditer(pattern) if piece[2]}
    if not {"year", "month"} <= parts:
        raise MismatchError("%(subject)s is a pattern without year or month, by which no date can be read")
    return pattern


def write(moment: datetime, pattern: str) -> str:
    """The moment as a text, as its own clocks show it."""

    def written(piece: re.Match[str]) -> str:
        words, token, sign = piece.groups()
        return _WRITTEN[token](moment) if token else words if sign is None else sign

    return _PIECE.sub(written, pattern)


def read(value: Any, pattern: str) -> datetime:
    """The moment of a text that is written exactly so; without a zone it is UTC, without a day the first.

    Raises MismatchError. Each piece is read once, and as much of the text as it can take.
    """
    text, position = bounded_text(value), 0
    found: dict[str, Any] = {}
    for piece in _PIECE.finditer(pattern):
        words, token, sign = piece.groups()
        if token:
            part, form, meaning = _READERS[token]
            match = form.match(text, position)
            if match is None or found.setdefault(part, meaning(match[0])) != meaning(match[0]):
                raise _otherwise(pattern)
            position = match.end()
        elif text.startswith(literal := words if sign is None else sign, position):
            position += len(literal)
        else:
            raise _otherwise(pattern)
    if position < len(text):
        raise _otherwise(pattern)
    try:
        return _moment(found)
    except ValueError:
        raise MismatchError("%(subject)s is no date of the calendar") from None


def _moment(found: dict[str, Any]) -> datetime:
    """Raises ValueError for a day or an hour that there is not."""
    hour = found.get("hour", found.get("hour of 12", 0))
    if "half" in found and "hour" not in found:
        hour = hour % 12 + (12 if found["half"] == "PM" else 0)
    return datetime(
        *(found["year"], found["month"], found.get("day", 1), hour),
        *(found.get("minute", 0), found.get("second", 0), found.get("microsecond", 0)),
        tzinfo=found.get("zone", UTC),
    )


def _otherwise(pattern: str) -> MismatchError:
    return MismatchError("%(subject)s is not written as %(pattern)s", pattern=pattern)
