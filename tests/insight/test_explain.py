"""Every state explains itself."""

import pytest

from destinations.connectors.base import Rejected, Retry
from destinations.insight import explain
from destinations.models import Health, ProfileSync
from destinations.operations import actions
from destinations.scheduler import loop
from destinations.sync import claim, lease, settle

pytestmark = pytest.mark.django_db


def words():
    rows = ProfileSync.objects.select_related("profile", "destination__resource", "destination__health")
    return explain.sentence(rows.get())


def test_waiting_for_the_end_of_the_changes(frozen, make_destination, make_profile):
    make_destination("fast", quiet_period=1)
    destination = make_destination("slow", quiet_period=20)
    make_profile()
    frozen.forward(1)
    settle.settle(frozen.now)
    ProfileSync.objects.exclude(destination=destination).delete()
    assert words() == "waiting until 12:00:20 (in 19 s): last change 12:00:00, quiet period 20 s"


def test_waiting_no_longer_than_the_max_wait(frozen, make_destination, make_profile):
    make_destination("fast", quiet_period=1)
    destination = make_destination("slow", quiet_period=20, max_wait=7.5)
    make_profile()
    frozen.forward(1)
    settle.settle(frozen.now)
    ProfileSync.objects.exclude(destination=destination).delete()
    assert words() == "waiting until 12:00:07 (in 7 s): first change 12:00:00, max wait 7.5 s"


def test_due_and_claimed_and_synced(frozen, make_destination, make_profile):
    destination = make_destination()
    make_profile()
    frozen.forward(20)
    settle.settle(frozen.now)
    assert words() == "due since 12:00:20 (just now)"
    claimed = claim.claim(destination, frozen.now)
    assert words() == "handed to a worker at 12:00:20 (just now)"
    lease.start(claimed)
    assert words() == "being pushed since 12:00:20 (just now)"
    frozen.forward(15)
    assert words() == "its push was interrupted and is about to be repeated"
    loop.tick()
    assert words() == "synced at 12:00:35 (just now): accepted"


def test_failures(frozen, recording, make_destination, make_profile):
    make_destination()
    make_profile()
    recording.script(Retry("the server answered 503"), Rejected("the server answered 422"))
    frozen.forward(20)
    loop.tick()
    assert words().startswith("attempt 1 failed: the server answered 503; next attempt at 12:00:2")
    frozen.forward(3)
    loop.tick()
    assert words() == (
        "rejected: the server answered 422; waits for a change of the profile or the destination,"
        " or for a replay"
    )


def test_what_holds_it_up_is_named(frozen, make_destination, make_profile):
    destination = make_destination()
    make_profile()
    frozen.forward(20)
    settle.settle(frozen.now)
    actions.pause(destination)
    assert words() == "kept: the destination is paused since 12:00:20 (just now)"
    actions.resume(destination)
    Health.objects.update(held_until=frozen.now + lease.LEASE, hold_reason="it asked for a rest")
    assert words() == "kept: the destination rests until 12:00:30 (in 10 s): it asked for a rest"
    destination.enabled = False
    destination.save()
    assert words() == "kept: the destination is off"
    destination.enabled = True
    destination.save()
    destination.resource.enabled = False
    destination.resource.save()
    assert words() == "kept: the resource memory is off"


def test_the_day_is_named_when_it_is_not_today(frozen):
    then = frozen.now
    frozen.forward(86_400)
    assert explain.at(then) == "2026-03-01 12:00:00"
