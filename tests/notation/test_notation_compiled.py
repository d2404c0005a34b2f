"""Compiled conditions and templates: that usual data takes the quick way, and large ones the other."""

import threading
from datetime import UTC, datetime

import pytest

from destinations.notation import compiled, compiled_template, moments, parse_condition, parse_template, run
from destinations.notation.evaluate import evaluate
from destinations.notation.parser import parse

PROFILE = {
    "n": 5,
    "f": 2.5,
    "t": "Ola",
    "yes": True,
    "list": ["a", 1],
    "deep": {"a": {"b": [1, {"c": 2}]}},
    "date": "2020-01-01",
    "null": None,
}


def failing(*_):
    raise AssertionError("the quick way was left")


@pytest.mark.parametrize(
    "text",
    [
        "profile@n == 5 AND profile@n != 6 AND profile@n > 4 AND profile@f <= 2.5 AND profile@gone <> 1",
        "profile@n BETWEEN 1 AND 9 AND profile@yes == true AND profile@null == null AND profile@gone IS NULL",
        "profile@t == 'Ola' AND profile@t IN ['Ola'] AND profile@n IN [5] AND profile@t == ['Ola', 'x']",
        "profile@t CONTAINS 'l' AND profile@list CONTAINS 'a' AND profile@list CONTAINS 1",
        "profile@t STARTS WITH 'O' AND profile@list STARTS WITH 'a' AND profile@t ENDS WITH 'a'",
        "profile@deep.a.b.1.c == 2 AND profile@deep.a.x.y NOT EXISTS AND event@a.b EMPTY",
        "profile@list NOT EMPTY",
        "lowercase(profile@t) == 'ola' AND uppercase(profile@gone) NOT EXISTS AND uppercase('a') EXISTS",
        "datetime(profile@date) < now() AND datetime('2020-01-01') == datetime(profile@date)",
        "NOT (profile@gone > 1 OR profile@null < 'x') AND profile@n > profile@f",
    ],
)
def test_usual_data_takes_the_quick_way(monkeypatch, text):
    monkeypatch.setattr(compiled, "evaluate", failing)
    assert compiled.compile_condition(text, parse(text))({"profile": PROFILE}) is True


def test_usual_templates_take_the_quick_way(monkeypatch):
    monkeypatch.setattr(compiled_template, "render", failing)
    template = {
        "a": "profile@deep.a.b",
        "b?": "profile@gone.x",
        "c": ["`profile@n`", "Hi {{profile@t}}", {"d?": "profile@null"}],
        "e?": {"f": ["profile@gone"], "g": "profile@list.1"},
    }
    rendered = parse_template(template).render({"profile": PROFILE})
    assert rendered == {"a": [1, {"c": 2}], "c": [5, "Hi Ola", {}], "e": {"g": 1}}


@pytest.mark.parametrize(
    "text",
    [
        " OR ".join(["profile@n == 1"] * 1_000 + ["profile@n == 5"]),
        "(" * 99 + "profile@n == 5" + ")" * 99,
        "NOT (" * 50 + "profile@n == 5" + ")" * 50,
        "profile@" + ".".join("abcdefghij" * 5) + " NOT EXISTS",
    ],
)
def test_large_conditions_are_walked(text):
    assert parse_condition(text).evaluate({"profile": PROFILE}) is True
    assert evaluate(text, parse(text), {"profile": PROFILE}) is True


def test_objects_where_none_were_expected():
    condition = parse_condition("profile@deep.a.b.c.d NOT EXISTS AND profile@t.x IS NULL")
    for deep in ({}, None, 5, "x", [], {"a": None}, {"a": {"b": []}}, {"a": {"b": {"c": 1}}}):
        assert condition.evaluate({"profile": {"deep": deep, "t": deep}}) is True
        assert parse_template("profile@deep.a.b.c").render({"profile": {"deep": deep}}) in (None, 1)


def test_one_evaluation_has_one_now(monkeypatch):
    ticks = iter(datetime(2020, 1, day, tzinfo=UTC) for day in range(1, 30))
    monkeypatch.setattr(run, "now", lambda: next(ticks))
    text = "now() == utcnow() AND now.offset('1d') > now('Asia/Tokyo')"
    assert compiled.compile_condition(text, parse(text))({}) is True
    assert next(ticks).day == 2
    assert moments.now().tzinfo is UTC


def test_threads_share_parsed_things():
    results = []

    def work():
        for n in range(100):
            condition = parse_condition(f"profile@n == {n % 7} AND now() EXISTS")
            template = parse_template({"n": "profile@n", "k": n % 7})
            sources = {"profile": {"n": n % 7}}
            results.append(
                condition.evaluate(sources) and template.render(sources) == {"n": n % 7, "k": n % 7}
            )

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 400
    assert all(results)
