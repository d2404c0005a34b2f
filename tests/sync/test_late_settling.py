"""A worker may push a change before it is settled: settling then brings no news."""

import pytest

from destinations.connectors.base import Rejected, Retry
from destinations.models import ProfileSync
from destinations.operations import actions
from destinations.scheduler import loop
from destinations.sync import claim, lease, settle, turns
from destinations.sync.decide import Decider
from profiles.models import Profile

pytestmark = pytest.mark.django_db


@pytest.fixture
def pushed_before_settled(frozen, recording, make_destination, make_profile, one_batch):
    """Push a second change that nobody has settled; do what is given, while the push is under way."""

    def push_late(answer, meanwhile):
        make_destination(quiet_period=20)
        profile = make_profile()
        frozen.forward(20)
        settle.settle(frozen.now)
        profile.document = {"id": "p1", "stats": {"visits": 2}}
        profile.save()
        frozen.forward(20)

        def settle_late(_):
            recording.during_push = None
            settle.settle(frozen.now)
            meanwhile(profile)

        recording.script(answer)
        recording.during_push = settle_late
        [destination] = turns.ready(frozen.now)
        claim.dispatch([destination], frozen.now)
        return ProfileSync.objects.get()

    return push_late


def nothing(_profile):
    """Nothing happens but that the change is settled."""


def test_what_was_refused_is_not_sent_again(pushed_before_settled, recording):
    sync = pushed_before_settled(Rejected("no"), nothing)
    assert (sync.state, sync.due_at, sync.version) == ("rejected", None, 2)
    loop.tick()
    assert len(recording.deliveries) == 1


def test_nor_is_it_when_it_was_settled_right_before_the_profile_was_read(
    frozen, recording, make_destination, make_profile, monkeypatch
):
    """Then the profile no longer tells when the burst began that max wait ends."""
    make_destination(quiet_period=20, max_wait=30)
    profile = make_profile()
    frozen.forward(20)
    settle.settle(frozen.now)
    for visits in (2, 3):
        profile.document = {"id": "p1", "stats": {"visits": visits}}
        profile.save()
        frozen.forward(15)
    start = lease.start

    def settled_meanwhile(claimed):
        rows = start(claimed)
        assert settle.settle(frozen.now) == 1
        return rows

    monkeypatch.setattr(lease, "start", settled_meanwhile)
    recording.script(Rejected("no"))
    [destination] = turns.ready(frozen.now)
    claim.dispatch([destination], frozen.now)
    sync = ProfileSync.objects.get()
    assert (sync.state, sync.due_at, sync.version) == ("rejected", None, 3)


def test_nor_is_it_when_what_was_settled_is_older_than_what_was_pushed(
    frozen, recording, make_destination, make_profile, monkeypatch
):
    """A statement that settles may see a profile as it was before its last change."""
    make_destination(quiet_period=20, max_wait=30)
    profile = make_profile()
    frozen.forward(50)
    settle.settle(frozen.now)
    profile.document = {"id": "p1", "stats": {"visits": 2}}
    profile.save()
    ProfileSync.objects.update(asked=True)
    decide = Decider.decide

    def settled_meanwhile(decider, sync, pushed, now):
        settle.hand_over([decider.destination], [profile.pk])
        Profile.objects.update_marks(version=3)
        pushed.version = 3
        return decide(decider, sync, pushed, now)

    monkeypatch.setattr(Decider, "decide", settled_meanwhile)
    recording.script(Rejected("no"))
    loop.tick()
    sync = ProfileSync.objects.get()
    assert (sync.state, sync.due_at, sync.version) == ("rejected", None, 3)


def test_what_failed_waits_as_long_as_failures_wait(pushed_before_settled, frozen):
    sync = pushed_before_settled(Retry("busy"), nothing)
    assert sync.state == "retrying"
    assert sync.due_at > frozen.now


def test_what_a_person_asks_meanwhile_is_news(pushed_before_settled, recording):
    def replay(_profile):
        actions.replay(ProfileSync.objects.all())

    sync = pushed_before_settled(Rejected("no"), replay)
    assert sync.state == "pending"
    loop.tick()
    assert len(recording.deliveries) == 2


def test_a_backfill_that_comes_meanwhile_is_news(pushed_before_settled, frozen, recording):
    def fill(profile):
        frozen.forward(1)
        settle.hand_over_now(profile.syncs.get().destination, [profile.pk], frozen.now)

    sync = pushed_before_settled(Rejected("no"), fill)
    assert sync.state == "pending"


def test_a_further_change_is_news(pushed_before_settled, frozen):
    def change(profile):
        profile.document = {"id": "p1", "stats": {"visits": 3}}
        profile.save()
        settle.hand_over([profile.syncs.get().destination], [profile.pk])

    sync = pushed_before_settled(Rejected("no"), change)
    assert (sync.state, sync.version) == ("pending", 3)
    loop.tick()
    sync.refresh_from_db()
    assert (sync.state, (sync.due_at - frozen.now).total_seconds()) == ("pending", 20)
