"""Each rule of logic notation with the cases that follow from it."""

import pytest

from destinations.notation import NotationError, parse_condition
from tests.cases import for_each

SOURCES = {
    "profile": {
        "n": 5,
        "zero": 0,
        "f": 5.0,
        "big": 12345678901234567890123,
        "t": "Ola",
        "empty": "",
        "yes": True,
        "no": False,
        "null": None,
        "list": ["a", "b"],
        "numbers": [1, 2],
        "mixed": [1, "1", True, None, [1], {"k": 1}],
        "none": [],
        "object": {"k": 1},
        "blank": {},
        "2023": "year",
        "deep": [{"x": [10, 20]}],
        "ключ": "любой",
        "$id": 1,
        "_id": 2,
        "a b": {"c.d": {'e"f': 3}},
        "date": "1991-04-23",
        "zoned": "2022-02-02T10:00:00+02:00",
    }
}


def answer(text):
    try:
        return parse_condition(text).evaluate(SOURCES)
    except NotationError:
        return "error"


def check(table):
    return for_each(
        ("text", "expected"), [(text, expected) for expected, texts in table.items() for text in texts]
    )


@check(
    {
        True: [
            "profile@deep.0.x.1 == 20",
            "profile@deep[0].x[1] == 20",
            'profile@deep[0]["x"][0] == 10',
            'profile@["deep"][0].x == [10, 20]',
            'profile@["a b"]["c.d"]["e\\"f"] == 3',
            "profile@2023 == 'year'",
            "profile@[2023] == 'year'",
            'profile@["2023"] == "year"',
            "profile@ключ == 'любой'",
            "profile@$id == 1 AND profile@_id == 2",
            "profile@... EXISTS",
            "event@... EXISTS AND event@... EMPTY AND event@x NOT EXISTS",
            "profile@list.00 == 'a'",
            "profile@list.99999999999999999999999 NOT EXISTS",
        ],
        False: [
            "profile@list.2 EXISTS",
            'profile@list["0"] EXISTS',
            "profile@list.-1 EXISTS",
            "profile@t.0 EXISTS",
            "profile@n.x.y EXISTS",
            "profile@null.x EXISTS",
        ],
        "error": [
            "profile@a..b == 1",
            "profile@ == 1",
            "profile@.a == 1",
            "profile@a. == 1",
            "profile@.... == 1",
            "profile@...a == 1",
            "profile@a.[0] == 1",
            'profile@a["b"]c == 1',
            "profile@a['b'] == 1",
            "profile@a[-1] == 1",
            "profile@a[] == 1",
            'profile@a["\\x"] == 1',
            "profile@a b == 1",
            "Profile@n == 5",
            "profile @n == 5",
            "profiles@n == 5",
            "profile.n == 5",
        ],
    }
)
def test_dot_notation(text, expected):
    assert answer(text) == expected


@check(
    {
        True: [
            "profile@n = 5.0",
            "profile@f == 5",
            "profile@n == +5",
            "profile@n == 50e-1",
            "profile@n == 5.",
            "profile@n > .5",
            "profile@n < 1e400",
            "profile@n > -1e400",
            "profile@big == 12345678901234567890123",
            "profile@big != 12345678901234567890124",
            "profile@big > 12345678901234567890122",
            "profile@yes != 1",
            "profile@zero != false",
            "profile@no != 0",
            "profile@n <> '5'",
            'profile@t == "\\u004fla"',
            "profile@t == 'Ola'",
            "profile@t != 'ola'",
            "profile@yes == TRUE",
            "profile@object == profile@object",
            "profile@object != profile@blank",
        ],
        False: ["profile@yes == 1", "profile@t == true", "profile@n == '5'", "profile@object == 1"],
        "error": [
            "5 == profile@n",
            "'a' == 'a'",
            "profile@n === 5",
            "profile@n == 5m",
            "profile@n == - 5",
            "profile@t == Ola",
            "profile@t == 'Ola",
            "profile@t == 'O\nla'",
            "profile@t == '\\d'",
            "profile@t == '\\ud800'",
            "profile@n == " + "9" * 5000,
            "profile@n == 1e99999",
            "profile@n",
        ],
    }
)
def test_comparisons_and_literals(text, expected):
    assert answer(text) == expected


@check(
    {
        True: [
            "profile@t == ['Ola', 'Ewa']",
            "profile@n == [1, 5.0]",
            "profile@n != ['5']",
            "profile@list == ['a', 'b']",
            "profile@list != ['b', 'a']",
            "profile@list != 'a'",
            "profile@none == []",
            "profile@numbers != [true, 2]",
            "profile@t IN ['Ola']",
            "profile@n IN [5, 'x']",
            "profile@yes NOT IN [1, 'true']",
            "profile@list IN [['a', 'b']]",
            "profile@list NOT IN ['a', 'b']",
            "profile@gone IN [null]",
            "profile@gone NOT IN [1]",
            "profile@gone == [null]",
            "profile@t == profile@t",
        ],
        False: [
            "profile@yes == [1]",
            "profile@list == [['a', 'b']]",
            "profile@gone == []",
            "profile@t IN []",
        ],
        "error": [
            "profile@t IN profile@list",
            "profile@t IN 'Ola'",
            "profile@t == ['Ola',]",
            "profile@t == [profile@t]",
        ],
    }
)
def test_lists(text, expected):
    assert answer(text) == expected


@check(
    {
        True: [
            "profile@gone IS NULL AND profile@null IS NULL",
            "profile@null EXISTS AND profile@gone NOT EXISTS",
            "profile@gone == null AND profile@null == profile@gone",
            "profile@gone != 1 AND profile@null != 'x'",
            "profile@gone EMPTY AND profile@null EMPTY AND profile@empty EMPTY",
            "profile@none EMPTY AND profile@blank EMPTY",
            "profile@zero NOT EMPTY AND profile@no NOT EMPTY",
            "profile@gone NOT CONTAINS 'x' AND profile@null NOT STARTS WITH 'x'",
            "profile@mixed CONTAINS null AND profile@mixed CONTAINS profile@gone",
            "NOT (profile@gone BETWEEN 1 AND 2)",
            "lowercase(profile@gone) NOT EXISTS AND lowercase(profile@null) NOT EXISTS",
            "lowercase(profile@gone) IS NULL",
            "lowercase(null) == null",
        ],
        False: [
            "profile@gone > 1",
            "profile@null <= 1",
            "profile@n > profile@null",
            "profile@n BETWEEN 1 AND profile@gone",
            "profile@t CONTAINS profile@gone",
            "profile@t CONTAINS null",
            "profile@gone IS NOT NULL",
            "profile@null NOT EMPTY",
            "datetime(profile@gone) < now()",
            "now(profile@gone) EXISTS",
        ],
        "error": ["profile@t IS EMPTY", "profile@t IS", "profile@t NOT NULL", "profile@t IS NOT EXISTS"],
    }
)
def test_missing_and_null(text, expected):
    assert answer(text) == expected


@check(
    {
        True: [
            "profile@t > 'A'",
            "profile@yes > profile@no",
            "profile@numbers < [1, 3]",
            "profile@numbers > [1]",
            "profile@n BETWEEN 5 AND 5",
            "profile@t BETWEEN 'A' AND 'Z'",
            "profile@t CONTAINS 'la' AND profile@t CONSIST 'O' AND profile@t consists ''",
            "profile@list CONTAINS 'a' AND profile@list STARTS WITH 'a' AND profile@list ENDS WITH 'b'",
            "profile@mixed CONTAINS true AND profile@mixed CONTAINS [1]",
            "profile@numbers NOT CONTAINS true",
            "profile@list NOT STARTS WITH 'b' AND profile@t NOT ENDS WITH 'A'",
            "profile@none NOT CONTAINS null AND profile@none NOT STARTS WITH null",
            "NOT (profile@n == 4)",
            "not(profile@n == 4 or profile@n == 3)",
            "profile@n\n==\r\n5\tand\u00a0profile@t=='Ola'",
            "profile@n == 5AND profile@t == 'Ola'",
        ],
        False: ["profile@n BETWEEN 6 AND 'z'", "profile@n BETWEEN 6 AND 4", "profile@none CONTAINS null"],
        "error": [
            "profile@t > 3",
            "profile@n > 'a'",
            "profile@yes > 0",
            "profile@object > profile@blank",
            "profile@n BETWEEN '1' AND '9'",
            "profile@n BETWEEN 1 AND 'z'",
            "profile@n CONTAINS 5",
            "profile@n CONTAINS null",
            "profile@object CONTAINS 'k'",
            "profile@yes NOT CONTAINS 'x'",
            "profile@t CONTAINS 1",
            "profile@t NOT STARTS WITH 1",
            "now() CONTAINS '2'",
            "now() > '2020-01-01'",
            "profile@n NOT BETWEEN 1 AND 2",
            "NOT profile@n == 4",
            "NOT NOT (profile@n == 4)",
            "(profile@n) == 5",
            "()",
        ],
    }
)
def test_operators(text, expected):
    assert answer(text) == expected


@check(
    {
        True: [
            "profile@t == 'Ola' OR profile@t > 3",
            "profile@n BETWEEN 1 AND 9 AND profile@yes == true",
            "(profile@n == 1 AND profile@n == 2) OR (profile@n == 5 AND (profile@n == 3 OR profile@n == 5))",
        ],
        False: ["profile@gone EXISTS AND profile@t > 3", "profile@gone EXISTS AND profile@t CONTAINS 1"],
        "error": [
            "profile@t > 3 OR profile@t == 'Ola'",
            "profile@t EXISTS AND profile@t > 3",
            "profile@n == 1 AND profile@n == 2 OR profile@n == 3",
            "(profile@n == 1 OR profile@n == 2 AND profile@n == 3)",
            "profile@n BETWEEN 1 AND 9 OR profile@n == 1 AND profile@n == 2",
            "",
            " \n",
        ],
    }
)
def test_logic(text, expected):
    assert answer(text) == expected


def test_an_error_while_evaluating_names_paths_and_types_only():
    with pytest.raises(NotationError) as caught:
        parse_condition("profile@n == 5 AND\n profile@t > 3").evaluate(SOURCES)
    assert caught.value.message == "profile@t is text, cannot be compared with a number (>)"
    assert (caught.value.line, caught.value.column) == (2, 2)
    assert "Ola" not in str(caught.value)


def test_parsed_conditions_are_shared_and_know_their_references():
    text = "lowercase(profile@a) == 'x' AND event@b[\"c d\"] > profile@a"
    condition = parse_condition(text)
    assert condition is parse_condition(text)
    assert condition.text == text
    assert condition.references == ("profile@a", 'event@b["c d"]')
    with pytest.raises(AttributeError):
        condition.text = "other"
