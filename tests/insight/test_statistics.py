"""What tallies add up to, over an hour, a day and a week."""

from math import inf

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from destinations.insight import statistics
from destinations.insight.statistics import DAY, HOUR, WEEK
from destinations.models import Tally
from destinations.sync import counters

pytestmark = pytest.mark.django_db


@pytest.fixture
def count(frozen):
    """Count something for a destination, so many five minutes ago."""

    def add(destination, ago=0, **counts):
        return Tally.objects.create(destination=destination, slot=counters.slot(frozen.now) - ago, **counts)

    return add


@pytest.mark.parametrize(
    ("period", "slots", "per_bar"), [(HOUR, 12, 1), (DAY, 288, 12), (WEEK, 2016, 72)], ids=str
)
def test_a_period_reaches_back_so_far_and_no_further(frozen, make_destination, count, period, slots, per_bar):
    destination = make_destination()
    for ago in {0, per_bar - 1, per_bar, slots - 1, slots}:
        count(destination, ago, accepted=1)
    found = statistics.for_destination(destination, period, frozen.now)
    assert [bar["accepted"] for bar in found.bars[-2:]] == [1, 1 if per_bar == 1 else 2]
    assert (found.bars[0]["accepted"], len(found.bars)) == (1, period.bars)
    assert found.counts["accepted"] == sum(bar["accepted"] for bar in found.bars)
    assert counters.slot(period.since(frozen.now)) == counters.slot(frozen.now) - slots + 1


def test_all_destinations_are_read_in_one_query(frozen, make_destination, count):
    one, other = make_destination("one"), make_destination("other")
    make_destination("idle")
    for ago in range(5):
        count(one, ago, accepted=3, retry=1, skipped=2)
        count(other, ago, rejected=1, unknown=1, unchanged=1, refused=1)
    with CaptureQueriesContext(connection) as captured:
        found = statistics.by_destination(HOUR, frozen.now)
    assert len(captured.captured_queries) == 1
    assert set(found) == {one.pk, other.pk}
    assert (found[one.pk].sent, found[one.pk].decided, found[one.pk].success_rate) == (20, 30, 0.75)
    assert (found[other.pk].sent, found[other.pk].decided, found[other.pk].success_rate) == (10, 20, 0.0)
    assert found[one.pk] == statistics.for_destination(one, HOUR, frozen.now)


def test_lag_is_a_bound_that_holds(frozen, make_destination, count):
    destination = make_destination()
    count(destination, lag_0=50, lag_2=45, lag_5=4, lag_16=1)
    found = statistics.for_destination(destination, HOUR, frozen.now)
    assert [found.delay(share) for share in (0.5, 0.51, 0.95, 0.96, 0.99, 1.0)] == [0.25, 1, 1, 8, 8, inf]
    assert statistics.for_destination(make_destination("idle"), HOUR, frozen.now).delay(0.5) is None


def test_a_clock_that_is_ahead_counts_as_now(frozen, make_destination, count):
    destination = make_destination()
    count(destination, ago=-20, accepted=1)
    assert statistics.for_destination(destination, HOUR, frozen.now).bars[-1]["accepted"] == 1
