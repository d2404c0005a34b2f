"""No input of 64 KB and no profile of the allowed size takes more than a second of processor time.

What functions do is counted in units of work, of which an evaluation has MAX_WORK: a unit must not take long,
whatever the values are. What is not counted (parsing, hints, errors) grows as its input does.
"""

import itertools
import json
import tracemalloc
from contextlib import suppress

import pytest

from destinations.notation import (
    NotationError,
    conditions,
    dates,
    functions,
    parse_condition,
    parse_template,
    templates,
)
from destinations.notation.budget import MAX_WORK, Run
from destinations.notation.functions import audiences
from destinations.notation.functions.texts import MOST_MARKS
from destinations.notation.paths import SOURCES
from destinations.notation.values import MismatchError
from destinations.notation.warnings import warnings
from tests.harness import grows_evenly, processor_seconds

SECONDS = 1.0  # of a processor, for everything that is allowed
SHORTEST = 2e-5  # what takes less is too short to be measured, and too little to do harm
LONG = 900_000  # a profile has a megabyte
ALIKE = 2**61 - 1  # its multiples have one hash

TEXTS = {
    "letters": "a" * LONG,
    "marks": "a" + "\u0301\u0323" * (LONG // 4),
    "few marks": ("e" + "\u0323\u0301" * (MOST_MARKS // 2)) * (LONG // 61),
    "hangul": "\u1100\u1161\u11a8" * (LONG // 9),
    "sigmas": "\u03a3'" * (LONG // 3),
    "blanks": " " * LONG,
    "control": '"\x01' * (LONG // 2),
    "digits": "9" * 4_000,
    "too many digits": "9" * 12_000,
    "exponent": "1e3999",
    "fraction": "0." + "9" * 3_990,
    "date": "23 April 1991 12:00:00 PM" + " " * 70,
    "no date": "1." * 49,
    "offset": "1d, " * 24,
    "no offset": "1 1.1 d" * 14,
    "clock offset": "9" * 40 + ":00:00" + "0" * 40,
    "numeric date": "1 / 1 / " * 12,
    "no zone": "A/" * 50,
    "no number": "+1" + " - . / " * 8 + "2",
    "no number either": "(1)" * 19,
    "pattern": "YYYY" * 50,
    "no pattern": "[a" * 100,
    "almost": "a" * 29_999,
    "never found": "a" * 50 + "b" + "a" * 40,
    "short": "a",
    "country": "US",
}
LISTS = {
    "numbers": list(range(30_000)),
    "long numbers": [10**308 + n for n in range(2_900)],
    "numbers of one hash": [ALIKE * n for n in range(1, 40_000)],
    "fractions": [n + 0.5 for n in range(30_000)],
    "texts": [f"x{n}" for n in range(30_000)],
    "alike texts": ["a" * 8_000 + str(n) for n in range(100, 200)],
    "long text": ["a" * LONG],
    "empty lists": [[] for _ in range(50_000)],
    "objects": [{"a": n} for n in range(20_000)],
    "nulls": [None] * 30_000,
}
NUMBERS = {"one": 1, "long": 10**3_900, "longest": -(7**4_600), "tiny": 5e-324, "large": 1e308, "places": 20}
VALUES = {**TEXTS, **LISTS, **NUMBERS, "object": {f"k{n}": n for n in range(20_000)}}
SECOND = (
    "short",
    "never found",
    "almost",
    "letters",
    "offset",
    "no offset",
    "no zone",
    "pattern",
    "no pattern",
)
SECOND += ("country", "one", "longest", "places", "numbers of one hash", "long numbers")


def values_of(parameter, position):
    if parameter.each:
        return {"each": lambda item: True if parameter.condition else item}
    if parameter.lazy:
        return {"lazy": lambda: True}
    return VALUES if position == 0 else {name: VALUES[name] for name in SECOND}


def calls(function):
    """Arguments, by their names in the tables."""
    number = min(2, max(function.fewest, len(function.parameters)))
    each = [values_of(function.parameter(position), position).items() for position in range(number)]
    for chosen in itertools.product(*each):
        arguments = [value for _, value in chosen]
        if function.fewest == 3:
            arguments.append("a" if function.name == "replace" else 1)
        yield "/".join(name for name, _ in chosen), arguments


@pytest.mark.parametrize("name", functions.names())
def test_a_unit_of_work_never_takes_long(name):
    function = functions.get(name)
    for named, arguments in calls(function):
        run = Run(left=1000 * MAX_WORK, thorough=True)

        def call(arguments=arguments, run=run):
            dates._read_usual_form.cache_clear()
            audiences._e164.cache_clear()
            try:
                function.call(run, arguments)
            except (NotationError, MismatchError):
                return True
            return False

        before = run.left
        has_failed = call()
        units = before - run.left
        allowed = max(SECONDS if has_failed else SECONDS * units / MAX_WORK, SHORTEST)
        seconds = processor_seconds(call, times=30, enough=allowed)
        assert seconds <= allowed, f"{named}: {seconds} s for {units}"


LENGTH = 64_000


def repeated(piece, start="", end=""):
    return lambda size: start + piece * ((size - len(start) - len(end)) // len(piece)) + end


HOSTILE = {
    "quotes": repeated('\\"', 'profile@a == "'),
    "single quotes": repeated("\\'", "profile@a == '"),
    "quotes only": repeated('"\\'),
    "quoted key": repeated('\\"', 'profile@["'),
    "quoted keys": repeated('["a"]', "profile@"),
    "brackets": repeated("(", "profile@a == 1 AND "),
    "closing": repeated(")", "profile@a == 1"),
    "list": repeated("1,", "profile@a IN [", "1]"),
    "exponents": repeated("1e999,", "profile@a IN [", "1]"),
    "large exponents": repeated("1e3999,", "profile@a IN [", "1]"),
    "arguments": repeated("1e400,", "concat(", "1) == 'x'"),
    "digits": repeated("9" * 3_000 + ",", "profile@a IN [", "1]"),
    "tests": repeated("profile@a > 1 AND ", "", "profile@a == 1"),
    "a mistake at the end": repeated("profile@a > 1 AND ", "", "profile@a == 1 OR profile@b == 2"),
    "names": repeated("a "),
    "one name": repeated("a"),
    "dots": repeated("a.", "profile@"),
    "numbers": repeated("1."),
    "blanks": repeated(" ", "", "profile@a =="),
    "lines": repeated("\n", "", "x"),
    "escapes": repeated("\\u0041", "profile@a == '", "'"),
    "bad escapes": repeated("\\\\", "profile@a == '", "\\x'"),
    "dates": repeated("datetime('1 Jan 1000') == now() OR ", "", "profile@a == 1"),
    "offsets": repeated("1d", "now.offset(-", ") == 1"),
    "braces": repeated("{{profile@a"),
    "closed braces": repeated("{{profile@a}}"),
    "blank braces": repeated("{{ "),
    "braces with keys": repeated('["\\"', "{{profile@"),
    "backslashes": repeated("\\."),
    "braces of others": repeated("{{other@a"),
    "closed braces of others": repeated("{{other@a}}", "", "{{profile@a"),
    "braces of others with keys": repeated('["a"]', '{{other@["', '"]}}'),
    "braces within keys": repeated("{{profile@a", '{{other@["', '"]}}'),
    "numeric dates": repeated("datetime('1/2/2003') == now() OR ", "", "profile@a == 1"),
    "patterns": repeated("datetime(profile@a, 'YYYY-MM-DDTHH:mm:ss') == now() OR ", "", "profile@a == 1"),
    "references in texts": repeated("profile@a ", "x "),
    "references in the wrong case": repeated("Profile@a ", "`"),
    "dotted": repeated("profile.a", "", "!"),
    "dotted in braces": repeated("{{profile.a"),
    "addresses": repeated("profile@a.com"),
    "one address": repeated(".com", "profile@a"),
    "smart quotes": repeated("“", "profile@a == '", "'"),
    "keys in brackets": repeated("[0]", "profile", "!"),
    "stars": repeated(".*", "profile@a"),
    "names of sources": repeated("x@a.", "", "profile@a == 1"),
}
PROFILE = {"profile": {"a": 2, "b": "x" * 10_000}}


def all_of_a_condition(text):
    """Parsed, hinted at, evaluated, explained, written anew, warned of."""
    try:
        condition = conditions._parsed.__wrapped__(text, SOURCES)  # not the one that was parsed before
    except NotationError as error:
        return str(error)
    condition.explain(PROFILE).summary()
    return condition.normalized, warnings(condition.written)


def all_of_a_template(text):
    """Parsed, rendered, explained, warned of."""
    try:
        templates._check([text])
        template = templates._parsed.__wrapped__(json.dumps([text]), SOURCES)
    except NotationError as error:
        return str(error)
    template.render(PROFILE)
    return template.explain(PROFILE).summary(), warnings(template.written)


@pytest.mark.parametrize("whole", [all_of_a_condition, all_of_a_template])
@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_text_takes_grows_as_the_text_does(name, whole):
    make = HOSTILE[name]
    assert grows_evenly(lambda size: lambda: whole(make(size)), LENGTH)
    assert processor_seconds(lambda: whole(make(LENGTH)), enough=SECONDS) <= SECONDS


def test_marks_in_a_row_are_refused_where_they_cannot_be_put_in_order_quickly():
    condition = parse_condition("sha256(profile@name) == 'x'")
    assert condition.evaluate({"profile": {"name": "a" + "\u0301" * MOST_MARKS}}) is False
    many = {"profile": {"name": "a" + "\u0323\u0301" * 200_000}}
    with pytest.raises(NotationError, match="profile@name has more than 30 combining characters in a row"):
        condition.evaluate(many)
    assert condition.explain(many).result == "error"


def test_equal_numbers_are_one_however_they_are_written():
    numbers = [1, 1.0, True, "1", ALIKE, 2 * ALIKE, 0.5, 0.5, -0.0, 0, 1e308, 10**400, 10**400]
    template = parse_template({"$formula": "unique(profile@list)"})
    expected = [1, True, "1", ALIKE, 2 * ALIKE, 0.5, -0.0, 1e308, 10**400]
    assert template.render({"profile": {"list": numbers}}) == expected


def test_numbers_of_one_hash_are_told_apart_as_quickly_as_others():
    template = parse_template({"$formula": "count(unique(profile@list))"})

    def make(size):
        numbers = {"profile": {"list": [ALIKE * n for n in range(1, size)]}}
        return lambda: template.render(numbers)

    assert grows_evenly(make, 30_000)


def test_casts_and_dates_of_many_items_are_counted():
    dear = {"profile": {"n": list(range(50_000)), "digits": "9" * 4_000, "dates": []}}
    dear["profile"]["dates"] = [f"{1 + n % 28} Jan {1000 + n // 28}" for n in range(20_000)]
    for template in (
        {"$map": "profile@n", "to": "`profile@digits`"},
        {"$map": "profile@n", "to": "`{{profile@digits}}`"},
        {"$map": "profile@dates", "to": {"$formula": "datetime(item@...)"}},
        {"$map": "profile@dates", "to": {"$formula": "age_days(item@...)"}},
    ):
        dates._read_usual_form.cache_clear()
        with pytest.raises(NotationError, match="too much work"):
            parse_template(template).render(dear)
        assert dates._read_usual_form.cache_info().misses < MAX_WORK / dates.UNUSUAL


@pytest.mark.parametrize(
    "template",
    [
        {"k" * 60_000: ["profile@a"] * 15_000},
        {"k" * 60_000: {"k" * 60_000: {"j" * 60_000: ["profile@a"] * 5_000}}},
        {"$map": "profile@n", "to": {"$if": f"profile@a == 2 OR profile@a == '{'x' * 60_000}'", "then": 1}},
        {"$map": "profile@n", "to": {"$lookup": "profile@key", "in": {"k" * 60_000: 1}}},
    ],
)
def test_an_explanation_does_not_repeat_long_texts_at_each_place(template):
    sources = {"profile": {"a": 2, "n": list(range(9_000)), "key": "k" * 60_000}}
    parsed = parse_template(template)
    tracemalloc.start()
    try:
        assert parsed.explain(sources).places
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()


ASKED = {
    "numbers": list(range(30_000)),
    "fractions": [n + 0.5 for n in range(30_000)],
    "long": [10**308 + n for n in range(2_900)],
    "other": 10**308 + 5_000,
    "texts": ["a" * 8_000 + f"{n:03}" for n in range(100)],
    "text": "a" * 8_000 + "999",
    "large": "a" * 400_000 + "b",
    "as large": "a" * 400_000 + "c",
    "searched": "a" * 29_000,
    "sought": "a" * 60 + "b" + "a" * 30,
    "objects": [{f"k{n}": "a" * 40 for n in range(100)} for _ in range(100)],
    "like objects": [{f"k{n}": "a" * 40 for n in range(100)} for _ in range(100)],
    "object": {f"k{n}": "a" * 40 for n in range(99)},
    "deep": [[[[n]]] for n in range(10_000)],
}
PAIRS = [
    *(("texts", "text"), ("long", "other"), ("large", "as large"), ("searched", "sought")),
    *(
        ("objects", "object"),
        ("objects", "like objects"),
        ("fractions", "numbers"),
        ("deep", "deep"),
        ("long", "long"),
    ),
]
TRIED = [
    f"filter(profile@numbers, try(add(item@..., trim('{'a ' * 20_000}')), 0) > 0) == []",
    f"{' ' * 60_000}filter(profile@numbers, try(trim(item@...), 0) > 0) == []",
    "filter(profile@texts, try(datetime(item@..., 'YYYY-MM-DD'), now()) > now()) == []",
    "filter(profile@numbers, try(try(try(trim(item@...), trim(item@...)), trim(item@...)), 0) > 0) == []",
    "map(profile@deep, flatten(flatten(flatten(item@...)))) == []",
    "count(flatten(map(profile@numbers, profile@deep))) == 0",
    "filter(profile@numbers, loop@index == loop@number) == [1]",
]


@pytest.mark.parametrize("text", TRIED, ids=range(len(TRIED)))
def test_what_is_tried_for_each_item_does_not_take_long(text):
    check(text)


SIGNS = ("==", "!=", "<", ">=", "CONTAINS", "STARTS WITH", "ENDS WITH")


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_no_operator_takes_long_for_each_item(left, right, sign):
    check(f'filter(profile@numbers, profile@["{left}"] {sign} profile@["{right}"]) == []')


@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_no_search_takes_long_however_often_it_is_asked(left, right):
    test = f'profile@["{left}"] CONTAINS profile@["{right}"]'
    check(" OR ".join([test] * (60_000 // len(f"{test} OR "))))


def check(text):
    condition, sources = parse_condition(text), {"profile": ASKED}

    def ask():
        with suppress(NotationError):
            condition.evaluate(sources)

    for run in (ask, lambda: condition.explain(sources)):
        assert processor_seconds(run, enough=SECONDS) <= SECONDS
