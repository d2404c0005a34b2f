"""Lists in lists: names for their items, their numbers, and one level less."""

import json

import pytest

from destinations.notation import NotationError, parse_condition, parse_template
from destinations.notation.compiled_template import compile_template
from destinations.notation.render import render
from destinations.notation.template_reader import read
from tests.cases import for_each

PROFILE = {
    "id": "p",
    "orders": [
        {"id": 1, "min": 2, "lines": [{"sku": "a", "n": 1}, {"sku": "b", "n": 3}], "tags": ["x", "y"]},
        {"id": 2, "lines": [], "tags": []},
        {"id": 3, "min": 0, "lines": [{"sku": "c", "n": 2}], "tags": None},
    ],
    "mixed": [[1, [2]], 3, None, "ab", {"k": [4]}, []],
    "falsy": [0, "", False, None, [], {}],
}
SOURCES = {"profile": PROFILE}


def orders(to, **more):
    return {"$map": "profile@orders", "as": "order", "to": to, **more}


def lines(to, **more):
    return {"$map": "order@lines", "to": to, **more}


CASES = {
    "outer within inner": (
        orders(lines({"o": "order@id", "s": "item@sku", "p": "profile@id"})),
        [
            [{"o": 1, "s": "a", "p": "p"}, {"o": 1, "s": "b", "p": "p"}],
            [],
            [{"o": 3, "s": "c", "p": "p"}],
        ],
    ),
    "item is the innermost": (orders(["item@id", lines("item@sku")]), [[1, ["a", "b"]], [2, []], [3, ["c"]]]),
    "in conditions": (
        orders(lines("item@sku", where="item@n > order@min"), where="order@min EXISTS"),
        [["b"], ["c"]],
    ),
    "in formulas and texts": (
        orders({"t": "#{{order@id}}", "n": {"$formula": "count(filter(order@lines, item@n > order@min))"}}),
        [{"t": "#1", "n": 1}, {"t": "#2", "n": 0}, {"t": "#3", "n": 1}],
    ),
    "in choices and tables": (
        orders(
            [
                {"$if": "order@id == 2", "then": "order@tags", "else": "`order@id`"},
                {"$lookup": "order@id", "in": {"3": "order@lines.0.sku"}, "else": 0},
            ]
        ),
        [[1, 0], [[], 0], [3, "c"]],
    ),
    "two names": (
        orders(lines(["order@id", "line@sku", "loop@number"], **{"as": "line"})),
        [[[1, "a", 1], [1, "b", 2]], [], [[3, "c", 1]]],
    ),
    "whole items, whatever they are": (
        {"$map": "profile@falsy", "as": "one", "to": ["one@...", "item@..."]},
        [[one, one] for one in PROFILE["falsy"]],
    ),
    "optional": (
        {"a?": orders({"t?": "order@tags", "l?": lines("item@gone")})},
        {"a": [{"t": ["x", "y"]}, {"t": [], "l": []}]},
    ),
    "numbers": (
        orders({"i": "loop@index", "n": "loop@number", "l": lines("loop@index"), "after": "loop@number"}),
        [
            {"i": 0, "n": 1, "l": [0, 1], "after": 1},
            {"i": 1, "n": 2, "l": [], "after": 2},
            {"i": 2, "n": 3, "l": [0], "after": 3},
        ],
    ),
    "numbers are those of the list": (orders("loop@number", where="loop@index != 1"), [1, 3]),
    "numbers within functions": (
        {"$formula": "map(filter(profile@orders, loop@number < 3), concat(loop@index, item@id))"},
        ["01", "12"],
    ),
    "numbers within functions within lists": (
        orders(["loop@index", {"$formula": "map(order@tags, concat(item@..., loop@number))"}, "loop@index"]),
        [[0, ["x1", "y2"], 0], [1, [], 1], [2, None, 2]],
    ),
    "functions within functions": (
        {"$formula": "map(profile@orders, concat(loop@index, map(item@lines, loop@index), loop@index))"},
        ["0[0, 1]0", "1[]1", "2[0]2"],
    ),
    "the whole loop": (orders("loop@...", where="order@id == 3"), [{"index": 2, "number": 3}]),
    "flatten": ({"$formula": "flatten(profile@mixed)"}, [1, [2], 3, None, "ab", {"k": [4]}]),
    "flatten twice": ({"$formula": "flatten(flatten(profile@mixed))"}, [1, 2, 3, None, "ab", {"k": [4]}]),
    "flatten what is mapped": (
        {"$formula": "map(flatten(map(profile@orders, item@lines)), item@sku)"},
        ["a", "b", "c"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_lists_in_lists(name, check_spending):
    template, expected = CASES[name]
    part = read(template)
    assert json.dumps(render(part, SOURCES)) == json.dumps(expected)
    assert json.dumps(parse_template(template).render(SOURCES)) == json.dumps(expected)
    assert parse_template(template).explain(SOURCES).payload == expected
    check_spending(lambda: render(part, SOURCES), lambda: compile_template(part)(SOURCES))


def test_names_of_items_are_no_references_to_data():
    template = parse_template(orders(lines(["order@id", "loop@index", "item@sku", "profile@id"])))
    assert template.references == ("profile@orders", "profile@id")


@for_each(
    ("template", "path", "says"),
    [
        (orders("x", **{"as": "profile"}), "$.as", "profile is a source"),
        (orders("x", **{"as": "event"}), "$.as", "event is a source"),
        (orders("x", **{"as": "item"}), "$.as", "item is a source"),
        (orders("x", **{"as": "loop"}), "$.as", "loop is a source"),
        (orders("x", **{"as": "trim"}), "$.as", "trim is a function"),
        (orders("x", **{"as": "Order"}), "$.as", "lower-case letters"),
        (orders("x", **{"as": "two words"}), "$.as", "lower-case letters"),
        (orders("x", **{"as": ""}), "$.as", "lower-case letters"),
        (orders("x", **{"as": 5}), "$.as", "lower-case letters"),
        (orders(lines("x", **{"as": "order"})), "$.to.as", "order is the name of the items of a list around"),
        (orders("order@lines..id"), "$.to", "a key is missing before this dot"),
        (orders("x", where="ordr@id == 1"), "$.where", "there is no source ordr"),
        ({"$formula": "order@id"}, '$["$formula"]', "there is no source order"),
        ({"$formula": "loop@index"}, '$["$formula"]', "there is no item here"),
        ({"$formula": "flatten(5)"}, '$["$formula"]', "this argument is a number, where a list is needed"),
    ],
)
def test_mistakes_name_their_place(template, path, says):
    with pytest.raises(NotationError) as caught:
        parse_template(template)
    assert caught.value.path == path
    assert says in caught.value.message


def test_a_name_is_known_within_its_list_only():
    assert parse_template([orders("order@id"), "order@id"]).render(SOURCES) == [[1, 2, 3], "order@id"]
    assert parse_template({**orders("x"), "$map": "order@id"}).value  # text, as it stands outside of its list


def test_what_is_no_list_is_not_flattened():
    with pytest.raises(NotationError, match="profile@id is text, where a list is needed"):
        parse_condition("flatten(profile@id) EMPTY").evaluate(SOURCES)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("try(profile@id, 1)", "p"),
        ("try(profile@gone, 1)", 1),
        ("try(profile@orders.2.tags, 1)", 1),
        ("try(trim(profile@orders), 'none')", "none"),
        ("try(int(profile@id), try(int(profile@gone), 7))", 7),
        ("try(trim(profile@orders), profile@gone)", None),
        ("concat(try(trim(profile@orders), '-'), try(uppercase(profile@id), '-'))", "-P"),
        ("map(profile@mixed, try(trim(item@...), loop@index))", [0, 1, 2, "ab", 4, 5]),
        ("try(if(profile@id > 5, 1, 2), 3)", 3),
        ("try(sum(map(profile@orders, item@min)), 0)", 2),
    ],
)
def test_try_takes_the_other_where_there_is_nothing_or_an_error(formula, expected, check_spending):
    template = {"$formula": formula}
    part = read(template)
    assert render(part, SOURCES) == expected
    assert parse_template(template).render(SOURCES) == expected
    assert parse_template(template).explain(SOURCES).payload == expected
    check_spending(lambda: render(part, SOURCES), lambda: compile_template(part)(SOURCES))


def test_the_error_of_the_other_is_an_error():
    with pytest.raises(NotationError, match="profile@mixed is a list, where text is needed"):
        parse_template({"$formula": "try(trim(profile@orders), trim(profile@mixed))"}).render(SOURCES)


def test_try_does_not_hide_that_something_takes_too_much_work():
    many = {"profile": {"n": list(range(10_000))}}
    condition = parse_condition("try(map(profile@n, map(profile@n, text(item@...))), 1) == 1")
    with pytest.raises(NotationError, match="too much work"):
        condition.evaluate(many)
    assert condition.explain(many).result == "error"
