"""Conditions and mappings as rows: what is shown means the same, what is not stays text, nothing is lost."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.notation import NotationError, parse_condition, parse_template
from destinations.notation.parser import parse
from destinations.notation.rows import condition_rows, mapping_rows, shapes
from destinations.notation.rows.shapes import Case, Entry, Group, Question, RowsError, in_order
from tests.cases import for_each
from tests.harness import processor_seconds
from tests.notation.test_conformance import SECOND, SECOND_SOURCES, answer, cases
from tests.notation.test_properties import TREES, written


def anew(row):
    """As if somebody had touched every row."""
    if isinstance(row, Group):
        return Group(row.join, tuple(map(anew, row.rows)))
    if isinstance(row, Question):
        return Question(row.field, row.test, row.type, row.value, row.other, row.unit)
    return row


def questions_of(rows):
    return [row for row in in_order(rows) if not isinstance(row, Group)]


def readable(expr):
    try:
        parse_condition(expr)
    except NotationError:
        return False
    return True


CONDITIONS = [*cases("conditions.json"), *((case, SECOND_SOURCES) for case in SECOND["conditions"])]
TEMPLATES = [*cases("templates.json"), *((case, SECOND_SOURCES) for case in SECOND["templates"])]


@for_each(("case", "sources"), CONDITIONS)
def test_conditions_as_rows_mean_the_same(case, sources):
    if not case["expr"].strip():  # everybody, for prerequisites
        assert condition_rows.read(case["expr"]) == Group()
        return
    if not readable(case["expr"]):
        with pytest.raises(NotationError):
            condition_rows.read(case["expr"])
        return
    rows = condition_rows.read(case["expr"])
    for again in (rows, anew(rows)):
        text = condition_rows.write(again).text
        assert answer(text, sources) == case["expect"]
        assert all(
            condition_rows.mistake(row) is None for row in in_order(again) if not isinstance(row, Group)
        )
    assert anew(condition_rows.read(condition_rows.write(rows).text)) == anew(rows) or len(rows.rows) == 1


@for_each(("case", "sources"), TEMPLATES)
def test_mappings_as_rows_are_the_same_json(case, sources):
    try:
        rows = mapping_rows.read(case["template"])
    except RowsError:
        assert not isinstance(case["template"], dict) or any(key[:1] in ("$", "") for key in case["template"])
        return
    text = mapping_rows.write(rows).text
    assert json.dumps(json.loads(text)) == json.dumps(case["template"])
    assert mapping_rows.read(json.loads(text)) == rows


@pytest.mark.parametrize("key", [" a", "a ", "a ?", "", "?", "\u2028", "a\nb"])
def test_keys_that_no_row_could_hold_stay_text(key):
    with pytest.raises(RowsError):
        mapping_rows.read({key: 1})
    rows = mapping_rows.read({"o": {key: {}}})
    assert rows.rows[0].source == "json"
    assert json.loads(mapping_rows.write(rows).text) == {"o": {key: {}}}


@pytest.mark.parametrize(
    "text", ['profile@a IN ["", "b"]', 'profile@a BETWEEN "" AND "b"', 'profile@a == ""']
)
def test_a_blank_text_is_a_value(text):
    (row,) = anew(condition_rows.read(text)).rows
    assert condition_rows.mistake(row) is None
    assert condition_rows.mistake(Question("a", "one_of", "text", " , ")) is not None


@given(TREES)
def test_any_condition_is_the_same_after_rows(tree):
    text = written(tree)
    rows = condition_rows.read(text)
    for again in (rows, anew(rows)):
        assert parse(condition_rows.write(again).text) == parse(text)


WORDS = st.sampled_from(["", "a", "Wien", "Linz, Süd", 'so "so"', " x ", "3", "true", "profile@a"])
FIELDS = st.sampled_from(["a", "a.b", "stats.visits", 'aux["utm x"]', "first name", "event@type", "..."])
NUMBERS = st.sampled_from(["0", "-1", "3.50", "1e3"])
VALUES = st.one_of(
    st.tuples(st.just("text"), WORDS),
    st.tuples(st.just("number"), NUMBERS),
    st.tuples(st.just("boolean"), st.sampled_from(["true", "false"])),
)


@st.composite
def questions(draw):
    test = draw(st.sampled_from(condition_rows.TESTS))
    kind, value = draw(VALUES)
    other, unit = "", "d"
    if test in condition_rows.ALONE:
        kind, value = "text", ""
    elif test in condition_rows.LISTS:
        kind, value = draw(st.sampled_from([("text", 'Wien, "Linz, Süd"'), ("number", "1, 2.5")]))
    elif test == "between":
        kind, value, other = "number", draw(NUMBERS), draw(NUMBERS)
    elif test in condition_rows.DATES:
        kind, value = "text", "2026-01-31"
    elif test in condition_rows.SPANS:
        kind, value, unit = "number", draw(st.sampled_from(["1", "30"])), draw(st.sampled_from("mhdw"))
    return Question(draw(FIELDS), test, kind, value, other, unit)


def groups(inner):
    return st.builds(
        Group, st.sampled_from(["all", "any"]), st.lists(inner, min_size=2, max_size=3).map(tuple)
    ) | st.builds(Group, st.just("none"), st.lists(inner, min_size=2, max_size=3).map(tuple))


@given(groups(st.recursive(questions(), groups, max_leaves=6)))
def test_rows_are_the_same_after_text(rows):
    assert all(condition_rows.mistake(row) is None for row in in_order(rows) if isinstance(row, Question))
    composed = condition_rows.write(rows)
    assert [spelt(row) for row in in_order(condition_rows.read(composed.text))] == [
        spelt(row) for row in in_order(rows)
    ]
    for number, row in enumerate(in_order(rows)):
        span = composed.spans[number]
        if isinstance(row, Question):
            assert composed.text[span.start : span.end] == condition_rows.write(Group("all", (row,))).text


def spelt(row):
    """Without the ways of writing the same: keys in brackets, and the quotes of a list."""
    if isinstance(row, Group):
        return row.join
    field = '["first name"]' if row.field == "first name" else row.field
    return dataclasses.replace(row, field=field, written="")


SIMPLE = st.one_of(VALUES, st.just(("null", "")), st.tuples(st.just("field"), FIELDS)).filter(
    lambda value: value[0] != "number" or value[1] in ("0", "-1")
)


@st.composite
def entries(draw, key):
    source = draw(st.sampled_from(["field", "text", "fixed", "choice", "if", "formula", "json"]))
    entry = {"key": key, "optional": draw(st.booleans()), "source": source}
    if source == "field":
        cast = draw(st.sampled_from(mapping_rows.CASTS))
        field = draw(FIELDS if cast in ("", "number") else FIELDS.filter(lambda name: " n" not in name))
        entry |= {"field": field, "cast": cast, "pattern": "DD.MM.YYYY" if cast == "date" else ""}
    elif source == "text":
        entry |= {"value": draw(st.sampled_from(["Hi {{profile@a}}", "{{profile@a}}, {{profile@b.c}}"]))}
    elif source == "fixed":
        kind, value = draw(SIMPLE.filter(lambda one: one[0] != "field"))
        entry |= {"type": kind, "value": value}
    elif source == "if":
        kind, value = draw(SIMPLE)
        entry |= {
            "question": draw(questions()),
            "cases": (Case("", *draw(SIMPLE)),),
            "type": kind,
            "value": value,
        }
        entry["question"] = dataclasses.replace(entry["question"], field="a.b")
    elif source == "choice":
        kind, value = draw(SIMPLE)
        cases = tuple(Case(when, *draw(SIMPLE)) for when in ("gold", "")[: draw(st.integers(0, 2))])
        entry |= {"field": draw(FIELDS), "cases": cases, "type": kind, "value": value}
    else:
        entry |= {"value": "upper" if source == "json" else "uppercase(profile@a)"}
        entry |= {"value": '["a", 1]'} if source == "json" else {}
    return Entry(**entry)


OBJECTS = st.recursive(
    st.tuples(entries("a"), entries("b")),
    lambda inner: st.tuples(entries("a"), inner.map(lambda rows: Entry("o", source="object", rows=rows))),
    max_leaves=3,
)


@given(OBJECTS)
def test_mapping_rows_are_the_same_after_text(rows):
    top = Entry(source="object", rows=rows)
    composed = mapping_rows.write(top)
    assert all(mapping_rows.mistake(row) is None for row in list(in_order(top))[1:])
    parse_template(json.loads(composed.text))
    assert untouched(mapping_rows.read(json.loads(composed.text))) == top
    assert (
        json.dumps(json.loads(composed.text), indent=2, ensure_ascii=False).split() == composed.text.split()
    )


def untouched(entry):
    """Without the formulas that casts were read from."""
    question = dataclasses.replace(entry.question, written="")
    return dataclasses.replace(entry, written="", question=question, rows=tuple(map(untouched, entry.rows)))


@given(OBJECTS)
def test_rows_come_back_from_json(rows):
    top = Entry(source="object", rows=rows)
    assert shapes.mapping_from_json(json.loads(json.dumps(shapes.as_json(top)))) == top


def first(**fields):
    return lambda: condition_rows.mistake(Question(**fields))


SIZE = 60_000
ADVERSARIAL = {
    "many rows": lambda: refused(condition_rows.read, " OR ".join(["profile@a EXISTS"] * (SIZE // 20))),
    "rows of long texts": lambda: condition_rows.read(
        " OR ".join(['profile@a == "' + "x" * 180 + '"'] * 290)
    ),
    "one long list": lambda: condition_rows.read("profile@a IN [" + '"x", ' * (SIZE // 6) + '"x"]'),
    "quotes of a list": first(field="a", test="one_of", value='"' * SIZE),
    "quotes and commas": first(field="a", test="one_of", value='"",' * (SIZE // 3)),
    "quotes that are not closed": first(field="a", test="one_of", value=' "a""b,' * (SIZE // 8)),
    "white space": first(field="a", test="one_of", value=" " * SIZE),
    "brackets of a path": first(field='["a"]' * (SIZE // 5)),
    "dots of a path": first(field="a." * (SIZE // 2)),
    "digits": first(field="a", type="number", value="9" * SIZE),
    "spaces of a path": first(field="a " * (SIZE // 2)),
    "many fields": lambda: refused(
        mapping_rows.read, {f"k{number}": "profile@a" for number in range(SIZE // 10)}
    ),
    "formulas": lambda: mapping_rows.read(
        {f"k{number}": {"$formula": "text(profile@a)"} for number in range(290)}
    ),
    "braces": lambda: mapping_rows.read({"a": "{{profile@" * (SIZE // 10)}),
    "a deep value": lambda: mapping_rows.mistake(Entry(key="a", source="json", value="[" * SIZE)),
    "a fixed text": lambda: mapping_rows.mistake(
        Entry(key="a", source="fixed", value="{{profile@a" * (SIZE // 11))
    ),
}


def refused(read, value):
    with pytest.raises(RowsError):
        read(value)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_no_row_takes_more_than_a_second(name):
    assert processor_seconds(ADVERSARIAL[name], enough=1.0) <= 1.0
