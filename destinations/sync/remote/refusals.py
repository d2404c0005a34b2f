"""Whether two refusals say the same."""

from __future__ import annotations

import re

# What many systems write into each answer anew: when it was, and an id by which they find the request in
# their logs. Names of fields that end in a number (address_line_2) are none.
_MOMENT = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[\d:.,]*(?:Z|[+-]\d\d:?\d\d)?|\d\d:\d\d:\d\d"
_EPOCH = r"\d{10,}(?:\.\d+)?(?![\w-])"
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_OTHER_ID = r"(?=[\w-]*?(?:\d[A-Za-z]|\d{6}))[\w-]{12,}"
_CUT_OFF = r"[\w-]*…\Z"  # a word at the end of a long reason
_OF_ONE_REQUEST = re.compile(rf"(?<![\w-])(?:{_MOMENT}|{_EPOCH}|{_UUID}|{_OTHER_ID}|{_CUT_OFF})", re.ASCII)


def are_alike(one: str, other: str) -> bool:
    """Whether they differ at most in what is new in each answer of the same kind."""
    return one == other or lasting(one) == lasting(other)


def lasting(reason: str) -> str:
    """A reason without that."""
    return _OF_ONE_REQUEST.sub("", reason)
