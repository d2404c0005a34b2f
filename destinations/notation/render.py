"""What a template means: its parts, turned into values one by one.

This is the reference: `compiled_template.py` is the same meaning at speed and leaves everything unusual
to this module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tracsync.common.messages import message

from .budget import Run, copied, counted, weight, written
from .casts import cast
from .errors import NotationError
from .evaluate import Scope, as_notation_error, holds, value_of
from .paths import LOOP, Reference, follow, present
from .template_tree import Choice, Constant, Each, Formula, List, Lookup, Object, Part, Table, Text
from .values import absent, copy, plain, type_name

Sources = Mapping[str, Any]


def render(part: Part, sources: Sources, *, thorough: bool = False) -> Any:
    """Raises NotationError, whatever the data."""
    try:
        return value_of_part(part, Scope("", present(sources), Run(thorough=thorough)), optional=False)
    except Exception as error:
        raise as_notation_error(error) from None


def value_of_part(part: Part, scope: Scope, optional: bool) -> Any:
    """The value of a part. None within something optional means that it is to be left out."""
    if isinstance(part, Object):
        return _object(part, scope, optional)
    if isinstance(part, List):
        return left([value_of_part(item, scope, optional) for item in part.items], optional)
    if isinstance(part, Each):
        items = looked_at(part.over, scope, optional)
        return each(part, items, scope, optional, lambda inner: value_of_part(part.to, inner, optional))
    if isinstance(part, (Choice, Table)):
        return value_of_part(chosen(part, scope), scope, optional)
    return simple_value(part, scope)


def looked_at(part: Part, scope: Scope, optional: bool) -> Any:
    """A value that goes into no payload, and need not be a copy."""
    if isinstance(part, Lookup):
        return _looked_up(part, follow(part.reference, scope.sources), scope)
    return value_of_part(part, scope, optional)


def simple_value(part: Constant | Lookup | Text | Formula, scope: Scope) -> Any:
    """The value of a part that has no parts."""
    if isinstance(part, Constant):
        return copy(part.value)
    if isinstance(part, Text):
        text = "".join([piece if isinstance(piece, str) else _piece(piece, scope) for piece in part.parts])
        return _cast(text, scope) if part.cast else text
    if isinstance(part, Formula):
        return _formula(part, scope)
    return _looked_up(part, copied(follow(part.reference, scope.sources), scope.run.copies), scope)


def _looked_up(part: Lookup, value: Any, scope: Scope) -> Any:
    return None if absent(value) else _cast(value, scope) if part.cast else value


def _cast(value: Any, scope: Scope) -> Any:
    """A text that remains one is counted with what is made of the item."""
    result = cast(value)
    if result is not value and LOOP in scope.sources:
        scope.run.spend(len(value))
    return result


def _piece(reference: Reference, scope: Scope) -> str:
    text = written(follow(reference, scope.sources), scope.run.copies)
    return scope.run.glance(text) if scope.run.thorough else text


def _formula(part: Formula, scope: Scope) -> Any:
    try:
        value = value_of(part.operand, scope.reading(part.text))
    except NotationError as error:
        raise error.placed(part.text, path=part.path) from None
    return plain(counted(value, scope.run.copies))


def _object(part: Object, scope: Scope, optional: bool) -> dict[str, Any] | None:
    result = {}
    for field in part.fields:
        leave_out = optional or field.optional
        value = value_of_part(field.part, scope, leave_out)
        if value is not None or not leave_out:
            result[field.name] = value
    return None if optional and part.fields and not result else result


def left(values: list[Any], optional: bool) -> list[Any] | None:
    """What is left of the values of a list."""
    result = [value for value in values if value is not None] if optional else values
    return None if optional and values and not result else result


def chosen(part: Choice | Table, scope: Scope) -> Part:
    """The part that the condition or the table chooses."""
    if isinstance(part, Table):
        key = looked_at(part.of, scope, optional=False)
        if key is None:
            return part.otherwise
        return part.entries.get(written(key, scope.run.copies), part.otherwise)
    try:
        return part.then if holds(part.condition, scope.reading(part.text)) else part.otherwise
    except NotationError as error:
        raise error.placed(part.text, path=part.path) from None


def each(
    part: Each, items: Any, scope: Scope, optional: bool, make: Callable[[Scope], Any]
) -> list[Any] | None:
    """What `make` makes of each item that is wanted, keeping account of the work."""
    if absent(items):
        return None
    if not isinstance(items, list):
        problem = message("this is %(kind)s, where a list is needed", kind=type_name(items))
        raise NotationError(problem, path=part.path)
    made = []
    for index, item in enumerate(items):
        inner = scope.about(item, index, part.name)
        if is_wanted(part, inner):
            scope.run.spend(part.cost)
            made.append(make(inner))
            scope.run.spend(weight(made[-1]))
    return left(made, optional)


def is_wanted(part: Each, inner: Scope) -> bool:
    if part.where is None:
        return True
    try:
        return holds(part.where, inner.reading(part.text))
    except NotationError as error:
        raise error.placed(part.text, path=part.where_path) from None
