"""What people are told about their mistakes: fixtures of texts with the whole message."""

import json
import pickle
from pathlib import Path

import pytest

from destinations.notation import NotationError, parse_condition, parse_template
from tests.cases import for_each

FIXTURES = Path(__file__).parent / "fixtures"


def blocks(name):
    text = (FIXTURES / name).read_text(encoding="utf-8")
    return [block.removesuffix("\n") for block in text.split("=====\n")[1:]]


@for_each("block", blocks("invalid_conditions.txt"))
def test_invalid(block):
    text, message = block.split("\n-----\n")
    with pytest.raises(NotationError) as caught:
        parse_condition(text)
    assert str(caught.value) == message


@for_each("text", blocks("valid_conditions.txt"))
def test_valid(text):
    assert parse_condition(text).text == text


@for_each("block", blocks("invalid_templates.txt"))
def test_invalid_template(block):
    text, message = block.split("\n-----\n")
    with pytest.raises(NotationError) as caught:
        parse_template(json.loads(text))
    assert str(caught.value) == message


@for_each("text", blocks("valid_templates.txt"))
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


@for_each("path", ["orders.*.id", "orders.*", "*", "orders[*].id", "a b.*"])
@for_each("written", ["profile@{}", "`profile@{}`", "Id {{{{profile@{}}}}}"])
def test_a_star_names_what_goes_through_lists(path, written):
    with pytest.raises(NotationError) as caught:
        parse_template({"x": written.format(path)})
    assert "$map" in caught.value.hint
    assert caught.value.path == "$.x"
    assert caught.value.text[caught.value.offset :].startswith(("*", "[*]"))


@pytest.mark.parametrize("text", ["profile@orders.*.id == 1", "profile@a[*].id == 1", "profile@* EXISTS"])
def test_a_star_in_a_condition_names_it_too(text):
    with pytest.raises(NotationError) as caught:
        parse_condition(text)
    assert "$map" in caught.value.hint


def test_a_key_may_be_a_star_or_have_one():
    sources = {"profile": {"*": 1, "a*b": 2}}
    assert parse_template(['profile@["*"]', "profile@a*b"]).render(sources) == [1, 2]
    assert parse_condition('profile@["*"] == 1').evaluate(sources)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("{{profile@id", 0),
        ("{{ profile@id }", 0),
        ("Hello {{profile@id! And {{profile@id}}", 6),
        ("{{profile@id}} and {{event@id", 19),
        ("{{profile@a{b}}}", 0),
        ("`{{profile@id`", 1),
    ],
)
def test_braces_that_are_not_closed(text, at):
    with pytest.raises(NotationError, match="is not closed") as caught:
        parse_template({"x": text})
    assert (caught.value.path, caught.value.offset) == ("$.x", at)


@pytest.mark.parametrize(
    "text", ["{{", "{{name}}", "{{ name", "{{trim(profile@id)}}", "{{item@id", "{profile@id}"]
)
def test_braces_of_others_stay(text):
    assert parse_template(text).render({}) == text
