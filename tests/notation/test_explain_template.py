"""Explained payloads: each place and where its value comes from."""

import json

from hypothesis import given
from hypothesis import strategies as st

from destinations.notation import NotationError, parse_template
from destinations.notation.render import render as walk
from destinations.notation.template_reader import read

SOURCES = {"profile": {"name": "Ola", "code": "0042", "n": 2, "orders": [{"sku": "A"}, {"sku": None}]}}


def explained(template):
    explanation = parse_template(template).explain(SOURCES)
    json.dumps(explanation.as_dict())
    return explanation


def test_places_tell_origin_source_cast_and_outcome():
    explanation = explained(
        {
            "name": "profile@name",
            "code": "`profile@code`",
            "gone": "profile@gone",
            "left?": "profile@left",
            "hello": "Hi {{profile@name}} {{profile@nick}}",
            "fixed": "tracsync",
            "hash": {"$formula": "sha256(trim(profile@name))"},
        }
    )
    assert [(p.path, p.origin, p.outcome, p.source, p.cast) for p in explanation.places] == [
        ("$.name", "reference", "given", "profile@name", False),
        ("$.code", "reference", "given", "profile@code", True),
        ("$.gone", "reference", "missing", "profile@gone", False),
        ("$.left", "reference", "left out", "profile@left", False),
        ("$.hello", "text", "given", "Hi {{profile@name}} {{profile@nick}}", False),
        ("$.fixed", "constant", "given", "", False),
        ("$.hash", "formula", "given", "sha256(trim(profile@name))", False),
    ]
    assert explanation.places[1].value == 42
    assert explanation.places[-1].functions == ("sha256", "trim")
    assert [seen.text for seen in explanation.places[-1].values] == [
        "profile@name",
        "trim(profile@name)",
        "sha256(trim(profile@name))",
    ]
    assert explanation.missing == ("profile@gone", "profile@left", "profile@nick")
    assert explanation.summary() == "5 given, 1 left out; missing: profile@gone, profile@left, profile@nick"
    assert "Ola" not in explanation.summary()


def test_places_tell_what_led_to_them():
    explanation = explained(
        {
            "level": {"$if": "profile@n > 3", "then": "high", "else": "low"},
            "word": {"$lookup": "profile@n", "in": {"1": "one", "2": "two"}},
            "other?": {"$lookup": "profile@n", "in": {}},
            "items": {"$map": "profile@orders", "to": {"id?": "item@sku"}},
            "none?": {"$map": "profile@gone", "to": 1},
            "empty": [],
            "within?": {"a": "profile@gone"},
        }
    )
    places = {(p.path, p.outcome): p for p in explanation.places}
    assert places["$.level", "given"].because == ("profile@n > 3 is not met",)
    assert places["$.word", "given"].because == ("$lookup found 2 in the table",)
    assert places["$.other", "left out"].because == ("$lookup found nothing in the table",)
    assert places["$.items[0].id", "given"].because == ("item of profile@orders",)
    assert places["$.items[1].id", "left out"].values == (("item@sku", None, True),)
    assert places["$.none", "left out"].missing == ("profile@gone",)
    assert places["$.empty", "given"].value == []
    assert places["$.within", "left out"].origin == "object"


def test_what_is_no_json_is_an_error():
    explanation = parse_template(["profile@a"]).explain({"profile": {"a": Circle()}})
    assert explanation.places


class Circle:
    pass


CONDITIONS = st.sampled_from(["profile@a == 1", "profile@b > 1", "profile@a EXISTS", "count(profile@c) > 1"])
FORMULAS = [
    "trim(profile@a)",
    "default(profile@a, profile@b, 'x')",
    "first(profile@c)",
    "profile@b",
    "now() < 1",
]
LEAVES = st.sampled_from(
    ["profile@a", "`profile@b`", "profile@gone.x", "Hi {{profile@a}}{{profile@gone}}", "text", None, 5, True]
) | st.sampled_from(FORMULAS[:-1]).map(lambda text: {"$formula": text})
IN_ITEMS = st.sampled_from(["item@...", "item@a", "x {{item@a}}", {"$formula": "text(item@a)"}, "profile@a"])
LISTS = st.sampled_from(["profile@c", "profile@a", "profile@gone", ["profile@b", 1]])


def containers(inner):
    to = st.dictionaries(st.sampled_from(["p", "q?"]), IN_ITEMS, max_size=2) | IN_ITEMS
    return st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["x", "y?", "z", "0?"]), inner, max_size=4),
        st.fixed_dictionaries({"$if": CONDITIONS, "then": inner}, optional={"else": inner}),
        st.fixed_dictionaries(
            {"$lookup": inner, "in": st.dictionaries(st.sampled_from(["1", "a"]), inner, max_size=2)},
            optional={"else": inner},
        ),
        st.fixed_dictionaries(
            {"$map": LISTS, "to": to}, optional={"where": st.sampled_from(["item@a == 1", "item@... EXISTS"])}
        ),
    )


TEMPLATES = st.recursive(LEAVES, containers, max_leaves=8)
SCALARS = st.none() | st.integers(0, 2) | st.sampled_from(["", "a", "1"])
ITEMS = st.lists(SCALARS | st.dictionaries(st.sampled_from(["a", "b"]), SCALARS, max_size=2), max_size=3)
PROFILES = st.fixed_dictionaries({}, optional={"a": SCALARS, "b": SCALARS, "c": ITEMS})


@given(TEMPLATES, PROFILES)
def test_explaining_never_disagrees_with_rendering(template, profile):
    sources, before = {"profile": profile}, json.dumps(profile)
    explanation = parse_template(template).explain(sources)
    expected, error = outcome(lambda: walk(read(template), sources))
    assert outcome(lambda: parse_template(template).render(sources)) == (expected, error)
    assert (json.dumps(explanation.payload), explanation.error) == (expected, error)
    assert json.dumps(profile) == before
    json.dumps(explanation.as_dict())
    for place in explanation.places:
        if not error and place.outcome in ("given", "missing"):
            assert at(explanation.payload, place.path) == place.value
        if place.outcome == "missing":
            assert place.value is None


def outcome(render):
    try:
        return json.dumps(render()), ""
    except NotationError as error:
        return "null", str(error).splitlines()[0]


def at(payload, path):
    for key in path.replace("[", ".").replace("]", "").split(".")[1:]:
        key = key.strip('"')
        payload = payload[int(key)] if isinstance(payload, list) else payload[key]
    return payload
