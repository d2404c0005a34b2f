"""Calls of functions as they are parsed: what is wrong with them is an error of the text."""

from __future__ import annotations

import difflib

from . import functions
from .budget import MAX_CONSTANT, Run
from .errors import NotationError
from .functions import Function, Parameter
from .tree import Call, Folded, Literal, Logic, Node, Operand, Test, constant_of, is_constant
from .values import MismatchError, absent

Argument = Operand | Node


def make_call(name: str, arguments: list[Argument], start: int, end: int) -> Call:
    """Raises NotationError with the offset of the name or of the argument at fault."""
    function = functions.get(name)
    if function is None:
        raise NotationError(f"there is no function {name}", offset=start, hint=_hint(name))
    if not function.takes(len(arguments)):
        message = f"{function.name}() takes {function.arity()}, not {len(arguments)}"
        raise NotationError(message, offset=start, hint=f"it is written {function.usage()}")
    read = tuple(_read(function.parameter(position), one) for position, one in enumerate(arguments))
    return Call(function, read, _folded(function, read, start), start, end)


def _hint(name: str) -> str:
    known = functions.names()
    near = difflib.get_close_matches(name[:50].lower(), known, n=1)
    return f"did you mean {near[0]}()?" if near else f"functions are {', '.join(known)}"


def _read(parameter: Parameter, argument: Argument) -> Argument:
    """Literals are read once, here."""
    if isinstance(argument, (Test, Logic)) is not parameter.condition:
        raise _wrong_kind(parameter, argument)
    if not isinstance(argument, Literal) or parameter.called or absent(argument.value):
        return argument
    try:
        value = parameter.read(argument.value)
    except MismatchError as mismatch:
        raise NotationError(f"this argument {mismatch.text}", offset=argument.start) from None
    return Literal(argument.written, value, argument.start, argument.end)


def _wrong_kind(parameter: Parameter, argument: Argument) -> NotationError:
    if parameter.condition:
        example = "item@qty > 0" if parameter.each else "profile@stats.visits > 3"
        return NotationError("a condition is needed here", offset=argument.start, hint=f"such as {example}")
    hint = "to choose by a condition, write if(condition, value, value)"
    return NotationError("a condition cannot be a value", offset=argument.start, hint=hint)


def _folded(function: Function, arguments: tuple[Argument, ...], start: int) -> Folded | None:
    """The result of a call that depends on no data: it cannot fail later."""
    if function.uses_now or not all(map(is_constant, arguments)):
        return None
    values = [_constant(function, position, one) for position, one in enumerate(arguments)]
    try:
        return Folded(function.call(Run(MAX_CONSTANT), values))
    except MismatchError as mismatch:
        message = f"{function.name}() of these {mismatch.text}"
        raise NotationError(message, offset=start) from None
    except NotationError as error:
        raise NotationError(error.message, offset=start) from None


def _constant(function: Function, position: int, argument: Argument) -> object:
    value = constant_of(argument)
    parameter = function.parameter(position)
    if parameter.lazy:
        return lambda: value
    return (lambda item: value) if parameter.each else value
