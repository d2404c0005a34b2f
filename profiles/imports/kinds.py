"""What a cell says, as people and their spreadsheets write it: numbers, dates, yes and no, lists.

A kind is its name, or the name and its form where one cell alone could be read in two ways: `number:comma`,
`date:mdy`, `list:;`.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable
from datetime import date, time
from functools import lru_cache, partial

from profiles.documents import JSON
from tracsync.common.messages import message

KINDS = ("text", "number", "boolean", "date", "list")
FORMS: dict[str, tuple[str, ...]] = {"number": ("comma", "point"), "date": ("dmy", "mdy")}
SEPARATORS = {"comma": ",", "semicolon": ";", "pipe": "|", "slash": "/", "line": "\n", "tab": "\t"}
_YES = "true yes 1 ja j y wahr on an x ✓ oui si sí"
_NO = "false no 0 nein n falsch off aus non"
BOOLEANS = {**dict.fromkeys(_YES.split(), True), **dict.fromkeys(_NO.split(), False)}
_NOT_A = {
    "number": message("column %(name)s: not a number"),
    "boolean": message("column %(name)s: not a boolean"),
    "date": message("column %(name)s: not a date"),
    "list": message("column %(name)s: not a list"),
}
Reader = Callable[[str], JSON]


class NotOfItsKind(ValueError):
    """The cell says something else."""


def known(text: str) -> str:
    """A kind as it is stored. Raises ValueError."""
    name, _, form = text.partition(":")
    if name not in KINDS:
        names = ", ".join(KINDS)
        raise ValueError(message("%(name)s is not a type: choose one of %(names)s", name=name, names=names))
    if name == "list" and form:
        separator = SEPARATORS.get(form, form)
        if len(separator) == 1 and separator not in '"\r':
            return f"list:{separator}"
    elif not form or form in FORMS.get(name, ()):
        return name if not form else f"{name}:{form}"
    raise ValueError(message("%(form)s is no form of %(name)s", form=form, name=name))


def wrong(kind: str, name: str, cell: str) -> str:
    """What is said of a cell that is not of its kind."""
    if cell in ERRORS:
        return message("column %(name)s: a spreadsheet could not compute this cell", name=name)
    return _NOT_A[kind.partition(":")[0]].with_values(name=name)


@lru_cache(maxsize=200)
def reader(kind: str) -> Reader:
    """What reads the cells of a kind; it raises NotOfItsKind."""
    name, _, form = kind.partition(":")
    if name == "number":
        return partial(number, decimal="," if form == "comma" else ".")
    if name == "date":
        return partial(iso_date, day_first=form != "mdy")
    if name == "list":
        return partial(items, separator=form or ",")
    return boolean if name == "boolean" else text


_AS_TEXT = re.compile(r'="((?:[^"]|"")*)"')
_ERRORS = "#N/A #NV #REF! #BEZUG! #VALUE! #WERT! #DIV/0! #NAME? #NUM! #ZAHL! #NULL!"
ERRORS = frozenset(_ERRORS.split())  # what spreadsheets write of cells that they could not compute


def said(cell: str) -> str:
    """What a cell says, without blanks around it; `="007"` is how a spreadsheet is told not to compute it."""
    cell = cell.strip()
    if cell.startswith("=") and (found := _AS_TEXT.fullmatch(cell)):
        return found[1].replace('""', '"').strip()
    return cell


_COMPUTED = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # noqa: RUF001 - some programs take the wide ones, too
_PHONE = re.compile(r"[+-][0-9 ()./,-]*")


def text(cell: str) -> str:
    """Without blanks around it, and without the apostrophe that keeps spreadsheets from computing it."""
    cell = cell.strip()
    return cell[1:].strip() if cell[:1] == "'" and cell[1:].lstrip()[:1] in _COMPUTED else cell


def harmless(cell: str) -> str:
    """What a spreadsheet does not take for a formula; `text` takes it back. Numbers are none."""
    bare = cell.strip()
    is_formula = bare[:1] in _COMPUTED and not _PHONE.fullmatch(bare)
    return f"'{cell}" if is_formula else cell


def boolean(cell: str) -> bool:
    value = BOOLEANS.get(cell.strip().lower())
    if value is None:
        raise NotOfItsKind
    return value


_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_DECORATED = re.compile(
    r"(?P<open>\()?(?P<sign>[+\-\u2212])?\s*(?:(?:€|\$|£|¥|EUR|USD|CHF|GBP)\s*)?(?P<inner>[+\-\u2212])?"
    r"(?P<digits>[0-9.,'\u2019\s]*[0-9])(?P<exponent>[eE][+-]?[0-9]{1,3})?"
    r"\s*(?:€|\$|£|¥|EUR|USD|CHF|GBP|%)?(?P<after>-)?(?(open)\))",
    re.IGNORECASE,
)
_GROUPS = re.compile(r"[1-9][0-9]{0,2}(?:([.,' ])[0-9]{3})(?:\1[0-9]{3})*")
_UNGROUPED = re.compile(r"0|[1-9][0-9]*|")
_LONGEST_NUMBER = 100  # characters


def number(cell: str, decimal: str = ".") -> int | float:
    """1234.5 of `1.234,50`, `1,234.50`, `1 234,5 €` or `1234,50-`; `decimal` says what `1.234` is."""
    text = cell.strip()
    if _INTEGER.fullmatch(text):
        return int(text)
    found = _DECORATED.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
    if found is None:
        raise NotOfItsKind
    signs = [sign for sign in (found["open"], found["sign"], found["inner"], found["after"]) if sign]
    if len(signs) > 1:
        raise NotOfItsKind
    whole, fraction = _parts(found["digits"], decimal)
    minus = "-" if signs and signs[0] != "+" else ""
    if not fraction and not found["exponent"]:
        return int(minus + whole)
    value = float(f"{minus}{whole}.{fraction or 0}{found['exponent'] or ''}")
    if math.isinf(value):
        raise NotOfItsKind
    return value


def _parts(digits: str, decimal: str) -> tuple[str, str]:
    """The digits before and after the decimal sign."""
    digits = re.sub(r"[\s\u2019]", lambda blank: "'" if blank.group() == "\u2019" else " ", digits)
    sign = _decimal_sign(digits, decimal)
    whole, _, fraction = digits.partition(sign) if sign else (digits, "", "")
    grouped = _GROUPS.fullmatch(whole)
    if (grouped and grouped[1] == sign) or not (grouped or _UNGROUPED.fullmatch(whole)):
        raise NotOfItsKind
    if (sign and not fraction) or (fraction and not fraction.isdecimal()):
        raise NotOfItsKind
    return re.sub(r"[^0-9]", "", whole) or "0", fraction


def _decimal_sign(digits: str, decimal: str) -> str:
    """Which of `.` and `,` is the decimal sign, if one is; `decimal` where that cannot be seen."""
    last = max(".,", key=digits.rfind)
    if last not in digits:
        return ""
    if digits.count(last) > 1:
        return ""
    if min(".,", key=digits.rfind) in digits:
        return last
    is_ambiguous = is_like_a_thousand(digits)
    return "" if is_ambiguous and last != decimal else last


def is_like_a_thousand(digits: str) -> bool:
    """Whether it may be a thousand or a one with three decimals: `1.234`."""
    return re.fullmatch(r"[1-9][0-9]{0,2}[.,][0-9]{3}", digits) is not None


_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar jän jänner",
            "feb february februar",
            "mar march mär märz mrz",
            "apr april",
            "may mai",
            "jun june juni",
            "jul july juli",
            "aug august",
            "sep sept september",
            "oct october okt oktober",
            "nov november",
            "dec december dez dezember",
        ),
        1,
    )
    for name in names.split()
}
_TIME = (
    r"(?:[T,]?\s*(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?P<part>[.,][0-9]{1,9})?)?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?(?:\s*Uhr)?\s*(?P<zone>Z|UTC|GMT|[+-][0-9]{2}:?(?:[0-9]{2})?)?)?"
)
_YEAR_FIRST = re.compile(r"(?P<year>[0-9]{4})([-./])(?P<month>[0-9]{1,2})\2(?P<day>[0-9]{1,2})" + _TIME)
_COMPACT = re.compile(r"(?P<year>(?:19|20)[0-9]{2})(?P<month>[0-9]{2})(?P<day>[0-9]{2})")
_NUMBERS = re.compile(
    r"(?P<one>[0-9]{1,2})(?P<by>[-./])\s?(?P<two>[0-9]{1,2})(?P=by)\s?(?P<year>[0-9]{4}|[0-9]{2})" + _TIME
)
_WORDS = re.compile(
    r"(?:[^\W\d_]{2,10}\.?,\s*)?(?P<day>[0-9]{1,2})\.?[\s-]*(?P<name>[^\W\d_]{3,9})\.?[\s,-]+"
    r"(?P<year>[0-9]{4}|[0-9]{2})" + _TIME
)
_WORD_FIRST = re.compile(
    r"(?:[^\W\d_]{2,10}\.?,\s*)?(?P<name>[^\W\d_]{3,9})\.?\s+(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?,?\s+"
    r"(?P<year>[0-9]{4})" + _TIME
)
_SERIAL = re.compile(r"[1-9][0-9]{4}")
_EXCEL_BEGINS = date(1899, 12, 30).toordinal()
_LAST_OF_2000 = 29  # as Excel reads two digits: 29 is 2029, 30 is 1930
_LONGEST_DATE = 60  # characters


def iso_date(cell: str, day_first: bool = True) -> str:
    """`1990-05-10` of `10.05.1990`, `5/10/1990`, `10. Mai 1990` or 33003; with its time where there is one.

    Dates with dots begin with the day, and those with dashes or slashes with what `day_first` says.
    """
    text = cell.strip()
    if len(text) > _LONGEST_DATE:
        raise NotOfItsKind
    if _SERIAL.fullmatch(text):
        return date.fromordinal(_EXCEL_BEGINS + int(text)).isoformat()
    try:
        if (found := _YEAR_FIRST.fullmatch(text)) or (found := _COMPACT.fullmatch(text)):
            year, month, day = (int(found[name]) for name in ("year", "month", "day"))
        elif found := _NUMBERS.fullmatch(text):
            one, two = int(found["one"]), int(found["two"])
            day, month = (one, two) if day_first or found["by"] == "." else (two, one)
            year = _year(found["year"])
        elif (found := _WORDS.fullmatch(text)) or (found := _WORD_FIRST.fullmatch(text)):
            month = _MONTHS[found["name"].lower()]
            year, day = _year(found["year"]), int(found["day"])
        else:
            raise NotOfItsKind
        return date(year, month, day).isoformat() + _clock(found.groupdict())
    except (ValueError, KeyError):
        raise NotOfItsKind from None


def _year(text: str) -> int:
    if len(text) == 4:
        return int(text)
    return int(text) + (2000 if int(text) <= _LAST_OF_2000 else 1900)


def _clock(found: dict[str, str | None]) -> str:
    """The time of day as ISO 8601 has it; blank where there is none."""
    hours, minutes = found.get("hour"), found.get("minute")
    if hours is None or minutes is None:
        return ""
    hour, half = int(hours), (found["half"] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            raise NotOfItsKind
        hour = hour % 12 + (12 if half == "p" else 0)
    text = time(hour, int(minutes), int(found["second"] or 0)).isoformat()
    part = (found["part"] or "")[1:7].rstrip("0")
    return f"T{text}{'.' + part if part else ''}{_zone(found['zone'] or '')}"


def _zone(text: str) -> str:
    if not text[:1].strip("+-"):
        digits = text[1:].replace(":", "").ljust(4, "0") if text else ""
        if digits and (int(digits[:2]) > 23 or int(digits[2:]) > 59):
            raise NotOfItsKind
        return f"{text[0]}{digits[:2]}:{digits[2:]}" if text else ""
    return "Z"


def items(cell: str, separator: str = ",") -> list[JSON]:
    """The texts between the separators, each without blanks around it; or those of a JSON array."""
    text = cell.strip()
    if text.startswith("[") and text.endswith("]"):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, list) and all(isinstance(item, str | int | float) for item in found):
            return found
    try:
        rows = (
            [text.splitlines()]
            if separator == "\n"
            else csv.reader(text.splitlines(), delimiter=separator, skipinitialspace=True)
        )
        return [item.strip() for row in rows for item in row if item.strip()]
    except csv.Error:
        raise NotOfItsKind from None
