"""How long the scheduler sleeps: never past the end of changes that it knows of."""

import pytest

from destinations.scheduler import loop


def test_it_looks_now_and_then_when_nothing_changes(make_destination):
    make_destination()
    assert loop._pause() == loop.TICK


@pytest.mark.parametrize(("passed", "pause"), [(1, loop.TICK), (19.9, 0.1), (21, loop.SHORTEST_PAUSE)])
def test_changes_are_met_when_they_end(make_destination, make_profile, frozen, passed, pause):
    make_destination(quiet_period=20)
    make_destination("patient", quiet_period=60)
    make_profile()
    frozen.forward(passed)
    assert loop._pause() == pytest.approx(pause)


def test_or_when_they_have_gone_on_for_long_enough(make_destination, make_profile, frozen):
    make_destination(quiet_period=20, max_wait=30)
    profile = make_profile()
    frozen.forward(19)
    profile.document = {"id": "p1", "stats": {"visits": 2}}
    profile.save()
    frozen.forward(10.9)
    assert loop._pause() == pytest.approx(0.1)


def test_what_has_been_settled_is_waited_for_no_longer(make_destination, make_profile, frozen):
    make_destination(quiet_period=20)
    make_profile()
    frozen.forward(21)
    assert loop.tick()
    assert loop._pause() == loop.TICK
