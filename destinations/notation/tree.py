"""The parsed condition: immutable nodes that know their place in the text (`start`, `end`).

Two nodes are equal if they say the same, wherever they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .functions import Function
from .paths import ITEM, LOOP, Reference


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written in the condition. Lists are never handed out, so nobody can change them.

    `written` is the value as it stands there, `value` what a function reads it as (dates, zones, offsets).
    """

    written: Any
    value: Any = field(compare=False)
    start: int = field(compare=False)
    end: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Folded:
    """What a call that depends on no data gives."""

    value: Any


@dataclass(frozen=True, slots=True)
class Call:
    """A function of values; conditions stand only where its parameters want them."""

    function: Function
    arguments: tuple[Operand | Node, ...]
    folded: Folded | None = field(compare=False)
    start: int = field(compare=False)
    end: int = field(compare=False)

    @property
    def quick(self) -> Callable[[str], Any] | None:
        return self.function.quick_with(len(self.arguments))


@dataclass(frozen=True, slots=True)
class Test:
    """One question: `operator` is "==", "<", "<=", ">", ">=", "BETWEEN", "NULL", "EXISTS", "EMPTY",
    "CONTAINS", "STARTS WITH", "ENDS WITH" or "IN"; the first operand is what is asked about."""

    operator: str
    operands: tuple[Operand, ...]
    negated: bool
    start: int = field(compare=False)
    end: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Logic:
    """`operator` "AND", "OR" of two or more parts, or "NOT" of one."""

    operator: str
    parts: tuple[Node, ...]
    start: int = field(compare=False)
    end: int = field(compare=False)


Operand = Reference | Literal | Call
Node = Test | Logic


def is_constant(operand: Operand | Node) -> bool:
    """Whether its value is the same whatever the data and the moment."""
    return isinstance(operand, Literal) or (isinstance(operand, Call) and operand.folded is not None)


def constant_of(operand: Operand | Node) -> Any:
    """The value of what is constant."""
    if isinstance(operand, Literal):
        return operand.value
    return operand.folded.value if isinstance(operand, Call) and operand.folded else None


def children(part: Operand | Node) -> tuple[Operand | Node, ...]:
    if isinstance(part, Call):
        return part.arguments
    if isinstance(part, Test):
        return part.operands
    return part.parts if isinstance(part, Logic) else ()


def parts_below(part: Operand | Node) -> Iterator[Operand | Node]:
    """The part and all parts within it, in the order they stand there."""
    yield part
    for child in children(part):
        yield from parts_below(child)


def depth(part: Operand | Node) -> int:
    return 1 + max(map(depth, children(part)), default=0)


def outside_items(part: Operand | Node) -> Iterator[Operand | Node]:
    """Like `parts_below`, without what functions ask of each item of a list."""
    yield part
    for position, child in enumerate(children(part)):
        if not (isinstance(part, Call) and part.function.parameter(position).each):
            yield from outside_items(child)


def counts(part: Operand | Node) -> bool:
    """Whether it asks for the number of an item."""
    return any(isinstance(below, Reference) and below.source == LOOP for below in parts_below(part))


def references(part: Operand | Node) -> tuple[str, ...]:
    """The texts of all references to data, each once."""
    found = (
        below.text
        for below in parts_below(part)
        if isinstance(below, Reference) and below.source not in (ITEM, LOOP)
    )
    return tuple(dict.fromkeys(found))
