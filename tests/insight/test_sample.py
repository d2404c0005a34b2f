"""Random profiles that meet or fail prerequisites, and what is said where none is found."""

import random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from destinations.insight import sample
from destinations.insight.sample import random_profile
from destinations.notation import NotationError

VIP = "profile@vip == true"


def test_one_that_matches_and_one_that_does_not(make_profile):
    make_profile("a", vip=True)
    make_profile("b", vip=False)
    assert random_profile(VIP, True).profile.pk == "a"
    assert random_profile(VIP, False).profile.pk == "b"


def test_everybody_meets_no_prerequisites(make_profile):
    make_profile("a")
    assert random_profile(" ", True).profile.pk == "a"
    assert random_profile("", False).profile is None


def test_different_ones_are_found(make_profile):
    for number in range(10):
        make_profile(f"p{number}", vip=True)
    assert len({random_profile(VIP, True).profile.pk for _ in range(40)}) > 3


def test_what_cannot_be_judged_fails(make_profile):
    make_profile("a", vip="text")
    assert random_profile("profile@vip > 3", True).profile is None
    assert random_profile("profile@vip > 3", False).profile.pk == "a"


def test_what_cannot_be_read_is_an_error(make_profile):
    with pytest.raises(NotationError):
        random_profile("profile@ >", True)


def test_none_of_all_is_said_as_such(make_profile, db):
    assert random_profile(VIP, True).sentence(True) == "There is no profile yet."
    make_profile("a")
    sentence = random_profile(VIP, True).sentence(True)
    assert sentence == "The only profile there is does not meet these prerequisites."


@pytest.fixture
def many(make_profile, monkeypatch):
    monkeypatch.setattr(sample, "MOST_PROFILES", 20)
    monkeypatch.setattr(sample, "AT_ONCE", 5)
    for number in range(60):
        make_profile(f"demo-{number:03}", vip=number >= 20)


def test_of_many_only_some_are_looked_at_and_no_more_is_claimed(many):
    found = random_profile("profile@nothing EXISTS", True)
    assert found.profile is None
    assert 0 < found.looked_at <= 20
    assert "There may be some all the same" in found.sentence(True)
    assert len({random_profile("profile@vip EXISTS", True).profile.pk for _ in range(30)}) > 5


def test_of_many_the_table_is_never_read_as_a_whole(many):
    with CaptureQueriesContext(connection) as queries:
        random_profile("profile@nothing EXISTS", True)
    reading = [one["sql"] for one in queries if '"document"' in one["sql"]]
    assert reading
    assert all("LIMIT 5" in sql for sql in reading), reading


@pytest.mark.parametrize(
    ("low", "high"), [("a", "a"), ("1", "19"), ("\ud7ff", "\ue000"), ("", "x"), ("é", "ü")]
)
def test_the_places_to_look_at_can_be_asked_for(low, high):
    random.seed(3)
    for _ in range(20):
        sample._between(low, high).encode()
