"""The conformance cases of both languages."""

import json
from pathlib import Path

import pytest

from destinations.notation import NotationError, parse_condition, parse_template
from tests.cases import for_each

FOLDER = Path(__file__).parents[1] / "fixtures" / "conformance"


def cases(name):
    """The cases of a file with their data."""
    document = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return [
        pytest.param(case, document["sources"][case["sources"]], id=case["id"]) for case in document["cases"]
    ]


@for_each(("case", "sources"), cases("conditions.json"))
def test_condition(case, sources):
    assert answer(case["expr"], sources) == case["expect"]


@for_each(("case", "sources"), cases("conditions.json"))
def test_explanation_agrees(case, sources):
    try:
        condition = parse_condition(case["expr"])
    except NotationError:
        return
    expected = {True: "true", False: "false", "error": "error"}[case["expect"]]
    assert condition.explain(sources).result == expected


@for_each(("case", "sources"), cases("templates.json"))
def test_template(case, sources):
    before = json.dumps(sources)
    rendered = parse_template(case["template"]).render(sources)
    assert json.dumps(rendered, sort_keys=True) == json.dumps(case["expect"], sort_keys=True)
    assert json.dumps(sources) == before


SECOND = json.loads((FOLDER / "second.json").read_text(encoding="utf-8"))
SECOND_SOURCES = SECOND["sources"]["s"]


@for_each("case", SECOND["conditions"])
def test_condition_of_the_second_edition(case):
    assert answer(case["expr"], SECOND_SOURCES) == case["expect"]


@pytest.mark.parametrize("case", SECOND["templates"], ids=lambda case: case["id"])
def test_template_of_the_second_edition(case):
    try:
        template = parse_template(case["template"])
    except NotationError:
        assert case["expect"] == "error"
        return
    assert json.dumps(template.render(SECOND_SOURCES)) == json.dumps(case["expect"])
    assert template.explain(SECOND_SOURCES).payload == case["expect"]


def answer(text, sources):
    try:
        return parse_condition(text).evaluate(sources)
    except NotationError:
        return "error"
