"""From the text of a condition to its tree, by the grammar in condition.lark."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Final, NamedTuple, cast

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput, VisitError

from tracsync.common.messages import message

from .calls import Argument, make_call
from .errors import NotationError
from .literals import read_number, read_string
from .paths import ITEM, LOOP, SOURCES, Reference, parse_path
from .syntax_hints import check_limits, explain_mistake
from .tree import Call, Literal, Logic, Node, Operand, Test, outside_items, parts_below

Child = Any  # a token or a node, with its place

_OPERATORS: Final = {"=": "==", "=<": "<=", "=>": ">=", "<>": "!="}
_NO_ITEM: Final = message(
    "item@ is what filter(), map() and $map look at now, loop@ counts it: both stand only within them"
)
_one_at_a_time = Lock()  # loading the grammar, and the tables that its lexers build when first used


def parse(text: str, *, sources: Sequence[str] = SOURCES, names: Sequence[str] = ()) -> Node:
    """The tree of a condition. `names`: what stands for the items of lists around it (`item`, `loop` ...).

    Raises NotationError with line and column for anything that is no condition.
    """
    return cast(Node, _parsed(text, "condition", sources, names))


def parse_formula(text: str, *, sources: Sequence[str] = SOURCES, names: Sequence[str] = ()) -> Operand:
    """The tree of a field, value or function. Raises NotationError with line and column."""
    return cast(Operand, _parsed(text, "formula", sources, names))


def _parsed(text: str, kind: str, sources: Sequence[str], names: Sequence[str]) -> Node | Operand:
    check_limits(text, kind)
    try:
        with _one_at_a_time:
            tree = cast(Node | Operand, _grammar().parse(text, start=kind))
        _check_sources(tree, (*sources, *names))
        return tree
    except UnexpectedInput as error:
        raise explain_mistake(text, error, kind) from None
    except VisitError as error:
        if isinstance(error.orig_exc, NotationError):
            raise error.orig_exc.placed(text) from None
        raise
    except NotationError as error:
        raise error.placed(text) from None


@cache
def _grammar() -> Lark:
    grammar = Path(__file__).with_name("condition.lark").read_text(encoding="utf-8")
    starts = ["condition", "formula"]
    return Lark(grammar, parser="lalr", start=starts, transformer=_Builder(), keep_all_tokens=True)


def _check_sources(tree: Node | Operand, known: Sequence[str]) -> None:
    for part in parts_below(tree):
        if isinstance(part, Reference) and part.source not in (*known, ITEM, LOOP):
            unknown = message("there is no source %(name)s", name=part.source)
            raise NotationError(unknown, offset=part.start, hint=_source_hint(part.source, known))
    for part in outside_items(tree):
        if isinstance(part, Reference) and part.source in (ITEM, LOOP) and part.source not in known:
            raise NotationError(message("there is no item here"), offset=part.start, hint=_NO_ITEM)


def _start(child: Child) -> int:
    return cast(int, child.start_pos if isinstance(child, Token) else child.start)


def _end(child: Child) -> int:
    return cast(int, child.end_pos if isinstance(child, Token) else child.end)


class _Bracketed(NamedTuple):
    """A node with the place of the brackets around it, which are no part of it."""

    node: Node
    start: int
    end: int


def _bare(child: Child) -> Any:
    return child.node if isinstance(child, _Bracketed) else child


def _words(children: list[Child]) -> list[str]:
    """The keywords among the children."""
    return [child.upper() for child in children if isinstance(child, Token)]


def _test(operator: str, children: list[Child], negated: bool) -> Test:
    present = [child for child in children if child is not None]
    operands = tuple(child for child in present if not isinstance(child, Token))
    return Test(operator, cast(tuple[Operand, ...], operands), negated, _start(present[0]), _end(present[-1]))


def _logic(operator: str, children: list[Child]) -> Logic:
    parts = tuple(_bare(child) for child in children if not isinstance(child, Token))
    return Logic(operator, parts, _start(children[0]), _end(children[-1]))


class _Builder(Transformer[Token, Node]):
    """Each method makes the node of the rule of its name. Stateless, so all threads share it."""

    def condition(self, children: list[Child]) -> Node:
        return cast(Node, _bare(children[0]))

    def formula(self, children: list[Child]) -> Operand:
        return cast(Operand, children[0])

    def all(self, children: list[Child]) -> Logic:
        return _logic("AND", children)

    def any(self, children: list[Child]) -> Logic:
        return _logic("OR", children)

    def negation(self, children: list[Child]) -> Logic:
        return _logic("NOT", children)

    def group(self, children: list[Child]) -> _Bracketed:
        opening, node, closing = children
        return _Bracketed(_bare(node), _start(opening), _end(closing))

    def compare(self, children: list[Child]) -> Test:
        sign = _OPERATORS.get(children[1], str(children[1]))
        return _test("==" if sign == "!=" else sign, children, sign == "!=")

    def between(self, children: list[Child]) -> Test:
        return _test("BETWEEN", children, False)

    def null_test(self, children: list[Child]) -> Test:
        return _test("NULL", children, "NOT" in _words(children))

    def presence(self, children: list[Child]) -> Test:
        words = _words(children)
        return _test(words[-1], children, words[0] == "NOT")

    def part_test(self, children: list[Child]) -> Test:
        *negation, first = [word for word in _words(children) if word != "WITH"]
        return _test(_PART_OPERATORS.get(first, "CONTAINS"), children, bool(negation))

    def membership(self, children: list[Child]) -> Test:
        return _test("IN", children, "NOT" in _words(children))

    def field(self, children: list[Child]) -> Reference:
        return _reference(children[0])

    def call(self, children: list[Child]) -> Call:
        name, *others = children
        arguments: list[Argument] = [
            _bare(child) for child in others if child is not None and not isinstance(child, Token)
        ]
        return make_call(str(name), arguments, _start(name), _end(others[-1]))

    def offset(self, children: list[Child]) -> Literal:
        return _literal(children[0], str)

    def items(self, children: list[Child]) -> Literal:
        values = [child.value for child in children if isinstance(child, Literal)]
        return Literal(values, values, _start(children[0]), _end(children[-1]))

    def number(self, children: list[Child]) -> Literal:
        return _literal(children[0], read_number)

    def string(self, children: list[Child]) -> Literal:
        return _literal(children[0], read_string)

    def constant(self, children: list[Child]) -> Literal:
        return _literal(children[0], lambda word: {"TRUE": True, "FALSE": False}.get(word.upper()))


_PART_OPERATORS: Final = {"STARTS": "STARTS WITH", "ENDS": "ENDS WITH"}


def _literal(token: Token, read: Any) -> Literal:
    try:
        value = read(str(token))
        return Literal(value, value, _start(token), _end(token))
    except NotationError as error:
        offset = _start(token) + (error.offset or 0)
        raise NotationError(error.message, offset=offset, hint=error.hint) from None


def _reference(token: Token) -> Reference:
    text, start = str(token), _start(token)
    source, _, _ = text.partition("@")
    try:
        keys = parse_path(text, len(source) + 1, len(text), template=False)
    except NotationError as error:
        raise NotationError(error.message, offset=start + (error.offset or 0), hint=error.hint) from None
    return Reference(source, keys, text, start)


def _source_hint(source: str, sources: Sequence[str]) -> str:
    if source.lower() in sources:
        return message("sources are written in lower case: %(name)s@", name=source.lower())
    near = difflib.get_close_matches(source[:30].lower(), (*sources, ITEM, LOOP), n=1)
    if near:
        return message("did you mean %(name)s?", name=f"{near[0]}@")
    return message("sources are %(names)s; text needs quotes", names=", ".join(sources))
