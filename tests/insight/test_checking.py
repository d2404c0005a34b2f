"""Mistakes in conditions and mappings at their place in the text that a person is writing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.insight import checking
from destinations.insight.path_suggestions import MOST_KEYS, MOST_VALUES, sample_of
from destinations.models import Destination
from destinations.notation import json_spans
from destinations.notation.template_reader import below
from destinations.notation.warnings import MAX_WARNINGS
from tests.harness import processor_seconds


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


def test_two_equal_keys_have_the_place_of_the_second():
    text = '{"a": 1,\n "b": {"n\\u00fc": 1, "nü": 2}}'
    [problem] = checking.check_mapping(text)
    assert marked(text, problem) == '"nü"'
    assert (problem.line, problem.message) == (2, "this key stands here twice")
    assert problem.hint == "only the last of them would count"


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


PEOPLE = [
    {"id": "1", "data": {"contact": {"email": {"main": "a@firm.example"}}}, "orders": [{"sku": "a"}]},
    {"id": "2", "data": {"contact": {"phone": "1"}, "a@b.example": 1}, "orders": [{"sku": "a", "n": 1}]},
]


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("data.contcat.email.main", "data.contact.email.main"),
        ("data.contact.Phone", "data.contact.phone"),
        ("data.contact.mobile", ""),
        ("phone", "data.contact.phone"),
        ("orders.0.skus", "orders.0.sku"),
        ("orders.7.skus", "orders.0.sku"),
        ("orders.sku", "orders.0.sku"),
        ("id.x", ""),
    ],
)
def test_a_path_that_no_profile_has_is_warned_of_with_the_nearest(path, nearest):
    sample = sample_of(PEOPLE)
    text = f"profile@id EXISTS AND\nprofile@{path} == 1 AND profile@{path} == 2"
    [problem] = checking.check_condition(text, sample)
    assert (problem.severity, problem.line, problem.column) == ("warning", 2, 1)
    assert problem.message == "none of the profiles looked at (2) has this path"
    assert problem.hint == (f"the nearest that some have is profile@{nearest}" if nearest else "")
    text = json.dumps({"a": ["x", f"{{{{profile@{path}}}}} y"]})
    [problem] = checking.check_mapping(text, sample)
    assert problem.path == "$.a[1]"
    assert text[problem.column - 1 :].startswith("profile@")
    assert checking.check_condition(f"profile@{path} == 1") == []


@pytest.mark.parametrize(
    "path",
    ["id", "data.contact.email.main", "orders.0.n", "orders.5.n", "data.contact", "...", "data.12345678.x"],
)
def test_a_path_that_some_have_or_that_is_data_is_not(path):
    assert checking.check_condition(f"profile@{path} EXISTS", sample_of(PEOPLE)) == []


def test_what_was_not_looked_at_is_not_warned_of():
    table = {"table": {f"k{n}": {"x": n} for n in range(MOST_KEYS + 1)}}
    assert checking.check_condition("profile@table.other.x == 1", sample_of([table])) == []
    cut = sample_of([{f"o{n}": {f"p{m}": {"x": 1} for m in range(50)} for n in range(50)}])
    assert MOST_VALUES < 50 * 50
    assert checking.check_condition("profile@o1.p1.y == 1", cut) == []
    [problem] = checking.check_condition("profile@p1 == 1", cut)
    assert problem.severity == "warning"
    assert checking.check_condition("profile@x == 1", sample_of([])) == []


def test_warnings_of_a_destination_name_field_and_place():
    draft = Destination(prerequisites="profile@id EXISTS\nAND event@x == 1", mapping={"a": "x profile@gone"})
    found = checking.warnings(draft, sample_of(PEOPLE))
    assert [(one.field, one.path, one.line, one.column) for one in found] == [
        ("prerequisites", "", 2, 5),
        ("mapping", "$.a", 1, 3),
    ]
    assert found[0].sentence == (
        "line 2, column 5: a push has no event@: this is always missing (what a push offers is profile@)"
    )
    assert found[1].sentence.startswith("$.a: a reference within a longer text needs braces")
    broken = Destination(prerequisites="profile@", mapping={"a": "Profile@id"})
    assert [one.field for one in checking.warnings(broken, None)] == ["mapping"]
    assert checking.warnings(Destination(prerequisites=" ", mapping={}), None) == []


def test_many_paths_that_nobody_has_do_not_take_long():
    people = [{f"key{n}": {f"inner{m}": m for m in range(40)} for n in range(50)}]
    text = json.dumps({f"k{n}": f"profile@key{n}.inner{n}.{'x' * 20}" for n in range(15_000)})
    sample = sample_of(people)
    warned = len(checking.check_mapping(text, sample))
    assert warned == MAX_WARNINGS
    assert processor_seconds(lambda: checking.check_mapping(text, sample), enough=1) <= 1
