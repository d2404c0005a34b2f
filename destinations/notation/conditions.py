"""Conditions as the rest of the program uses them: parse once, evaluate often."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tracsync.common.messages import message

from .compiled import compile_condition
from .errors import NotationError
from .explain import Explanation, explain
from .parse_cache import kept
from .parser import parse
from .printer import write
from .tree import Node, references

Sources = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition: immutable, and free to be shared between threads.

    `evaluate(sources) -> bool` takes `{"profile": {...}, "event": {...}}`; absent sources are empty
    objects. It raises NotationError where the data does not allow an answer ("profile@traits.age is text,
    cannot be compared with a number (>)"). It is the compiled function itself, to save a call.
    """

    text: str
    references: tuple[str, ...] = field(compare=False)
    evaluate: Callable[[Sources], bool] = field(compare=False, repr=False)
    _node: Node = field(compare=False, repr=False)

    def explain(self, sources: Sources) -> Explanation:
        """Why the condition is met or not, part by part. Never raises, never disagrees with evaluate."""
        return explain(self.text, self._node, sources)

    @property
    def normalized(self) -> str:
        """The same condition in its normal form, however it was typed."""
        return write(self._node)

    def __reduce__(self) -> tuple[Callable[[str], Condition], tuple[str]]:
        return parse_condition, (self.text,)


def parse_condition(text: str) -> Condition:
    """The condition of a text in logic notation. Raises NotationError with line and column.

    Cached by text. A blank text is an error: that blank means "always" is for the caller to say.
    """
    if not isinstance(text, str):
        raise NotationError(message("a condition is a text"))
    return _parsed(str(text))


@kept
def _parsed(text: str) -> Condition:
    node = parse(text)
    return Condition(text, references(node), compile_condition(text, node), node)
