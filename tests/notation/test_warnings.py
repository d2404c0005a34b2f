"""What can be read and is probably not meant."""

import pytest

from destinations.notation import parse_condition, parse_template
from destinations.notation.warnings import MAX_WARNINGS, warnings
from tests.cases import for_each

CONDITIONS = [
    ("event@type == 'x'", "event@", "a push has no event@"),
    ("profile@a > 1 AND count(session@list) > 1", "session@list", "a push has no session@"),
    ('profile@a == "profile@b.c"', '"profile@b.c"', "in quotes this is text, and no field"),
    ("profile@a IN ['x', 'Profile@b']", "['x'", "in quotes this is text"),
    ("concat('item@sku') == profile@a", "'item@sku'", "in quotes this is text"),
    ('profile@a == "profile.b"', '"profile.b"', "a reference has an @ after its source"),
    ("profile@a == '“Ola”'", "'“Ola”'", "these quotes are no straight ones"),
    ("profile@company.com == 1", "profile@company.com", "looks like a mail address"),
]
TEMPLATES = [
    ("event@type", 0, "a push has no event@"),
    ("{{session@id}} x", 2, "a push has no session@"),
    ("Hello profile@name!", 6, "needs braces"),
    (" profile@name", 1, "needs braces"),
    ("{profile@name}", 1, "needs braces"),
    ("{{profile@id}} and profile@name", 19, "needs braces"),
    ("profile@first profile@last", 14, "needs braces"),
    ("Profile@id", 0, "in lower case"),
    ("`PROFILE@id`", 1, "in lower case"),
    ("{{ Profile@id }}", 3, "in lower case"),
    ("profile.data.name", 0, "has an @ after its source"),
    ("Profile[0].id", 0, "has an @ after its source"),
    ("to {{profile.name}}", 5, "has an @ after its source"),
    ("profil@id", 0, "no source profil"),
    ("profiles@data.id", 0, "no source profiles"),
    ("item@sku", 0, "no item here"),
    ("loop@index", 0, "no item here"),
    ("profile@company.com", 0, "looks like a mail address"),
    ("“Ola”", 0, "these quotes are no straight ones"),
    ("„profile@id“", 0, "these quotes are no straight ones"),
    ("profile@name”", 0, "the quotes in this path"),
]


@pytest.mark.parametrize(("text", "at", "says"), CONDITIONS)
def test_a_condition(text, at, says):
    [warning] = warnings(parse_condition(text).written)
    assert says in warning.message
    assert (warning.line, warning.column, warning.path) == (1, text.index(at) + 1, "")


@for_each(("text", "at", "says"), TEMPLATES)
def test_a_template(text, at, says):
    found = warnings(parse_template({"a": [text]}).written)
    assert says in found[0].message
    assert found[0].hint
    assert (found[0].path, found[0].offset) == ("$.a[0]", at)
    assert len({one.offset for one in found}) == len(found)


@for_each(
    "text",
    [
        "profile@data.contact.email.main",
        "Hello {{profile@name}}!",
        "info@firm.example",
        "Mail to info@profile.example or my.profile@firm.example",
        "\\profile@company.com",
        "`\\profile.x`",
        "event.created",
        "He said “hi” and don’t",
        "{{name}}",
        "profile",
        "Profile of the customer",
        "profile@orders.0.id",
        "profile@prices.net",
        "“",
        "",
    ],
)
def test_what_is_usual_has_no_warning(text):
    assert warnings(parse_template({"a": text}).written) == []


@pytest.mark.parametrize(
    "text", ["profile@a == 'info@firm.example'", "profile@a CONTAINS 'profile'", "profile@a == 'don’t'"]
)
def test_a_usual_condition_has_no_warning(text):
    assert warnings(parse_condition(text).written) == []


def test_directives_are_looked_at_and_literals_are_not():
    template = {
        "f": {"$formula": "concat('profile@x', 1)"},
        "i": {"$if": "event@a == 1", "then": "Profile@x", "else": {"$literal": "Profile@x"}},
        "l": {"$lookup": "profile.x", "in": {"a": "x profile@y"}},
        "m": {"$map": "session@o", "as": "o", "where": "item@x == 'loop@index'", "to": ["o@id", "a item@b"]},
    }
    found = warnings(parse_template(template).written)
    assert {warning.path for warning in found} == {
        '$.f["$formula"]',
        '$.i["$if"]',
        "$.i.then",
        '$.l["$lookup"]',
        "$.l.in.a",
        '$.m["$map"]',
        "$.m.where",
        "$.m.to[1]",
    }


def test_there_are_not_more_than_people_read():
    assert len(warnings(parse_template(["Profile@id"] * 500).written)) == MAX_WARNINGS
    assert len(warnings(parse_template("x profile@id " * 500).written)) == MAX_WARNINGS
