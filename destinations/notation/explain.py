"""Why a condition is met or not: a tree of its parts with the values they saw, and one sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal, NamedTuple

from tracsync.common.messages import joined, message, shortened

from .budget import Run, counted
from .errors import NotationError
from .evaluate import Scope, as_notation_error, test_holds, value_of
from .limits import is_moderate
from .paths import Reference, present
from .tree import Call, Node, Operand, Test, is_constant, outside_items
from .values import MISSING, WORD_MISSING, plain

Result = Literal["true", "false", "error", "not reached"]

CHARACTERS: Final = 4  # that count as much as an item: texts are not copied
UNSHOWN: Final = "(cannot be shown)"
MAX_VALUE: Final = 60  # characters of a value in the sentence
MAX_PART: Final = 120  # and of a part of the condition
MAX_SUMMARY: Final = 1_000
_AND: Final = message(" and ")
MAX_REASONS: Final = 100  # more than a summary has room for


class Seen(NamedTuple):
    """An operand and what it was, as JSON: moments in ISO 8601, None where nothing was found."""

    text: str
    value: Any
    found: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """One part of a condition. `operator` is "AND", "OR", "NOT", or the part's own ("==", "EXISTS", ...).

    `start` and `end` are its place in the condition's text, `values` what its fields and functions were,
    `message` the error if result is "error"; `needs` is what was asked ("> 3") of `values[subject]`; `gone`
    is the field that is to blame where something was missing.
    """

    text: str
    start: int
    end: int
    operator: str
    result: Result
    values: tuple[Seen, ...] = ()
    children: tuple[Explanation, ...] = ()
    message: str = ""
    needs: str = ""
    subject: int = 0
    gone: str = ""

    @property
    def met(self) -> bool:
        return self.result == "true"

    def summary(self, show_values: bool = True) -> str:
        """One sentence for people. Without values it holds nothing of the profile and may be stored."""
        if self.result == "true":
            return message("met")
        if self.result == "error":
            summary = message("cannot be answered: %(reason)s", reason=self.message)
        else:
            summary = message("not met: %(reason)s", reason=self.why_not(show_values))
        return shortened(summary, MAX_SUMMARY)

    def why_not(self, show_values: bool = True) -> str:
        """The parts that are to blame where it is not met, as in the summary."""
        reasons = islice(_reasons(self, show_values), MAX_REASONS)
        return shortened(joined(_AND, reasons), MAX_SUMMARY)

    def as_dict(self) -> dict[str, Any]:
        """The tree as JSON."""
        return {
            **{"text": self.text, "start": self.start, "end": self.end, "operator": self.operator},
            **{"result": self.result, "message": self.message},
            "values": [{"text": s.text, "value": s.value, "found": s.found} for s in self.values],
            "children": [child.as_dict() for child in self.children],
        }


def explain(text: str, node: Node, sources: Mapping[str, Any]) -> Explanation:
    """Never raises: an error while evaluating is the result "error" of the part."""
    try:
        run = Run(thorough=not is_moderate(node))
        return _explained(node, Scope(text, present(sources), run), reached=True)
    except RecursionError as error:
        message = as_notation_error(error).message
        return Explanation(text, node.start, node.end, node.operator, "error", message=message)


def _explained(node: Node, scope: Scope, reached: bool) -> Explanation:
    return _test(node, scope, reached) if isinstance(node, Test) else _logic(node, scope, reached)


def _test(test: Test, scope: Scope, reached: bool) -> Explanation:
    text, needs = scope.words(test), _one_line(scope.text[test.operands[0].end : test.end])
    if not reached:
        return Explanation(text, test.start, test.end, test.operator, "not reached", needs=needs)
    result: Result
    message = ""
    try:
        result = "true" if test_holds(test, scope) else "false"
    except Exception as error:
        result, message = "error", as_notation_error(error).message
    seen = [seen_in(operand, scope.aside()) for operand in test.operands]
    seen[0] = seen[0] or [_looked_at(test.operands[0], scope.aside())]
    values = tuple(one for operand in seen for one in operand)
    return Explanation(
        *(text, test.start, test.end, test.operator, result, values, (), message, needs),
        subject=len(seen[0]) - 1,
        gone=next((gone for operand in seen if (gone := _gone(operand))), ""),
    )


def _logic(node: Any, scope: Scope, reached: bool) -> Explanation:
    """AND stops at the first part that is not true, OR at the first that is not false."""
    children: list[Explanation] = []
    going_on: Result = "false" if node.operator == "OR" else "true"
    result: Result = going_on if reached else "not reached"
    for part in node.parts:
        child = _explained(part, scope, reached and result == going_on)
        children.append(child)
        if child.result != "not reached":
            result = child.result
    if node.operator == "NOT" and result in ("true", "false"):
        result = "false" if result == "true" else "true"
    message = next((child.message for child in children if child.result == "error"), "")
    return Explanation(
        scope.words(node), node.start, node.end, node.operator, result, (), tuple(children), message
    )


def seen_in(operand: Operand | Node, scope: Scope) -> list[Seen]:
    """A field or function with its value, after those within it; of conditions within it the fields."""
    if is_constant(operand):
        return []
    if not isinstance(operand, Call):
        return _fields(operand, scope)
    inner: list[Seen] = []
    for position, argument in enumerate(operand.arguments):
        if not operand.function.parameter(position).each:
            lazy = operand.function.parameter(position).lazy
            inner += _fields(argument, scope) if lazy else seen_in(argument, scope)
    return [*inner, _looked_at(operand, scope)]


def _fields(part: Operand | Node, scope: Scope) -> list[Seen]:
    """What is perhaps never asked may be asked for its fields only: those cannot fail."""
    return [_looked_at(below, scope) for below in outside_items(part) if isinstance(below, Reference)]


def _gone(seen: list[Seen]) -> str:
    """The field to blame where an operand is missing: the first missing one it was made of."""
    return "" if not seen or seen[-1].found else next(one.text for one in seen if not one.found)


def _looked_at(operand: Operand, scope: Scope) -> Seen:
    text = operand.text if isinstance(operand, Reference) else scope.words(operand)
    try:
        value = value_of(operand, scope)
    except Exception:  # it is the error of the part already, unless too many parts were looked at again
        return Seen(text, None, False) if scope.run.left >= 0 else Seen(text, UNSHOWN, True)
    try:
        return Seen(text, _shareable(value, scope.run.shown), value is not MISSING)
    except (RecursionError, ValueError):
        return Seen(text, UNSHOWN, value is not MISSING)


def _shareable(value: Any, left: list[int]) -> Any:
    """As JSON that can be written; `left[0]`: how much of it an explanation may hold."""
    if not isinstance(value, str):
        value = plain(counted(value, left))
        json.dumps(value)
        return value
    left[0] -= len(value) // CHARACTERS
    if left[0] < 0:
        raise NotationError(message("the explanation becomes too large"))
    return value


def _reasons(part: Explanation, show: bool) -> Iterator[str]:
    """Why a part is not met: the part itself, or those of its parts that failed."""
    if part.operator in ("AND", "OR"):
        for child in part.children:
            if child.result == "false":
                yield from _reasons(child, show)
    elif part.operator == "NOT":
        subject = shortened(part.children[0].text, MAX_PART)
        yield message("%(subject)s is met, and should not be", subject=subject)
    else:
        yield _reason(part, show)


def _reason(part: Explanation, show: bool) -> str:
    if part.gone:
        return message("%(subject)s is missing", subject=shortened(part.gone, MAX_PART))
    if not show:
        return shortened(_one_line(part.text), MAX_PART)
    subject, *others = part.values[part.subject :]
    needs = message(
        "%(subject)s is %(value)s, needs %(needs)s",
        subject=shortened(subject.text, MAX_PART),
        value=_shown(subject),
        needs=shortened(part.needs, MAX_PART),
    )
    return joined(", ", (needs, *map(_is, others)))


def _is(seen: Seen) -> str:
    text = shortened(seen.text, MAX_PART)
    return message("%(subject)s is %(value)s", subject=text, value=_shown(seen))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _shown(seen: Seen) -> str:
    """As JSON; what is no complete character is replaced, so that the sentence can be stored anywhere."""
    if not seen.found:
        return WORD_MISSING
    value = seen.value[:MAX_VALUE] if isinstance(seen.value, str) else seen.value
    text = json.dumps(value, ensure_ascii=False)
    return shortened(text.encode(errors="replace").decode(), MAX_VALUE)
