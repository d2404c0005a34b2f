"""What a destination holds beside what the mapping makes: only real differences count."""

import pytest

from destinations.insight.payloads import held
from tests.cases import for_each


@for_each(
    ("there", "made"),
    [
        ("1", 1),
        ("1.0", 1),
        (1.0, 1),
        ("true", True),
        (1, True),
        ("0", False),
        (None, ""),
        ("", []),
        (["1", "b"], [1, "b"]),
        ("a", "a"),
    ],
)
def test_the_same_in_another_writing(there, made):
    assert list(held.differences({"x": there}, {"x": made})) == []


@pytest.mark.parametrize(
    ("there", "made"),
    [
        ("007", "7"),
        ("+43", "43"),
        ("1", "true"),
        ("a", 1),
        (None, 0),
        (["a"], ["a", "b"]),
        ({"a": 1}, "a"),
        ("A", "a"),
    ],
)
def test_another_value(there, made):
    assert list(held.differences({"x": there}, {"x": made})) == [held.Difference("x", there, made)]


def test_fields_within_others_and_those_that_only_the_system_has():
    made = {"a": {"b": 1, "c": 2}, "d.e": 3, "gone": "x"}
    there = {"a": {"b": 1, "c": 3, "z": 9}, "a.b": 1, "d.e": 3, "more": 1}
    assert list(held.differences(there, made)) == [
        held.Difference("a.c", 3, 2),
        held.Difference("gone", None, "x"),
    ]


def test_only_so_many_are_compared():
    assert len(list(held.differences({}, {str(n): n + 1 for n in range(held.MOST + 5)}))) == held.MOST
