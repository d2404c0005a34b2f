"""How long the scheduler sleeps: never past what falls due, and a moment after it has done something."""

import pytest
from django.utils import timezone

from destinations.scheduler import loop
from destinations.sync import claim, settle
from profiles import changes


def pause():
    """After one more look."""
    return loop._pause(loop._changes(timezone.now()))


def write(count):
    changes.write([changes.Change(f"p{n}", "put", {"id": f"p{n}"}) for n in range(count)])


def test_it_looks_now_and_then_when_nothing_changes(make_destination):
    make_destination()
    assert pause() == loop.LONGEST_PAUSE


def test_what_begins_to_change_meanwhile_is_seen_before_it_is_due(make_destination):
    make_destination(quiet_period=0.4)
    assert pause() == 0.4
    make_destination("quick", quiet_period=0.1)
    assert pause() == loop.TICK


@pytest.mark.parametrize(
    ("passed", "expected"), [(1, loop.LONGEST_PAUSE), (19.9, 0.1), (21, loop.GATHERING_FEW)]
)
def test_changes_are_met_when_they_end(make_destination, make_profile, frozen, passed, expected):
    make_destination(quiet_period=20)
    make_destination("patient", quiet_period=60)
    make_profile()
    frozen.forward(passed)
    assert pause() == pytest.approx(expected)


def test_or_when_they_have_gone_on_for_long_enough(make_destination, make_profile, frozen):
    make_destination(quiet_period=20, max_wait=30)
    profile = make_profile()
    frozen.forward(19)
    profile.document = {"id": "p1", "stats": {"visits": 2}}
    profile.save()
    frozen.forward(10.9)
    assert pause() == pytest.approx(0.1)


def test_what_is_settled_and_waits_longer_is_met_when_it_is_due(make_destination, make_profile, frozen):
    make_destination(quiet_period=20)
    make_destination("patient", quiet_period=60)
    make_profile()
    frozen.forward(20)
    assert pause() == loop.GATHERING_FEW
    frozen.forward(39.9)
    assert pause() == pytest.approx(0.1)


def test_a_lone_change_goes_at_once_and_what_comes_right_after_is_gathered(
    recording, make_destination, frozen
):
    make_destination(quiet_period=20)
    write(1)
    frozen.forward(20)
    assert pause() == loop.GATHERING_FEW
    assert len(recording.deliveries) == 1
    assert pause() == loop.LONGEST_PAUSE


def test_where_many_come_one_after_the_other_less_is_waited(recording, make_destination, frozen):
    make_destination(quiet_period=20)
    write(loop.FEW_ROWS)
    frozen.forward(20)
    assert pause() == loop.GATHERING


@pytest.mark.parametrize("what", ["settling", "claims"])
def test_a_burst_is_not_waited_for(recording, make_destination, frozen, monkeypatch, settings, what):
    if what == "settling":
        monkeypatch.setattr(settle, "BATCH_SIZE", 2)
    else:
        settings.TRACSYNC_BATCH_SIZE = 2
        monkeypatch.setattr(recording, "batch_size", 2)
        monkeypatch.setattr(claim, "async_task", lambda *_: None)
    make_destination(quiet_period=20)
    write(5)
    frozen.forward(20)
    assert pause() == 0


def test_what_has_been_settled_is_waited_for_no_longer(make_destination, make_profile, frozen):
    make_destination(quiet_period=20)
    make_profile()
    frozen.forward(21)
    assert loop.tick()
    assert pause() == loop.LONGEST_PAUSE
