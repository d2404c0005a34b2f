"""Templates as Python functions, so that they run as fast as if written by hand.

As with conditions, the generated source holds nothing of the user's, is written for usual data, and
leaves whatever raises to the reference, `render.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from . import tree
from .casts import cast
from .compiled import MAX_DEPTH, MAX_KEYS, is_moderate, write_node, write_operand
from .evaluate import Scope
from .paths import ITEM, Reference
from .render import is_wanted, left, render
from .run import COST, Run, weight
from .template_tree import (
    Choice,
    Constant,
    Each,
    Formula,
    List,
    Lookup,
    Object,
    Part,
    Table,
    Text,
    children,
    expression,
    parts_below,
    references,
)
from .tree import Call
from .values import ATOMS, as_text, copy, plain
from .writer import CompiledPart, Writer

_IS_ATOM: Final = "(k := {0}.__class__) is str or k in ATOMS"  # quickest for what is most frequent
MAX_DISPLAY: Final = 15  # Python makes larger objects in pieces; then it is faster to fill an outline
MAX_PARTS: Final = 400  # beyond these Python's compiler takes long


def compile_template(part: Part) -> Callable[[Mapping[str, Any]], Any]:
    """A function of the sources. Raises, when called, nothing but NotationError."""

    def reference(sources: Mapping[str, Any]) -> Any:
        return render(part, sources)

    if not _is_moderate(part):
        return reference
    writer = _TemplateWriter()
    return writer.in_turn(lambda: writer.value(part, optional=False), reference)


def _is_moderate(part: Part) -> bool:
    paths = references(part)
    asked = [inner for below in parts_below(part) if (inner := expression(below)) is not None]
    return (
        sum(1 for _ in parts_below(part)) + len(paths) <= MAX_PARTS
        and all(len(path.keys) <= MAX_KEYS for path in paths)
        and all(map(is_moderate, asked))
        and _depth(part) <= MAX_DEPTH
    )


def _depth(part: Part) -> int:
    return 1 + max(map(_depth, children(part)), default=0)


class _TemplateWriter(Writer):
    """Writes a part as an expression; objects and lists with optional parts take lines before it."""

    hoists_all = True

    def __init__(self) -> None:
        super().__init__()
        self.names.update(copy=copy, cast=cast, as_text=as_text, plain=plain, join="".join, left=left)
        self.names["ATOMS"] = ATOMS
        self.containers = 0

    def value(self, part: Part, optional: bool) -> str:
        if isinstance(part, Object):
            return self._object(part, optional)
        if isinstance(part, List):
            return self._list(part, optional)
        if isinstance(part, Each):
            return self._each(part, optional)
        if isinstance(part, Choice):
            then, otherwise = self._later(part.then, optional), self._later(part.otherwise, optional)
            return f"({then} if ({write_node(self, part.condition)}) else {otherwise})"
        if isinstance(part, Table):
            return self._table(part, optional)
        return self._simple(part, optional)

    def _simple(self, part: Constant | Lookup | Text | Formula, optional: bool) -> str:
        if isinstance(part, Constant):
            name = self.constant(part.value)
            return f"copy({name})" if isinstance(part.value, (dict, list)) else name
        if isinstance(part, Text):
            return self._text(part)
        if isinstance(part, Formula):
            return self._atom(write_operand(self, part.operand), "plain")
        value = self._atom(self.path(part.reference, sure=not optional), "copy")
        return f"cast({value})" if part.cast else value

    def _atom(self, value: str, otherwise: str) -> str:
        """What can be handed out as it is, or else what `otherwise` makes of it."""
        return f"(x if (x := {value}) is None or {_IS_ATOM.format('x')} else {otherwise}(x))"

    def _text(self, part: Text) -> str:
        pieces = [
            self.constant(piece) if isinstance(piece, str) else f"as_text({self.path(piece)})"
            for piece in part.parts
        ]
        text = f"join(({', '.join(pieces)},))"
        return f"cast({text})" if part.cast else text

    def _object(self, part: Object, optional: bool) -> str:
        fields = [(self.constant(f.name), f.part, optional or f.optional) for f in part.fields]
        if len(fields) <= MAX_DISPLAY and not any(leave_out for *_, leave_out in fields):
            return f"{{{', '.join(f'{name}: {self.value(value, False)}' for name, value, _ in fields)}}}"
        self.containers += 1
        result, outline = f"o{self.containers}", {f.name: _constant(f.part) for f in part.fields}
        self.lines.append(f"{result} = {self.constant(outline.copy)}()")
        for name, value, leave_out in fields:
            self._put(value, leave_out, f"{result}[{name}]")
        return f"({result} or None)" if optional else result

    def _list(self, part: List, optional: bool) -> str:
        shown = f"[{', '.join(self.value(item, optional) for item in part.items)}]"
        return f"left({shown}, True)" if optional and part.items else shown

    def _each(self, part: Each, optional: bool) -> str:
        over = self.value(part.over, optional)
        make, wanted = _compile_part(part.to, optional), _compile_wanted(part)
        through = self.constant(partial(_each, part, optional, make, wanted))
        return f"{through}({over}, sources, {self.local('run', 'Run()')})"

    def _table(self, part: Table, optional: bool) -> str:
        """Only the entry that is chosen is rendered."""
        entries = {key: _compile_part(entry, optional) for key, entry in part.entries.items()}
        otherwise = _compile_part(part.otherwise, optional)
        find = self.constant(partial(_entry, entries, otherwise))
        return f"{find}({self.value(part.of, False)})(sources, {self.local('run', 'Run()')})"

    def _later(self, part: Part, optional: bool) -> str:
        """A part that is perhaps not rendered, as a function of its own; constants need none."""
        if isinstance(part, (Constant, Lookup)):
            return self._simple(part, optional=True)
        return f"{self.constant(_compile_part(part, optional))}(sources, {self.local('run', 'Run()')})"

    def _put(self, part: Part, leave_out: bool, place: str) -> None:
        """Fill a place of the outline, or take it out. Constants stand in it already."""
        if isinstance(part, Lookup) and leave_out and not part.cast:
            self.lines.append(f"if (y := {self.path(part.reference)}) is None: del {place}")
            self.lines.append(f"else: {place} = y if {_IS_ATOM.format('y')} else copy(y)")
        elif leave_out:
            self.lines.append(f"if (y := {self.value(part, True)}) is None: del {place}")
            self.lines.append(f"else: {place} = y")
        elif _constant(part) is None:
            self.lines.append(f"{place} = {self.value(part, False)}")


def _constant(part: Part) -> Any:
    """The value of a part that is the same in all payloads; None for others."""
    return part.value if isinstance(part, Constant) and type(part.value) in ATOMS else None


def _compile_part(part: Part, optional: bool) -> CompiledPart:
    writer = _TemplateWriter()
    return writer.part(lambda: writer.value(part, optional))


def _compile_wanted(part: Each) -> CompiledPart | None:
    """Whether an item is wanted. If only it is looked at, the work is within that of the item."""
    condition = part.where
    if condition is None:
        return None
    if any(
        isinstance(below, Call) or (isinstance(below, Reference) and below.source != ITEM)
        for below in tree.parts_below(condition)
    ):
        return lambda sources, run: is_wanted(part, Scope("", sources, run))
    writer = _TemplateWriter()
    return writer.part(lambda: write_node(writer, condition))


def _each(
    part: Each,
    optional: bool,
    make: CompiledPart,
    wanted: CompiledPart | None,
    items: Any,
    sources: Mapping[str, Any],
    run: Run,
) -> Any:
    """As `render.each` goes through a list, with one dictionary of sources for all items."""
    if items is None:
        return None
    made, inner = [], dict(sources)
    for item in _a_list(items):
        inner[ITEM] = item
        run.spend(COST)
        if wanted is None or wanted(inner, run):
            value = make(inner, run)
            run.spend(part.cost + weight(value))
            made.append(value)
    return left(made, optional)


def _a_list(items: Any) -> list[Any]:
    if not isinstance(items, list):
        raise TypeError("the reference says what is wrong")
    return items


def _entry(entries: dict[str, CompiledPart], otherwise: CompiledPart, key: Any) -> CompiledPart:
    return otherwise if key is None else entries.get(as_text(key), otherwise)
