"""Compiled conditions and templates: that usual data takes the quick way, and large ones the other."""

import itertools
import re
import threading
from datetime import UTC, datetime

import pytest

from destinations.notation import (
    NotationError,
    budget,
    compiled,
    compiled_template,
    dates,
    functions,
    parse_condition,
    parse_template,
)
from destinations.notation.evaluate import evaluate
from destinations.notation.parser import parse
from destinations.notation.render import render as walk
from destinations.notation.template_reader import read
from tests.cases import for_each

PROFILE = {
    "n": 5,
    "f": 2.5,
    "t": "Ola",
    "yes": True,
    "list": ["a", 1],
    "deep": {"a": {"b": [1, {"c": 2}]}},
    "date": "2020-01-01",
    "null": None,
}


def failing(*_):
    raise AssertionError("the quick way was left")


@pytest.mark.parametrize(
    "text",
    [
        "profile@n == 5 AND profile@n != 6 AND profile@n > 4 AND profile@f <= 2.5 AND profile@gone <> 1",
        "profile@n BETWEEN 1 AND 9 AND profile@yes == true AND profile@null == null AND profile@gone IS NULL",
        "profile@t == 'Ola' AND profile@t IN ['Ola'] AND profile@n IN [5] AND profile@t == ['Ola', 'x']",
        "profile@t CONTAINS 'l' AND profile@list CONTAINS 'a' AND profile@list CONTAINS 1",
        "profile@t STARTS WITH 'O' AND profile@list STARTS WITH 'a' AND profile@t ENDS WITH 'a'",
        "profile@deep.a.b.1.c == 2 AND profile@deep.a.x.y NOT EXISTS AND event@a.b EMPTY",
        "profile@list NOT EMPTY",
        "lowercase(profile@t) == 'ola' AND uppercase(profile@gone) NOT EXISTS AND uppercase('a') EXISTS",
        "datetime(profile@date) < now() AND datetime('2020-01-01') == datetime(profile@date)",
        "NOT (profile@gone > 1 OR profile@null < 'x') AND profile@n > profile@f",
    ],
)
def test_usual_data_takes_the_quick_way(monkeypatch, text):
    monkeypatch.setattr(compiled, "evaluate", failing)
    assert compiled.compile_condition(text, parse(text))({"profile": PROFILE}) is True


def test_usual_templates_take_the_quick_way(monkeypatch):
    monkeypatch.setattr(compiled_template, "render", failing)
    template = {
        "a": "profile@deep.a.b",
        "b?": "profile@gone.x",
        "c": ["`profile@n`", "Hi {{profile@t}}", {"d?": "profile@null"}],
        "e?": {"f": ["profile@gone"], "g": "profile@list.1"},
    }
    rendered = parse_template(template).render({"profile": PROFILE})
    assert rendered == {"a": [1, {"c": 2}], "c": [5, "Hi Ola", {}], "e": {"g": 1}}


ORDERS = [{"sku": "A", "qty": 2, "tags": ["x"]}, {"sku": "B", "qty": 0}, {"sku": "C"}]
OPTIONAL = [{"t": ["x"], "q": 2}, {"q": 0}, {}]
RED, BLUE = {"color": "red"}, {"color": "blue"}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ({"$map": "profile@orders", "where": "item@qty > 0", "to": {"id": "item@sku"}}, [{"id": "A"}]),
        ({"$map": "profile@orders", "to": {"t?": "item@tags", "q?": "item@qty"}}, OPTIONAL),
        ({"a?": {"$map": "profile@orders", "to": {"t": "item@tags"}}}, {"a": [{"t": ["x"]}]}),
        ({"$map": "profile@orders", "where": "item@tags NOT EMPTY", "to": "item@tags"}, [["x"]]),
        (
            {"$map": "profile@orders", "to": {"$map": "item@tags", "to": "{{item@...}}!"}},
            [["x!"], None, None],
        ),
        (
            {"$map": "profile@orders", "to": {"$if": "item@qty > 0", "then": "item@sku", "else": 0}},
            ["A", 0, 0],
        ),
        ({"$lookup": "profile@n", "in": {"5": {"$literal": RED}, "6": {"$literal": BLUE}}}, RED),
        ({"$lookup": "profile@t", "in": {"Ola": 1}, "else": 2}, 1),
        ({"$formula": "replace(profile@t, 'O', 'U')"}, "Ula"),
        ({"$formula": "replace(profile@gone, 'O', 'U')"}, None),
        ({"$formula": "map(filter(profile@orders, item@qty > 0), concat(item@sku, '-', item@qty))"}, ["A-2"]),
        ({"$formula": "if(count(profile@orders) > 2, last(profile@list), 7)"}, 1),
        ({"$formula": "default(profile@gone, first(split(profile@date, '-')))"}, "2020"),
    ],
)
def test_directives_and_functions_take_the_quick_way(monkeypatch, template, expected):
    sources = {"profile": {**PROFILE, "orders": ORDERS}}
    monkeypatch.setattr(compiled_template, "render", failing)
    assert compiled_template.compile_template(read(template))(sources) == expected


def nested(wrap, inner, depth):
    for _ in range(depth):
        inner = wrap(inner)
    return inner


@for_each("depth", [5, 16, 17, 18, 19, 20, 30])
@for_each(
    ("wrap", "inner"),
    [
        (lambda inner: {"$map": ["profile@n"], "to": inner}, "item@..."),
        (
            lambda inner: {
                "$map": {"$map": ["profile@n"], "to": "item@..."},
                "where": "item@... > 1",
                "to": inner,
            },
            1,
        ),
        (lambda inner: {"$if": "profile@n > 1", "then": inner}, "profile@t"),
        (lambda inner: {"$lookup": "profile@n", "in": {"5": inner}}, "profile@t"),
        (lambda inner: {"a?": [inner]}, "profile@t"),
        (lambda inner: {"$formula": f"trim({inner['$formula']})"}, {"$formula": "profile@t"}),
        (lambda inner: {"$formula": f"replace({inner['$formula']}, 'a', 'b')"}, {"$formula": "profile@t"}),
        (
            lambda inner: {"$formula": f"filter({inner['$formula']}, item@... EXISTS)"},
            {"$formula": "profile@list"},
        ),
        (lambda inner: {"$formula": f"default({inner['$formula']}, 'b')"}, {"$formula": "profile@gone"}),
        (lambda inner: {"$formula": f"map(profile@list, {inner['$formula']})"}, {"$formula": "item@..."}),
        (
            lambda inner: {"$formula": f"if(({inner['$formula']}) == [1], 2, 3)"},
            {"$formula": "count(profile@t)"},
        ),
    ],
)
def test_deep_templates_are_compiled_or_walked(wrap, inner, depth):
    template, sources = nested(wrap, inner, depth), {"profile": {**PROFILE, "list": ["a"]}}
    try:
        expected = walk(read(template), sources)
    except NotationError as error:
        with pytest.raises(NotationError, match=re.escape(error.message)):
            parse_template(template).render(sources)
    else:
        assert parse_template(template).render(sources) == expected


@pytest.mark.parametrize(
    "text",
    [
        " OR ".join(["profile@n == 1"] * 1_000 + ["profile@n == 5"]),
        "(" * 99 + "profile@n == 5" + ")" * 99,
        "NOT (" * 50 + "profile@n == 5" + ")" * 50,
        "profile@" + ".".join("abcdefghij" * 5) + " NOT EXISTS",
    ],
)
def test_large_conditions_are_walked(text):
    assert parse_condition(text).evaluate({"profile": PROFILE}) is True
    assert evaluate(text, parse(text), {"profile": PROFILE}) is True


def test_objects_where_none_were_expected():
    condition = parse_condition("profile@deep.a.b.c.d NOT EXISTS AND profile@t.x IS NULL")
    for deep in ({}, None, 5, "x", [], {"a": None}, {"a": {"b": []}}, {"a": {"b": {"c": 1}}}):
        assert condition.evaluate({"profile": {"deep": deep, "t": deep}}) is True
        assert parse_template("profile@deep.a.b.c").render({"profile": {"deep": deep}}) in (None, 1)


def test_one_evaluation_has_one_now(monkeypatch):
    ticks = iter(datetime(2020, 1, day, tzinfo=UTC) for day in range(1, 30))
    monkeypatch.setattr(budget, "now", lambda: next(ticks))
    text = "now() == utcnow() AND now.offset('1d') > now('Asia/Tokyo')"
    assert compiled.compile_condition(text, parse(text))({}) is True
    assert next(ticks).day == 2
    assert dates.now().tzinfo is UTC


def test_threads_share_parsed_things():
    results = []

    def work():
        for n in range(100):
            condition = parse_condition(f"profile@n == {n % 7} AND now() EXISTS")
            template = parse_template({"n": "profile@n", "k": n % 7})
            sources = {"profile": {"n": n % 7}}
            results.append(
                condition.evaluate(sources) and template.render(sources) == {"n": n % 7, "k": n % 7}
            )

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 400
    assert all(results)


NOTHING = {"profile": {"null": None, "text": "a", "number": 1, "list": [None, 1], "date": "2026-01-01"}}
NOTHINGS = ("null", "profile@null", "profile@missing")
SOMETHINGS = ("profile@text", "profile@number", "profile@list", "profile@date", "1", '"a"', '"2026-01-01"')


def questions_about(function):
    """The function of nothing and of something, in every place of its arguments."""
    count = max(function.fewest, min(2, len(function.parameters)))
    each = []
    for position in range(count):
        parameter = function.parameter(position)
        if parameter.condition:
            each.append(("profile@missing EXISTS", "profile@null IS NULL"))
        else:
            others = (*NOTHINGS[::2], *SOMETHINGS[-3:]) if position == 1 else (NOTHINGS[-1], *SOMETHINGS[-2:])
            each.append((*NOTHINGS, *SOMETHINGS) if position == 0 else others)
    for arguments in itertools.product(*each):
        for question in ("EXISTS", "NOT EXISTS", "IS NULL", "EMPTY", "== null", "!= 1"):
            yield f"{function.name}({', '.join(arguments)}) {question}"


@for_each("name", functions.names())
def test_functions_of_nothing_are_the_same_compiled_interpreted_and_explained(name):
    tried = 0
    for text in questions_about(functions.get(name)):
        try:
            condition = parse_condition(text)
        except NotationError:
            continue  # a literal of the wrong kind
        tried += 1
        expected = outcome(lambda condition=condition: evaluate(condition.text, condition._node, NOTHING))
        assert outcome(lambda condition=condition: condition.evaluate(NOTHING)) == expected, text
        explained = condition.explain(NOTHING)
        assert (explained.result, explained.message) == expected, text
    assert tried > 5


def outcome(ask):
    """As explanations say it."""
    try:
        return ("true" if ask() else "false"), ""
    except NotationError as error:
        return "error", error.message
