"""What holds for all conditions, templates and data: checked with random ones."""

import json
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.notation import NotationError, parse_condition, parse_template
from destinations.notation.compiled import compile_condition
from destinations.notation.evaluate import evaluate
from destinations.notation.parser import parse
from destinations.notation.render import render as walk
from destinations.notation.template_reader import read
from tests.harness import processor_seconds

KEYS = st.sampled_from(["a", "b", "c", "0", "1"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.sampled_from([0.0, 1.0, 2.5, 10**30, "", "a", "ab", "1", "true", "2020-01-01"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
PROFILES = st.dictionaries(KEYS, VALUES, max_size=5)
LITERALS = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
MISSING = object()

# A question of the naive interpreter: (operator, path, literal).
PATHS = st.lists(KEYS, min_size=1, max_size=3)
COMPARISONS = ["==", "!=", "<", "<=", ">", ">=", "IN", "NOT IN"]
PART_TESTS = ["CONTAINS", "NOT CONTAINS", "STARTS WITH", "NOT ENDS WITH"]
PRESENCE = ["EXISTS", "NOT EXISTS", "EMPTY", "NOT EMPTY", "IS NULL", "IS NOT NULL"]
OPERATORS = [*COMPARISONS, *PART_TESTS, *PRESENCE]
QUESTIONS = st.tuples(st.sampled_from(OPERATORS), PATHS, LITERALS)
TREES = st.recursive(
    QUESTIONS,
    lambda inner: (
        st.tuples(st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=2, max_size=3))
        | st.tuples(st.just("NOT"), st.lists(inner, min_size=1, max_size=1))
    ),
    max_leaves=6,
)


def written(tree):
    """The tree in logic notation."""
    if len(tree) == 2:
        operator, parts = tree
        inner = [f"({written(part)})" for part in parts]
        return f"NOT {inner[0]}" if operator == "NOT" else f" {operator} ".join(inner)
    operator, path, literal = tree
    field = f"profile@{'.'.join(path)}"
    if operator.split()[-1] in ("EXISTS", "EMPTY", "NULL"):
        return f"{field} {operator}"
    literal = [literal] if operator.endswith("IN") and not isinstance(literal, list) else literal
    return f"{field} {operator} {json.dumps(literal)}"


def naive(tree, profile):
    """The answer as NOTATION says it, as directly as possible; "error" where there is none."""
    if len(tree) == 2:
        return naive_logic(*tree, profile)
    operator, path, literal = tree
    value = profile
    for key in path:
        if isinstance(value, dict):
            value = value.get(key, MISSING)
        elif isinstance(value, list) and int(key, 36) < len(value):  # letters are beyond any list here
            value = value[int(key)]
        else:
            value = MISSING
    answer = naive_question(operator.removeprefix("NOT ").replace("IS NOT", "IS"), value, literal)
    negated = "NOT" in operator or operator == "!="
    return answer if answer == "error" else answer is not negated


def naive_logic(operator, parts, profile):
    if operator == "NOT":
        answer = naive(parts[0], profile)
        return answer if answer == "error" else not answer
    for part in parts:
        answer = naive(part, profile)
        if answer == "error" or answer is (operator == "OR"):
            return answer
    return operator == "AND"


def naive_question(operator, value, literal):
    if operator == "EXISTS":
        return value is not MISSING
    value = None if value is MISSING else value
    if operator == "IS NULL":
        return value is None
    if operator == "EMPTY":
        return value in (None, "") or value == [] or value == {}
    if operator == "IN":
        items = literal if isinstance(literal, list) else [literal]
        return any(canonical(value) == canonical(item) for item in items)
    if operator in ("==", "!="):
        if isinstance(literal, list) and not isinstance(value, list):
            return any(canonical(value) == canonical(item) for item in literal)
        return canonical(value) == canonical(literal)
    if value is None:
        return False
    return (
        naive_part(operator, value, literal)
        if "WITH" in operator or "CON" in operator
        else order(operator, value, literal)
    )


def naive_part(operator, value, literal):
    if isinstance(value, list):
        items = {"CONTAINS": value, "STARTS WITH": value[:1], "ENDS WITH": value[-1:]}[operator]
        return any(canonical(item) == canonical(literal) for item in items)
    if not isinstance(value, str) or not isinstance(literal, (str, type(None))):
        return "error"
    if literal is None:
        return False
    return {
        "CONTAINS": literal in value,
        "STARTS WITH": value.startswith(literal),
        "ENDS WITH": value.endswith(literal),
    }[operator]


def order(operator, value, literal):
    if literal is None or value is None:
        return False
    if isinstance(value, list) and isinstance(literal, list):
        for left, right in zip(value, literal, strict=False):
            if canonical(left) != canonical(right):
                return order(operator, left, right)
        value, literal = len(value), len(literal)
    kinds = {
        bool: "boolean",
        int: "number",
        float: "number",
        str: "text",
        list: "list",
        dict: "object",
    }
    if kinds[type(value)] != kinds[type(literal)] or isinstance(value, dict):
        return "error"
    return {
        "<": value < literal,
        "<=": value <= literal,
        ">": value > literal,
        ">=": value >= literal,
    }[operator]


def canonical(value):
    """The value with types that Python takes for equal kept apart."""
    if isinstance(value, list):
        return ["list", *map(canonical, value)]
    if isinstance(value, dict):
        return {key: canonical(item) for key, item in value.items()}
    return (isinstance(value, bool), value)


def answer(ask):
    try:
        return ask()
    except NotationError:
        return "error"


@given(TREES, PROFILES)
def test_conditions_mean_what_the_naive_interpreter_says(tree, profile):
    text, sources = written(tree), {"profile": profile}
    node = parse(text)
    before = json.dumps(profile)
    expected = naive(tree, profile)
    assert answer(lambda: evaluate(text, node, sources)) == expected
    assert answer(lambda: compile_condition(text, node)(sources)) == expected
    explanation = parse_condition(text).explain(sources)
    assert explanation.result == {True: "true", False: "false", "error": "error"}[expected]
    assert (explanation.summary() == "met") is (expected is True)
    json.dumps(explanation.as_dict())
    assert json.dumps(profile) == before


@given(st.text(alphabet="profile@.ab[]()\"'\\ANDORNOTINSEMPTYxw019-+=<>!,& \n{}`é\u00a0\ud800", max_size=60))
def test_random_text_raises_nothing_but_notation_errors(text):
    condition, template = parsed(parse_condition, text), parsed(parse_template, text)
    if condition is not None:
        answer(lambda: condition.evaluate({"profile": {"a": ["b"]}}))
    if template is not None:
        answer(lambda: template.render({"profile": {"a": ["b"]}}))


def parsed(parse_text, text):
    """What a text is parsed into, or None; errors of conditions always tell the place."""
    try:
        return parse_text(text)
    except NotationError as error:
        placed = error.line is not None and error.column is not None
        if not str(error) or not (placed or parse_text is parse_template):
            raise
        return None


OPERANDS = ["profile@a", "profile@b.c", '"x"', "'y'", "5", "-1.5e3", "null", "true", "now(", "lowercase("]
KEYWORDS = ["AND", "or", "NOT", "IS", "EXISTS", "EMPTY", "BETWEEN", "CONTAINS", "STARTS", "WITH", "IN"]
SIGNS = ["==", "=", "!=", "<", "(", ")", "[", "]", ",", "-15m", "profile", "@", "é"]
PIECES = st.sampled_from(OPERANDS) | st.sampled_from(KEYWORDS) | st.sampled_from(SIGNS)


@given(st.lists(PIECES, max_size=12), PROFILES)
def test_random_words_raise_nothing_but_notation_errors(pieces, profile):
    condition = parsed(parse_condition, " ".join(pieces))
    if condition is not None:
        expected = answer(lambda: condition.evaluate({"profile": profile}))
        explained = condition.explain({"profile": profile}).result
        assert explained == {True: "true", False: "false", "error": "error"}[expected]


LOOKUPS = ["profile@a", "profile@b.0", "profile@c.a.b", "`profile@a`", "profile@...", "event@x"]
TEXTS = ["{{profile@a}} {{profile@b}}", "`{{profile@a}}`", "\\profile@a", "`7`", "`null`", "text"]
STRINGS = st.sampled_from(LOOKUPS) | st.sampled_from(TEXTS)
TEMPLATES = st.recursive(
    STRINGS | SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["x", "y?", "z", "0", "w?"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(TEMPLATES, PROFILES)
def test_templates_render_alike_and_share_nothing(template, profile):
    sources, before = {"profile": profile}, json.dumps(profile)
    compiled = parse_template(template)
    first = compiled.render(sources)
    text = json.dumps(first)
    assert text == json.dumps(walk(read(template), sources))
    spoil(first)
    assert json.dumps(profile) == before
    assert json.dumps(compiled.render(sources)) == text
    assert json.dumps(compiled.value) == json.dumps(template)


def spoil(value):
    """Change everything in a value that can be changed."""
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        spoil(item)
    if isinstance(value, (dict, list)):
        value.clear()


@given(TEMPLATES, PROFILES)
def test_nothing_optional_is_null(template, profile):
    rendered = parse_template({"o?": template}).render({"profile": profile})
    only_given = json.dumps(parse_template({"o?": "profile@..."}).render({"profile": {}}))
    assert only_given == '{"o": {}}'
    assert rendered.get("o", "") is not None


@pytest.mark.parametrize(
    "text",
    [
        "(" * 65_000,
        "profile@a == [" + "1," * 32_000,
        "profile@a == [" + "[]," * 9_999 + "[]]",
        " OR ".join(["profile@a==1"] * 4_000),
        "NOT " * 16_000,
        "profile@" + "a." * 30_000,
        "profile@" + '["a"]' * 12_000 + " == 1",
        "profile@a == '" + "\\" * 60_000,
        'profile@a == "' + "a" * 60_000,
        "a" * 65_000,
        "a." * 30_000,
        " " * 65_000 + "x",
        "profile@a == " + "9" * 65_000,
        "lowercase(" * 6_000,
        "datetime('" + "1 " * 30_000 + "') < now()",
        "x" * 70_000,
        "{{profile@" * 6_000,
        '{{profile@["' * 5_000,
        "{{profile@" + '["a"]' * 12_000,
        "{{profile@a" + " " * 60_000,
        "{{" + " " * 60_000,
        "{{profile@a}}" * 4_500,
    ],
)
def test_no_text_takes_long(text):
    for run in (lambda: parse_condition(text).evaluate({}), lambda: parse_template(text).render({})):
        assert processor_seconds(partial(answer, run), enough=1.0) <= 1
