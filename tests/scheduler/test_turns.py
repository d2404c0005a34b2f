"""Turns among destinations: who has waited longest is next, however much is due at the others."""

from datetime import timedelta

import pytest
from django.utils import timezone

from destinations.models import Health
from destinations.scheduler import loop
from destinations.sync import claim, lease, settle, turns
from profiles import changes

pytestmark = pytest.mark.django_db


@pytest.fixture
def due(settings, recording):
    """The moment by which so many profiles are due; a batch has one."""
    settings.TRACSYNC_BATCH_SIZE = 1
    recording.batch_size = 1

    def make(count):
        changes.write([changes.Change(f"p{n}", "put", {"id": f"p{n}"}) for n in range(count)])
        soon = timezone.now() + timedelta(seconds=0.1)
        settle.settle(soon)
        return soon

    yield make
    recording.batch_size = 100


def had_its_turn(destination, at):
    Health.objects.filter(destination=destination).update(claimed_at=at)


def test_whose_turn_was_longest_ago_is_next(make_destination, due):
    one, two, three = (make_destination(name, quiet_period=0.001) for name in ("one", "two", "three"))
    now = due(3)
    for destination, after in ((one, 3), (two, 1), (three, 2)):
        had_its_turn(destination, now + timedelta(seconds=after))
    later = now + timedelta(minutes=1)
    assert turns.ready(later) == [two, three, one]


def test_one_that_had_no_turn_yet_counts_from_when_something_was_due(make_destination, due):
    had, new = (make_destination(name, quiet_period=0.001) for name in ("had", "new"))
    now = due(2)
    had_its_turn(had, now + timedelta(seconds=1))
    later = now + timedelta(minutes=1)
    assert turns.ready(later) == [new, had]
    had_its_turn(had, None)
    assert turns.ready(later)[0] == had  # both have waited as long


def test_two_that_only_skip_hold_no_place(make_destination, due, recording, settings):
    """Every turn of theirs is over at once, and they have much more to do."""
    settings.TRACSYNC_WORKERS = 1
    for name in ("a skips", "b skips"):
        make_destination(name, quiet_period=0.001, prerequisites="profile@never EXISTS")
    make_destination("healthy", quiet_period=0.001)
    now = due(4)
    had_turns = []
    for _ in range(6):
        [next_one, *_] = turns.ready(now)
        claimed = claim.claim(next_one, now)
        had_turns.append(next_one.name)
        lease.release(claimed.token, claimed.ids)
        now += timedelta(seconds=1)
    assert had_turns.count("healthy") == 2


def test_no_more_is_queued_than_processes_can_begin(make_destination, due, settings, monkeypatch):
    settings.TRACSYNC_WORKERS = 1
    for n in range(5):
        make_destination(f"d{n}", quiet_period=0.001)
    monkeypatch.setattr(claim, "async_task", lambda *_: None)
    now = due(2)
    loop.tick(now)
    assert turns.unstarted(now) == loop.QUEUED_PER_PROCESS
