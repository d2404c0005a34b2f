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
from .paths import SOURCES
from .printer import write
from .template_tree import Written
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
    sources: tuple[str, ...]
    references: tuple[str, ...] = field(compare=False)
    evaluate: Callable[[Sources], bool] = field(compare=False, repr=False)
    written: tuple[Written, ...] = field(compare=False, repr=False)
    _node: Node = field(compare=False, repr=False)

    def explain(self, sources: Sources) -> Explanation:
        """Why the condition is met or not, part by part. Never raises, never disagrees with evaluate."""
        return explain(self.text, self._node, sources)

    @property
    def normalized(self) -> str:
        """The same condition in its normal form, however it was typed."""
        return write(self._node)

    def __reduce__(self) -> tuple[Callable[..., Condition], tuple[str, tuple[str, ...]]]:
        return parse_condition, (self.text, self.sources)


def parse_condition(text: str, sources: tuple[str, ...] = SOURCES) -> Condition:
    """The condition of a text in logic notation. Raises NotationError with line and column.

    `sources` are the names that may stand before an @: of prerequisites those of Tracardi.

    Cached by text. A blank text is an error: that blank means "always" is for the caller to say.
    """
    if not isinstance(text, str):
        raise NotationError(message("a condition is a text"))
    return _parsed(str(text), sources)


@kept
def _parsed(text: str, sources: tuple[str, ...]) -> Condition:
    node = parse(text, sources=sources)
    written = (Written("", text, node),)
    return Condition(text, sources, references(node), compile_condition(text, node), written, node)
