"""What values mean: types, equality, order, containment. JSON values, moments (datetime) and MISSING."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from tracsync.common.messages import Message, message


class _Missing:
    """What a path that leads nowhere points at. Only EXISTS tells it from null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()
NUMBERS: Final = (int, float, Decimal)
ATOMS: Final = frozenset((str, int, float, bool, type(None)))  # the types of values that hold no others


_USUAL: Final = frozenset((int, float, str, datetime))  # the usual types, taken quickly


class MismatchError(Exception):
    """The values do not allow the operation. `side` is the operand to blame, `text` says why.

    The text is the end of a sentence that begins with the operand ("has no words"), or the template of a
    message with a place for its %(subject)s, and the values for its other places. Internal: whoever knows the
    operands' texts turns it into a NotationError.
    """

    def __init__(self, text: str, side: int = 0, **values: object) -> None:
        self.text = text
        self.side = side
        self.values = values
        super().__init__(text)

    def about(self, subject: str) -> Message:
        """The sentence."""
        if "%(subject)s" in self.text:
            return message(self.text, subject=subject, **self.values)
        return message("%(subject)s %(said)s", subject=subject, said=self.text)


WORD_MISSING: Final = message("missing")
_NULL: Final = message("null")
_NOT_JSON: Final = message("not JSON")
_NAMES: Final = (
    (bool, message("a boolean")),  # before the numbers, which Python counts it among
    (NUMBERS, message("a number")),
    (str, message("text")),
    (datetime, message("a date")),
    (list, message("a list")),
    (dict, message("an object")),
)


def type_name(value: Any) -> str:
    """The type of a value in words, as error messages use it."""
    if value is MISSING:
        return WORD_MISSING
    if value is None:
        return _NULL
    return next((name for kind, name in _NAMES if isinstance(value, kind)), _NOT_JSON)


def absent(value: Any) -> bool:
    return value is None or value is MISSING


def same(a: Any, b: Any) -> bool:
    """Strict equality: types never mix (true is not 1), whatever the depth; 1 and 1.0 are equal."""
    if a.__class__ is b.__class__ and a.__class__ in _USUAL:
        return bool(a == b)
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(v, b[k]) for k, v in a.items())
    return bool(a == b) or (absent(a) and absent(b))


def distinct(items: list[Any]) -> list[Any]:
    """The items without repetitions, each where it stood first."""
    found: dict[Any, Any] = {}
    for item in items:
        found.setdefault(_identity(item), item)
    return list(found.values())


def _identity(value: Any) -> Any:
    """Hashable, and alike for values that are the same."""
    if isinstance(value, list):
        return (list, tuple(map(_identity, value)))
    if isinstance(value, dict):
        return (dict, frozenset((key, _identity(item)) for key, item in value.items()))
    if isinstance(value, NUMBERS) and not isinstance(value, bool):
        return _numeral(value)
    return (isinstance(value, bool), None if absent(value) else value)


def _numeral(number: Any) -> Any:
    """Alike for numbers that are equal. As text: Python's hash of a number is the same for very many others,
    which whoever sends a profile can choose, and then each is compared with all."""
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    return (int, f"{number:x}") if isinstance(number, int) else (int, number)


def one_of(value: Any, items: list[Any]) -> bool:
    """Python's own search is much quicker. What it finds may be too much: 1 is true for it."""
    if isinstance(value, str):
        return value in items
    if isinstance(value, NUMBERS) and value not in items:
        return False
    return any(same(value, item) for item in items)


def equal(a: Any, b: Any) -> bool:
    """The operator `==`: a value on the left and a list on the right means "is one of"."""
    return one_of(a, b) if isinstance(b, list) and not isinstance(a, list) else same(a, b)


def _order(value: Any) -> str:
    """Values with the same answer can be put in order."""
    return "" if isinstance(value, dict) else type_name(value)


def _ordering(compare: Callable[[Any, Any], bool], sign: str) -> Callable[[Any, Any], bool]:
    def ordered(a: Any, b: Any) -> bool:
        if a.__class__ is b.__class__ and a.__class__ in _USUAL:
            return compare(a, b)
        if absent(a) or absent(b):
            return False
        if _order(a) != _order(b) or not _order(a):
            raise MismatchError(
                "%(subject)s is %(kind)s, cannot be compared with %(other)s (%(sign)s)",
                kind=type_name(a),
                other=type_name(b),
                sign=sign,
            )
        if not isinstance(a, list):
            return compare(a, b)
        for left, right in zip(a, b, strict=False):
            if not same(left, right):
                return ordered(left, right)
        return compare(len(a), len(b))

    return ordered


less = _ordering(operator.lt, "<")
less_or_equal = _ordering(operator.le, "<=")
greater = _ordering(operator.gt, ">")
greater_or_equal = _ordering(operator.ge, ">=")
_from_low = _ordering(operator.ge, "BETWEEN")
_to_high = _ordering(operator.le, "BETWEEN")


def between(value: Any, low: Any, high: Any) -> bool:
    return _from_low(value, low) and _to_high(value, high)


def exists(value: Any) -> bool:
    return value is not MISSING


def empty(value: Any) -> bool:
    return absent(value) or (isinstance(value, (str, list, dict)) and not value)


def _part_test(
    name: str, in_text: Callable[[str, str], bool], in_list: Callable[[list[Any], Any], bool]
) -> Callable[[Any, Any], bool]:
    def test(whole: Any, part: Any) -> bool:
        if absent(whole):
            return False
        if isinstance(whole, list):
            return in_list(whole, part)
        if not isinstance(whole, str):
            raise MismatchError(
                "%(subject)s is %(kind)s; %(operator)s needs text or a list",
                kind=type_name(whole),
                operator=name,
            )
        if absent(part):
            return False
        if not isinstance(part, str):
            raise MismatchError(
                "%(subject)s is %(kind)s; %(operator)s looks in text for text",
                side=1,
                kind=type_name(part),
                operator=name,
            )
        return in_text(whole, part)

    return test


contains = _part_test("CONTAINS", lambda text, part: part in text, lambda items, item: one_of(item, items))
starts_with = _part_test("STARTS WITH", str.startswith, lambda items, item: one_of(item, items[:1]))
ends_with = _part_test("ENDS WITH", str.endswith, lambda items, item: one_of(item, items[-1:]))


def copy(value: Any) -> Any:
    """A deep copy of a JSON value: what leaves the package shares nothing mutable with what entered it."""
    if isinstance(value, dict):
        if ATOMS.issuperset(map(type, value.values())):
            return dict(value)
        return {key: copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return value[:] if ATOMS.issuperset(map(type, value)) else [copy(item) for item in value]
    return value


def plain(value: Any) -> Any:
    """The value as JSON: moments in ISO 8601, missing as null, what JSON cannot hold as text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if absent(value):
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value)


_as_json: Final = json.JSONEncoder(ensure_ascii=False).encode


def as_text(value: Any) -> str:
    """A value within a text: missing and null are nothing, objects and lists are JSON."""
    if isinstance(value, str):
        return value
    if value.__class__ is int or (value.__class__ is float and math.isfinite(value)):
        return repr(value)  # as JSON has it, and much quicker
    return "" if absent(value) else _as_json(plain(value))
