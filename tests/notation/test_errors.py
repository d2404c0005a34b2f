"""What people are told about their mistakes: fixtures of texts with the whole message."""

import json
import pickle
from pathlib import Path

import pytest

from destinations.notation import NotationError, parse_condition, parse_template

FIXTURES = Path(__file__).parent / "fixtures"


def blocks(name):
    text = (FIXTURES / name).read_text(encoding="utf-8")
    return [block.removesuffix("\n") for block in text.split("=====\n")[1:]]


@pytest.mark.parametrize("block", blocks("invalid_conditions.txt"))
def test_invalid(block):
    text, message = block.split("\n-----\n")
    with pytest.raises(NotationError) as caught:
        parse_condition(text)
    assert str(caught.value) == message


@pytest.mark.parametrize("text", blocks("valid_conditions.txt"))
def test_valid(text):
    assert parse_condition(text).text == text


@pytest.mark.parametrize("block", blocks("invalid_templates.txt"))
def test_invalid_template(block):
    text, message = block.split("\n-----\n")
    with pytest.raises(NotationError) as caught:
        parse_template(json.loads(text))
    assert str(caught.value) == message


@pytest.mark.parametrize("text", blocks("valid_templates.txt"))
def test_valid_template(text):
    assert parse_template(json.loads(text)).value == json.loads(text)


def test_invisible_characters_are_named():
    with pytest.raises(NotationError, match=r"invisible character U\+200B"):
        parse_condition("profile@a\u200b == 1")


def test_an_error_of_a_template_shows_the_path_and_the_place():
    with pytest.raises(NotationError) as caught:
        parse_template({"tags": ["x", "profile@a..b"]})
    error = caught.value
    assert (error.path, error.line, error.column) == ("$.tags[1]", 1, 11)
    assert str(error).splitlines() == [
        "$.tags[1]: a key is missing before this dot",
        "line 1, column 11:",
        "  profile@a..b",
        "            ^",
    ]


@pytest.mark.parametrize("given", [None, 5, b"profile@a == 1", ["profile@a == 1"]])
def test_what_is_no_text_is_no_condition(given):
    with pytest.raises(NotationError):
        parse_condition(given)


def test_errors_and_parsed_things_survive_pickling():
    with pytest.raises(NotationError) as caught:
        parse_condition("profile@a = = 1")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    condition, template = parse_condition("profile@a == 1"), parse_template({"a": "profile@a"})
    assert pickle.loads(pickle.dumps(condition)).evaluate({"profile": {"a": 1}})
    assert pickle.loads(pickle.dumps(template)).render({"profile": {"a": 1}}) == {"a": 1}
