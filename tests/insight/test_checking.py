"""Mistakes in conditions and mappings at their place in the text that a person is writing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.insight import checking, json_spans
from destinations.notation.template_reader import below


def marked(text, problem):
    """What of the text is marked."""
    line = text.split("\n")[problem.line - 1]
    return line[problem.column - 1 : problem.column - 1 + problem.length]


@pytest.mark.parametrize("text", ["", "  \n", "profile@a EXISTS", "profile@a > 1 AND\nprofile@b > 2"])
def test_right_conditions_have_no_problem(text):
    assert checking.check_condition(text) == []


def test_a_condition_has_its_place_message_and_hint():
    [problem] = checking.check_condition('profile@a == 1\nAND profil@b == "x"')
    assert (problem.line, problem.column) == (2, 5)
    assert problem.message == "there is no source profil"
    assert problem.hint == "did you mean profile@?"


def test_what_is_possible_is_said():
    [problem] = checking.check_condition("profile@a >")
    assert any("field" in one for one in problem.expected)


@pytest.mark.parametrize(
    ("text", "path", "at"),
    [
        ('{"a": {"b": ["x", "profile@"]}}', "$.a.b[1]", '"'),
        ('{"a": "x",\n "b": "profile@a..c"}', "$.b", "."),
        ('{"caf\\u00e9": "\\u00e9\\ud83d\\ude00 {{profile@a..b}}"}', "$.café", "."),
        ('{"x": {"$if": "profile@a >", "then": 1}}', '$.x["$if"]', '"'),
        ('{"x": {"$if": "profil@a > 1", "then": 1}}', '$.x["$if"]', "p"),
        ('{"x": {"$formula": 7}}', '$.x["$formula"]', "7"),
        ('{"a": 1, "a?": [2]}', '$["a?"]', "[2]"),
        ('{"a b": {"c.d": "profile@"}}', '$["a b"]["c.d"]', '"'),
        ('"profile@"', "$", '"'),
    ],
)
def test_mistakes_in_a_mapping_are_found_in_its_json(text, path, at):
    [problem] = checking.check_mapping(text)
    assert problem.path == path
    assert marked(text, problem) == at


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [('{"a": 1,}', 1, 9), ('{"a"\n: `x`}', 2, 3), ("", 1, 1), ("[1", 1, 3), ('{"a": NaN}', 1, 1)],
)
def test_what_is_no_json_has_its_place(text, line, column):
    [problem] = checking.check_mapping(text)
    assert (problem.line, problem.column) == (line, column)


@pytest.mark.parametrize(
    "text", ["[" * 5000, "[" * 5000 + "]" * 5000, "9" * 20_000, '"\\ud800"', '["\\u0000"]']
)
def test_hostile_text_is_answered(text):
    assert len(checking.check_mapping(text)) == 1


def test_a_right_mapping_has_no_problem():
    assert checking.check_mapping('{"id": "profile@id", "x": {"$map": "profile@l", "to": "item@a"}}') == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


def paths(value, path="$"):
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, below(path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, f"{path}[{index}]")


@given(json_values, st.sampled_from([None, 2]), st.booleans())
def test_every_place_is_found(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    for path, inner in paths(value):
        span = json_spans.find(text, path)
        assert json.loads(text[span.start : span.end]) == inner


@given(st.text(min_size=1, max_size=20), st.booleans())
def test_every_character_of_a_string_is_found(value, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only)
    span = json_spans.Span(0, len(text))
    places = [json_spans.offset_in_string(text, span, at) for at in range(len(value))]
    for at, start in enumerate(places):
        end = places[at + 1] if at + 1 < len(places) else len(text) - 1
        assert json.loads(f'"{text[start:end]}"') == value[at]
