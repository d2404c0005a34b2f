"""No statement of the engine reads a whole table, or all that is known of a destination.

SQLite takes an index for the order of a grouping as gladly as for a condition, and a partial one only where
its condition stands in the statement. Nobody sees that while tables are small.
"""

import re
from contextlib import contextmanager

import pytest
from django.db import connection
from django.utils import timezone

from destinations.connectors.base import Rejected, Retry
from destinations.models import Destination, ProfileSync
from destinations.scheduler import cleanup, clock_skew, loop
from destinations.sync import claim, turns
from profiles.models import Profile
from tests.planner import reload_statistics
from tests.ticking import run_all

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="plans are read as SQLite writes them"),
]

LARGE = ("profiles_profile", "destinations_profilesync", "destinations_deliveryattempt")
NAMED_IN_PLANS = rf"(?:{'|'.join(LARGE)}|U\d+)"
# These indexes have only what waits to be worked on.
SMALL = ("unsettled", "in_flight")
WHOLE = re.compile(rf"SCAN {NAMED_IN_PLANS}\b(?! USING (?:COVERING )?INDEX (?:{'|'.join(SMALL)})\b)")
ALL_OF_A_DESTINATION = re.compile(r"INDEX state_by_destination \(destination_id=\?\)")
ALL_THAT_EVER_CHANGED = re.compile(r"INDEX changed \(changed_at<\?\)")
WIDE = (WHOLE, ALL_OF_A_DESTINATION, ALL_THAT_EVER_CHANGED)


@contextmanager
def plans():
    """What is asked meanwhile, each with the lines of its plan."""
    found = {}

    def explain(execute, sql, params, many, context):
        if sql not in found and not many and re.match(r"\s*(SELECT|UPDATE|DELETE|INSERT|WITH)", sql):
            found[sql] = ()
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
                found[sql] = [row[3] for row in cursor.fetchall()]
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield found


def wide(found):
    return {
        sql: plan for sql, plan in found.items() if any(kind.search(line) for kind in WIDE for line in plan)
    }


@pytest.fixture(params=["none", "all handed on", "all changing", "one changing"])
def statistics(request, frozen, recording, make_destination, make_profile):
    """ANALYZE was asked while the tables were small, and never since."""
    if request.param != "none":
        make_destination("first")
        for number in range(20):
            make_profile(f"early-{number}")
        if request.param != "all changing":
            frozen.forward(20)
            run_all()
        if request.param == "one changing":
            make_profile("late")
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        cleanup.prune()
        reload_statistics()  # of this connection; others have done so by themselves
        Destination.objects.update(enabled=False)


@pytest.mark.usefixtures("statistics")
def test_whatever_a_tick_and_its_pushes_ask(frozen, recording, make_destination, make_profile, make_resource):
    shared = make_resource("shared", concurrency=4)
    make_destination("shares", resource=shared)
    for number in range(3):
        make_destination(f"d{number}")
    with plans() as found:
        for number in range(5):
            make_profile(f"p{number}")
        recording.script(None, Rejected("no"), Retry("not now"))
        for _ in range(6):
            frozen.forward(20)
            loop.tick()
    assert len(found) > 30
    assert wide(found) == {}


@pytest.mark.usefixtures("statistics")
def test_what_is_in_flight(frozen, make_destination, make_profile, monkeypatch):
    monkeypatch.setattr(claim, "async_task", lambda *_: None)
    destination = make_destination()
    make_profile()
    frozen.forward(20)
    loop.tick()
    now = timezone.now()
    with plans() as found:
        assert turns.slow_batches(now) == 0
        assert [batch.destination_id for batch in turns.in_flight(now)] == [destination.pk]
        assert claim._under_way(now, [destination.resource_id])
        clock_skew.mend(now)
    assert wide(found) == {}


def test_what_is_wide_is_found(make_destination, make_profile):
    """Each kind: else the tests above would say nothing."""
    destination = make_destination()
    with plans() as found:
        list(destination.syncs.order_by().values_list("reason"))
        list(ProfileSync.objects.order_by().values_list("reason"))
        list(Profile.objects.filter(changed_at__lte=timezone.now()).order_by("changed_at").values_list("pk"))
    assert len(wide(found)) == 3
