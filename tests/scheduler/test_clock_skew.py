"""A host's clock was days ahead and is right again: nobody waits for that future to come."""

from datetime import timedelta

import pytest

from destinations.connectors.base import Rejected, Retry
from destinations.models import AccessToken, Health, Heartbeat, ProfileSync
from destinations.scheduler import clock_skew, loop
from destinations.sync import claim, health, lease, settle
from tests.ticking import run_all

pytestmark = pytest.mark.django_db
AHEAD = 2 * 86_400


@pytest.fixture(autouse=True)
def local_time(monkeypatch, frozen):
    monkeypatch.setattr(clock_skew, "database_time", lambda: frozen.now)
    monkeypatch.setattr(clock_skew, "EVERY", -1.0)
    monkeypatch.setattr(clock_skew, "_last", 0.0)


def test_changes_of_the_future_are_over(frozen, recording, make_destination, make_profile):
    make_destination()
    frozen.forward(AHEAD)
    make_profile()
    frozen.forward(-AHEAD)
    run_all()
    frozen.forward(21)
    run_all()
    assert len(recording.deliveries) == 1


@pytest.mark.parametrize("ahead", [3600, AHEAD])
def test_retries_and_rests_of_the_future_are_over(frozen, recording, make_destination, make_profile, ahead):
    make_destination()
    make_profile()
    frozen.forward(20 + ahead)
    recording.script(Retry("503", after=60))
    run_all()
    frozen.forward(-ahead)
    run_all()
    frozen.forward(1)
    run_all()
    assert ProfileSync.objects.get().state == "synced"


def test_what_changed_in_the_future_and_is_to_be_sent_again_does_not_wait_for_it(
    frozen, recording, make_destination, make_profile
):
    make_destination()
    frozen.forward(AHEAD)
    make_profile()
    recording.script(Retry("503", after=60))
    frozen.forward(20)
    run_all()
    frozen.forward(-AHEAD)
    run_all()
    frozen.forward(1)
    run_all()
    assert ProfileSync.objects.get().state == "synced"


def test_a_lease_of_the_future_is_over(frozen, recording, make_destination, make_profile):
    destination = make_destination()
    make_profile()
    frozen.forward(20 + AHEAD)
    settle.settle(frozen.now)
    lease.start(claim.claim(destination, frozen.now))
    frozen.forward(-AHEAD)
    run_all()
    frozen.forward(1)
    run_all()
    assert ProfileSync.objects.get().state == "synced"


@pytest.mark.parametrize("is_given_back", [False, True])
def test_what_a_backfill_had_due_in_the_future_is_over(
    frozen, recording, make_destination, make_profile, is_given_back
):
    """Since whenever it is said to wait: since the change of the profile, or since it was given back."""
    destination = make_destination()
    make_profile()
    frozen.forward(20)
    run_all()
    frozen.forward(AHEAD)
    settle.hand_over_now(destination, ["p1"], frozen.now, bulk=True)
    claimed = claim.claim(destination, frozen.now) if is_given_back else None
    frozen.forward(-AHEAD)
    if claimed:
        lease.release(claimed.token, claimed.ids)
    assert ProfileSync.objects.get().state_since <= frozen.now
    run_all()
    frozen.forward(1)
    run_all()
    assert ProfileSync.objects.get().due_at is None


def test_an_edit_of_the_future_is_over(frozen, recording, make_destination, make_profile):
    """Or whatever is rejected until then would be tried again and again."""
    destination = make_destination()
    make_profile()
    frozen.forward(20)
    recording.script(*[Rejected(f"answered 422: {n}") for n in range(100)])
    run_all()
    frozen.forward(AHEAD)
    health.edited(destination)
    frozen.forward(-AHEAD)
    clock_skew.mend_sometimes()
    frozen.forward(1)
    run_all()
    assert ProfileSync.objects.get().state == "rejected"
    assert len(recording.deliveries) == 2


def test_signs_of_life_and_renewals_of_the_future_count_for_nothing(frozen, make_destination, resource):
    Heartbeat.objects.create(name="elsewhere:1", at=frozen.now + timedelta(days=2))
    AccessToken.objects.create(
        resource=resource, use_test=False, renewing_until=frozen.now + timedelta(days=2)
    )
    assert not loop.is_alive()
    clock_skew.mend(frozen.now)
    assert AccessToken.objects.get().renewing_until is None


def test_a_scheduler_whose_clock_was_ahead_goes_on_showing_itself(frozen):
    beat = loop._Beat()
    frozen.forward(AHEAD)
    beat.show()
    frozen.forward(-AHEAD)
    beat.show()
    assert loop.is_alive()


def test_what_may_lie_ahead_stays(frozen, recording, make_destination, make_profile):
    make_destination(quiet_period=86_400 * 30)
    make_profile()
    recording.script(Retry("503", after=3600))
    run_all()
    destination = make_destination("resting")
    Health.objects.filter(destination=destination).update(
        held_since=frozen.now, held_until=frozen.now + timedelta(hours=23)
    )
    assert clock_skew.mend(frozen.now) == 0


def test_a_wrong_clock_is_said(frozen, monkeypatch, caplog):
    monkeypatch.setattr(clock_skew, "database_time", lambda: frozen.now - timedelta(days=2))
    clock_skew.mend_sometimes()
    assert "this host's clock is 172800 seconds ahead of the database's" in caplog.text
