"""What a destination is doing: one decision, which every face shows in its own words."""

from datetime import timedelta

import pytest
from django.utils import timezone

from destinations.insight import explain
from destinations.insight.destination_status import OBSTACLES, Kind, conditions, find
from destinations.insight.status_words import state, status
from destinations.models import Health

HOUR = timedelta(hours=1)


@pytest.fixture
def make(make_destination):
    """A destination of which each of these kinds is so."""

    def make(*kinds):
        now, destination = timezone.now(), make_destination("crm")
        health = Health.objects.get(destination=destination)
        for kind in kinds:
            if kind == Kind.OFF:
                destination.enabled, destination.disabled_at = False, now
            elif kind == Kind.RESOURCE_OFF:
                destination.resource.enabled = False
            elif kind == Kind.PAUSED:
                destination.paused_at = now
            elif kind == Kind.STOPPED:
                health.stopped_at, health.refusal = now, "answered 410"
            elif kind == Kind.REFUSING:
                health.refusals, health.refused_since, health.refusal = 7, now, "answered 422"
            elif kind == Kind.RESTING:
                health.held_since, health.held_until, health.hold_reason = now, now + HOUR, "no answer"
            elif kind == Kind.BROKEN:
                health.problem, health.problem_at = "mapping: wrong\nmore of it", now
            elif kind == Kind.LIMITED:
                destination.rate_limit, destination.rate_period = 1, "hour"
                health.usage = [[now.timestamp(), 1]]
        destination.rejected = 12 if Kind.REJECTED in kinds else 0
        destination.health = health
        return destination

    return make


def kinds(destination, oldest=None):
    return [one.kind for one in conditions(destination, timezone.now(), oldest, destination.rejected)]


def test_all_that_is_so_is_told_what_weighs_most_first(make):
    assert kinds(make(*Kind), timezone.now() - HOUR) == list(Kind)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind != Kind.BEHIND])
def test_running_is_what_remains(make, kind):
    assert kinds(make(kind)) == list(dict.fromkeys([kind, Kind.RUNNING]))


def test_a_destination_without_health_is_not_asked_for_more(make):
    destination = make()
    Health.objects.all().delete()
    destination.refresh_from_db()
    assert kinds(destination) == [Kind.RUNNING]


def test_what_has_just_become_due_is_not_late(make):
    destination, now = make(), timezone.now()
    assert kinds(destination, now - timedelta(seconds=50)) == [Kind.RUNNING]
    assert kinds(destination, now - timedelta(seconds=70)) == [Kind.BEHIND, Kind.RUNNING]


@pytest.mark.parametrize("kind", Kind)
def test_only_an_obstacle_keeps_what_is_waiting(make, kind):
    destination, now = make(kind), timezone.now()
    assert bool(explain.obstacle(destination, now)) == (kind in OBSTACLES)
    assert (find(destination, OBSTACLES, now) is not None) == (kind in OBSTACLES)


def test_what_is_broken_stands_beside_the_state_of_lists_and_before_the_limit_on_home(make):
    destination, now = make(Kind.BROKEN, Kind.LIMITED), timezone.now()
    assert state(destination).startswith("its limit of 1 an hour is used up until")
    shown = status(destination, now)
    assert (shown.kind, shown.label, shown.sentence, shown.is_well) == (
        "broken", "to be mended", "mapping: wrong", False,
    )  # fmt: skip


def test_what_has_rejected_profiles_is_not_well_and_says_how_many(make):
    destination, now = make(Kind.REJECTED), timezone.now()
    assert state(destination, rejected=12) == "has rejected: 12 profiles"
    shown = status(destination, now, rejected=12)
    assert (shown.kind, shown.label, shown.sentence, shown.is_well) == (
        "rejected", "has rejected", "12 profiles", False,
    )  # fmt: skip


def test_nor_is_it_while_it_sends_at_its_limit(make):
    assert not status(make(Kind.LIMITED), timezone.now(), rejected=1).is_well


def test_off_is_off_whoever_switched_it_off(make):
    destination, now = make(Kind.RESOURCE_OFF), timezone.now()
    assert state(destination) == f"off: the resource {destination.resource.name} is off"
    shown = status(destination, now)
    assert (shown.label, shown.sentence) == ("off", f"the resource {destination.resource.name} is off")
