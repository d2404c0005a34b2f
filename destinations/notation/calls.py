"""Calls of functions as they are parsed: what is wrong with them is an error of the text."""

from __future__ import annotations

import difflib

from tracsync.common.messages import message

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
        raise NotationError(
            message("there is no function %(name)s", name=name), offset=start, hint=_hint(name)
        )
    if not function.takes(len(arguments)):
        taken = message(
            "%(name)s() takes %(kind)s, not %(number)s",
            name=function.name,
            kind=function.arity(),
            number=len(arguments),
        )
        usage = message("it is written %(usage)s", usage=function.usage())
        raise NotationError(taken, offset=start, hint=usage)
    read = tuple(_read(function.parameter(position), one) for position, one in enumerate(arguments))
    return Call(function, read, _folded(function, read, start), start, end)


def _hint(name: str) -> str:
    known = functions.names()
    near = difflib.get_close_matches(name[:50].lower(), known, n=1)
    if near:
        return message("did you mean %(name)s?", name=f"{near[0]}()")
    return message("functions are %(names)s", names=", ".join(known))


def _read(parameter: Parameter, argument: Argument) -> Argument:
    """Literals are read once, here."""
    if isinstance(argument, (Test, Logic)) is not parameter.condition:
        raise _wrong_kind(parameter, argument)
    if not isinstance(argument, Literal) or parameter.called or absent(argument.value):
        return argument
    try:
        value = parameter.read(argument.value)
    except MismatchError as mismatch:
        raise NotationError(mismatch.about(message("this argument")), offset=argument.start) from None
    return Literal(argument.written, value, argument.start, argument.end)


def _wrong_kind(parameter: Parameter, argument: Argument) -> NotationError:
    if parameter.condition:
        example = "item@qty > 0" if parameter.each else "profile@stats.visits > 3"
        hint = message("such as %(example)s", example=example)
        return NotationError(message("a condition is needed here"), offset=argument.start, hint=hint)
    hint = message("to choose by a condition, write if(condition, value, value)")
    return NotationError(message("a condition cannot be a value"), offset=argument.start, hint=hint)


def _folded(function: Function, arguments: tuple[Argument, ...], start: int) -> Folded | None:
    """The result of a call that depends on no data: it cannot fail later."""
    if function.uses_now or not all(map(is_constant, arguments)):
        return None
    values = [_constant(function, position, one) for position, one in enumerate(arguments)]
    try:
        return Folded(function.call(Run(MAX_CONSTANT), values))
    except MismatchError as mismatch:
        if len(arguments) == 1:
            raise NotationError(mismatch.about(message("this argument")), offset=arguments[0].start) from None
        subject = message("%(name)s() of these", name=function.name)
        raise NotationError(mismatch.about(subject), offset=start) from None
    except NotationError as error:
        raise NotationError(error.message, offset=start) from None


def _constant(function: Function, position: int, argument: Argument) -> object:
    value = constant_of(argument)
    parameter = function.parameter(position)
    if parameter.lazy:
        return lambda: value
    return (lambda item: value) if parameter.each else value
