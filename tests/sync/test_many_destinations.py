"""What is due at many destinations is settled, claimed, pushed and recorded together."""

import threading
import time
from collections import Counter

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from destinations.connectors.base import ConfigurationError, Rejected, Retry
from destinations.models import Destination, Health, ProfileSync
from destinations.scheduler import loop
from destinations.sync import claim, current_profiles, lease, outcomes, push, sessions, settle
from destinations.sync.concurrency import parts
from profiles import changes

pytestmark = pytest.mark.django_db
MANY = 200


@pytest.fixture
def waiting(monkeypatch):
    """The claims that were dispatched, and not pushed."""
    found = []
    monkeypatch.setattr(claim, "async_task", lambda _, token, ids: found.append((token, ids)))
    return found


@pytest.fixture
def recorded_at_the_end(monkeypatch):
    """However busy the machine is."""
    monkeypatch.setattr(push, "SLICE_SECONDS", 60.0)
    monkeypatch.setattr(current_profiles, "FRESH", 60.0)


def statements(work):
    with CaptureQueriesContext(connection) as captured:
        work()
    return [one["sql"] for one in captured.captured_queries]


def test_a_tick_and_a_task_cost_as_many_statements_for_one_destination_as_for_many(
    frozen, recording, make_destination, make_profile, waiting, recorded_at_the_end, monkeypatch
):
    def cost(id):
        make_profile(id)
        frozen.forward(20)
        tick = statements(loop.tick)
        [task] = waiting
        waiting.clear()
        pushed = statements(lambda: push.push(*task))
        assert not ProfileSync.objects.exclude(state="synced").exists()
        return len(tick), len(pushed)

    make_destination("first")
    for_one = cost("p1")
    for number in range(MANY - 1):
        make_destination(f"d{number}")
    assert cost("p2") == for_one
    assert len(recording.deliveries) == 1 + MANY


def test_a_profile_is_read_once_for_all_its_destinations(
    frozen, make_destination, make_profile, waiting, recorded_at_the_end
):
    for number in range(20):
        make_destination(f"d{number}")
    make_profile()
    frozen.forward(20)
    loop.tick()
    [task] = waiting
    read = [one for one in statements(lambda: push.push(*task)) if 'profiles_profile"."document"' in one]
    assert len(read) == 1


def test_each_destination_is_decided_by_itself(frozen, recording, make_destination, make_profile):
    make_destination("sent", mapping={"to": "sent"})
    make_destination("skipped", prerequisites="profile@never EXISTS")
    make_destination("refused", mapping={"to": "refused"})
    make_destination("broken", mapping={"to": {"$formula": "profile@id + 1"}})
    make_profile()
    frozen.forward(20)
    recording.script(None, Rejected("no"))
    loop.tick()
    found = dict(ProfileSync.objects.values_list("destination__name", "state"))
    assert found == {"sent": "synced", "skipped": "skipped", "refused": "rejected", "broken": "rejected"}
    assert Health.objects.get(destination__name="broken").problem
    assert not Health.objects.get(destination__name="sent").problem


def test_one_that_cannot_be_sent_to_harms_only_itself(
    frozen, recording, make_destination, make_profile, monkeypatch
):
    bad = make_destination("bad")
    for number in range(5):
        make_destination(f"d{number}")
    borrowed = sessions.borrowed

    def open_all_but_one(destination, connector):
        if destination == bad:
            raise ConfigurationError("no such host")
        return borrowed(destination, connector)

    monkeypatch.setattr(sessions, "borrowed", open_all_but_one)
    make_profile()
    frozen.forward(20)
    loop.tick()
    states = Counter(ProfileSync.objects.values_list("state", "claim_token"))
    assert states == {("synced", None): 5, ("pending", None): 1}
    assert Health.objects.get(destination=bad).problem == "no such host"
    assert not Health.objects.exclude(destination=bad).exclude(problem="").exists()


def test_what_asks_to_wait_gives_its_rows_back_and_others_go_on(
    frozen, recording, make_destination, make_resource, monkeypatch
):
    monkeypatch.setattr(recording, "batch_size", 1)
    for name in ("busy", "fine"):
        make_destination(
            name, mapping={"to": name, "id": "profile@id"}, resource=make_resource(f"that of {name}")
        )
    changes.write([changes.Change(f"p{n}", "put", {"id": f"p{n}"}) for n in range(4)])
    frozen.forward(20)
    recording.script(Retry("busy", after=60))
    loop.tick()
    states = Counter(ProfileSync.objects.values_list("destination__name", "state", "claim_token"))
    assert states == {
        ("fine", "synced", None): 4,
        ("busy", "retrying", None): 1,
        ("busy", "pending", None): 3,
    }


@pytest.mark.django_db(transaction=True)  # a helper may be the first that reads the profiles
def test_others_do_not_wait_for_those_that_hang(
    frozen, recording, make_destination, make_profile, monkeypatch
):
    """All are new, so that nobody knows which of them hang."""
    monkeypatch.setattr(parts, "HELP_AFTER", 0.01)
    monkeypatch.setattr(parts, "MOST_HELPERS", 32)
    names = ["hangs 1", "hangs 2", "hangs 3", "fine"]
    for name in names:
        make_destination(name, mapping={"to": name})
    make_profile()
    frozen.forward(20)
    settle.settle(frozen.now)
    [claimed] = claim.claim_all(Destination.objects.order_by("pk"), frozen.now)
    arrived, order = threading.Event(), []

    def hang(sent):
        to = sent[0].payload["to"]
        if to == "fine":
            arrived.set()
        else:
            assert arrived.wait(60)
            time.sleep(0.01)
        order.append(to)

    recording.during_push = hang
    push.push(claimed.token, claimed.ids)
    assert order[0] == "fine"
    assert sorted(order) == sorted(names)
    assert not ProfileSync.objects.exclude(state="synced").exists()


def test_rows_are_given_back_after_all_that_is_on_its_way(
    frozen, make_destination, make_profile, waiting, monkeypatch
):
    """Or a helper would send what is another worker's by then, and nobody would know that it is there."""
    make_destination("fails")
    make_destination("on its way")
    make_profile()
    frozen.forward(20)
    loop.tick()
    [task] = waiting
    story, begun, given_back = [], threading.Event(), threading.Event()

    def push_part(destination, rows, shared):
        if threading.current_thread() is threading.main_thread():
            begun.wait()
            raise OperationalError("the connection is lost")
        begun.set()
        given_back.wait(0.3)
        story.append("ended")

    def release(*args):
        story.append("given back")
        given_back.set()

    monkeypatch.setattr(parts, "MOST_HELPERS", 1)
    monkeypatch.setattr(push, "_push_part", push_part)
    monkeypatch.setattr(lease, "release", release)
    push.push(*task)
    assert story[0] == "ended"


def test_what_was_given_back_is_not_sent(monkeypatch):
    monkeypatch.setattr(lease, "release", lambda token, ids, doubtful: released.append((set(ids), doubtful)))
    released = []
    record = outcomes.Record("token", [1, 2, 3], 0.0)
    assert record.sending({1})
    record.give_back()
    assert released == [({1, 2, 3}, {1})]
    assert not record.sending({2})


def test_a_database_that_fails_is_no_destinations_fault(
    frozen, recording, make_destination, make_profile, monkeypatch
):
    make_destination()
    make_profile()
    frozen.forward(20)
    with monkeypatch.context() as patch:
        patch.setattr(push.Batch, "run", lambda *_: (_ for _ in ()).throw(OperationalError("lost")))
        loop.tick()
    assert not Health.objects.get().is_held(frozen.now)
    assert loop.tick()
    assert ProfileSync.objects.get().state == "synced"
