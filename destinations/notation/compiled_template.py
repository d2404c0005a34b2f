"""Templates as Python functions, so that they run as fast as if written by hand.

As with conditions, the generated source holds nothing of the user's, is written for usual data, and
leaves whatever raises to the reference, `render.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from .budget import COST, MAX_COPIED, MAX_WORK, copied, counted, weight, written
from .casts import cast
from .compiled import write_node, write_operand
from .limits import is_moderate_template
from .paths import ITEM, LOOP
from .render import left, render
from .template_tree import Choice, Constant, Each, Formula, List, Lookup, Object, Part, Table, Text, counts
from .values import ATOMS, copy, plain
from .writer import Writer

MAX_DISPLAY: Final = 15  # Python makes larger objects in pieces; then it is faster to fill an outline
PLAIN_ATOMS: Final = ATOMS - {float}  # functions may give fractions that JSON does not know


def compile_template(part: Part) -> Callable[[Mapping[str, Any]], Any]:
    """A function of the sources. Raises, when called, nothing but NotationError."""

    moderate = is_moderate_template(part)

    def reference(sources: Mapping[str, Any]) -> Any:
        return render(part, sources, thorough=not moderate)

    if not moderate:
        return reference
    writer = _TemplateWriter()
    return writer.in_turn(lambda: writer.value(part, optional=False), reference)


class _TemplateWriter(Writer):
    """Writes a part as an expression; what needs more than that takes lines before it.

    Within a list, what is made of an item weighs: `weight` is what is known of that beforehand, and `noted`
    the variable of the rest (it counts from 1, so that expressions can add to it with `and`).
    """

    hoists_all = True

    def __init__(self) -> None:
        super().__init__()
        self.names.update(copy=copy, cast=cast, written=written, plain=plain, join="".join, left=left)
        self.names.update(copied=copied, counted=counted, MAX_COPIED=MAX_COPIED)
        self.names.update(ATOMS=ATOMS, PLAIN_ATOMS=PLAIN_ATOMS, weight=weight)

    def begin(self, trusting: bool) -> None:
        super().begin(trusting)
        self.weight = 0
        self.noted = ""

    def value(self, part: Part, optional: bool) -> str:
        if isinstance(part, Choice):
            branches = {f"if {write_node(self, part.condition)}": part.then, "else": part.otherwise}
            return self._one_of(branches, optional)
        if isinstance(part, Table):
            return self._table(part, optional)
        self.weight += COST
        if isinstance(part, Object):
            return self._object(part, optional)
        if isinstance(part, List):
            return self._list(part, optional)
        return self._each(part, optional) if isinstance(part, Each) else self._simple(part, optional)

    def _simple(self, part: Constant | Lookup | Text | Formula, optional: bool) -> str:
        if isinstance(part, Constant):
            self.weight += weight(part.value) - COST
            name = self.constant(part.value)
            return f"copy({name})" if isinstance(part.value, (dict, list)) else name
        if isinstance(part, Text):
            return self._text(part)
        if isinstance(part, Formula):
            value = write_operand(self, part.operand)
            return self._atom(value, "PLAIN_ATOMS", lambda x: f"plain(counted({x}, {self._copies}))")
        value = self._atom(self.path(part.reference, sure=not optional), "ATOMS", self._copied)
        return f"cast({value})" if part.cast else value

    def _copied(self, value: str) -> str:
        return f"copied({value}, {self._copies})"

    @property
    def _copies(self) -> str:
        """The variable of what may still be copied."""
        self.first_lines["copies"] = "[MAX_COPIED]"
        return "copies"

    def _atom(self, value: str, atoms: str, otherwise: Callable[[str], str]) -> str:
        """What can be handed out as it is, or else what `otherwise` makes of it; text is asked for first."""
        if not self.noted:
            kind = f"(x := {value}) is None or (k := x.__class__) is str"
            return f"(x if {kind} or k in {atoms} else {otherwise('x')})"
        kind = f"(k := (x := {value}).__class__) is str and {self._note('len(x)')}"
        weighed = self._note(f"weight(y := {otherwise('x')})")
        return f"(x if {kind} or k in {atoms} else {weighed} and y)"

    def _note(self, more: str) -> str:
        return f"({self.noted} := {self.noted} + {more})"

    def _text(self, part: Text) -> str:
        pieces = [
            self.constant(piece) if isinstance(piece, str) else f"written({self.path(piece)}, {self._copies})"
            for piece in part.parts
        ]
        text = f"join(({', '.join(pieces)},))"
        if self.noted:
            text = f"({self._note(f'len(y := {text})')} and y)"
        return f"cast({text})" if part.cast else text

    def _object(self, part: Object, optional: bool) -> str:
        fields = [(self.constant(f.name), f.part, optional or f.optional) for f in part.fields]
        if len(fields) <= MAX_DISPLAY and not any(leave_out for *_, leave_out in fields):
            return f"{{{', '.join(f'{name}: {self.value(value, False)}' for name, value, _ in fields)}}}"
        result, outline = self.variable(), {f.name: _constant(f.part) for f in part.fields}
        self.line(f"{result} = {self.constant(outline.copy)}()")
        for name, value, leave_out in fields:
            self._put(value, leave_out, f"{result}[{name}]")
        return f"({result} or None)" if optional else result

    def _put(self, part: Part, leave_out: bool, place: str) -> None:
        """Fill a place of the outline, or take it out. Constants stand in it already."""
        if isinstance(part, Lookup) and leave_out and not part.cast and not self.noted:
            self.line(f"if (y := {self.path(part.reference)}) is None: del {place}")
            self.line(
                f"else: {place} = y if (k := y.__class__) is str or k in ATOMS else {self._copied('y')}"
            )
        elif leave_out:
            self.line(f"if (y := {self.value(part, True)}) is None: del {place}")
            self.line(f"else: {place} = y")
        elif _constant(part) is None:
            self.line(f"{place} = {self.value(part, False)}")
        else:
            self.weight += weight(_constant(part))

    def _list(self, part: List, optional: bool) -> str:
        shown = f"[{', '.join(self.value(item, optional) for item in part.items)}]"
        return f"left({shown}, True)" if optional and part.items else shown

    def _table(self, part: Table, optional: bool) -> str:
        """A table of constants is looked into at once."""
        key = self.variable()
        self.line(f"{key} = {self._unchanged(part.of, False)}")
        text = f"written({key}, {self._copies})"
        self.line(f"if {key}.__class__ is not str and {key} is not None: {key} = {text}")
        entries = (*part.entries.values(), part.otherwise)
        if all(isinstance(one, Constant) and type(one.value) in ATOMS for one in entries):
            self.weight += max(map(weight, map(_constant, entries)))
            values = dict(zip(part.entries, map(_constant, entries), strict=False))
            return f"{self.constant(values.get)}({key}, {self.constant(_constant(part.otherwise))})"
        numbers = {name: number for number, name in enumerate(part.entries)}
        chosen = self.variable()
        self.line(f"{chosen} = {self.constant(numbers.get)}({key}, {len(numbers)})")
        return self._one_of({f"if {chosen} == {number}": one for number, one in enumerate(entries)}, optional)

    def _one_of(self, branches: dict[str, Part], optional: bool) -> str:
        """Parts of which one is rendered, by what stands before it."""
        result, before, most = self.variable(), (self.work, self.weight), (0, 0)
        for head, part in branches.items():
            self.work, self.weight = before
            with self.block(head):
                self.line(f"{result} = {self.value(part, optional)}")
            most = max(most[0], self.work), max(most[1], self.weight)
        self.work, self.weight = most
        return result

    def _each(self, part: Each, optional: bool) -> str:
        """As `render.each` goes through a list, keeping account once and not for each item."""
        items, item, loops, loop, result, noted = (self.variable() for _ in range(6))
        self.line(f"{items} = {self._unchanged(part.over, optional)}")
        self.line(f"{result} = None")
        with self.block(f"if {items} is not None"):
            self.line(f"if {items}.__class__ is not list: raise Exception")
            self.line(f"{result} = []")
            self.line(f"{noted} = 1")
            names = {ITEM: item, LOOP: loop, **({part.name: item} if part.name else {})}
            if counts(part):
                self.line(f"{loops} = loops()")
            with self.block(f"for {item} in {items}"), self.about(names, lines=True):
                if counts(part):
                    self.line(f"{loop} = {loops}()")
                self._item(part, optional, result, noted)
                work = self.work
            self.line(f"{self.run}.spend({noted} + len({items}) * {work})")
            if self.noted:
                self.line(f"{self.noted} += {noted}")
            if optional:
                self.line(f"{result} = left({result}, True)")
        return result

    def _item(self, part: Each, optional: bool, result: str, noted: str) -> None:
        """What is done for one item. The lists around it weigh what is made, too."""
        outside, self.noted, self.weight = (self.noted, self.weight), noted, part.cost
        if part.where is not None:
            self.line(f"if not ({write_node(self, part.where)}): continue")
        self.line(f"{result}.append({self.value(part.to, optional)})")
        self.line(f"{noted} += {self.weight}")
        self.line(f"if {noted} > {MAX_WORK}: break")
        self.noted, self.weight = outside

    def _unchanged(self, part: Part, optional: bool) -> str:
        """A value that is only looked at, and need not be a copy."""
        if not isinstance(part, Lookup):
            return self.value(part, optional)
        return f"cast({self.path(part.reference)})" if part.cast else self.path(part.reference)


def _constant(part: Part) -> Any:
    """The value of a part that is the same in all payloads; None for others."""
    return part.value if isinstance(part, Constant) and type(part.value) in ATOMS else None
