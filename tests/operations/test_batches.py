"""Backfills and large replays come after what has just changed, however slow the destination is."""

from datetime import timedelta

import pytest

from destinations.connectors.base import Accepted, Retry
from destinations.models import Backfill, ProfileSync
from destinations.operations import actions, backfill, batches
from destinations.scheduler import loop
from destinations.sync import claim, lease, push, settle
from profiles import changes

pytestmark = pytest.mark.django_db


@pytest.fixture
def awake(monkeypatch):
    """Claims wait for a worker, who is the test itself: a call pushes the next one, and no more."""
    monkeypatch.setattr(push, "TASK_SECONDS", 0.0)
    waiting = []
    monkeypatch.setattr(claim, "async_task", lambda _, token, ids: waiting.append((token, ids)))

    def work():
        push.push(*waiting.pop(0))

    return work


@pytest.fixture
def many(frozen, monkeypatch):
    """Old profiles that no destination has heard of, and small batches."""
    monkeypatch.setattr(backfill, "BATCH_SIZE", 50)
    monkeypatch.setattr(batches, "MOST_WAITING", 100)
    write(*[f"old-{n:03}" for n in range(400)])
    while settle.settle(frozen.now + timedelta(seconds=60)):
        pass
    frozen.forward(3600)


def write(*ids, **data):
    changes.write([changes.Change(id, "put", {"id": id, **data}) for id in ids])


def run_all(most=100):
    for _ in range(most):
        if not loop.tick():
            return
    raise AssertionError("the scheduler never came to rest")


def sent(recording):
    return [delivery.payload["id"] for delivery in recording.deliveries]


def test_a_change_overtakes_what_a_backfill_has_handed_over(
    many, frozen, recording, make_destination, awake, settings, monkeypatch
):
    monkeypatch.setattr(recording, "batch_size", 10)
    settings.TRACSYNC_BATCH_SIZE = 10
    settings.TRACSYNC_CONCURRENCY = 1
    backfill.request(make_destination())
    for _ in range(5):
        loop.tick()
    awake()
    assert ProfileSync.objects.filter(due_at__isnull=False).count() > 100
    write("new")
    frozen.forward(20)
    while not any(id == "new" for id in sent(recording)):
        loop.tick()
        before = len(recording.deliveries)
        awake()
    # The batch that was on its way when it became due, and then at once.
    assert sent(recording)[before] == "new"
    assert len(recording.deliveries) <= 30


def test_a_batch_of_a_backfill_ends_early_at_a_slow_destination(
    many, frozen, recording, make_destination, awake, monkeypatch
):
    """Else a live change would wait for a hundred slow pushes, here or behind them in the queue."""
    spent = []
    monkeypatch.setattr(push.time, "monotonic", lambda: float(len(spent)))
    recording.during_push = spent.append  # each push takes a second
    monkeypatch.setattr(recording, "batch_size", 1)
    backfill.request(make_destination())
    loop.tick()
    awake()
    assert len(recording.deliveries) == push.BULK_DEADLINE
    left = ProfileSync.objects.filter(due_at__isnull=False)
    assert set(left.values_list("claim_token", "payload_hash").distinct()) <= {(None, "")}


def test_live_changes_have_all_the_time_of_a_batch(frozen, recording, make_destination, awake, monkeypatch):
    spent = []
    monkeypatch.setattr(push.time, "monotonic", lambda: float(len(spent)))
    recording.during_push = spent.append
    monkeypatch.setattr(recording, "batch_size", 1)
    make_destination()
    write(*[f"new-{n}" for n in range(6)])
    frozen.forward(20)
    loop.tick()
    awake()
    assert len(recording.deliveries) == 6 > push.BULK_DEADLINE


def test_a_backfilled_profile_that_changes_is_live(many, frozen, make_destination, recording):
    destination = make_destination()
    backfill.request(destination)
    backfill.advance(frozen.now)
    write("old-000", visits=1)
    frozen.forward(20)
    settle.settle(frozen.now)
    assert not ProfileSync.objects.get(profile="old-000").bulk
    backfill.advance(frozen.now)
    assert not ProfileSync.objects.get(profile="old-000").bulk
    assert ProfileSync.objects.get(profile="old-001").bulk


def test_a_profile_with_changes_going_on_is_not_made_to_wait_by_a_backfill(
    many, frozen, recording, make_destination
):
    destination = make_destination()
    write("old-000", visits=1)
    backfill.request(destination)
    backfill.advance(frozen.now)
    assert not ProfileSync.objects.get(profile="old-000").bulk
    run_all()
    assert "old-000" not in sent(recording)
    frozen.forward(20)
    run_all()
    assert sent(recording)[-1] == "old-000"


def test_a_change_that_meets_a_backfilled_row_on_its_way_is_live(
    many, frozen, recording, make_destination, awake
):
    """The push finds that the profile is changing, and leaves it to the end of these changes."""
    backfill.request(make_destination())
    loop.tick()
    write("old-000", visits=1)
    awake()
    row = ProfileSync.objects.get(profile="old-000")
    assert row.due_at > frozen.now
    assert not row.bulk


def test_what_is_done_is_bulk_no_longer(many, frozen, recording, make_destination):
    recording.script(Accepted(), Retry("busy"))
    backfill.request(make_destination())
    for _ in range(3):
        loop.tick()
    assert not ProfileSync.objects.filter(bulk=True, due_at=None).exists()
    assert ProfileSync.objects.get(state="retrying").bulk


def test_what_one_person_asks_for_does_not_wait_behind_a_backfill(many, frozen, make_destination):
    destination = make_destination()
    backfill.request(destination)
    backfill.advance(frozen.now)
    rows = ProfileSync.objects.filter(profile="old-007")
    actions.sync_now(rows.get().profile, [destination])
    assert not rows.get().bulk


@pytest.mark.parametrize("operation", [actions.replay, actions.sync_rows_now])
def test_a_large_replay_comes_after_changes_and_goes_by_batches(
    operation, many, frozen, recording, make_destination, monkeypatch
):
    backfill.request(make_destination())
    run_all()
    write("new")
    frozen.forward(20)
    settle.settle(frozen.now)
    monkeypatch.setattr(actions, "BATCH_SIZE", 200)
    assert operation(ProfileSync.objects.all()) == 401
    assert not ProfileSync.objects.get(profile="new").bulk
    assert ProfileSync.objects.filter(bulk=True, due_at__isnull=False).count() == 400
    recording.deliveries.clear()
    run_all()
    assert sent(recording)[0] == "new"


def test_a_small_replay_does_not_wait(many, frozen, recording, make_destination):
    backfill.request(make_destination())
    run_all()
    assert actions.replay(ProfileSync.objects.filter(profile__lt="old-100")) == 100
    assert not ProfileSync.objects.filter(bulk=True).exists()


def test_replaying_rejected_rows_in_batches_takes_each_once(many, frozen, make_destination, monkeypatch):
    backfill.request(make_destination())
    while backfill.advance(frozen.now):
        ProfileSync.objects.update(state="rejected", due_at=None)
    monkeypatch.setattr(actions, "BATCH_SIZE", 30)
    assert actions.replay(ProfileSync.objects.filter(state="rejected")) == 400
    assert actions.replay(ProfileSync.objects.filter(state="rejected")) == 0


def test_a_claim_takes_both_kinds_when_there_is_room(many, frozen, make_destination):
    destination = make_destination()
    write("new")
    frozen.forward(20)
    settle.settle(frozen.now)
    backfill.request(destination)
    backfill.advance(frozen.now)
    claimed = claim.claim(destination, frozen.now)
    rows = lease.start(claimed)
    assert [row.profile_id for row in rows if not row.bulk] == [rows[0].profile_id] == ["new"]
    assert len(rows) == 50


def test_no_more_is_handed_over_than_the_destination_takes(many, frozen, make_destination, awake):
    backfill.request(make_destination())
    for _ in range(20):
        loop.tick()
    assert Backfill.objects.get().done == 150


def test_a_backfill_of_few_changed_profiles_looks_at_a_bounded_number_at_a_time(
    many, frozen, recording, make_destination, monkeypatch
):
    monkeypatch.setattr(backfill, "LOOKED_THROUGH", 100)
    write("old-000", "old-333", visits=1)
    asked = backfill.request(make_destination(), changed_since=frozen.now)
    assert asked.total == 2
    cursors = []
    while backfill.advance(frozen.now):
        asked.refresh_from_db()
        cursors.append((asked.after, asked.done))
    assert cursors[:4] == [("old-099", 1), ("old-199", 1), ("old-299", 1), ("old-399", 2)]
    assert asked.state == "finished"
