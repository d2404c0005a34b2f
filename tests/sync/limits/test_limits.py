"""Limits of one destination: what may be sent within a time, and at once."""

import random
import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.utils import timezone

from destinations.connectors.base import Retry
from destinations.insight import explain
from destinations.models import Destination, Health, ProfileSync
from destinations.scheduler import loop
from destinations.sync import claim, settle
from destinations.sync.concurrency.lanes import Lanes, new_recent_calls
from destinations.sync.limits import accounts, rates

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent_at(recording, frozen):
    """When each delivery was made."""
    moments = []
    recording.during_push = lambda deliveries: moments.extend(frozen.now for _ in deliveries)
    return moments


def make_due(make_profile, frozen, count):
    for n in range(count):
        make_profile(f"p{n:03}", stats={"visits": n})
        frozen.forward(0.001)  # they are due in this order
    frozen.forward(20)
    settle.settle(frozen.now)


def most_within(moments, seconds):
    """The most of them in any period, wherever it begins."""
    period = timedelta(seconds=seconds)
    return max(sum(first <= other < first + period for other in moments) for first in moments)


@pytest.mark.parametrize("period", ["second", "minute", "hour", "day"])
def test_no_period_wherever_it_begins_holds_more_than_the_limit(
    period, frozen, sent_at, make_destination, make_profile
):
    destination = make_destination(rate_limit=5, rate_period=period)
    make_due(make_profile, frozen, 30)
    length, rng = destination.rate.seconds, random.Random(3)
    for _ in range(100):
        loop.tick()
        frozen.forward(length * rng.uniform(0, 0.2))
    assert len(sent_at) == 30
    assert most_within(sent_at, length) == 5


def test_nine_tenths_of_the_limit_are_reached(frozen, sent_at, make_destination, make_profile):
    make_destination(rate_limit=10, rate_period="minute")
    make_due(make_profile, frozen, 40)
    while len(sent_at) < 40:
        loop.tick()
        frozen.forward(1)
    assert (sent_at[-1] - sent_at[0]).total_seconds() < 3 * 60 / 0.9


def test_what_needs_no_push_does_not_count(frozen, recording, make_destination, make_profile):
    make_destination(rate_limit=1, rate_period="day", prerequisites="profile@stats.visits >= 9")
    make_due(make_profile, frozen, 10)
    for _ in range(10):  # each claims one at least
        loop.tick()
    states = ProfileSync.objects.values_list("state", flat=True)
    assert (list(states).count("skipped"), len(recording.deliveries)) == (9, 1)


def test_what_is_in_flight_counts(frozen, make_destination, make_profile):
    destination = make_destination(rate_limit=3, rate_period="hour")
    make_due(make_profile, frozen, 10)
    assert len(claim.claim(destination, frozen.now).ids) == 3
    assert claim.claim(destination, frozen.now) is None


def test_a_failed_push_counts_too(frozen, recording, make_destination, make_profile):
    make_destination(rate_limit=1, rate_period="hour")
    make_due(make_profile, frozen, 1)
    recording.script(Retry("503"))
    for _ in range(59):
        loop.tick()
        frozen.forward(60)
    assert len(recording.deliveries) == 1
    for _ in range(6):
        loop.tick()
        frozen.forward(60)
    assert len(recording.deliveries) == 2


def test_a_changed_limit_holds_from_the_next_claim_on(frozen, recording, make_destination, make_profile):
    destination = make_destination(rate_limit=2, rate_period="day")
    make_due(make_profile, frozen, 10)
    loop.tick()
    assert len(recording.deliveries) == 2
    Destination.objects.update(rate_limit=7)
    loop.tick()
    assert len(recording.deliveries) == 7
    Destination.objects.update(rate_limit=None)
    loop.tick()
    assert len(recording.deliveries) == 10
    assert Health.objects.get(destination=destination).usage == []


def test_a_used_up_limit_is_explained(frozen, make_destination, make_profile):
    make_destination(rate_limit=2, rate_period="minute")
    make_due(make_profile, frozen, 3)
    loop.tick()
    row = ProfileSync.objects.select_related("destination__resource", "destination__health").get(
        state="pending"
    )
    assert explain.sentence(row) == "kept: the limit of 2 a minute is used up until 12:01:21 (in 1 min 1 s)"
    assert accounts.used_up(row.destination, timezone.now()).since == timezone.now()
    frozen.forward(20)
    since = accounts.used_up(row.destination, timezone.now()).since
    assert (timezone.now() - since).total_seconds() >= 17
    frozen.forward(-20)
    frozen.forward(61)
    assert explain.sentence(row) == "due since 12:00:20 (1 min ago)"


def test_a_long_list_of_parts_is_not_kept(frozen, make_destination, make_profile):
    make_destination(rate_limit=1, rate_period="second")
    make_due(make_profile, frozen, 50)
    for _ in range(50):
        loop.tick()
        frozen.forward(2)
    assert len(Health.objects.get().usage) == 1


@pytest.mark.parametrize(
    ("concurrency", "batches", "lanes"), [(1, 1, 1), (2, 2, 1), (3, 2, 1), (8, 2, 4), (32, 2, 16)]
)
def test_batches_and_lanes_keep_within_the_concurrency(make_destination, concurrency, batches, lanes):
    destination = make_destination(concurrency=concurrency)
    assert (rates.batches(destination), rates.lanes(destination)) == (batches, lanes)
    assert batches * lanes <= concurrency


def test_without_one_of_its_own_a_destination_has_the_concurrency_of_all(make_destination, settings):
    settings.TRACSYNC_CONCURRENCY = 6
    assert rates.lanes(make_destination()) == 3


class Calls:
    """Counts the calls under way; each takes as long as it is told."""

    def __init__(self, seconds=0.0):
        self.seconds = seconds
        self.lock = threading.Lock()
        self.now = self.most = self.sessions = 0
        self.done = []

    @contextmanager
    def open(self):
        with self.lock:
            self.sessions += 1
        yield object()

    def send(self, _session, part):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(self.seconds)
        with self.lock:
            self.now -= 1
            self.done.append(part)
        return self.seconds


def nothing():
    pass


def test_quick_calls_follow_each_other():
    calls = Calls()
    Lanes(calls.open, 8, new_recent_calls()).run(range(50), calls.send, lambda: True, list, nothing)
    assert (calls.done, calls.most, calls.sessions) == (list(range(50)), 1, 1)


def test_slow_calls_go_side_by_side_and_no_more_than_allowed():
    calls = Calls(seconds=0.02)
    Lanes(calls.open, 4, new_recent_calls()).run(range(30), calls.send, lambda: True, list, nothing)
    assert (sorted(calls.done), calls.most) == (list(range(30)), 4)


def test_one_slow_call_among_quick_ones_changes_nothing():
    calls, recent = Calls(), new_recent_calls()
    Lanes(calls.open, 8, recent).run(range(50), calls.send, lambda: True, list, nothing)
    calls.seconds = 0.02
    Lanes(calls.open, 8, recent).run([50], calls.send, lambda: True, list, nothing)
    calls.seconds = 0.0
    Lanes(calls.open, 8, recent).run(range(51, 100), calls.send, lambda: True, list, nothing)
    assert (calls.done, calls.most) == (list(range(100)), 1)


def test_lanes_end_when_answers_come_quickly_again():
    calls = Calls(seconds=0.02)

    def send(session, part):
        if part == 8:
            calls.seconds = 0.0
        return calls.send(session, part)

    Lanes(calls.open, 4, new_recent_calls()).run(range(200), send, lambda: True, list, nothing)
    assert sorted(calls.done) == list(range(200))
    assert calls.done[100:] == list(range(100, 200))


def test_some_quick_answers_among_slow_ones_change_nothing():
    calls, kept = Calls(seconds=0.02), new_recent_calls()

    def send(session, part):
        return 0.0 if part % 5 == 0 else calls.send(session, part)

    Lanes(calls.open, 4, kept).run(range(1, 100), send, lambda: True, list, nothing)
    assert (calls.most, calls.sessions) == (4, 1 + 4)  # one before anything is known, then four lanes


def test_lanes_are_given_more_before_they_have_nothing_to_do():
    calls, slices = Calls(seconds=0.02), [range(20, 40), range(40, 60)]
    Lanes(calls.open, 4, new_recent_calls()).run(
        range(20), calls.send, lambda: True, lambda: slices.pop(0) if slices else (), nothing
    )
    assert sorted(calls.done) == list(range(60))
    assert (calls.most, calls.sessions) == (4, 1 + 4)


def test_quick_calls_leave_no_time_for_more():
    calls, asked = Calls(), []
    Lanes(calls.open, 4, new_recent_calls()).run(
        range(20), calls.send, lambda: True, lambda: asked.append(1) or (), nothing
    )
    assert (calls.done, asked) == (list(range(20)), [])


def test_what_is_raised_when_more_is_asked_for_ends_all_lanes_and_goes_through():
    calls = Calls(seconds=0.02)

    def more():
        raise ConnectionError("the database is away")

    with pytest.raises(ConnectionError, match="the database is away"):
        Lanes(calls.open, 4, new_recent_calls()).run(range(6), calls.send, lambda: True, more, nothing)
    assert (calls.now, len(calls.done) >= 1) == (0, True)


def test_nothing_is_begun_once_it_must_not_go_on():
    calls = Calls(seconds=0.02)
    Lanes(calls.open, 4, new_recent_calls()).run(
        range(30), calls.send, lambda: len(calls.done) < 5, list, nothing
    )
    assert 5 <= len(calls.done) < 5 + 4


def test_what_one_lane_raises_ends_all_and_goes_through():
    calls = Calls(seconds=0.02)

    def send(session, part):
        calls.send(session, part)
        if part == 3:
            raise ConnectionError("down")
        return 0.02

    with pytest.raises(ConnectionError, match="down"):
        Lanes(calls.open, 4, new_recent_calls()).run(range(30), send, lambda: True, list, nothing)
    assert 3 in calls.done
    assert len(calls.done) < 30
