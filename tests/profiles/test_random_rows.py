"""Profiles picked at random: each with the same chance, whatever their ids and however many are gone."""

from collections import Counter

import pytest
from django.db import connection

from profiles import changes, random_rows
from profiles.changes import Change
from profiles.models import Profile

pytestmark = pytest.mark.django_db


def make(*ids):
    changes.write([Change(id, "put", {}) for id in ids])


def test_of_none_none_are_picked():
    assert random_rows.pick(5) == []


def test_where_there_are_fewer_all_are_picked():
    make("a", "b", "c")
    assert sorted(random_rows.pick(10)) == ["a", "b", "c"]


def test_no_more_than_wanted_and_none_twice():
    make(*map(str, range(500)))
    picked = random_rows.pick(50)
    assert len(picked) == len(set(picked)) == 50
    assert picked != random_rows.pick(50)


def test_each_has_the_same_chance_however_its_id_lies():
    """Most ids begin alike, a few lie far away: picking by ranges of ids would prefer those."""
    far = [f"z{number}" for number in range(10)]
    make(*far, *(f"a-{number:04}" for number in range(990)))
    seen = Counter(id for _ in range(200) for id in random_rows.pick(100))
    assert 100 < sum(seen[id] for id in far) < 310  # 200 expected, at four standard deviations
    assert len(seen) > 990


def test_holes_do_not_matter():
    make(*map(str, range(1000)))
    Profile.objects.exclude(pk__in=["1", "400", "999"]).delete()
    if connection.vendor == "postgresql":
        assert sorted(random_rows.pick(3)) == ["1", "400", "999"]
    else:
        picked = [random_rows.pick(3) for _ in range(300)]
        seen = Counter(id for ids in picked for id in ids)
        assert set(seen) == {"1", "400", "999"}
        assert max(seen.values()) < 3 * min(seen.values())
