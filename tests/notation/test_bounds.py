"""No input takes long or much memory, whatever functions and directives make of it."""

import tracemalloc

import pytest

from destinations.notation import NotationError, dates, parse_condition, parse_template
from destinations.notation.compiled_template import compile_template
from destinations.notation.explain_template import MAX_PLACES
from destinations.notation.render import render
from destinations.notation.template_reader import read

LONG = 60_000
DATA = {
    "profile": {
        "text": "a" * LONG,
        "list": list(range(10_000)),
        "same": ["x"] * 10_000,
        "texts": ["a" * 30] * 2_000,
        "objects": [{"a": number, "b": {"c": "x" * 20}} for number in range(1_000)],
        "dates": ["2020-01-01"] * 5_000,
        "deep": [list(range(2_000))],
        "alike": [list(range(2_000))],
        "large": [[number] for number in range(10_000)],
        "as_large": [[number] for number in range(10_000)],
        "empties": [[] for _ in range(10_666)],
        "as_empty": [[] for _ in range(10_666)],
    }
}


def nested(name, inner, depth):
    return f"{name}(" * depth + inner + ")" * depth


def maps(depth):
    return "item@..." if depth == 0 else {"$map": "profile@list", "to": maps(depth - 1)}


def filters(depth, source="profile@list"):
    return "item@... > 5" if depth == 0 else f"count(filter({source}, {filters(depth - 1)})) > 5"


CONDITIONS = {
    "replace": "replace(profile@text, 'a', profile@text) == 'x'",
    "join": "join(profile@same, profile@text) == 'x'",
    "split": "count(split(profile@text, 'a')) > 3",
    "concat": f"concat({', '.join(['profile@text'] * 4_000)}) == 'x'",
    "concat nested": f"{nested('concat', 'profile@text, profile@text', 1)} == {'x'!r}",
    "doubling": "concat(" * 30 + "profile@text" + ", profile@text)" * 30 + " == 'x'",
    "growing": "replace(" * 40 + "profile@text" + ", 'a', 'aaaaaaaaaa')" * 40 + " == 'x'",
    "growing constant": "replace(" * 40 + "'a'" + ", 'a', 'aaaaaaaaaa')" * 40 + " == 'x'",
    "constants": " OR ".join([f"replace('{'a' * 200}', 'a', '{'b' * 200}') == 'x'"] * 140),
    "hashes": " OR ".join(["sha256(profile@text) == 'x'"] * 2_000),
    "filters": filters(9),
    "search in filter": "filter(profile@list, profile@list CONTAINS item@...) == []",
    "text in filter": "filter(profile@list, profile@text == item@...) == []",
    "lists in filter": "filter(profile@list, profile@list == profile@same) == []",
    "maps": "map(profile@list, map(profile@list, map(profile@list, text(item@...)))) == []",
    "hash in map": "map(profile@list, sha256(profile@text)) == []",
    "lower case in map": f"map(profile@list, {nested('lowercase', 'profile@text', 80)}) == []",
    "deep lists in filter": "filter(profile@list, profile@deep != profile@alike) == []",
    "deep lists in unique": "map(profile@list, unique(profile@deep)) == []",
    "deep lists in lookup": "map(profile@list, lookup(profile@deep, profile@alike, 1)) == []",
    "made texts in filter": "filter(profile@list, lowercase(profile@text) == 'x') == []",
    "dates in map": "map(profile@dates, age_days(item@...)) == []",
    "unique": "count(unique(profile@list)) == 10000",
    "deep calls": f"{nested('trim', 'profile@text', 98)} == 'x'",
    "too deep calls": nested("trim", "profile@text", 9_000),
    "factorial": "multiply(" * 95 + "9" * 400 + (", " + "9" * 250 + ")") * 95 + " > 1",
    "many tests": " AND ".join(["trim(profile@text) != 'x'"] * 2_100),
    "patterns": f"datetime.format('2020-01-01', '{'[' * 30_000}') == 'x'",
    "numerals": f"int(profile@text) == 1 OR int('{'1' * 60_000}') == 1",
    "large lists": " AND ".join(["profile@large == profile@as_large"] * 1_700),
    "large lists in order": " AND ".join(["profile@large <= profile@as_large"] * 1_700),
    "a few lists of lists": " AND ".join(["profile@empties == profile@as_empty"] * 50),
    "joined lists": " OR ".join(["join(profile@empties, ',') == 'x'"] * 50),
    "lists in texts": " OR ".join(["text(profile@empties) == 'x'"] * 50),
    "lists in concat": " OR ".join(["concat(profile@empties, 'a') == 'x'"] * 50),
    "searches of texts": " AND ".join(["profile@text NOT CONTAINS 'aab'"] * 1_700),
    "searches of lists": " AND ".join(["profile@list NOT CONTAINS 'a'"] * 1_900),
    "cases of texts": " AND ".join(["lowercase(profile@text) != 'x'"] * 1_700),
    "cases of cases": " AND ".join([f"{nested('lowercase', 'profile@text', 90)} != 'x'"] * 60),
}
TEMPLATES = {
    "maps": maps(6),
    "map of objects": {"$map": "profile@objects", "to": {"all": "profile@objects"}},
    "map of texts": {"$map": "profile@list", "to": "{{profile@text}}"},
    "many fields": {"$map": "profile@list", "to": {f"k{n}?": f"item@k{n}" for n in range(2_000)}},
    "nested choices": {"$if": "profile@x == 1", "then": 1, "else": {"$if": "profile@y == 1", "then": 2}},
    "tables": {"$lookup": "profile@text", "in": {f"k{n}": {"$formula": "text(1)"} for n in range(800)}},
    "formulas": [{"$formula": "lowercase(profile@text)"}] * 1_500,
    "text with many": "{{profile@list}}" * 3,
    "text with large": ["{{profile@large}}"] * 3_000,
    "many texts": "{{profile@text}}" * 4_000,
    "choices": [{"$if": "profile@text CONTAINS 'aab'", "then": 1}] * 1_000,
    "made lists": [{"$formula": "lowercase(profile@list)"}] * 3_000,
    "few made lists": [{"$formula": "first(profile@deep)"}] * 49
    + [{"$formula": "lowercase(profile@large)"}] * 40,
    "large keys": [{"$lookup": "profile@large", "in": {"a": 1}}] * 1_000,
}


GROWING = ("replace", "join", "split", "concat", "doubling", "growing", "growing constant", "constants")


@pytest.mark.parametrize("name", CONDITIONS)
def test_every_condition_ends(name):
    assert len(CONDITIONS[name]) <= 65_536
    assert ends(lambda: parse_condition(CONDITIONS[name]).evaluate(DATA))


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_ends(name):
    assert ends(lambda: parse_template(TEMPLATES[name]).render(DATA))


REFUSED = (
    *("a few lists of lists", "joined lists", "lists in texts", "lists in concat"),
    *("large lists", "large lists in order", "searches of texts", "cases of texts", "cases of cases"),
)


@pytest.mark.parametrize("name", REFUSED)
def test_quick_questions_are_counted_where_there_are_very_many(name):
    condition = parse_condition(CONDITIONS[name])
    with pytest.raises(NotationError, match="too much work"):
        condition.evaluate(DATA)
    assert condition.explain(DATA).result == "error"


def test_a_few_questions_about_large_values_are_answered():
    condition = parse_condition(
        "profile@large == profile@as_large AND profile@text CONTAINS 'aaa' AND profile@list CONTAINS 9999"
        " AND lowercase(profile@text) != 'x' AND profile@large <= profile@as_large"
    )
    assert condition.evaluate(DATA) is True
    assert condition.explain(DATA).result == "true"


@pytest.mark.parametrize(
    "name", ["text with large", "many texts", "choices", "large keys", "made lists", "few made lists"]
)
def test_a_template_counts_them_as_well(name):
    template = parse_template(TEMPLATES[name])
    with pytest.raises(NotationError, match=r"too much work|too large"):
        template.render(DATA)
    assert template.explain(DATA).error


def test_an_explanation_holds_no_more_than_can_be_shown():
    condition = parse_condition(" OR ".join(["profile@text == 'x'"] * 2_500))
    seen = [part.values[0].value for part in condition.explain(DATA).children]
    assert sum(len(value) for value in seen if value == DATA["profile"]["text"]) < 10_000_000
    assert seen[-1] == "(cannot be shown)"


def test_values_are_looked_at_again_with_one_account_for_all():
    """Answering is within bounds; looking again at all that is within each function is not."""
    within = nested("concat", "profile@text", 4)
    explanation = parse_condition(" AND ".join([f"{within} != 'x'"] * 3)).explain(DATA)
    assert explanation.result == "true"
    assert explanation.children[0].values[-1].value == DATA["profile"]["text"]
    assert explanation.children[-1].values[-1] == (within, "(cannot be shown)", True)


def test_an_explanation_has_no_more_places_than_a_template_has_values():
    template = parse_template([{"$map": "profile@list", "to": "item@..."}] * 3)
    explanation = template.explain(DATA)
    assert len(explanation.places) == MAX_PLACES
    assert explanation.payload == template.render(DATA)


@pytest.mark.parametrize("name", GROWING)
def test_texts_do_not_grow_without_bound(name):
    tracemalloc.start()
    try:
        assert ends(lambda: parse_condition(CONDITIONS[name]).evaluate(DATA))
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()


TOO_MUCH = [
    maps(3),
    {"$map": "profile@list", "to": "{{profile@text}}"},
    {"$map": "profile@list", "to": "profile@..."},
    {"$map": "profile@list", "where": "profile@deep != profile@alike", "to": 1},
    {"$map": "profile@list", "to": {"$if": "profile@text CONTAINS 'x'", "then": 1}},
    {"$formula": "map(profile@list, profile@deep)"},
    {"$formula": "filter(profile@list, trim(profile@text) EXISTS)"},
    {"$formula": "map(profile@list, unique(profile@deep))"},
]


@pytest.mark.parametrize("template", TOO_MUCH)
def test_what_takes_too_much_says_so(template):
    with pytest.raises(NotationError, match="too much work"):
        parse_template(template).render(DATA)
    assert "too much work" in parse_template(template).explain(DATA).error


LONG_TEXT = "x" * 99
LISTS = {
    "t": LONG_TEXT,
    "list": [{"t": LONG_TEXT, "n": 2, "d": {"t": LONG_TEXT}, "l": [{"t": LONG_TEXT}]}, {"t": LONG_TEXT}],
}


def each(to, **more):
    return {"$map": "profile@list", "to": to, **more}


@pytest.mark.parametrize(
    "template",
    [
        each("item@t"),
        each({"a": "item@t", "b?": "item@d", "c": "{{item@t}}{{profile@t}}", "d": LONG_TEXT}),
        each(["item@l", {"a?": "item@t", "b": LONG_TEXT}]),
        each(1, where="item@t CONTAINS 'y' OR item@n > 1"),
        each({"$literal": [1, 2, LONG_TEXT]}, where="item@t == profile@t"),
        each({"$map": "item@l", "to": "item@t"}),
        each({"$if": f"item@t != '{LONG_TEXT}y'", "then": "item@t", "else": "profile@list"}),
        each({"$if": "item@n == 2", "then": "item@t", "else": "item@n"}),
        each({"$lookup": "item@n", "in": {"2": "item@t"}, "else": "profile@n"}),
        each({"$lookup": "item@n", "in": {"2": LONG_TEXT, "1": LONG_TEXT}, "else": LONG_TEXT}),
        each({"$formula": "replace(item@t, 'x', 'yy')"}),
        each({"$formula": "item@l"}),
        {"a?": each({"b": "item@t"})},
        {"$formula": "map(filter(profile@list, item@t == profile@t), concat(item@t, profile@t))"},
        {"$formula": "map(profile@list, item@d)"},
        {"$formula": "map(profile@list, uppercase(item@t))"},
        {"$formula": "filter(profile@list, trim(item@t) != 'y')"},
        {"$formula": "join(map(profile@list, item@t), ', ')"},
        {"$formula": "sha256(profile@t)"},
        {"$formula": "unique(map(profile@list, lookup(item@d, item@l, 1, item@t)))"},
    ],
)
def test_what_is_compiled_spends_at_least_what_the_reference_spends(check_spending, template):
    part, sources = read(template), {"profile": LISTS}
    check_spending(lambda: render(part, sources), lambda: compile_template(part)(sources))


def ends(run):
    """With an answer, or with an error that does not show the data."""
    try:
        run()
    except NotationError as error:
        return "a" * 200 not in str(error)
    return True


@pytest.mark.parametrize("count", [100, 3000])
def test_many_copies_of_a_large_object_are_refused(count):
    """Compiled and, beyond some size, interpreted: a payload like that could never be sent."""
    template = parse_template([f"profile@data.x{n % 3}" for n in range(count)])
    data = {f"x{n}": [{"a": [1]} for _ in range(9000)] for n in range(3)}
    with pytest.raises(NotationError, match="copies more than a million items"):
        template.render({"profile": {"data": data}})


def test_what_can_be_sent_is_never_too_large_to_be_copied():
    """A document has a megabyte at most, and an item two characters."""
    items = {"x": [0] * 500_000}
    assert parse_template({"items": "profile@x"}).render({"profile": items}) == {"items": items["x"]}
    assert parse_template(["profile@x[0]"] * 900).render({"profile": items}) == [0] * 900


def test_a_list_that_is_only_looked_at_is_no_copy():
    template = parse_template({"$map": "profile@x", "to": "item@n"})
    profile = {"x": [{"n": n, "more": [[0]] * 40} for n in range(20_000)]}
    assert len(template.render({"profile": profile})) == 20_000
    assert template.explain({"profile": profile}).payload == list(range(20_000))


def test_each_date_is_read_once_however_often_it_is_looked_at():
    """Reading one in an unusual form takes long, so not many more of them can be read at all."""
    profile = {"dates": [f"{1 + n % 28} Jan {1000 + n // 28}" for n in range(3000)]}
    inner = {"$map": "profile@dates", "to": {"$formula": "datetime(item@...)"}}
    dates._read_usual_form.cache_clear()
    with pytest.raises(NotationError, match="too much work"):
        parse_template({"$map": "profile@dates", "to": inner}).render({"profile": profile})
    assert dates._read_usual_form.cache_info().misses == 3000
