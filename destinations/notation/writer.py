"""Writing a Python function for a condition or a template.

The source that is written holds nothing of the user's: keys and values stand in it under generated names,
and are put in as constants once Python has parsed it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from .paths import ITEM, Key, Reference, step
from .run import Run
from .values import MISSING

ALWAYS_THERE: Final = ("profile", ITEM)  # sources; without them the reference takes over
Compiled = Callable[[Mapping[str, Any]], Any]
CompiledPart = Callable[[Mapping[str, Any], Run], Any]
INLINED: Final = (str, int, float, bool, type(None), frozenset)  # what Python can hold as a constant


# Where an object is missing, the next calls do not trust the data: profiles are often alike. The count is
# the function's own; what threads do to it costs nothing but time.
_IN_TURN = """\
def make():
    wary = 0
    def run(sources):
        nonlocal wary
        if wary > 0:
            wary -= 1
        else:
            try:
                {trusting}
            except Exception:
                wary = 63
        try:
            {careful}
        except Exception:
            pass
        return reference(sources)
    return run
"""
_PART = """\
def make():
    def run(sources, run):
        {lines}
    return run
"""


class Writer:
    """Collects what a function needs: constants under generated names, and lines before its result."""

    hoists_all = False  # whether everything that is looked up is needed in any case

    def __init__(self) -> None:
        self.names: dict[str, Any] = {kind.__name__: kind for kind in (str, dict, list, Exception)}
        self.names.update(NUMBERS=(int, float, bool, Decimal), EMPTY={}, MISSING=MISSING)
        self.names.update(__builtins__={}, step=step, Run=Run, none=none)
        self.inlined: dict[str, Any] = {}
        self.begin(trusting=False)

    def begin(self, trusting: bool) -> None:
        """Start a block of lines; a `trusting` one for data in which all objects on the way are there."""
        self.trusting = trusting
        self.hoists = True
        self.lines: list[str] = []
        self.locals: dict[Any, str] = {}

    def in_turn(self, write: Callable[[], str], reference: Compiled) -> Compiled:
        """A function that does what `write` writes; whatever raises is left to the reference."""
        blocks = {}
        for name, trusting in (("trusting", True), ("careful", False)):
            self.begin(trusting)
            result = write()
            indent = "\n                " if trusting else "\n            "
            blocks[name] = indent.join([*self.lines, f"return {result}"])
        function: Compiled = self._function(_IN_TURN.format(**blocks), reference=reference)
        return function

    def part(self, write: Callable[[], str]) -> CompiledPart:
        """A function of the sources and the run, for a part of something; what it raises is the whole's."""
        self.begin(trusting=False)
        self.locals["run"] = "run"
        result = write()
        lines = "\n        ".join([*self.lines, f"return {result}"])
        function: CompiledPart = self._function(_PART.format(lines=lines))
        return function

    def constant(self, value: Any) -> str:
        name = f"c{len(self.names) + len(self.inlined)}"
        (self.inlined if type(value) in INLINED else self.names)[name] = value
        return name

    def local(self, key: Any, expression: str) -> str:
        """A variable for what `key` stands for, computed once for all places that need it."""
        if key not in self.locals:
            self.locals[key] = f"v{len(self.locals)}"
            self.lines.append(f"{self.locals[key]} = {expression}")
        return self.locals[key]

    def trusted(self, check: str) -> str:
        """A check of what usually holds, and where it does not, something raises without it, too."""
        return "True" if self.trusting else check

    def path(self, reference: Reference, default: str = "None", *, sure: bool = False) -> str:
        """An expression for the value of a reference; a `sure` one is usually there.

        Objects on the way are looked up once for all paths through them, where they are needed in any case.
        """
        value = self.source(reference)
        for length, key in enumerate(reference.keys[:-1], 1):
            place, step = (reference.source, reference.keys[:length]), self._way(value, key, reference.source)
            value = self.local(place, step) if self.hoists or place in self.locals else step
        if not reference.keys:
            return value
        if sure and self.trusting and reference.source in ALWAYS_THERE and reference.keys[-1].index is None:
            return f"{value}[{self.constant(reference.keys[-1].name)}]"
        return self._last(value, reference.keys[-1], default)

    def source(self, reference: Reference) -> str:
        name = self.constant(reference.source)
        if reference.source in ALWAYS_THERE:
            return self.local(reference.source, f"sources[{name}]")
        return self.local(reference.source, f"sources.get({name}) or EMPTY")

    def _way(self, value: str, key: Key, source: str) -> str:
        """An object on the way. Looking it up as if it were there is faster, and raises where it is not."""
        if key.index is not None:
            return f"(step({value}, {self.constant(key.name)}, {self.constant(key.index)}, EMPTY) or EMPTY)"
        name = self.constant(key.name)
        if self.trusting and source in ALWAYS_THERE:
            return f"{value}[{name}]"
        return f"({value}.get({name}) or EMPTY)"

    def _last(self, value: str, key: Key, default: str) -> str:
        name = self.constant(key.name)
        if key.index is not None:
            return f"step({value}, {name}, {self.constant(key.index)}, {default})"
        return f"{value}.get({name})" if default == "None" else f"{value}.get({name}, {default})"

    def _function(self, source: str, **more: Any) -> Any:
        tree = _Constants(self.inlined).visit(ast.parse(source))
        space = {**self.names, **more}
        exec(compile(tree, "<notation>", "exec"), space)  # noqa: S102 - no user text was parsed
        return space["make"]()


class _Constants(ast.NodeTransformer):
    """Puts values in the place of their names: that is faster than looking them up."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self.values:
            return node
        return ast.copy_location(ast.Constant(self.values[node.id]), node)


def none(value: Any) -> Any:
    return None if value is MISSING else value
