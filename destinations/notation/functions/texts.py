"""Texts: cleaning, cutting, joining and hashing them."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

from ..budget import check_length
from ..values import MismatchError, absent, as_text
from .function import Function
from .parameters import ANY, ANY_DEPTH, INTEGER, LIST, TEXT


def _replace(text: str, old: str, new: str) -> str:
    if not old:
        raise MismatchError("%(subject)s cannot be searched for an empty text")
    check_length(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


def _split(text: str, separator: str) -> list[str]:
    if not separator:
        raise MismatchError("%(subject)s cannot be split at an empty text")
    return text.split(separator)


def _join(items: list[Any], separator: str) -> str:
    """Missing and null items are skipped, so that no separator stands alone."""
    texts = [as_text(item) for item in items if not absent(item)]
    check_length(sum(map(len, texts)) + len(texts) * len(separator))
    return separator.join(texts)


def _substring(text: str, start: int, length: int | None = None) -> str:
    """From the end where `start` is negative: -4 are the last four."""
    first = max(0, len(text) + start) if start < 0 else start
    return text[first:] if length is None else text[first : first + max(0, length)]


def normalized(text: str) -> str:
    """As ad platforms want texts before they are hashed: trimmed, in lower case, in one Unicode form.

    Raises MismatchError for more combining characters in a row than UAX #15 (Stream-Safe Text Format) allows:
    no language has as many, and to put them in order takes the square of their number.
    """
    text = text.strip().lower()
    if text.isascii():
        return text
    if len(text) > MOST_MARKS and _MARKS.search(bytes(map(unicodedata.combining, text))):
        raise MismatchError(
            "%(subject)s has more than %(number)s combining characters in a row", number=MOST_MARKS
        )
    return unicodedata.normalize("NFC", text)


MOST_MARKS: Final = 30
_MARKS = re.compile(rb"[^\0]{%d}" % (MOST_MARKS + 1))
_md5 = partial(hashlib.md5, usedforsecurity=False)


def _hash(algorithm: Callable[..., Any], prepare: Callable[[str], str]) -> Callable[[str], str]:
    def hashed(text: str) -> str:
        digest: str = algorithm(_encoded(prepare(text))).hexdigest()
        return digest

    return hashed


def _base64(text: str) -> str:
    """In the alphabet of RFC 4648, section 4."""
    data = _encoded(text)
    check_length((len(data) + 2) // 3 * 4)
    return b64encode(data).decode()


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise MismatchError("%(subject)s holds half of a character") from None


_SEPARATOR: Final = TEXT.named("separator")

TABLE: Final = (
    Function("lowercase", (ANY,), lambda x: x.lower() if isinstance(x, str) else x, quick=str.lower),
    Function("uppercase", (ANY,), lambda x: x.upper() if isinstance(x, str) else x, quick=str.upper),
    Function("trim", (TEXT,), str.strip, quick=str.strip),
    Function("text", (ANY_DEPTH,), as_text),
    Function("concat", (ANY_DEPTH,), lambda *values: _join(list(values), ""), repeats=True),
    Function("join", (replace(LIST, deep=True), _SEPARATOR), _join),
    Function("split", (TEXT, _SEPARATOR), _split),
    Function("replace", (TEXT, TEXT.named("old"), TEXT.named("new")), _replace),
    Function("substring", (TEXT, INTEGER.named("start"), INTEGER.named("length")), _substring, required=2),
    Function("normalize", (TEXT,), normalized),
    Function("sha256", (TEXT,), _hash(hashlib.sha256, normalized)),
    Function("md5", (TEXT,), _hash(_md5, normalized)),
    Function("sha256.exact", (TEXT,), _hash(hashlib.sha256, str)),
    Function("md5.exact", (TEXT,), _hash(_md5, str)),
    Function("base64", (TEXT,), _base64),
)
