"""Writing a Python function for a condition or a template.

The source that is written holds nothing of the user's: keys and values stand in it under generated names,
and are put in as constants once Python has parsed it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from itertools import count
from typing import Any, Final

from .budget import COST, Run, TooLarge, reach
from .errors import NotationError
from .paths import Key, Reference, loop, step
from .values import MISSING

ALWAYS_THERE: Final = "profile"  # the source without which the reference takes over
Compiled = Callable[[Mapping[str, Any]], Any]
_Place = tuple[str, tuple[Key, ...]]  # a source and the keys to an object within it
INLINED: Final = (str, int, float, bool, type(None), frozenset)  # what Python can hold as a constant


# Where an object is missing, the next calls do not trust the data: profiles are often alike. The count is
# the function's own; what threads do to it costs nothing but time.
_IN_TURN = """\
def make():
    wary = 0
    def answer(sources):
        nonlocal wary
        if wary > 0:
            wary -= 1
        else:
            try:
                {trusting}
            except TooLarge:
                raise
            except NotationError:
                return reference(sources)
            except Exception:
                wary = 63
        try:
            {careful}
        except TooLarge:
            raise
        except Exception:
            pass
        return reference(sources)
    return answer
"""


class Writer:
    """Collects what a function needs: constants under generated names, and lines before its result.

    Lines stand in blocks (a loop, a branch): what is looked up in one is known there only.
    """

    hoists_all = False  # whether everything that is looked up is needed in any case

    def __init__(self) -> None:
        self.names: dict[str, Any] = {
            kind.__name__: kind for kind in (str, int, dict, list, Exception, NotationError, TooLarge)
        }
        self.names.update(NUMBERS=(int, float, bool, Decimal), EMPTY={}, MISSING=MISSING)
        self.names.update(__builtins__={}, step=step, Run=Run, none=none, len=len, reach=reach)
        self.names.update(loops=loops)
        self.inlined: dict[str, Any] = {}
        self.variables = 0
        self.begin(trusting=False)

    def begin(self, trusting: bool) -> None:
        """Start a function; a `trusting` one for data in which all objects on the way are there."""
        self.trusting = trusting
        self.hoists = True
        self.first_lines: dict[str, str] = {}  # variables that all blocks share, and what they are
        self.lines: list[str] = []
        self.indent = ""
        self.locals: dict[_Place, str] = {}
        self.within: dict[str, str] = {}  # the variables of what is looked at in lists
        self.work = 0  # what is asked about one item costs at most

    def in_turn(self, write: Callable[[], str], reference: Compiled) -> Compiled:
        """A function that does what `write` writes; whatever raises is left to the reference."""
        blocks = {}
        for name, trusting in (("trusting", True), ("careful", False)):
            self.begin(trusting)
            result = write()
            first = [f"{variable} = {expression}" for variable, expression in self.first_lines.items()]
            indent = "\n                " if trusting else "\n            "
            blocks[name] = indent.join([*first, *self.lines, f"return {result}"])
        tree = _Constants(self.inlined).visit(ast.parse(_IN_TURN.format(**blocks)))
        space = {**self.names, "reference": reference}
        exec(compile(tree, "<notation>", "exec"), space)  # noqa: S102 - no user text was parsed
        function: Compiled = space["make"]()
        return function

    def constant(self, value: Any) -> str:
        name = f"c{len(self.names) + len(self.inlined)}"
        (self.inlined if type(value) in INLINED else self.names)[name] = value
        return name

    def variable(self) -> str:
        """The name of a new variable."""
        self.variables += 1
        return f"v{self.variables}"

    def line(self, text: str) -> None:
        self.lines.append(self.indent + text)

    def local(self, place: _Place, expression: str) -> str:
        """The variable of an object on the way, looked up once for all paths of the block through it."""
        if place not in self.locals:
            self.locals[place] = self.variable()
            self.line(f"{self.locals[place]} = {expression}")
        return self.locals[place]

    @property
    def run(self) -> str:
        """The variable of what keeps account of the work: one for the whole function."""
        self.first_lines["run"] = "Run()"
        return "run"

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Lines that are perhaps never run, or run for many items: these do not trust the data."""
        self.line(f"{head}:")
        outside = self.locals, self.indent, self.trusting
        self.locals, self.indent, self.trusting = dict(self.locals), f"{self.indent} ", False
        yield
        self.locals, self.indent, self.trusting = outside

    @contextmanager
    def about(self, names: Mapping[str, str], *, lines: bool) -> Iterator[None]:
        """What is asked of each item of a list; `names`: what points at it, and its variables. In a lambda
        there are no lines. Its `work` is to be charged before the end.
        """
        outside = self.locals, self.hoists, self.trusting, self.within, self.work
        self.locals = {place: name for place, name in self.locals.items() if place[0] not in names}
        self.hoists, self.trusting, self.work = self.hoists and lines, False, COST
        self.within = {**self.within, **names}
        yield
        self.locals, self.hoists, self.trusting, self.within, self.work = outside

    def trusted(self, check: str) -> str:
        """A check of what usually holds, and where it does not, something raises without it, too."""
        return "True" if self.trusting else check

    def path(self, reference: Reference, default: str = "None", *, sure: bool = False) -> str:
        """An expression for the value of a reference; a `sure` one is usually there.

        Objects on the way are looked up once for all paths through them, where they are needed in any case.
        """
        value = self._source(reference.source)
        for length, key in enumerate(reference.keys[:-1], 1):
            place = reference.source, reference.keys[:length]
            found = self._way(value, key, reference.source)
            value = self.local(place, found) if self.hoists or place in self.locals else found
        if not reference.keys:
            return value
        if sure and self._trusts(reference.source) and reference.keys[-1].index is None:
            return f"{value}[{self.constant(reference.keys[-1].name)}]"
        return self._last(value, reference.keys[-1], default)

    def _source(self, source: str) -> str:
        if source in self.within:
            return self.within[source]
        name = self.constant(source)
        there = f"(EMPTY if (x := sources.get({name})) is None else x)"
        found = f"sources[{name}]" if source == ALWAYS_THERE else there
        self.first_lines.setdefault(source, found)
        return source

    def _trusts(self, source: str) -> bool:
        return self.trusting and source == ALWAYS_THERE

    def _way(self, value: str, key: Key, source: str) -> str:
        """An object on the way. Looking it up as if it were there is faster, and raises where it is not."""
        if key.index is not None:
            return f"(step({value}, {self.constant(key.name)}, {self.constant(key.index)}, EMPTY) or EMPTY)"
        name = self.constant(key.name)
        return f"{value}[{name}]" if self._trusts(source) else f"({value}.get({name}) or EMPTY)"

    def _last(self, value: str, key: Key, default: str) -> str:
        name = self.constant(key.name)
        if key.index is not None:
            return f"step({value}, {name}, {self.constant(key.index)}, {default})"
        return f"{value}.get({name})" if default == "None" else f"{value}.get({name}, {default})"


class _Constants(ast.NodeTransformer):
    """Puts values in the place of their names: that is faster than looking them up."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self.values:
            return node
        return ast.copy_location(ast.Constant(self.values[node.id]), node)


def loops() -> Callable[[], dict[str, int]]:
    """What gives the `loop@` of one item of a list after the other."""
    return map(loop, count()).__next__


def none(value: Any) -> Any:
    return None if value is MISSING else value
