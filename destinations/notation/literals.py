"""Numbers and strings as they are written in conditions, and the words that are neither."""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import Final

from tracsync.common.messages import message

from .errors import NotationError

KEYWORDS: Final = (
    *("AND", "OR", "NOT", "IS", "NULL", "EXISTS", "EMPTY", "BETWEEN", "CONTAINS", "CONSIST", "CONSISTS"),
    *("STARTS", "ENDS", "WITH", "IN", "TRUE", "FALSE"),
)
MAX_DIGITS: Final = 4_000  # Python itself refuses to write down integers of more than 4300
MAX_EXPONENT: Final = 1_000  # of a number that floats cannot hold: a few characters make that many digits

_QUOTES = re.compile(r"\\.|\"", re.DOTALL)


def read_number(text: str) -> int | float:
    """An integer of any size exactly; with a fraction or exponent the float that JSON would give.

    Beyond the range of floats it is the integer again, so that `1e400` is larger than any other number.
    """
    mantissa, _, exponent = text.lower().partition("e")
    if len(mantissa) + min(abs(int(exponent[:7] or 0)), MAX_DIGITS) > MAX_DIGITS or len(exponent) > 7:
        raise NotationError(message("the number has more than %(number)s digits", number=MAX_DIGITS))
    if not exponent and "." not in mantissa:
        return int(text)
    number = float(text)
    if math.isfinite(number):
        return number
    if int(exponent or 0) > MAX_EXPONENT:
        raise NotationError(message("the exponent is larger than %(number)s", number=MAX_EXPONENT))
    return int(Decimal(text))


def read_string(text: str) -> str:
    """A quoted string with JSON escapes; in single quotes `\\'` is one too."""
    body = text[1:-1]
    if text[0] == "'":
        body = _QUOTES.sub(lambda m: {"\\'": "'", '"': '\\"'}.get(m[0], m[0]), body)
    try:
        value: str = json.loads(f'"{body}"', strict=False)
        value.encode()
    except UnicodeEncodeError:
        raise NotationError(message("the string holds half of a character (\\ud800 to \\udfff)")) from None
    except ValueError as error:
        bad = re.search(r"\\(?![\"\\/bfnrtu])|\\u(?![0-9a-fA-F]{4})", body.replace("\\\\", "  "))
        offset = 1 + bad.start() if bad else None
        hint = message("escapes are those of JSON; a backslash itself is written \\\\")
        raise NotationError(message("the string has an unknown escape"), offset=offset, hint=hint) from error
    return value
