"""What a condition means: its tree, walked question by question.

This is the reference: `compiled.py` is the same meaning at speed and leaves everything unusual to this
module, and `explain.py` asks its questions here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from tracsync.common.messages import message, shortened

from . import values
from .budget import COST, Run, extent
from .errors import NotationError
from .paths import ITEM, LOOP, Reference, follow, loop, present
from .tree import Call, Literal, Logic, Node, Operand, Test, is_constant
from .values import MismatchError

MAX_WORDS: Final = 120  # of a part that an error names

OPERATORS: Final[dict[str, Callable[..., bool]]] = {
    "==": values.equal,
    "<": values.less,
    "<=": values.less_or_equal,
    ">": values.greater,
    ">=": values.greater_or_equal,
    "BETWEEN": values.between,
    "NULL": values.absent,
    "EXISTS": values.exists,
    "EMPTY": values.empty,
    "CONTAINS": values.contains,
    "STARTS WITH": values.starts_with,
    "ENDS WITH": values.ends_with,
    "IN": values.one_of,
}


@dataclass(slots=True)
class Scope:
    """One evaluation: the condition's text (to point at), the data, its one `now` and its bounds."""

    text: str
    sources: Mapping[str, Any]
    run: Run = field(default_factory=Run)

    def words(self, part: Node | Operand) -> str:
        return self.text[part.start : part.end]

    def about(self, item: Any, index: int, name: str = "") -> Scope:
        """The same for one item of a list, which has a name besides; each costs some of what may be done."""
        self.run.spend(COST)
        named = {name: item} if name else {}
        return Scope(self.text, {**self.sources, ITEM: item, LOOP: loop(index), **named}, self.run)

    def reading(self, text: str) -> Scope:
        """The same for another text."""
        return Scope(text, self.sources, self.run)

    def aside(self) -> Scope:
        """The same with bounds of its own, to look at parts again without a change of the outcome."""
        return Scope(self.text, self.sources, self.run.aside())


def evaluate(text: str, node: Node, sources: Mapping[str, Any], *, thorough: bool = False) -> bool:
    """Raises NotationError, whatever the data."""
    try:
        return holds(node, Scope(text, present(sources), Run(thorough=thorough)))
    except Exception as error:
        raise as_notation_error(error) from None


def as_notation_error(error: Exception) -> NotationError:
    """Data that is no JSON, or nested beyond Python's stack, must not bring down the caller."""
    if isinstance(error, NotationError):
        return error
    if isinstance(error, RecursionError):
        return NotationError(message("the data is nested too deeply"))
    return NotationError(message("the data cannot be evaluated (%(name)s)", name=type(error).__name__))


def holds(node: Node, scope: Scope) -> bool:
    if isinstance(node, Test):
        return test_holds(node, scope)
    if node.operator == "AND":
        return all(holds(part, scope) for part in node.parts)
    if node.operator == "OR":
        return any(holds(part, scope) for part in node.parts)
    return not holds(node.parts[0], scope)


def test_holds(test: Test, scope: Scope) -> bool:
    operands = [value_of(operand, scope) for operand in test.operands]
    if LOOP in scope.sources:  # asked again and again
        scope.run.spend(work_of(test, operands))
    elif compares_data(test) or (scope.run.thorough and not is_bounded(test)):
        for operand in operands:
            scope.run.glance(operand)
    try:
        return OPERATORS[test.operator](*operands) is not test.negated
    except MismatchError as mismatch:
        raise _located(scope, test.operands[mismatch.side], mismatch) from None


def work_of(test: Test, operands: Sequence[Any]) -> int:
    """The work of a question about an item of a list."""
    return COST + sum(map(extent, operands[1:] if is_bounded(test) else operands))


def is_bounded(test: Test) -> bool:
    """Comparing a field with literals takes no longer than they are; a function of it or a search may."""
    subject, *others = test.operands
    return test.operator != "CONTAINS" and isinstance(subject, Reference) and all(map(is_constant, others))


def compares_data(test: Test) -> bool:
    """Both sides may be large."""
    return sum(not is_constant(operand) for operand in test.operands) > 1


def value_of(operand: Operand, scope: Scope) -> Any:
    """The value of a field, literal or function; MISSING if it leads nowhere."""
    if isinstance(operand, Reference):
        return follow(operand, scope.sources)
    return operand.value if isinstance(operand, Literal) else _result(operand, scope)


def _result(call: Call, scope: Scope) -> Any:
    if call.folded:
        return call.folded.value
    arguments = [_argument(call, position, scope) for position in range(len(call.arguments))]
    try:
        return call.function.call(scope.run, arguments)
    except MismatchError as mismatch:
        blamed = call.arguments[mismatch.side] if call.arguments else call
        raise _located(scope, blamed, mismatch) from None
    except NotationError as error:
        raise error if error.text else NotationError(error.message, scope.text, call.start) from None


def _argument(call: Call, position: int, scope: Scope) -> Any:
    parameter, argument = call.function.parameter(position), call.arguments[position]
    if parameter.each:
        return for_each(argument, scope)
    return (lambda: _answer(argument, scope)) if parameter.lazy else _answer(argument, scope)


def for_each(argument: Operand | Node, scope: Scope) -> Callable[[Any], Any]:
    """What an argument says of one item after the other, keeping account of the work."""
    indexes = count()

    def ask(item: Any) -> Any:
        answer = _answer(argument, scope.about(item, next(indexes)))
        scope.run.spend(extent(answer))
        return answer

    return ask


def _answer(argument: Operand | Node, scope: Scope) -> Any:
    return holds(argument, scope) if isinstance(argument, (Test, Logic)) else value_of(argument, scope)


def _located(scope: Scope, part: Operand | Node, mismatch: MismatchError) -> NotationError:
    words = shortened(" ".join(scope.words(part)[: 2 * MAX_WORDS].split()), MAX_WORDS)
    return NotationError(mismatch.about(words), scope.text, part.start)
