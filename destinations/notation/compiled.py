"""Conditions as Python functions, so that they run as fast as if written by hand.

The generated source holds nothing of the user's: keys and literals are bound to generated names. It is
written for usual data. Whatever raises (an object where text was expected, a list on the way of a path)
is evaluated again by `evaluate.py`, which knows every case and every message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from .budget import BITS, COST, extent
from .evaluate import OPERATORS, compares_data, evaluate, is_bounded
from .functions.parameters import usual_type
from .limits import is_moderate
from .paths import ITEM, LOOP, Reference
from .tree import Call, Literal, Logic, Node, Operand, Test, constant_of, counts, is_constant
from .values import MISSING
from .writer import Writer

_SIGNS: Final = ("<", "<=", ">", ">=")
_NO_BOOLEAN: Final = "x is not True and x is not False"  # quicker than to ask for the type
_TEXT_TESTS: Final = {
    "CONTAINS": "{0} in {1}",
    "STARTS WITH": "{1}.startswith({0})",
    "ENDS WITH": "{1}.endswith({0})",
}


def compile_condition(text: str, node: Node) -> Callable[[Mapping[str, Any]], bool]:
    """A function of the sources. Raises, when called, nothing but NotationError."""

    moderate = is_moderate(node)

    def reference(sources: Mapping[str, Any]) -> bool:
        return evaluate(text, node, sources, thorough=not moderate)

    if not moderate:
        return reference
    writer = Writer()
    return writer.in_turn(lambda: write_node(writer, node), reference)


def write_node(writer: Writer, node: Node) -> str:
    if isinstance(node, Test):
        expression = _test(writer, node)
        return f"not ({expression})" if node.negated else expression
    parts = [f"({write_node(writer, part)})" for part in node.parts]
    return f"not {parts[0]}" if node.operator == "NOT" else f" {node.operator.lower()} ".join(parts)


def _test(writer: Writer, test: Test) -> str:
    subject, *others = test.operands
    if is_constant(subject) or not all(isinstance(other, Literal) for other in others):
        arguments = [_asked(writer, test, operand, _default(test)) for operand in test.operands]
        expression = f"{writer.constant(OPERATORS[test.operator])}({', '.join(arguments)})"
    else:
        expression = _test_of_literals(writer, test, subject, [constant_of(other) for other in others])
    writer.hoists = writer.hoists and writer.hoists_all  # what follows the first test may never be asked
    counted = test.operands[1:] if is_bounded(test) else test.operands
    writer.work += COST + sum(extent(constant_of(operand)) for operand in counted if is_constant(operand))
    return expression


def _default(test: Test) -> str:
    """What stands for a missing operand: only EXISTS tells it from null."""
    return "MISSING" if test.operator == "EXISTS" else "None"


def _asked(writer: Writer, test: Test, operand: Operand, default: str = "None") -> str:
    """An operand; what is not known to be short is work if it is asked about each item of a list, or beside
    another one."""
    value = write_operand(writer, operand, default)
    if is_constant(operand) or is_bounded(test):
        return value
    if writer.within:
        return f"{writer.run}.read({value})"
    return f"{writer.run}.glance({value})" if compares_data(test) else value


def _test_of_literals(writer: Writer, test: Test, subject: Operand, others: list[Any]) -> str:
    """`x` against constants, without a call where the types are the usual ones."""
    if isinstance(subject, Call) and subject.quick and others:
        quick = _quick_call(writer, test, subject, others)
        if quick:
            return quick
    x = _asked(writer, test, subject, _default(test))
    return _quick_test(writer, test.operator, x, others) if others else _quick_presence(test.operator, x)


def _quick_test(writer: Writer, operator: str, x: str, others: list[Any]) -> str:
    names = [writer.constant(other) for other in others]
    function = writer.constant(OPERATORS[operator])
    slow = f"{function}(x, {', '.join(names)})"
    if operator == "==" and (quick := _quick_equality(x, names[0], others[0])):
        return quick
    if operator in _SIGNS and _is_number(others[0]):
        return f"(x := {x}) is not None and (x {operator} {names[0]} if {_NO_BOOLEAN} else {slow})"
    if operator == "BETWEEN" and all(map(_is_number, others)):
        inside = f"{names[0]} <= x <= {names[1]}"
        return f"(x := {x}) is not None and ({inside} if {_NO_BOOLEAN} else {slow})"
    if operator in _TEXT_TESTS and isinstance(others[0], str):
        found = _TEXT_TESTS[operator].format(names[0], "x")
        usual = "x.__class__ is not dict" if operator == "CONTAINS" else writer.trusted("x.__class__ is str")
        return f"(x := {x}) is not None and ({found} if {usual} else {slow})"
    if operator == "IN" and all(isinstance(item, str) for item in others[0]):
        return f"{x} in {writer.constant(frozenset(others[0]))}"
    return f"{function}({x}, {', '.join(names)})"


def _quick_call(writer: Writer, test: Test, call: Call, others: list[Any]) -> str:
    """A function of one text: what it gives for text needs no look at its type."""
    function, operator, names = call.function, test.operator, [writer.constant(other) for other in others]
    result = f"{writer.constant(call.quick)}(x)"
    if function.quick_gives is not type(others[0]) or writer.within:  # there what it gives is work
        return ""
    if operator in _SIGNS or operator == "==":
        quick = f"{result} {operator} {names[0]}"
    elif operator in _TEXT_TESTS:
        quick = _TEXT_TESTS[operator].format(names[0], result)
    else:
        return ""
    slow = f"{writer.constant(OPERATORS[operator])}({_slow_call(writer, call)}, {names[0]})"
    x = write_operand(writer, cast(Operand, call.arguments[0]))
    return f"(x := {x}) is not None and ({quick} if {writer.trusted('x.__class__ is str')} else {slow})"


def _slow_call(writer: Writer, call: Call) -> str:
    """The function of an `x` that is no text; quick functions are no work, whatever the run."""
    return f"none({writer.constant(call.function.call)}(Run(), [x]))"


def _quick_presence(operator: str, x: str) -> str:
    if operator == "EXISTS":
        return f"{x} is not MISSING"
    return f"{x} is None" if operator == "NULL" else f"not (x := {x}) and x.__class__ not in NUMBERS"


def _quick_equality(x: str, name: str, value: Any) -> str:
    if value is None or isinstance(value, bool):
        return f"{x} is {name}"
    if isinstance(value, str):
        return f"{x} == {name}"
    return f"(x := {x}) == {name} and {_NO_BOOLEAN}" if _is_number(value) else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def write_operand(writer: Writer, operand: Operand, default: str = "None") -> str:
    if isinstance(operand, Reference):
        return writer.path(operand, default)
    if isinstance(operand, Literal):
        return writer.constant(operand.value)
    return _call(writer, operand, default)


def _call(writer: Writer, call: Call, default: str) -> str:
    """A function of literals alone is a constant; usual texts go straight to those that take texts."""
    function = call.function
    if is_constant(call):
        value = constant_of(call)
        return writer.constant(None if value is MISSING and default == "None" else value)
    if call.quick and default == "None":
        x, quick = write_operand(writer, cast(Operand, call.arguments[0])), writer.constant(call.quick)
        other = f"None if x is None else {_slow_call(writer, call)}"
        return f"({quick}(x) if (x := {x}).__class__ is str else {other})"
    result = _direct_call(writer, call)
    if not result:
        arguments = ", ".join(_argument(writer, call, position) for position in range(len(call.arguments)))
        result = f"{writer.constant(function.call)}({writer.run}, [{arguments}])"
    if default == "None":
        name = writer.variable()
        return f"(None if ({name} := {result}) is MISSING else {name})"
    return result


def _direct_call(writer: Writer, call: Call) -> str:
    """A call of what the function does, if all arguments have the usual types; "" if that cannot be known."""
    function = call.function
    kinds = [usual_type(function.parameter(position)) for position in range(len(call.arguments))]
    if None in kinds or call.quick or function.uses_now or function.takes_missing or function.more_work:
        return ""
    names, checks, work, fixed = [], [], "", 0
    for position, (argument, kind) in enumerate(zip(call.arguments, cast(list[type], kinds), strict=True)):
        name, value = writer.variable(), write_operand(writer, cast(Operand, argument))
        names.append(name)
        checks.append(f"(({name} := {value}).__class__ is {kind.__name__})")
        if function.parameter(position).deep:
            work += f" + reach({name})"
        else:
            fixed += COST
            work += f" + len({name})" if kind in (str, list) else f" + ({name}.bit_length() >> {BITS})"
    arguments, run = ", ".join(names), writer.run
    usually = f"{run}.made({writer.constant(function.apply)}({arguments}), {fixed}{work})"
    missing = " or ".join(f"{name} is None" for name in names)
    otherwise = f"{writer.constant(function.call)}({run}, [{arguments}])"
    # & and not `and`: the other ways need all arguments as well
    return f"({usually} if {' & '.join(checks)} else MISSING if {missing} else {otherwise})"


def _argument(writer: Writer, call: Call, position: int) -> str:
    parameter, argument = call.function.parameter(position), call.arguments[position]
    if parameter.each:
        return _question(writer, argument)
    if parameter.lazy:
        return f"(lambda: {_answer(writer, argument)})"
    return write_operand(writer, cast(Operand, argument))


def _question(writer: Writer, argument: Operand | Node) -> str:
    """What is asked of each item, as a function of the item that spends at least what the reference does."""
    with writer.about({ITEM: "item", LOOP: "loop"}, lines=False):
        answer, work = _answer(writer, argument), writer.work
    given = "item"
    if counts(argument):
        given, answer = "item, count=loops()", f"((loop := count()) and ({answer}))"
    if isinstance(argument, (Test, Logic)):
        return f"(lambda {given}: {writer.run}.spend({work + COST}) or ({answer}))"
    return f"(lambda {given}: {writer.run}.read({answer}, {work}))"


def _answer(writer: Writer, argument: Operand | Node) -> str:
    if isinstance(argument, (Test, Logic)):
        return write_node(writer, argument)
    return write_operand(writer, argument, "MISSING")
