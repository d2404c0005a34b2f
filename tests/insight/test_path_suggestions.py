"""Paths of real profiles: their structure, and nothing of what is in them."""

import dataclasses
import json

import pytest

from destinations.insight import path_suggestions
from destinations.notation import parse_condition


@pytest.fixture(autouse=True)
def fresh():
    path_suggestions.forget()
    yield
    path_suggestions.forget()


def seen(typed=""):
    return {one.path: one for one in path_suggestions.sample().below(typed, 1000)}


def test_paths_with_kinds_and_how_many_have_them(make_profile):
    make_profile("a", data={"mail": "a@x.com", "born": "1991-04-23"}, stats={"visits": 3})
    make_profile("b", data={"mail": None}, orders=[{"sku": "A"}, {"qty": 1}])
    found = seen()
    assert found["stats.visits"].kinds == ("a number",)
    assert found["data.born"].kinds == ("date",)
    assert set(found["data.mail"].kinds) == {"e-mail address", "null"}
    assert (found["data.mail"].seen, found["stats"].seen) == (2, 1)
    assert {"orders", "orders.0", "orders.0.sku", "orders.0.qty"} <= set(found)


def test_only_what_goes_on_from_what_was_typed(make_profile):
    make_profile("a", data={"mail": "x", "mobile": 1, "pii": {"name": "x"}})
    assert set(seen("data.m")) == {"data.mail", "data.mobile"}
    assert [one.path for one in path_suggestions.sample().below("data.")][-1] == "data.pii.name"
    assert seen("nothing") == {}


def test_every_path_can_be_written_in_a_condition(make_profile):
    make_profile("a", **{"first seen": {"utm.source": 1, 'say "hi"': 2, "naïve": 3, "a-b$": 4}})
    for path in seen():
        parse_condition(f"profile@{path} EXISTS")


def test_values_and_keys_that_are_data_stay_out(make_profile):
    secrets = {"ola@firm.example": 1, "4917612345": 2, "550e8400-e29b-41d4-a716-446655440000": 3, "x" * 60: 4}
    make_profile("a", by_mail=secrets, table={f"key{number}": {"v": 1} for number in range(100)}, name="Ola")
    text = json.dumps([dataclasses.asdict(one) for one in seen().values()])
    assert set(seen()) == {"id", "by_mail", "table", "name"}
    assert not [key for key in (*secrets, "Ola", "key1") if key in text]


def test_what_is_looked_at_is_bounded(make_profile, monkeypatch):
    deep = {"x": 1}
    for _ in range(40):
        deep = {"d": deep}
    make_profile("a", deep=deep, wide=[{"k": number} for number in range(5000)])
    assert max(len(one.keys) for one in seen().values()) <= path_suggestions.MOST_DEPTH
    monkeypatch.setattr(path_suggestions, "MOST_PROFILES", 2)
    for number in range(5):
        make_profile(f"p{number}")
    path_suggestions.forget()
    assert path_suggestions.sample().profiles == 2


def test_the_sample_is_kept_for_a_moment(make_profile, django_assert_num_queries):
    make_profile("a", x=1)
    path_suggestions.sample()
    with django_assert_num_queries(0):
        assert path_suggestions.sample().profiles == 1
