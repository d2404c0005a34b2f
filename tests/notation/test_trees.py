"""Random trees with functions: printing and parsing them again, and what they mean to a naive interpreter."""

import json

from hypothesis import given
from hypothesis import strategies as st

from destinations.notation import NotationError, parse_condition, parse_template
from destinations.notation.compiled import compile_condition
from destinations.notation.compiled_template import compile_template
from destinations.notation.evaluate import evaluate
from destinations.notation.parser import parse, parse_formula
from destinations.notation.printer import write
from destinations.notation.render import render as walk
from destinations.notation.template_reader import read

# An expression is ("field", source, keys), ("literal", value) or (function's name, argument ...); a question
# is (operator, expression, literal), and ("AND" or "OR", [questions]) or ("NOT", [question]).
KEYS = st.sampled_from(["a", "b", "0", "any key", "x.y", "Łódź"])
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([1.5, "", " aB ", "a", "b,a", "7"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
PROFILES = st.dictionaries(KEYS, VALUES, max_size=5)
TEXTS = st.sampled_from(["a", "b", ",", "Zz"])
MISSING = object()


class Unanswerable(Exception):
    pass


# What the arguments of a function are: another expression, a literal, or something about each item. The first
# is never a literal, so that nothing is known when the text is parsed.
INNER, TEXT, NUMBER, SCALAR, QUESTION, ASKED, MADE = range(7)
SHAPES = {
    **{name: [INNER] for name in ("trim", "lowercase", "count", "first", "last", "unique", "text", "int")},
    **{"normalize": [INNER], "default": [INNER, SCALAR], "if": [QUESTION, INNER, SCALAR]},
    **{"concat": [INNER, TEXT, INNER], "replace": [INNER, TEXT, TEXT], "split": [INNER, TEXT]},
    **{"join": [INNER, TEXT], "substring": [INNER, NUMBER, NUMBER], "add": [INNER, INNER]},
    **{"lookup": [INNER, SCALAR, SCALAR, SCALAR], "filter": [INNER, ASKED], "map": [INNER, MADE]},
}
LITERALS = {TEXT: TEXTS, NUMBER: st.integers(0, 3), SCALAR: SCALARS}


@st.composite
def expressions(draw, source="profile", depth=2):
    name = draw(st.sampled_from([*SHAPES, *["field"] * 6])) if depth else "field"
    if name == "field":
        return ("field", source, draw(st.lists(KEYS, min_size=1, max_size=2)))
    return (name, *(draw(argument(kind, source, depth - 1)) for kind in SHAPES[name]))


def argument(kind, source, depth):
    if kind in LITERALS:
        return st.tuples(st.just("literal"), LITERALS[kind])
    if kind in (QUESTION, ASKED):
        return questions(source if kind == QUESTION else "item", depth)
    return expressions(source if kind == INNER else "item", depth)


@st.composite
def questions(draw, source="profile", depth=2):
    operator = draw(st.sampled_from(["==", "!=", "EXISTS", "IS NULL", "EMPTY"]))
    return (operator, draw(expressions(source, depth)), draw(SCALARS))


TREES = st.recursive(
    questions(),
    lambda inner: (
        st.tuples(st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=2, max_size=3))
        | st.tuples(st.just("NOT"), st.lists(inner, min_size=1, max_size=1))
    ),
    max_leaves=3,
)


def written(tree):
    if tree[0] == "NOT":
        return f"not({written(tree[1][0])})"
    if tree[0] in ("AND", "OR"):
        return f" {tree[0].lower()}\n".join(f"({written(part)})" for part in tree[1])
    if tree[0] == "field":
        keys = [f".{key}" if key.isalnum() else f"[{json.dumps(key)}]" for key in tree[2]]
        return f"{tree[1]}@{''.join(keys).removeprefix('.')}"
    if tree[0] == "literal":
        return json.dumps(tree[1])
    if tree[0] in ("==", "!="):
        return f"{written(tree[1])} {tree[0]} {json.dumps(tree[2])}"
    if tree[0] in ("EXISTS", "IS NULL", "EMPTY"):
        return f"{written(tree[1])} {tree[0]}"
    return f"{tree[0].upper()} ({' , '.join(map(written, tree[1:]))})"


def holds(tree, sources):
    if tree[0] == "NOT":
        return not holds(tree[1][0], sources)
    if tree[0] == "AND":
        return all(holds(part, sources) for part in tree[1])
    if tree[0] == "OR":
        return any(holds(part, sources) for part in tree[1])
    value = value_of(tree[1], sources)
    if tree[0] == "EXISTS":
        return value is not MISSING
    value = None if value is MISSING else value
    if tree[0] == "EMPTY":
        return value is None or value in ("", [], {})
    if tree[0] == "IS NULL":
        return value is None
    return alike(value, tree[2]) is (tree[0] == "==")


def alike(a, b):
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    return a == b


def value_of(tree, sources):
    name, *arguments = tree
    if name == "literal":
        return arguments[0]
    if name == "field":
        return found(sources[arguments[0]], arguments[1])
    if name == "if":
        return value_of(arguments[1 if holds(arguments[0], sources) else 2], sources)
    values = [value_of(argument, sources) for argument in (arguments[:1] if name in EACH else arguments)]
    absent = [value is MISSING or value is None for value in values]
    if name == "default":
        return next((value for value, gone in zip(values, absent, strict=True) if not gone), MISSING)
    if name == "count" and absent[0]:
        return 0
    if name == "lookup":
        return values[2] if alike(None if absent[0] else values[0], values[1]) else values[3]
    if any(absent):
        return MISSING
    if name in EACH:
        return EACH[name](need(values[0], list), arguments[1], sources)
    return FUNCTIONS[name](*values)


def found(value, keys):
    for key in keys:
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key == "0" and value:
            value = value[0]
        else:
            return MISSING
    return value


def need(value, *kinds):
    if type(value) not in kinds:
        raise Unanswerable
    return value


def text_of(value):
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def integer(value):
    try:
        return int(need(value, int, float, str))
    except ValueError:
        raise Unanswerable from None


def each_value(items, make, sources):
    made = [value_of(make, {**sources, "item": item}) for item in items]
    return [None if value is MISSING else value for value in made]


def distinct(items):
    kept = []
    for item in need(items, list):
        if not any(json.dumps(item, sort_keys=True) == json.dumps(other, sort_keys=True) for other in kept):
            kept.append(item)
    return kept


EACH = {
    "filter": lambda items, question, sources: [i for i in items if holds(question, {**sources, "item": i})],
    "map": each_value,
}
FUNCTIONS = {
    "trim": lambda x: need(x, str).strip(),
    "normalize": lambda x: need(x, str).strip().lower(),
    "lowercase": lambda x: x.lower() if isinstance(x, str) else x,
    "count": lambda x: len(need(x, list, dict)),
    "first": lambda x: need(x, list)[0] if need(x, list) else MISSING,
    "last": lambda x: need(x, list)[-1] if need(x, list) else MISSING,
    "unique": distinct,
    "text": text_of,
    "int": integer,
    "concat": lambda a, b, c: text_of(a) + b + text_of(c),
    "replace": lambda x, old, new: need(x, str).replace(old, new),
    "split": lambda x, separator: need(x, str).split(separator),
    "join": lambda x, separator: separator.join(text_of(i) for i in need(x, list) if i is not None),
    "substring": lambda x, start, n: need(x, str)[max(0, len(x) + start) if start < 0 else start :][:n],
    "add": lambda a, b: need(a, int, float) + need(b, int, float),
}


def with_message(ask):
    try:
        return json.dumps(ask())
    except NotationError as error:
        return str(error)


def answer(ask):
    try:
        return json.dumps(ask())
    except (NotationError, Unanswerable):
        return "error"


@given(TREES)
def test_printing_and_parsing_gives_the_same_tree(tree):
    text = written(tree)
    node = parse(text)
    normal = write(node)
    assert parse(normal) == node
    assert write(parse(normal)) == normal == parse_condition(text).normalized


@given(TREES, PROFILES)
def test_conditions_with_functions_mean_what_the_naive_interpreter_says(tree, profile):
    text, sources = written(tree), {"profile": profile}
    expected = answer(lambda: holds(tree, sources))
    condition = parse_condition(text)
    assert answer(lambda: evaluate(text, parse(text), sources)) == expected
    assert answer(lambda: condition.evaluate(sources)) == expected
    explanation = condition.explain(sources)
    assert explanation.result == expected
    json.dumps(explanation.as_dict())
    assert explanation.summary()


@given(expressions(), PROFILES)
def test_formulas_mean_what_the_naive_interpreter_says(tree, profile):
    text, sources = written(tree), {"profile": profile}
    assert write(parse_formula(write(parse_formula(text)))) == write(parse_formula(text))

    def naive():
        value = value_of(tree, sources)
        return None if value is MISSING else value

    template = parse_template({"$formula": text})
    assert answer(lambda: template.render(sources)) == answer(naive)


# Templates with directives: `optional` keys, references, texts, and all that is written with `$`.
def references(source):
    path = st.lists(KEYS.filter(str.isalnum), min_size=1, max_size=2).map(".".join)
    names = st.sampled_from(["profile", "event", source])
    return st.builds("{}@{}".format, names, path) | st.just(f"{source}@...")


@st.composite
def templates(draw, source="profile", depth=3):
    kinds = ["reference", "text", "cast", "scalar", "$formula"]
    within = ["object", "list", "$if", "$lookup", "table", "$map", "$map", "$literal"]
    kind = draw(st.sampled_from([*kinds, *(within if depth else [])]))
    if kind == "$formula":
        return {kind: written(draw(expressions(source)))}
    if kind in kinds:
        return draw(leaves(kind, source))
    inner = templates(source, depth - 1)
    if kind == "object":
        return draw(st.dictionaries(st.sampled_from(["x", "y?", "z", "0", "w?"]), inner, max_size=4))
    if kind == "list":
        return draw(st.lists(inner, max_size=3))
    if kind == "$literal":
        return {kind: draw(VALUES)}
    return draw(directives(kind, source, inner, depth - 1))


def leaves(kind, source):
    found = references(source)
    return {
        "reference": found,
        "cast": found.map("`{}`".format),
        "text": st.builds("{{{{{}}}}} and {{{{{}}}}}".format, found, found),
        "scalar": SCALARS,
    }[kind]


def directives(kind, source, inner, depth):
    if kind == "$if":
        condition = questions(source).map(written)
        required, optional = {"$if": condition, "then": inner}, {"else": inner}
    elif kind == "$map":
        to = templates("item", depth)
        over = st.sampled_from([f"{source}@a", f"{source}@b", f"{source}@..."]) | inner
        required, optional = {"$map": over, "to": to}, {"where": questions("item").map(written)}
    else:
        entries = inner if kind == "$lookup" else SCALARS
        table = st.dictionaries(
            st.sampled_from(["a", "b,a", "7", "true", "1.5", "[]", ""]), entries, max_size=3
        )
        required, optional = {"$lookup": inner, "in": table}, {"else": entries}
    return st.fixed_dictionaries(required, optional=optional)


def lists_of(values):
    return st.dictionaries(KEYS, st.lists(values, max_size=4) | values, max_size=5)


ITEMS = st.dictionaries(KEYS, SCALARS | st.lists(SCALARS, max_size=2), max_size=4)
DATA = st.fixed_dictionaries({"profile": PROFILES | lists_of(ITEMS)}, optional={"event": PROFILES})


@given(templates(), DATA)
def test_compiled_templates_say_what_the_reference_says(template, sources):
    before = json.dumps(sources)
    part, compiled = read(template), parse_template(template)
    expected = with_message(lambda: walk(part, sources))
    assert with_message(lambda: compiled.render(sources)) == expected
    assert with_message(lambda: compiled.render(sources)) == expected  # and when it no longer trusts the data
    explanation = compiled.explain(sources)
    explained = explanation.error or json.dumps(explanation.payload)
    assert explained == (expected.splitlines()[0] if explanation.error else expected)
    assert json.dumps(sources) == before


@given(templates(), DATA)
def test_compiled_templates_share_nothing(template, sources):
    compiled, before = parse_template(template), json.dumps(sources)
    try:
        payload = compiled.render(sources)
    except NotationError:
        return
    text = json.dumps(payload)
    spoil(payload)
    assert json.dumps(sources) == before
    assert json.dumps(compiled.render(sources)) == text


def spoil(value):
    """Change everything in a value that can be changed."""
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        spoil(item)
    if isinstance(value, (dict, list)):
        value.clear()


@given(templates(), DATA)
def test_compiled_templates_spend_at_least_what_the_reference_spends(check_spending, template, sources):
    part = read(template)
    check_spending(lambda: walk(part, sources), lambda: compile_template(part)(sources))


@given(TREES, DATA)
def test_compiled_conditions_spend_at_least_what_the_reference_spends(check_spending, tree, sources):
    text = written(tree)
    node = parse(text)
    check_spending(lambda: evaluate(text, node, sources), lambda: compile_condition(text, node)(sources))
