"""The parsed template: what each place of the result is made of. `path` is the place in the template."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import tree
from .paths import LOOP, Reference


@dataclass(frozen=True, slots=True)
class Constant:
    """A JSON value that stays as it is."""

    value: Any


@dataclass(frozen=True, slots=True)
class Lookup:
    """A string that is exactly a reference: the value, with its type."""

    reference: Reference
    cast: bool


@dataclass(frozen=True, slots=True)
class Text:
    """A string with `{{references}}` in it."""

    parts: tuple[str | Reference, ...]
    cast: bool


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    optional: bool
    part: Part


@dataclass(frozen=True, slots=True)
class Object:
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class List:
    items: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Formula:
    """`{"$formula": text}`: what a function gives."""

    text: str
    operand: tree.Operand
    path: str


@dataclass(frozen=True, slots=True)
class Choice:
    """`{"$if": text, "then": ..., "else": ...}`"""

    text: str
    condition: tree.Node
    then: Part
    otherwise: Part
    path: str


@dataclass(frozen=True, slots=True)
class Table:
    """`{"$lookup": ..., "in": {...}, "else": ...}`"""

    of: Part
    entries: dict[str, Part]
    otherwise: Part
    path: str


@dataclass(frozen=True, slots=True)
class Each:
    """`{"$map": ..., "as": name, "where": text, "to": ...}`; `cost` is the work of one item, `name` is "" or
    what points at the item besides `item`."""

    over: Part
    text: str
    where: tree.Node | None
    to: Part
    name: str
    cost: int
    path: str
    where_path: str


Part = Constant | Lookup | Text | Object | List | Formula | Choice | Table | Each


@dataclass(frozen=True, slots=True)
class Written:
    """A text as people wrote it, and what it means: a string of a template, or a condition or formula.

    `path` is its JSON path in the template, "" for a condition of its own.
    """

    path: str
    text: str
    meaning: Constant | Lookup | Text | tree.Node | tree.Operand


def children(part: Part) -> tuple[Part, ...]:
    if isinstance(part, Object):
        return tuple(field.part for field in part.fields)
    if isinstance(part, Choice):
        return (part.then, part.otherwise)
    if isinstance(part, Table):
        return (part.of, *part.entries.values(), part.otherwise)
    if isinstance(part, Each):
        return (part.over, part.to)
    return part.items if isinstance(part, List) else ()


def parts_below(part: Part) -> Iterator[Part]:
    """The part and all parts within it, in the order they stand there."""
    yield part
    for child in children(part):
        yield from parts_below(child)


def expression(part: Part) -> tree.Operand | tree.Node | None:
    """The condition or formula of a part itself."""
    if isinstance(part, Formula):
        return part.operand
    if isinstance(part, Choice):
        return part.condition
    return part.where if isinstance(part, Each) else None


def references(part: Part) -> list[Reference]:
    """All references of a template, in the order they stand there."""
    found: list[Reference] = []
    for below in parts_below(part):
        asked = expression(below)
        if isinstance(below, Lookup):
            found.append(below.reference)
        elif isinstance(below, Text):
            found += [piece for piece in below.parts if isinstance(piece, Reference)]
        elif asked is not None:
            found += [inner for inner in tree.parts_below(asked) if isinstance(inner, Reference)]
    return found


def counts(part: Each) -> bool:
    """Whether what is made of an item, or asked about it, depends on its number."""
    asked = [] if part.where is None else [part.where]
    return any(map(tree.counts, asked)) or any(one.source == LOOP for one in references(part.to))
