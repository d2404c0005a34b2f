"""Objects as lists of entries, made of lists, and several as one."""

from __future__ import annotations

import pytest

from destinations.notation import NotationError, parse_template

SOURCES = {
    "profile": {
        "traits": {"plan": "pro", "age": None},
        "other": {"plan": "free", "vip": True},
        "values": [
            {"field": 1, "is": "x"},
            {"field": "2"},
            {"field": None, "is": "y"},
            {"field": "1", "is": "z"},
        ],
        "text": "abc",
        "null": None,
    }
}


def made(formula: str) -> object:
    template = parse_template({"made?": {"$formula": formula}})
    rendered = template.render(SOURCES)
    assert template.explain(SOURCES).payload == rendered
    return rendered.get("made")


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("entries(profile@traits)", [{"key": "plan", "value": "pro"}, {"key": "age", "value": None}]),
        ("map(entries(profile@traits), item@key)", ["plan", "age"]),
        ("entries(profile@missing)", None),
        ("keyed(profile@values, item@field, item@is)", {"1": "z", "2": None}),
        ("keyed(entries(profile@traits), item@key, item@value)", {"plan": "pro", "age": None}),
        ("keyed(profile@missing, item@a, item@b)", None),
        ("merge(profile@traits, profile@other)", {"plan": "free", "age": None, "vip": True}),
        ("merge(profile@other, profile@null, profile@missing)", {"plan": "free", "vip": True}),
        ("merge(profile@missing)", {}),
    ],
)
def test_objects(formula: str, expected: object) -> None:
    assert made(formula) == expected


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        ("entries(profile@text)", "profile@text is text, where an object is needed"),
        ("entries(5)", "this argument is a number, where an object is needed"),
        ("merge(profile@traits, profile@text)", "where an object is needed"),
        ("keyed(profile@traits, item@a, item@b)", "where a list is needed"),
        ("keyed(profile@values, 1.5, item@is)", "where a key is needed"),
    ],
)
def test_what_makes_no_object(formula: str, says: str) -> None:
    with pytest.raises(NotationError, match=says):
        made(formula)


def test_a_large_object_that_is_copied_again_and_again_costs_as_much() -> None:
    sources = {"profile": {"large": {str(n): n for n in range(20_000)}, "list": list(range(500))}}
    template = parse_template({"$formula": "count(map(profile@list, entries(profile@large)))"})
    with pytest.raises(NotationError, match="too much"):
        template.render(sources)
