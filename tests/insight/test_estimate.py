"""How many of all profiles: counted where there are few, otherwise with honest margins."""

import random

import pytest

from destinations.insight import estimate
from destinations.insight.estimate import Estimate
from profiles import changes
from profiles.changes import Change


def test_few_are_counted():
    assert str(Estimate(3, 10, 10)) == "3"
    assert Estimate(3, 10, 10).margins == (3, 3)


def test_many_are_estimated_with_their_margins():
    estimate = Estimate(824, 2000, 1_000_000)
    assert str(estimate) == "about 412,000 (390,617 to 433,720)"


def test_none_and_all_of_a_sample_do_not_mean_none_and_all():
    assert Estimate(0, 2000, 1_000_000).margins == (0, 1917)
    assert Estimate(2000, 2000, 1_000_000).margins == (998_083, 1_000_000)


def test_nothing_looked_at_says_nothing():
    assert Estimate(0, 0, 1000).margins == (0, 793)
    assert Estimate(0, 0, 0).margins == (0, 0)


def test_the_true_number_lies_within_the_margins_95_times_in_100():
    chance, total, true = random.Random(1), 100_000, 3_000
    within = 0
    for _ in range(1000):
        found = sum(chance.random() < true / total for _ in range(500))
        low, high = Estimate(found, 500, total).margins
        within += low <= true <= high
    assert 930 <= within <= 985


@pytest.fixture
def profiles(db):
    changes.write([Change(f"p{n}", "put", {"even": n % 2 == 0}) for n in range(300)])


def look(profiles):
    for profile in profiles:
        yield {"even"} if profile.document["even"] else set()


def test_all_of_few_are_looked_at(profiles):
    found = estimate.look_at_profiles(look)
    assert (found.looked_at, found["even"].found, found.exact) == (300, 150, True)


def test_some_of_many_are_looked_at(profiles, monkeypatch):
    monkeypatch.setattr(estimate, "COUNTED", 200)
    monkeypatch.setattr(estimate, "SAMPLED", 100)
    found = estimate.look_at_profiles(look)
    assert (found.looked_at, found.total, found.exact) == (100, 300, False)
    low, high = found["even"].margins
    assert low < 150 < high or abs(found["even"].found - 50) > 9
    assert "100 of 300 profiles, picked at random" in found.sentence()


def test_it_ends_when_time_is_up_and_says_of_how_many(profiles, monkeypatch):
    monkeypatch.setattr(estimate, "MOST_SECONDS", -1)
    found = estimate.look_at_profiles(look)
    assert (found.looked_at, found.total) == (1, 300)
    assert not found.exact
