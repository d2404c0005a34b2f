"""Objects with `$` keys in templates: formulas, choices, tables, lists, and what is left alone."""

import json

import pytest

from destinations.notation import NotationError, parse_template
from tests.cases import for_each

SOURCES = {
    "profile": {
        "name": " Ola ",
        "n": 5,
        "country": "PL",
        "yes": True,
        "none": None,
        "orders": [
            {"sku": "A", "qty": 2, "parts": [{"id": 1}, {"id": 2}]},
            {"sku": "B", "qty": 0, "parts": []},
            {"sku": "C"},
        ],
        "words": ["x", "y"],
        "mixed": [0, "a", None, {"sku": "D"}],
    }
}


def render(template):
    rendered = parse_template(template).render(SOURCES)
    explanation = parse_template(template).explain(SOURCES)
    assert json.dumps(explanation.payload) == json.dumps(rendered)
    return rendered


@for_each(
    ("template", "expected"),
    [
        ({"$formula": "trim(profile@name)"}, "Ola"),
        ({"a": {"$formula": "profile@gone"}, "b?": {"$formula": "trim(profile@gone)"}}, {"a": None}),
        ({"$formula": "5"}, 5),
        ({"$formula": "datetime('2020-01-02')"}, "2020-01-02T00:00:00+00:00"),
        ({"$formula": "profile@words"}, ["x", "y"]),
        ({"$if": "profile@n > 3", "then": "many", "else": "few"}, "many"),
        ({"$if": "profile@n > 9", "then": "many"}, None),
        ({"a?": {"$if": "profile@n > 9", "then": "many"}, "b": 1}, {"b": 1}),
        ({"a?": {"$if": "profile@n > 3", "then": {"x": "profile@gone", "y": "profile@n"}}}, {"a": {"y": 5}}),
        ({"$if": "profile@n > 3", "then": "`profile@n`", "else": {"$formula": "int(profile@name)"}}, 5),
        ({"$lookup": "profile@country", "in": {"PL": "Poland", "DE": "Germany"}}, "Poland"),
        ({"$lookup": "profile@n", "in": {"5": "five"}}, "five"),
        ({"$lookup": "profile@yes", "in": {"true": "`profile@n`"}}, 5),
        ({"$lookup": "profile@gone", "in": {"": "blank", "null": "null"}, "else": "none"}, "none"),
        ({"$lookup": {"$formula": "lowercase(profile@country)"}, "in": {"pl": 1}, "else": 2}, 1),
        ({"$map": "profile@orders", "to": "item@sku"}, ["A", "B", "C"]),
        ({"$map": "profile@orders", "where": "item@qty > 0", "to": {"id": "item@sku"}}, [{"id": "A"}]),
        ({"$map": "profile@orders", "to": {"q?": "item@qty"}}, [{"q": 2}, {"q": 0}, {}]),
        ({"$map": "profile@gone", "to": "item@sku"}, None),
        ({"a?": {"$map": "profile@gone", "to": 1}}, {}),
        ({"a?": {"$map": "profile@orders", "where": "item@qty > 99", "to": 1}}, {"a": []}),
        ({"a?": {"$map": "profile@orders", "to": "item@gone"}}, {}),
        ({"a?": {"$map": "profile@orders", "to": "item@qty"}}, {"a": [2, 0]}),
        ({"$map": "profile@words", "to": "<{{item@...}}>"}, ["<x>", "<y>"]),
        ({"$map": "profile@mixed", "to": "item@..."}, [0, "a", None, {"sku": "D"}]),
        ({"$map": "profile@mixed", "to": "item@sku"}, [None, None, None, "D"]),
        ({"$map": ["a", "profile@n"], "to": {"$formula": "text(item@...)"}}, ["a", "5"]),
        (
            {"$map": "profile@orders", "to": {"$map": "item@parts", "to": {"$formula": "add(item@id, 1)"}}},
            [[2, 3], [], None],
        ),
        (
            {
                "$map": "profile@orders",
                "where": "count(item@parts) > 0",
                "to": ["item@sku", "profile@country"],
            },
            [["A", "PL"]],
        ),
    ],
)
def test_directives(template, expected):
    assert json.dumps(render(template)) == json.dumps(expected)


@for_each(
    "template",
    [
        {"$set": {"a": 1}, "$unset": ["b"]},
        {"$if": "n > 3"},
        {"$if": "a", "then": 1, "else": 2, "or": 3},
        {"$if?": "a", "then": 1},
        {"$map": "a", "to": "b", "sort": "c"},
        {"$formula": "trim(x", "b": 1},
        {"$trim": "x"},
        "item@firm.example and {{item@x}}",
        "trim(profile@name)",
        "{{trim(profile@name)}}",
        {"$literal": 1, "more": 2},
    ],
)
def test_what_is_not_exactly_a_directive_stays(template):
    expected = json.loads(json.dumps(template).replace("$if?", "$if"))
    assert render(template) == expected


def test_literals_are_not_read_and_not_shared():
    literal = {"$formula": "trim(profile@name)", "then": ["profile@n", "\\x"], "a?": 1}
    template = parse_template({"a": {"$literal": literal}})
    first = template.render(SOURCES)
    assert first == {"a": literal}
    first["a"]["then"].clear()
    assert template.render(SOURCES) == {"a": literal}
    assert render({"$literal": {"$literal": 5}}) == {"$literal": 5}


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ({"$map": "profile@n", "to": 1}, '$["$map"]: this is a number, where a list is needed'),
        (
            {"a": {"$formula": "trim(profile@n)"}},
            '$.a["$formula"]: profile@n is a number, where text is needed',
        ),
        ({"$if": "profile@name > 3", "then": 1}, '$["$if"]: profile@name is text, cannot be compared'),
        (
            {"$map": "profile@words", "where": "item@... > 1", "to": 1},
            "$.where: item@... is text, cannot be compared",
        ),
        (
            {"a": {"$map": "profile@words", "to": {"$formula": "add(item@..., 1)"}}},
            '$.a.to["$formula"]: item@... is text, where a number is needed',
        ),
    ],
)
def test_errors_name_the_place_and_no_values(template, message):
    with pytest.raises(NotationError) as caught:
        parse_template(template).render(SOURCES)
    assert str(caught.value).startswith(message)
    assert "Ola" not in str(caught.value)
    explanation = parse_template(template).explain(SOURCES)
    assert explanation.error == str(caught.value).splitlines()[0]
    assert explanation.payload is None
    assert [place.outcome for place in explanation.places].count("error") == 1


def test_references_are_those_to_data():
    template = parse_template(
        {
            "$map": "profile@orders",
            "where": "item@a == event@b",
            "to": ["item@c", {"$formula": "trim(memory@d)"}],
        }
    )
    assert template.references == ("event@b", "profile@orders", "memory@d")
