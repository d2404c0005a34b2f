"""A batch goes in slices: what is done is recorded before all is, and what is read is fresh."""

import threading
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from destinations.connectors.base import Retry
from destinations.models import ProfileSync
from destinations.sync import claim, health, outcomes, push, settle
from destinations.sync.concurrency import pace
from profiles import changes

pytestmark = pytest.mark.django_db
COUNT = 60


@pytest.fixture
def in_slices(monkeypatch, recording):
    """Slices of ten rows; how many had been sent whenever some were recorded."""
    monkeypatch.setattr(push, "SLICE", 10)
    monkeypatch.setattr(pace, "SLICE", 10)
    monkeypatch.setattr(pace.Pace, "note", lambda *_: None)  # so that slices do not grow
    monkeypatch.setattr(recording, "batch_size", 1)
    sent_by_then, write = [], outcomes.record

    def note(token, parts):
        [part] = parts
        sent_by_then.append((len(part.entries), len(recording.deliveries)))
        write(token, parts)

    monkeypatch.setattr(outcomes, "record", note)
    return sent_by_then


def push_all(destination):
    changes.write([changes.Change(f"p{n:02}", "put", {"id": f"p{n:02}"}) for n in range(COUNT)])
    soon = timezone.now() + timedelta(seconds=0.1)
    settle.settle(soon)
    claimed = claim.claim(destination, soon)
    push.push(claimed.token, claimed.ids)


def test_where_nothing_is_to_be_sent_nothing_is_opened(in_slices, recording, make_destination):
    push_all(make_destination(quiet_period=0.001, prerequisites="profile@consent EXISTS"))
    assert (len(in_slices), recording.opened) == (6, [])


def test_quick_ones_one_after_the_other(in_slices, make_destination):
    push_all(make_destination(quiet_period=0.001))
    assert in_slices == [(10, 10 * slice) for slice in range(1, 7)]


def test_slow_ones_are_recorded_while_others_are_sent(in_slices, recording, make_destination):
    recording.during_push = lambda _: time.sleep(0.01)
    push_all(make_destination(quiet_period=0.001, concurrency=8))
    assert sum(recorded for recorded, _ in in_slices) == COUNT
    assert len([sent for _, sent in in_slices if sent < COUNT]) >= 2
    assert len({delivery.idempotency_key for delivery in recording.deliveries}) == COUNT
    assert ProfileSync.objects.filter(state="synced", claim_token=None).count() == COUNT


def test_what_an_answer_says_of_the_destination_ends_the_batch(
    in_slices, recording, make_destination, monkeypatch
):
    """Also if others, that were under way beside it, are accepted."""
    told, count = threading.Event(), health.Course.count

    def count_and_tell(one, outcome):
        count(one, outcome)
        if isinstance(outcome, Retry):
            told.set()

    def others_wait(deliveries):
        time.sleep(0.01)  # as a slow destination, so that there are others
        if recording.deliveries.index(deliveries[0]) > 1:
            assert told.wait(10)

    monkeypatch.setattr(health.Course, "count", count_and_tell)
    recording.script(None, Retry("busy", after=60))
    recording.during_push = others_wait
    destination = make_destination(quiet_period=0.001, concurrency=8)
    push_all(destination)
    destination.health.refresh_from_db()
    assert destination.health.held_until > timezone.now()
    assert len(recording.deliveries) <= 1 + 4  # one, and what was under way in four lanes
    assert sum(recorded for recorded, _ in in_slices) == len(recording.deliveries)
    assert ProfileSync.objects.filter(claim_token=None).count() == COUNT
