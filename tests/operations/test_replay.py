"""Replays as jobs: what they choose, batch by batch; live changes and other destinations are no worse off."""

from datetime import timedelta

import pytest
from django.utils import timezone

from destinations.models import DeliveryAttempt, Destination, ProfileSync, Replay
from destinations.operations import actions, batches, progress, replay, selection
from destinations.operations.selection import InvalidChoice
from destinations.scheduler import loop
from profiles import changes
from tests.conftest import START
from tracsync.common.jobs import JobEnded

pytestmark = pytest.mark.django_db

State = ProfileSync.State


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(selection, "BATCH_SIZE", 10)
    monkeypatch.setattr(batches, "MOST_WAITING", 1000)
    monkeypatch.setattr(actions, "AT_ONCE", 5)


@pytest.fixture
def crm(frozen, make_destination):
    return make_destination("crm")


def fill(destination, count, state=State.REJECTED, prefix="p"):
    """Rows of that state, nothing of which is waiting."""
    written = [changes.Change(f"{prefix}{n:03}", "put", {"id": f"{prefix}{n:03}"}) for n in range(count)]
    changes.write(written)
    rows = [
        ProfileSync(profile_id=one.id, destination=destination, state=state, version=1, attempts=3)
        for one in written
    ]
    return ProfileSync.objects.bulk_create(rows)


def attempt(sync, **fields):
    given = {"at": START, "outcome": "rejected", "status_code": 503, **fields}
    pair = {"profile_id": sync.profile_id, "destination_id": sync.destination_id}
    return DeliveryAttempt.objects.create(**pair, version=1, duration_ms=1, idempotency_key="k", **given)


def waiting():
    return ProfileSync.objects.filter(due_at__isnull=False)


def work(frozen):
    while replay.advance(frozen.now):
        pass


def test_a_few_are_sent_at_once(crm):
    fill(crm, 5)
    asked = replay.request(selection.read_request({"destination": crm.pk, "state": "rejected"}))
    assert (asked.count, asked.jobs) == (5, ())
    assert waiting().filter(asked=True, resend=True, bulk=False, attempts=0).count() == 5


def test_many_are_a_job_that_hands_each_over_once(crm, frozen):
    fill(crm, 35)
    fill(crm, 10, State.SYNCED, prefix="q")
    [job] = replay.request(selection.read_request({"state": "rejected"}), asked_by="ann").jobs
    assert (job.destination_id, job.total, job.asked_by, waiting().count()) == (crm.pk, 35, "ann", 0)
    replay.advance(frozen.now)
    assert waiting().count() == 10
    # What becomes of a row meanwhile does not make it be sent again and again.
    ProfileSync.objects.filter(due_at__isnull=False).update(state=State.REJECTED, due_at=None)
    work(frozen)
    job.refresh_from_db()
    assert (job.state, job.done) == ("finished", 35)
    assert waiting().filter(resend=True, bulk=True, state=State.PENDING).count() == 25


def test_a_retry_does_not_send_what_is_unchanged(crm, frozen):
    fill(crm, 12)
    [job] = replay.request(selection.read_request({"destination": crm.pk}), Replay.Kind.RETRY).jobs
    work(frozen)
    assert waiting().filter(asked=True, resend=False).count() == 12
    assert Replay.objects.get(pk=job.pk).kind == "retry"


def test_each_destination_has_its_own_so_that_a_sick_one_holds_up_no_other(crm, frozen, make_destination):
    shop = make_destination("shop", enabled=False)
    fill(crm, 12)
    fill(shop, 8, prefix="s")
    first, second = replay.request(selection.read_request({"state": "rejected"})).jobs
    assert [(one.destination_id, one.total) for one in (first, second)] == [(crm.pk, 12), (shop.pk, 8)]
    work(frozen)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state, second.done) == ("finished", "running", 0)
    second.destination.refresh_from_db()
    assert progress.measure(second).summary == "waits: the destination is off; 0 of 8 handed over"


def test_a_batch_waits_while_the_destination_has_enough_to_do(crm, frozen, monkeypatch):
    monkeypatch.setattr(batches, "MOST_WAITING", 15)
    fill(crm, 40)
    replay.request(selection.read_request({"destination": crm.pk}))
    assert [replay.advance(frozen.now) for _ in range(3)] == [1, 1, 0]
    assert waiting().count() == 20


def test_what_has_just_changed_goes_first(crm, frozen):
    rows = fill(crm, 12)
    ProfileSync.objects.filter(pk=rows[3].pk).update(state=State.PENDING, due_at=frozen.now)
    replay.request(selection.read_request({"destination": crm.pk}))
    work(frozen)
    assert list(waiting().filter(bulk=False).values_list("pk", flat=True)) == [rows[3].pk]


def test_paused_resumed_and_cancelled_in_the_middle(crm, frozen):
    fill(crm, 35)
    [job] = replay.request(selection.read_request({"destination": crm.pk})).jobs
    replay.advance(frozen.now)
    job.pause()
    assert replay.advance(frozen.now) == 0
    assert (job.state, job.done) == ("paused", 10)
    job.resume()
    replay.advance(frozen.now)
    job.cancel()
    assert replay.advance(frozen.now) == 0
    assert (job.state, job.done, waiting().count()) == ("cancelled", 20, 20)
    with pytest.raises(JobEnded, match="The replay is cancelled already"):
        job.pause()


def test_killed_in_a_batch_it_is_done_again_from_the_last_one(crm, frozen, monkeypatch):
    fill(crm, 25)
    [job] = replay.request(selection.read_request({"destination": crm.pk})).jobs
    note, fails = Replay.note, iter([False, True, True, False, False])

    def killed(*args):
        note(*args)
        if next(fails):
            raise KeyboardInterrupt  # after the rows were marked, before the transaction ends

    monkeypatch.setattr(Replay, "note", killed)
    for _ in range(5):
        try:
            replay.advance(frozen.now)
        except KeyboardInterrupt:
            assert waiting().count() == 10
    job.refresh_from_db()
    assert (job.state, job.done, waiting().count()) == ("finished", 25, 25)


def test_by_attempts(crm, frozen):
    rows = fill(crm, 30, State.SYNCED)
    for row in rows[:12]:
        attempt(row)
        attempt(row, at=START + timedelta(minutes=1))
    for row in rows[12:20]:
        attempt(row, at=START - timedelta(days=1))
    failed_day = {
        "destination": crm.pk,
        "outcome": "rejected",
        "status": "5xx",
        "at_from": START.isoformat(),
        "at_to": (START + timedelta(hours=1)).isoformat(),
    }
    [job] = replay.request(selection.read_request(failed_day)).jobs
    assert job.total == 12
    work(frozen)
    assert set(waiting().values_list("pk", flat=True)) == {row.pk for row in rows[:12]}
    job.refresh_from_db()
    assert (job.done, job.state) == (12, "finished")


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        ({"status": "503"}, {"p000", "p001"}),
        ({"status": "none"}, {"p002"}),
        ({"outcome": "unknown"}, {"p002"}),
        ({"profile": "p001"}, {"p001"}),
        ({"profile_begins": "p00"}, {"p000", "p001", "p002", "p003"}),
        ({"status": "5xx", "profile": "p001"}, {"p001"}),
        ({"reason": "full"}, {"p003"}),
        ({"owed": True}, {"p003"}),
        ({"at_to": "2026-03-01T00:00:00Z"}, {"p000"}),
    ],
)
def test_choices(crm, choice, found):
    rows = fill(crm, 4)
    ProfileSync.objects.filter(pk=rows[0].pk).update(state=State.SYNCED)
    ProfileSync.objects.filter(pk=rows[3].pk).update(due_at=timezone.now())
    attempt(rows[0], at=START - timedelta(days=1))
    attempt(rows[1])
    attempt(rows[2], status_code=None, outcome="unknown")
    attempt(rows[3], status_code=422, outcome="retry", reason="the queue is full")
    chosen = selection.read_request(choice)
    rows = ProfileSync.objects.filter(pk__in=selection.all_rows(chosen))
    assert set(rows.values_list("profile_id", flat=True)) == found
    assert selection.totals(chosen) == {crm.pk: len(found)}


@pytest.mark.parametrize(
    "choice",
    [
        {},
        None,
        [],
        {"destination": "3"},
        {"destination": True},
        {"destination": 2**70},
        {"state": "asleep"},
        {"state": ["rejected"]},
        {"profile": "a\0"},
        {"profile": ""},
        {"owed": "yes"},
        {"status": "9"},
        {"status_code": 503},
        {"state": "rejected", "status": "503"},
        {"at_from": "yesterday"},
        {"at_from": "2026-13-45T99:00:00Z"},
        {"at_from": "2026-03-01T00:00:00"},
        {"where": "1=1"},
    ],
)
def test_what_chooses_nothing_is_refused(db, choice):
    with pytest.raises(InvalidChoice):
        selection.read_request(choice)


def test_the_scheduler_goes_on_with_it_and_it_is_pushed(recording, make_destination, frozen, monkeypatch):
    destination = make_destination("crm", quiet_period=1)
    changes.write([changes.Change(f"p{n:02}", "put", {"id": f"p{n:02}"}) for n in range(12)])
    frozen.forward(5)
    while loop.tick(frozen.now):
        pass
    recording.deliveries.clear()
    frozen.forward(5)
    [job] = replay.request(selection.read_request({"destination": destination.pk, "state": "synced"})).jobs
    while loop.tick(frozen.now):
        pass
    job.refresh_from_db()
    assert (job.state, len(recording.deliveries)) == ("finished", 12)


def test_it_goes_with_its_destination(crm):
    fill(crm, 12)
    replay.request(selection.read_request({"destination": crm.pk}))
    Destination.objects.all().delete()
    assert Replay.objects.count() == 0


def test_what_this_version_does_not_understand_ends_and_stops_no_scheduler(crm, frozen):
    fill(crm, 12)
    [job] = replay.request(selection.read_request({"destination": crm.pk})).jobs
    Replay.objects.update(choice={"of": "syncs", "colour": "red"})
    work(frozen)
    job.refresh_from_db()
    assert (job.state, job.done, waiting().count()) == ("finished", 0, 0)
