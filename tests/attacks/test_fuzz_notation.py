"""Conditions and mappings that are nearly right, and data that nobody expects: an answer or our error."""

import json
import re
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from destinations.notation import NotationError, parse_condition, parse_template
from destinations.notation.rows import condition_rows, mapping_rows
from destinations.notation.rows.shapes import RowsError
from destinations.notation.warnings import warnings
from tests.attacks.fuzzing import few, mutated
from tests.harness import ROOT, processor_seconds

SECONDS = 1.0  # of a processor
GUIDE = (ROOT / "docs" / "notation.md").read_text()
# The examples of the guide: nearly everything that can be written stands there.
EXAMPLES = [
    one.strip() for one in re.findall(r"^    (\S.*)$|`([^`\n]+@[^`\n]+)`", GUIDE, re.MULTILINE) for one in one
]
CONDITIONS = sorted({one for one in EXAMPLES if "@" in one or " " in one})
PIECES = (
    *("profile@", "profile@...", "profile@a.0.b", "(", ")" * 30, "(" * 300, "NOT " * 200, "[", "]"),
    *('"', "'", "\\", "-0", "0x1", "null", "\x00", "\u2028", "\ud800", "é\u0301", "?", "..."),
    *(" AND ", " OR ", " IN ", "==", "<=", "1e400", "9" * 400),
    *("{{", "}}", "`", "now()", "date(", "lowercase(" * 50, "item@", "any(", ",", "$if", "$each", "$formula"),
)  # fmt: skip
HUGE = 10**400
ODD = st.sampled_from(
    [None, True, 0, -0.0, 1e308, 5e-324, HUGE, -HUGE, "", "\x00", "\ud800", "é\u0301" * 50, "a" * 2000,
     "1e400", "2026-02-30", "9999-12-31T23:59:60Z", "0001-01-01", [], {}, [[[[]]]], {"": {"": 0}}, ["a"] * 9]
)  # fmt: skip
VALUES = st.recursive(
    ODD,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "0", "id", ""]), inner)
    ),
    max_leaves=12,
)
DATA = st.dictionaries(st.sampled_from(["a", "b", "id", "name", "data", "traits", "stats", "orders"]), VALUES)


def quickly(run):
    """Not longer than allowed; a first try that is slow is measured again, without what else is going on."""
    assert processor_seconds(run, enough=SECONDS) <= SECONDS


@few(40)
@given(mutated(CONDITIONS, PIECES), DATA)
def test_conditions(text, data):
    def run():
        with suppress(NotationError, RowsError):
            condition_rows.write(condition_rows.read(text))
        with suppress(NotationError):
            made = parse_condition(text)
            made.explain({"profile": data})
            assert isinstance(made.evaluate({"profile": data}), bool)

    quickly(run)


KEYS = st.sampled_from(
    ["a", "a?", "b", "$if", "then", "else", "$each", "do", "as", "$formula", "$literal", "...", "", "id"]
)


@few(40)
@given(
    st.recursive(
        mutated(CONDITIONS, PIECES) | ODD,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
        max_leaves=6,
    ),
    DATA,
)
def test_mappings(value, data):
    def run():
        with suppress(NotationError, RowsError):
            mapping_rows.read(value)
        with suppress(NotationError):
            made = parse_template(value)
            made.explain({"profile": data})
            json.dumps(made.render({"profile": data}))

    quickly(run)


@few(40)
@given(mutated(CONDITIONS, PIECES))
def test_warnings(text):
    with suppress(NotationError):
        quickly(lambda: list(warnings(parse_condition(text).written)))
