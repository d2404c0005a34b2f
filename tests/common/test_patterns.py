"""No regular expression of ours takes the square of a text's length, or more, whatever the text is."""

import importlib
import itertools
import pkgutil
import re

import destinations
import profiles
import tracsync
from destinations.connectors import registry
from destinations.notation.parser import _grammar
from tests.harness import grows_evenly

LENGTH = 8_000  # of a text that is hostile
PIECES = 9  # of those that a pattern is tried with, which make pairs
USUAL = ("a", "0", " ")
# Of these, as many characters are looked at as a bound before them says.
BOUNDED = {
    "destinations.insight.path_suggestions._DATA": 40,
    "destinations.insight.path_suggestions._TEXTS": 60,
    "destinations.notation.dates._OFFSET": 100,
    "destinations.notation.dates._AMOUNT": 100,
    "destinations.notation.dates._NUMERIC_DATE": 100,
    "destinations.notation.dates._CLOCK_OFFSET": 100,
    "destinations.notation.dates._UTC_BEFORE_SIGN": 100,
    "profiles.imports.kinds._DECORATED": 100,
}
# Only used for whole texts.
WHOLE = {
    "destinations.notation.casts._FRACTION",
    "destinations.notation.warnings._ADDRESS",
    "destinations.connectors.http.rate_limits._UNNAMED_POLICY",
    "tracsync.environment._LINE",
}
IN_SCHEMA = "a pattern in the schemas of "
OURS = {"tracsync.admin.documentation._LINK"}  # only used for our own texts


def modules():
    for package in (destinations, profiles, tracsync):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__") and ".migrations" not in found.name:
                yield importlib.import_module(found.name)


def flat(value):
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, (tuple, list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from flat(item)


def patterns():
    """Those that modules and the grammar of conditions keep, each once."""
    found = {}
    for module in modules():
        for name, value in vars(module).items():
            for one in flat(value):
                if one not in found:
                    found[one] = f"{module.__name__}.{name}"
    for terminal in _grammar().terminals:
        found.setdefault(re.compile(terminal.pattern.to_regexp()), f"condition.lark.{terminal.name}")
    for connector in registry.all_connectors():
        for schema in (connector.credentials_schema, connector.settings_schema):
            for number, text in enumerate(in_schema(schema)):
                found.setdefault(re.compile(text), f"{IN_SCHEMA}{connector.slug}.{number}")
    return [(one, name) for one, name in found.items() if name not in OURS]


def in_schema(schema):
    """What a JSON Schema asks texts to be like."""
    if isinstance(schema, dict):
        yield from (value for key, value in schema.items() if key == "pattern" and isinstance(value, str))
        yield from schema.get("patternProperties", ())
        schema = list(schema.values())
    if isinstance(schema, list):
        for inner in schema:
            yield from in_schema(inner)


def pieces(pattern):
    """What a text may be made of to be hostile to this pattern: the characters that it speaks of."""
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    own = re.sub(r"\\[a-zA-Z]|[()?:*+|^$]", "", text) + text
    single = list(dict.fromkeys([*filter(str.isprintable, own)]))[: PIECES - len(USUAL)]
    single = list(dict.fromkeys([*single, *USUAL]))
    return [*single, *map("".join, itertools.permutations(single, 2))]


def questions(pattern, name):
    if name.startswith("condition.lark."):
        return (pattern.match,)  # at the place of the next token
    if name.startswith(IN_SCHEMA):
        return (pattern.search,)
    if name in WHOLE:
        return (pattern.fullmatch,)
    return pattern.fullmatch, lambda text: sum(1 for _ in pattern.finditer(text))


def test_a_pattern_looks_at_each_character_a_few_times():
    """In one test: to find them for its parameters would take each process of a run a second."""
    for pattern, name in patterns():
        looks_at_each_character_a_few_times(pattern, name)


def looks_at_each_character_a_few_times(pattern, name):
    length = BOUNDED.get(name, LENGTH)
    starts, ends = ("", '"', "0"), ("", "\0")
    if name.startswith(IN_SCHEMA):
        starts, ends = ("", "http://", "amqp://"), ("", " ")
    for piece, start, end in itertools.product(pieces(pattern), starts, ends):
        for ask in questions(pattern, name):

            def make(size, piece=piece, start=start, end=end, ask=ask):
                text = start + piece * (size // len(piece)) + end
                hostile = text if isinstance(pattern.pattern, str) else text.encode("latin-1", "replace")
                return lambda: ask(hostile)

            assert grows_evenly(make, length), (name, start, piece, end)
