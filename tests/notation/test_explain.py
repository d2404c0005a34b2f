"""Explanations: the tree, and the one sentence for people."""

import json

from destinations.notation import parse_condition
from tests.cases import for_each

SOURCES = {
    "profile": {
        "stats": {"visits": 2, "limit": 9},
        "name": 'O"la',
        "none": None,
        "list": [1],
        "half": "\ud800",
        "long": "x" * 500,
        "text": "age",
    }
}


@for_each(
    ("text", "with_values", "without"),
    [
        ("profile@stats.visits == 2", "met", "met"),
        (
            "profile@stats.visits > 3",
            "not met: profile@stats.visits is 2, needs > 3",
            "not met: profile@stats.visits > 3",
        ),
        (
            "profile@data.contact.email.business EXISTS",
            "not met: profile@data.contact.email.business is missing",
            "not met: profile@data.contact.email.business is missing",
        ),
        (
            "profile@name EXISTS AND (profile@name  ==\n 'x') AND profile@gone EXISTS",
            'not met: profile@name is "O\\"la", needs == \'x\'',
            "not met: profile@name == 'x'",
        ),
        (
            "profile@none IS NOT NULL OR (profile@gone == 1 AND profile@list == 2) OR profile@list EMPTY",
            "not met: profile@none is null, needs IS NOT NULL and profile@gone is missing"
            " and profile@list is [1], needs EMPTY",
            "not met: profile@none IS NOT NULL and profile@gone is missing and profile@list EMPTY",
        ),
        (
            "profile@stats.visits > profile@stats.limit",
            "not met: profile@stats.visits is 2, needs > profile@stats.limit, profile@stats.limit is 9",
            "not met: profile@stats.visits > profile@stats.limit",
        ),
        (
            "lowercase(profile@name) == 'x'",
            'not met: lowercase(profile@name) is "o\\"la", needs == \'x\'',
            "not met: lowercase(profile@name) == 'x'",
        ),
        (
            "lowercase(profile@gone) == 'x'",
            "not met: profile@gone is missing",
            "not met: profile@gone is missing",
        ),
        (
            "datetime.from_timestamp(profile@stats.visits) > datetime('2020-01-01')",
            'not met: datetime.from_timestamp(profile@stats.visits) is "1970-01-01T00:00:02+00:00", '
            "needs > datetime('2020-01-01')",
            "not met: datetime.from_timestamp(profile@stats.visits) > datetime('2020-01-01')",
        ),
        (
            "NOT (profile@stats.visits == 2)",
            "not met: profile@stats.visits == 2 is met, and should not be",
            "not met: profile@stats.visits == 2 is met, and should not be",
        ),
        (
            "profile@text > 3 OR profile@stats.visits == 2",
            "cannot be answered: profile@text is text, cannot be compared with a number (>)",
            "cannot be answered: profile@text is text, cannot be compared with a number (>)",
        ),
        (
            "profile@half == 'x'",
            "not met: profile@half is \"?\", needs == 'x'",
            "not met: profile@half == 'x'",
        ),
        (
            "profile@long == 'x'",
            f"not met: profile@long is \"{'x' * 58}…, needs == 'x'",
            "not met: profile@long == 'x'",
        ),
    ],
)
def test_summary(text, with_values, without):
    explanation = parse_condition(text).explain(SOURCES)
    assert explanation.summary(show_values=True) == with_values
    assert explanation.summary(show_values=False) == without


def test_the_tree_tells_place_result_and_values_of_each_part():
    text = "profile@stats.visits > 1 AND (profile@gone == 1 OR\nprofile@name CONTAINS 2) AND profile@x EXISTS"
    explanation = parse_condition(text).explain(SOURCES)
    assert (explanation.result, explanation.met, explanation.operator) == ("error", False, "AND")
    visits, either, last = explanation.children
    assert (visits.result, visits.values) == ("true", (("profile@stats.visits", 2, True),))
    assert [child.result for child in either.children] == ["false", "error"]
    assert either.children[0].values == (("profile@gone", None, False),)
    assert either.children[1].message == "2 is a number; CONTAINS looks in text for text"
    assert (last.result, last.values) == ("not reached", ())
    for part in (explanation, visits, either, *either.children, last):
        assert text[part.start : part.end] == part.text
    assert json.loads(json.dumps(explanation.as_dict()))["children"][0] == {
        **{"text": "profile@stats.visits > 1", "start": 0, "end": 24, "operator": ">"},
        **{"result": "true", "message": "", "children": []},
        "values": [{"text": "profile@stats.visits", "value": 2, "found": True}],
    }


def test_moments_are_shown_in_their_zone():
    condition = parse_condition("datetime.timezone(profile@d, 'Asia/Tokyo') == datetime('2020-01-01')")
    values = condition.explain({"profile": {"d": "2020-06-01T12:00:00"}}).as_dict()["values"]
    assert values[1]["value"] == "2020-06-01T21:00:00+09:00"


def test_explaining_never_raises():
    deep = []
    for _ in range(5_000):
        deep = [deep]
    condition = parse_condition("profile@a == profile@b AND profile@a EXISTS")
    for data in ({"a": deep, "b": [[deep]]}, {"a": 10**5000, "b": 1}, {"a": {1}, "b": object()}, [], 5):
        explanation = condition.explain({"profile": data})
        json.dumps(explanation.as_dict())
        assert explanation.summary()
