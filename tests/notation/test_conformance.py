"""The conformance cases of both languages."""

import json
from pathlib import Path

import pytest

from destinations.notation import NotationError, parse_condition, parse_template

FOLDER = Path(__file__).parents[1] / "fixtures" / "conformance"


def cases(name):
    """The cases of a file with their data."""
    document = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return [
        pytest.param(case, document["sources"][case["sources"]], id=case["id"]) for case in document["cases"]
    ]


@pytest.mark.parametrize(("case", "sources"), cases("conditions.json"))
def test_condition(case, sources):
    assert answer(case["expr"], sources) == case["expect"]


@pytest.mark.parametrize(("case", "sources"), cases("conditions.json"))
def test_explanation_agrees(case, sources):
    try:
        condition = parse_condition(case["expr"])
    except NotationError:
        return
    expected = {True: "true", False: "false", "error": "error"}[case["expect"]]
    assert condition.explain(sources).result == expected


@pytest.mark.parametrize(("case", "sources"), cases("templates.json"))
def test_template(case, sources):
    before = json.dumps(sources)
    rendered = parse_template(case["template"]).render(sources)
    assert json.dumps(rendered, sort_keys=True) == json.dumps(case["expect"], sort_keys=True)
    assert json.dumps(sources) == before


def answer(text, sources):
    try:
        return parse_condition(text).evaluate(sources)
    except NotationError:
        return "error"
