"""A tree as text again, in one normal form: parsing that text gives the same tree.

Two conditions that differ only in spacing, quotes, brackets, the case of keywords or the spelling of
operators have the same normal form.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from .paths import NAME_CHARACTERS, WHOLE, Key, Reference
from .tree import Call, Logic, Node, Operand, Test

_BARE: Final = re.compile(f"[{NAME_CHARACTERS}]+")


def write(part: Node | Operand) -> str:
    """The text of a condition, or of a field, value or function."""
    if isinstance(part, Logic):
        if part.operator == "NOT":
            return f"NOT ({write(part.parts[0])})"
        return f" {part.operator} ".join(map(_level, part.parts))
    if isinstance(part, Test):
        return _test(part)
    if isinstance(part, Call):
        return f"{part.function.name}({', '.join(map(write, part.arguments))})"
    if isinstance(part, Reference):
        keys = [_key(key, first=position == 0) for position, key in enumerate(part.keys)]
        return f"{part.source}@{''.join(keys) or WHOLE}"
    return _value(part.written)


def _level(part: Node) -> str:
    """AND and OR within others stand in brackets; NOT has brackets of its own."""
    return f"({write(part)})" if isinstance(part, Logic) and part.operator != "NOT" else write(part)


def _test(test: Test) -> str:
    subject, *others = map(write, test.operands)
    operator = test.operator
    if operator == "NULL":
        return f"{subject} IS {'NOT ' if test.negated else ''}NULL"
    if operator == "==":
        return f"{subject} {'!=' if test.negated else '=='} {others[0]}"
    if operator == "BETWEEN":
        return f"{subject} BETWEEN {others[0]} AND {others[1]}"
    return " ".join([subject, *(["NOT"] if test.negated else []), operator, *others])


def _key(key: Key, first: bool) -> str:
    """Digits in brackets are a key only if quoted, and an index if not."""
    is_digits = key.name.isascii() and key.name.isdigit()
    if _BARE.fullmatch(key.name) and (key.index is not None or not is_digits):
        return key.name if first else f".{key.name}"
    return f"[{json.dumps(key.name, ensure_ascii=False)}]"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False)
