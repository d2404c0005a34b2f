"""Other sources than a mapping's: whoever parses says which names may stand before an @."""

from __future__ import annotations

import pickle

import pytest

from destinations.notation import NotationError, parse_condition, parse_template

SOURCES = ("delivery", "item", "items")


def test_a_template_reads_the_sources_that_it_was_given() -> None:
    template = parse_template(
        {"id": "delivery@key", "all": "items@...", "first": "items@0.n", "text": "{{item@n}}-profile@id"},
        SOURCES,
    )
    sources = {"delivery": {"key": "p-1"}, "items": [{"n": 1}, {"n": 2}], "item": {"n": 3}}
    assert template.render(sources) == {
        "id": "p-1",
        "all": [{"n": 1}, {"n": 2}],
        "first": 1,
        "text": "3-profile@id",
    }
    assert pickle.loads(pickle.dumps(template)) == template
    assert template != parse_template(template.value)


def test_item_is_the_innermost_one() -> None:
    value = {
        "$map": "item@list",
        "where": "item@n > 1",
        "to": {"n": "item@n", "$": {"$formula": "count(item@x)"}},
    }
    rendered = parse_template({"of": value, "own": "item@n"}, SOURCES).render(
        {"item": {"n": 7, "list": [{"n": 1}, {"n": 2, "x": [1, 2]}]}}
    )
    assert rendered == {"of": [{"n": 2, "$": 2}], "own": 7}


def test_a_condition_reads_the_sources_that_it_was_given() -> None:
    condition = parse_condition(
        "answer@errors.0.code == 7 AND reply@headers.x-left <= 0", ("answer", "reply")
    )
    sources = {"answer": {"errors": [{"code": 7}]}, "reply": {"headers": {"x-left": 0}}}
    assert condition.evaluate(sources)
    assert not condition.evaluate({"answer": [], "reply": {}})
    assert pickle.loads(pickle.dumps(condition)) == condition


@pytest.mark.parametrize("text", ["answer@ok == true", "count(answer@list) > 0"])
def test_a_source_that_was_not_given_is_an_error_at_its_place(text: str) -> None:
    with pytest.raises(NotationError) as raised:
        parse_condition(text)
    assert raised.value.column == text.index("answer") + 1
    assert "there is no source answer" in str(raised.value)
    with pytest.raises(NotationError, match="did you mean delivery@"):
        parse_template({"$formula": "delivry@key"}, SOURCES)


def test_the_same_text_with_other_sources_is_another_template() -> None:
    assert parse_template("item@n").render({"item": {"n": 1}}) == "item@n"
    assert parse_template("item@n", SOURCES).render({"item": {"n": 1}}) == 1
