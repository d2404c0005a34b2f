"""The counts behind Home and the funnel: every one of them is what happened."""

from collections import Counter

import pytest
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from destinations.connectors.base import Accepted, Rejected, Retry, Unknown
from destinations.models import DeliveryAttempt, Destination, ProfileSync, Tally
from destinations.operations import actions
from destinations.scheduler import cleanup, loop
from destinations.sync import counters, settle

pytestmark = pytest.mark.django_db


def counted(destination):
    """What is not zero, over all times."""
    sums = Tally.objects.filter(destination=destination).aggregate(**{n: Sum(n) for n in Tally.COUNTS})
    return {name: count for name, count in sums.items() if count and name not in Tally.LAGS}


def lags(destination):
    sums = Tally.objects.filter(destination=destination).aggregate(**{n: Sum(n) for n in Tally.LAGS})
    return {name: count for name, count in sums.items() if count}


def test_every_outcome_and_decision_is_counted(frozen, recording, make_destination, make_profile):
    destination = make_destination(prerequisites="profile@stats.visits > 0")
    for number in range(7):
        make_profile(f"p{number}", stats={"visits": number})
    recording.script(
        Accepted("1"), Retry("503"), Rejected("422"), Unknown("timeout"), Accepted("2"), Accepted("3")
    )
    frozen.forward(20)
    loop.tick()
    assert counted(destination) == {
        "settled": 7, "skipped": 1, "accepted": 3, "retry": 1, "rejected": 1, "unknown": 1,
    }  # fmt: skip
    made = Counter(DeliveryAttempt.objects.values_list("outcome", flat=True))
    assert {name: counted(destination)[name] for name in made} == made


def test_what_needs_no_push_is_counted(frozen, recording, make_destination, make_profile):
    destination = make_destination(mapping={"id": "profile@id"})
    broken = make_destination("broken", mapping={"id": {"$formula": "profile@name + 1"}})
    profile = make_profile(name="x")
    frozen.forward(20)
    loop.tick()
    profile.document["name"] = "y"
    profile.save()
    frozen.forward(20)
    loop.tick()
    assert counted(destination) == {"settled": 2, "accepted": 1, "unchanged": 1}
    assert counted(broken) == {"settled": 2, "refused": 2}


def test_a_profile_that_waits_again_is_counted_when_its_changes_are_over(
    frozen, recording, make_destination, make_profile
):
    destination = make_destination()
    profile = make_profile(stats={"visits": 1})
    frozen.forward(20)
    settle.settle(frozen.now)
    profile.document["stats"]["visits"] = 2
    profile.save()
    loop.tick()
    assert counted(destination) == {"settled": 1}  # its push takes the change along, once that is over
    frozen.forward(20)
    loop.tick()
    assert counted(destination) == {"settled": 1, "accepted": 1}


def test_what_was_handed_over_at_once_is_not_counted_again(
    frozen, recording, make_destination, make_profile, django_capture_on_commit_callbacks
):
    at_once, later = make_destination("at once", quiet_period=0), make_destination("later")
    with django_capture_on_commit_callbacks(execute=True):
        make_profile()
    assert (counted(at_once), counted(later)) == ({"settled": 1, "accepted": 1}, {})
    frozen.forward(20)
    loop.tick()
    assert counted(at_once) == counted(later) == {"settled": 1, "accepted": 1}


def test_lag_is_counted_by_its_bounds(frozen, recording, make_destination, make_profile):
    destination = make_destination()
    for name, late in (("in time", 0), ("on a bound", 2), ("beyond it", 2.5), ("a day", 86_400)):
        make_profile(name)
        frozen.forward(20 + late)
        loop.tick()
    assert lags(destination) == {"lag_0": 1, "lag_3": 1, "lag_4": 1, "lag_16": 1}
    assert Tally.LAG_BOUNDS[3] == 2


def test_five_minutes_are_one_row(frozen, recording, make_destination, make_profile):
    destination = make_destination()
    for seconds in (20, 200, 100):
        make_profile(f"p{seconds}")
        frozen.forward(seconds)
        loop.tick()
    assert list(Tally.objects.order_by("slot").values_list("accepted", flat=True)) == [2, 1]
    assert Tally.objects.latest("slot").slot == counters.slot(frozen.now)
    actions.replay(ProfileSync.objects.filter(destination=destination))
    loop.tick()
    assert counted(destination) == {"settled": 3, "accepted": 6}


def test_a_lost_claim_counts_its_attempts_and_no_decision(frozen, recording, make_destination, make_profile):
    destination = make_destination(prerequisites="profile@stats EXISTS")
    make_profile("sent", stats={"visits": 1})
    make_profile("skipped")
    frozen.forward(20)
    recording.during_push = lambda deliveries: ProfileSync.objects.update(claim_token=None)
    loop.tick()
    assert counted(destination) == {"settled": 2, "accepted": 1}


def test_counting_costs_a_recorded_slice_one_statement(frozen, recording, make_destination, make_profile):
    make_destination("one")
    make_destination("other")
    for number in range(20):
        make_profile(f"p{number}")
    frozen.forward(20)
    with CaptureQueriesContext(connection) as captured:
        settle.settle(frozen.now)
    assert len(of_tallies(captured)) == 1
    with CaptureQueriesContext(connection) as captured:
        loop.tick()
    assert len(of_tallies(captured)) == 1  # for both destinations


def of_tallies(captured):
    return [query["sql"] for query in captured.captured_queries if "destinations_tally" in query["sql"]]


def test_old_counts_are_forgotten(frozen, recording, make_destination, make_profile):
    make_destination()
    make_profile()
    frozen.forward(20)
    loop.tick()
    frozen.forward(8 * 86_400 - 300)
    cleanup.prune()
    assert Tally.objects.count() == 1
    frozen.forward(600)
    cleanup.prune()
    assert Tally.objects.count() == 0


def test_counts_go_with_their_destination(frozen, recording, make_destination):
    destination = make_destination()
    counters.settled({destination.pk: 3})
    Destination.objects.all().delete()
    assert not Tally.objects.exists()
    assert timezone.now() == frozen.now
