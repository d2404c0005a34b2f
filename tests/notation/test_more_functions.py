"""Functions for mappings and conditions: texts, hashes, numbers, dates, lists, choices."""

import json

import pytest
import time_machine

from destinations.notation import NotationError, parse_condition, parse_template
from tests.cases import for_each

SOURCES = {
    "profile": {
        "name": "  Ola Nowak ",
        "mail": " Ola@Firm.Example ",
        "phone": "+48 600-100-200",
        "n": 5,
        "f": 2.5,
        "price": "12.99",
        "yes": True,
        "null": None,
        "born": "1991-04-23T22:30:00",
        "zone": "Asia/Tokyo",
        "tags": ["b", "a", "b", None, 1, 1.0, True],
        "none": [],
        "orders": [{"sku": "A", "qty": 2, "price": 10}, {"sku": "B", "qty": 0, "price": 2.5}, {"sku": "C"}],
        "country": "PL",
        "huge": "9" * 3_999,
        "half": "\ud800",
    }
}


def formula(text):
    return parse_template({"$formula": text}).render(SOURCES)


@for_each(
    ("text", "expected"),
    [
        ("trim(profile@name)", "Ola Nowak"),
        ("replace(profile@phone, '-', '')", "+48 600100200"),
        ("replace(replace(profile@phone, '-', ''), ' ', '')", "+48600100200"),
        ("split(trim(profile@name), ' ')", ["Ola", "Nowak"]),
        ("first(split(trim(profile@name), ' '))", "Ola"),
        ("join(profile@tags, '-')", "b-a-b-1-1.0-true"),
        ("join(profile@none, '-')", ""),
        ("substring(profile@country, 1)", "L"),
        ("substring(profile@phone, -3)", "200"),
        ("substring(profile@phone, 0, 3)", "+48"),
        ("substring(profile@country, -9, 1)", "P"),
        ("substring(profile@country, 9)", ""),
        ("concat(profile@country, '-', profile@n, '-', profile@yes)", "PL-5-true"),
        ("concat(profile@country, profile@gone)", None),
        ("concat(profile@country, default(profile@gone, ''))", "PL"),
        ("text(profile@f)", "2.5"),
        ("text(profile@none)", "[]"),
        ("default(profile@gone, profile@null, 'x')", "x"),
        ("coalesce(profile@gone, profile@n, int(profile@name))", 5),
        ("default(profile@gone, profile@null)", None),
        ("normalize(profile@mail)", "ola@firm.example"),
        ("normalize('E\u0301')", "é"),
        ("sha256('abc')", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("md5(' ABC ')", "900150983cd24fb0d6963f7d28e17f72"),
        ("md5.exact('abc')", "900150983cd24fb0d6963f7d28e17f72"),
        ("base64('Größe?')", "R3LDtsOfZT8="),
        ("int(profile@price)", 12),
        ("int(' -7 ')", -7),
        ("int(profile@f)", 2),
        ("float(profile@price)", 12.99),
        ("float(profile@n)", 5.0),
        ("float('1e3')", 1000.0),
        ("round(profile@f)", 3),
        ("round(-2.5)", -3),
        ("round(2.675, 2)", 2.68),
        ("round(1234, -2)", 1200),
        ("round(1250.5, -2)", 1300),
        ("round(profile@n, 3)", 5),
        ("round(1e300)", int(1e300)),
        ("add(profile@n, 0.5)", 5.5),
        ("subtract(profile@n, 7)", -2),
        ("multiply(float(profile@price), 100)", 1299.0),
        ("divide(profile@n, 2)", 2.5),
        ("divide(10, profile@n)", 2),
        ("sum(map(profile@orders, multiply(item@qty, item@price)))", 20.0),
        ("sum(profile@none)", 0),
        ("datetime.format(profile@born, 'YYYY-MM-DD')", "1991-04-23"),
        ("datetime.format(profile@born, 'D MMM YYYY, hh:mm A', profile@zone)", "24 Apr 1991, 07:30 AM"),
        (
            "datetime.format(profile@born, 'dddd [the] DD/M/YY HH:mm:ss.SSSZ')",
            "Tuesday the 23/4/91 22:30:00.000+00:00",
        ),
        ("datetime.format('2020-01-05T09:05:00+02:00', 'ddd H h ZZ MMMM')", "Sun 9 9 +0200 January"),
        ("datetime.timestamp('1970-01-02')", 86400),
        ("datetime.timestamp('1970-01-01T00:00:00.5')", 0.5),
        ("age_days('2020-01-01')", 31),
        ("age_days('2020-03-01')", -29),
        ("count(profile@tags)", 7),
        ("count(profile@gone)", 0),
        ("count(profile@null)", 0),
        ("first(profile@tags)", "b"),
        ("last(profile@tags)", True),
        ("first(profile@none)", None),
        ("unique(profile@tags)", ["b", "a", None, 1, True]),
        ("map(profile@orders, item@qty)", [2, 0, None]),
        ("map(filter(profile@orders, item@qty > 0), concat(item@sku, '/', item@qty))", ["A/2"]),
        (
            "filter(profile@orders, item@sku == 'B' OR NOT (item@qty EXISTS))",
            SOURCES["profile"]["orders"][1:],
        ),
        ("map(profile@orders, count(filter(profile@orders, item@price > 5)))", [1, 1, 1]),
        ("if(profile@n > 3, 'many', 'few')", "many"),
        ("if(profile@n > 9, 'many')", None),
        ("if(profile@name EXISTS AND (profile@n == 5), profile@n, int(profile@name))", 5),
        ("lookup(profile@country, 'PL', 'Poland', 'DE', 'Germany')", "Poland"),
        ("lookup(profile@n, 4, 'four', 'other')", "other"),
        ("lookup(profile@n, '5', 'text')", None),
        ("lookup(profile@gone, 'x', 1, 2)", 2),
        ("Trim ( profile@name )", "Ola Nowak"),
    ],
)
@time_machine.travel("2020-02-01T12:00:00Z", tick=False)
def test_results(text, expected):
    assert json.dumps(formula(text)) == json.dumps(expected)
    literal = expected if isinstance(expected, (str, int, float)) else None
    if literal is not None and not text.startswith(("unique", "map")):
        assert parse_condition(f"{text} == {json.dumps(literal)}").evaluate(SOURCES)


@for_each(
    "name",
    [
        "trim",
        "normalize",
        "sha256",
        "md5.exact",
        "int",
        "round",
        "first",
        "unique",
        "age_days",
        "sum",
        "text",
    ],
)
def test_a_function_of_missing_is_missing(name):
    assert parse_condition(f"{name}(profile@gone) NOT EXISTS AND {name}(profile@null) NOT EXISTS").evaluate(
        SOURCES
    )


@for_each(
    ("text", "message"),
    [
        ("trim(profile@n)", "profile@n is a number, where text is needed"),
        ("split(profile@tags, ',')", "profile@tags is a list, where text is needed"),
        ("count(profile@name)", "profile@name is text, where a list or an object is needed"),
        ("first(profile@n)", "profile@n is a number, where a list is needed"),
        ("add(profile@n, trim(profile@name))", "trim(profile@name) is text, where a number is needed"),
        ("int(profile@name)", "profile@name is text that is no number"),
        ("int(profile@yes)", "profile@yes is a boolean, where a number is needed"),
        ("sum(profile@tags)", "profile@tags is text, where a number is needed"),
        ("divide(profile@n, 0)", "profile@n cannot be divided by zero"),
        (
            "multiply(int(profile@huge), int(profile@huge))",
            "int(profile@huge) gives a number that is too large",
        ),
        ("multiply(int(profile@huge), 0.5)", "int(profile@huge) gives a number that is too large"),
        ("float(profile@huge)", "profile@huge gives a number that is too large"),
        ("replace(profile@name, profile@none, 'x')", "profile@none is a list, where text is needed"),
        ("replace(profile@name, '', 'x')", "profile@name cannot be searched for an empty text"),
        ("split(profile@name, '')", "profile@name cannot be split at an empty text"),
        ("round(profile@f, 99)", "profile@f can be rounded to 20 places"),
        ("datetime.format(profile@name, 'D')", "profile@name cannot be read as a date"),
        ("sha256(profile@half)", "profile@half holds half of a character"),
        ("base64(profile@half)", "profile@half holds half of a character"),
    ],
)
def test_wrong_types_are_errors_that_name_no_values(text, message):
    with pytest.raises(NotationError) as caught:
        formula(text)
    assert caught.value.message == message
    assert "Ola" not in str(caught.value)
    with pytest.raises(NotationError):
        parse_condition(f"{text} EXISTS").evaluate(SOURCES)


def test_what_a_formula_gives_is_not_shared():
    template = parse_template({"$formula": "first(profile@orders)"})
    template.render(SOURCES)["sku"] = "changed"
    assert template.render(SOURCES)["sku"] == "A"
