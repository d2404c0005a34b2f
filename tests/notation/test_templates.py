"""Each rule of object templates with the cases that follow from it."""

import copy
import json

import pytest

from destinations.notation import NotationError, parse_template
from tests.cases import for_each

SOURCES = {
    "profile": {
        "id": "p1",
        "n": 5,
        "f": 3.0,
        "zero": 0,
        "no": False,
        "yes": True,
        "null": None,
        "empty": "",
        "list": ["a", {"b": None}],
        "none": [],
        "object": {"k": [1, 2]},
        "blank": {},
        "code": "0042",
        "first seen": {"last. one": 1, "a}}b": 2},
        "łódź": "tak",
    }
}


def render(template):
    return parse_template(template).render(SOURCES)


@for_each(
    ("template", "expected"),
    [
        ("profile@n", 5),
        ("profile@f", 3.0),
        ("profile@gone", None),
        ("profile@null.x", None),
        ("profile@list.1", {"b": None}),
        ("profile@list[0]", "a"),
        ("profile@...", SOURCES["profile"]),
        ("event@...", {}),
        ("profile@first seen.last\\. one", 1),
        ('profile@["first seen"]["last. one"]', 1),
        ("profile@łódź", "tak"),
        ("profile@id ", None),
        (" profile@id", " profile@id"),
        ("Profile@id", "Profile@id"),
        ("profiles@id", "profiles@id"),
        ("\\profile@x.com", "profile@x.com"),
        ("\\`5`", "`5`"),
        ("\\\\x", "\\x"),
        ("\\{{profile@id}}", "{{profile@id}}"),
    ],
)
def test_references_and_literals(template, expected):
    assert render(template) == expected
    assert json.dumps(render({"a": [template]})) == json.dumps({"a": [expected]})


@for_each(
    ("template", "expected"),
    [
        ("Hello {{profile@id}}!", "Hello p1!"),
        ("{{profile@n}}", "5"),
        ("{{profile@id}}-{{ profile@n }}", "p1-5"),
        ("<{{profile@gone}}{{profile@null}}{{profile@empty}}>", "<>"),
        ("{{profile@yes}} {{profile@zero}} {{profile@f}}", "true 0 3.0"),
        ("={{profile@object}}{{profile@none}}", '={"k": [1, 2]}[]'),
        ('={{profile@first seen["a}}b"]}}', "=2"),
        ("{{ name }} {{ other", "{{ name }} {{ other"),
        ("{{{profile@id}}}", "{p1}"),
        ("`{{profile@n}}{{profile@zero}}`", 50),
    ],
)
def test_text_with_references(template, expected):
    assert render(template) == expected


@for_each(
    ("text", "expected"),
    [
        *[("0042", 42), ("-7", -7), ("1.5", 1.5), ("-7.5", -7.5), (".5", 0.5), ("5.", 5.0)],
        *[("9" * 30, int("9" * 30)), ("tRUE", True), ("False", False), ("None", None), ("NULL", None)],
        *[
            (text, text)
            for text in ("", "yes", "+7", "1e3", "1.2.3", " 7 ", "12,5", ".", "-", "٣", "0x1", "1_000")
        ],
        ("9" * 5000, "9" * 5000),
        ("9" * 400 + ".5", "9" * 400 + ".5"),
    ],
)
def test_backticks_cast_text(text, expected):
    assert repr(render(f"`{text}`")) == repr(expected)
    rendered = parse_template("`profile@x`").render({"profile": {"x": text}})
    assert repr(rendered) == repr(expected)


def test_backticks_leave_other_values_and_single_backticks():
    template = ["`profile@yes`", "`profile@object`", "`profile@gone`", "`", "abc`"]
    assert render(template) == [True, {"k": [1, 2]}, None, "`", "abc`"]


@for_each(
    ("template", "expected"),
    [
        ({"a?": "profile@gone", "b?": "profile@null", "c?": None, "d?": "`none`"}, {}),
        (
            {"a?": "profile@zero", "b?": "profile@no", "c?": "profile@empty", "d?": "profile@none"},
            {"a": 0, "b": False, "c": "", "d": []},
        ),
        ({"a?": "Hi {{profile@gone}}"}, {"a": "Hi "}),
        ({"o?": {"a": "profile@gone", "b": {"c": "profile@gone"}, "d": ["profile@gone"]}}, {}),
        ({"o?": {"a": "profile@gone", "b": {"c": "profile@id", "x": None}}}, {"o": {"b": {"c": "p1"}}}),
        ({"o?": {}, "l?": [], "m?": [{}], "n?": {"x": {}}}, {"o": {}, "l": [], "m": [{}], "n": {"x": {}}}),
        ({"l?": ["profile@gone", None, "profile@zero", ["profile@gone"], {"a": "profile@gone"}]}, {"l": [0]}),
        ({"l": ["profile@gone", {"a?": "profile@gone"}]}, {"l": [None, {}]}),
        ({"o": {"p": {"a?": "profile@gone"}}}, {"o": {"p": {}}}),
        ({"a??": "profile@id", "?": 1}, {"a?": "p1", "": 1}),
        ([{"a?": "profile@gone"}, "profile@gone"], [{}, None]),
        ({"2024": "profile@id", "0": {}, "-1": []}, {"2024": "p1", "0": {}, "-1": []}),
    ],
)
def test_optional_keys(template, expected):
    assert json.dumps(render(template)) == json.dumps(expected)


@for_each(
    ("template", "path"),
    [
        ("profile@", "$"),
        ({"a": ["x", "profile@a..b"]}, "$.a[1]"),
        ({"a b": {"c?": 'profile@x["y'}}, '$["a b"]["c?"]'),
        ({"a": "`profile@x[1`"}, "$.a"),
        ({"a": "Hi {{profile@a..b}}"}, "$.a"),
        ({"a": "profile@{{event@key}}"}, "$.a"),
        ({"a": "profile@a]b"}, "$.a"),
        ({"a": "profile@x\ny"}, "$.a"),
        ({"a": {"n": 1, "n?": 2}}, '$.a["n?"]'),
        ({"a": {1, 2}}, "$.a"),
        ({"a": {1: 2}}, "$.a[1]"),
        ({"a": float("nan")}, "$.a"),
        ({"a": 10**5000}, "$.a"),
        ({"a": "\ud800"}, "$.a"),
        ({"a": "x" * 70_000}, "$.a"),
        (["x"] * 20_001, "$"),
        (["x" * 60_000] * 20, "$"),
    ],
)
def test_errors_tell_the_place(template, path):
    with pytest.raises(NotationError) as caught:
        parse_template(template)
    assert caught.value.path == path
    assert path in str(caught.value)


def nested(depth, inside):
    for _ in range(depth):
        inside = [inside]
    return inside


def test_nesting_is_bounded():
    assert parse_template(nested(99, "profile@id")).render(SOURCES) == nested(99, "p1")
    with pytest.raises(NotationError):
        parse_template(nested(100, "profile@id"))
    endless = []
    endless.append(endless)
    with pytest.raises(NotationError):
        parse_template(endless)


def test_large_templates_render_like_small_ones():
    template = {f"k{i}?": "profile@id" if i % 2 else "profile@gone" for i in range(5_000)}
    assert render(template) == {f"k{i}": "p1" for i in range(5_000) if i % 2}


def test_literals_that_python_takes_for_equal_are_different_templates():
    rendered = [render({"a": value}) for value in (1, 1.0, True, "1")]
    assert [repr(value["a"]) for value in rendered] == ["1", "1.0", "True", "'1'"]
    assert parse_template({"a": 1}) is parse_template({"a": 1})


def test_nothing_mutable_is_shared():
    given = {"all": "profile@...", "o": "profile@object", "l": [{}], "e": "event@..."}
    template = parse_template(given)
    sources, before = copy.deepcopy(SOURCES), copy.deepcopy(SOURCES)
    first = template.render(sources)
    first["all"]["object"]["k"].append(3)
    first["o"]["k"].clear()
    first["l"][0]["x"] = first["e"]["x"] = 1
    given["all"] = template.value["all"] = "changed"
    assert sources == before
    assert template.render(sources) == {"all": before["profile"], "o": {"k": [1, 2]}, "l": [{}], "e": {}}


def test_references_are_listed_once():
    template = parse_template({"a": "profile@x.y", "b": ["{{event@z}} `profile@x.y`", "`profile@x.y`"]})
    assert template.references == ("profile@x.y", "event@z")
    assert parse_template("\\profile@x").references == ()


def test_data_that_is_no_json_or_too_deep_is_a_notation_error():
    template = parse_template({"a": "{{profile@x}}", "b": "profile@y"})
    for data in ({"x": 10**5000}, {"y": nested(5_000, 1)}, {"x": nested(5_000, 1)}):
        with pytest.raises(NotationError):
            template.render({"profile": data})
