"""A task that has pushed its batch goes on with what else is due: most claims need no wake-up."""

from datetime import timedelta

import pytest
from django.utils import timezone

from destinations.models import Health, ProfileSync
from destinations.sync import claim, lease, push, settle, turns
from destinations.sync.limits import rates
from profiles import changes
from tests.harness import PATIENCE

pytestmark = pytest.mark.django_db


@pytest.fixture
def due(settings, monkeypatch, recording):
    """Profiles that wait for every destination, one in each batch; the moment by which they are due."""
    settings.TRACSYNC_BATCH_SIZE = 1
    monkeypatch.setattr(recording, "batch_size", 1)

    def make(count):
        changes.write([changes.Change(f"p{n}", "put", {"id": f"p{n}"}) for n in range(count)])
        soon = timezone.now() + timedelta(seconds=0.1)
        settle.settle(soon)
        return soon

    return make


@pytest.fixture(autouse=True)
def however_busy_the_machine_is(monkeypatch):
    """A task goes on as long as there is something due."""
    monkeypatch.setattr(push, "TASK_SECONDS", PATIENCE)


def test_a_task_goes_on_at_whichever_destination_has_something_due(recording, make_destination, due):
    first = make_destination(name="First", quiet_period=0.001)
    make_destination(name="Second", quiet_period=0.001)
    claimed = claim.claim(first, due(3))
    push.push(claimed.token, claimed.ids)
    assert len(recording.deliveries) == 6
    assert not ProfileSync.objects.exclude(state="synced").exists()


def test_what_is_pushed_alone_does_not_wait_for_the_scheduler(recording, make_destination, due, settings):
    destination = make_destination(quiet_period=0.001)
    soon = due(4)
    settings.TRACSYNC_BATCH_SIZE = 100
    ProfileSync.objects.update(started_at=timezone.now(), unfinished=1)  # their worker was killed
    claimed = claim.claim(destination, soon)
    assert len(claimed.ids) == 1
    push.push(claimed.token, claimed.ids)
    assert len(recording.deliveries) == 4


def test_claims_that_wait_for_a_worker_come_first(recording, make_destination, due):
    first = make_destination(name="First", quiet_period=0.001)
    second = make_destination(name="Second", quiet_period=0.001)
    now = due(3)
    waiting = claim.claim(second, now)
    claimed = claim.claim(first, now)
    push.push(claimed.token, claimed.ids)
    assert len(recording.deliveries) == 1
    push.push(waiting.token, waiting.ids)
    assert len(recording.deliveries) == 6


def test_one_with_all_its_batches_in_flight_is_left_to_who_has_them(recording, make_destination, due):
    busy = make_destination(name="Busy", quiet_period=0.001)
    other = make_destination(name="Other", quiet_period=0.001)
    Health.objects.update_or_create(destination=busy, defaults={"call_seconds": 0.01})
    now = due(rates.BATCHES + 1)
    for _ in range(rates.BATCHES):
        assert claim.claim(busy, now)
    assert turns.ready(now) == [other]
    after_the_leases = now + lease.LEASE + timedelta(seconds=1)
    assert set(turns.ready(after_the_leases)) == {busy, other}


def test_one_that_has_never_answered_has_one_batch_in_flight(recording, make_destination, due):
    destination = make_destination(quiet_period=0.001)
    now = due(2)
    assert claim.claim(destination, now)
    assert claim.claim(destination, now) is None
    Health.objects.update(call_seconds=0.01)
    assert claim.claim(destination, now)


def test_nothing_is_written_to_give_back_a_batch_that_is_recorded(
    recording, make_destination, due, one_batch, django_assert_num_queries
):
    destination = make_destination(quiet_period=0.001)
    claimed = claim.claim(destination, due(1))
    push.push(claimed.token, claimed.ids)
    with django_assert_num_queries(1) as asked:
        lease.release(claimed.token, claimed.ids)
    assert asked[0]["sql"].startswith("SELECT")
