"""Destinations that answer later: the push is neither repeated nor forgotten until they have."""

import json
import threading
from datetime import timedelta

import pytest
from django.db import connection, connections

from destinations.connectors.base import Accepted, ConfigurationError, Pending, Rejected, Retry, Unreachable
from destinations.connectors.testing.recording import RecordingConnector, _RecordingSession
from destinations.insight import explain
from destinations.models import DeliveryAttempt, Health, ProfileSync
from destinations.operations import actions
from destinations.scheduler import loop
from destinations.sync import claim, lease, retry, settle

pytestmark = pytest.mark.django_db
JOB = {"id": "job-1", "mail": "ada@secret.example"}


@pytest.fixture
def due(frozen, make_destination, make_profile):
    make_destination()
    profile = make_profile(stats={"visits": 1})
    frozen.forward(20)
    return profile


@pytest.fixture
def pending(frozen, recording, due):
    """A profile whose push is answered later; it is asked for after a minute."""
    recording.script(Pending(JOB, 60))
    loop.tick()
    return due


def row():
    rows = ProfileSync.objects.select_related("profile", "destination__resource", "destination__health")
    return rows.get()


def states():
    sync = row()
    return sync.state, sync.awaited is not None


def test_what_is_pending_holds_no_worker_and_is_asked_when_it_is_due(frozen, recording, pending):
    sync = row()
    assert (sync.state, sync.claim_token, sync.claimed_until) == ("pending", None, None)
    assert sync.due_at == frozen.now + timedelta(seconds=60)
    assert "waits for the destination's answer since" in explain.sentence(sync)
    assert "asks again at 12:01:20" in explain.sentence(sync)
    frozen.forward(59)
    loop.tick()
    assert recording.polls == []
    frozen.forward(1)
    loop.tick()
    assert recording.polls == [[JOB]]
    sync = row()
    assert (sync.state, sync.synced_version, sync.awaited, sync.awaited_since) == ("synced", 1, None, None)
    assert len(recording.deliveries) == 1


def test_the_log_has_the_end_of_it_with_the_key_of_the_push(frozen, recording, pending):
    assert not DeliveryAttempt.objects.exists()
    frozen.forward(60)
    recording.script_polls(Rejected("no such list", code="not_found"))
    loop.tick()
    attempt = DeliveryAttempt.objects.get()
    assert attempt.idempotency_key == recording.deliveries[0].idempotency_key
    assert (attempt.outcome, attempt.code, attempt.version) == ("rejected", "not_found", 1)
    assert (row().state, row().awaited) == ("rejected", None)


def test_it_is_asked_again_as_long_as_it_is_pending(frozen, recording, pending):
    recording.script_polls(*[Pending({"id": n}, 60) for n in range(3)])
    for _ in range(4):
        frozen.forward(60)
        loop.tick()
    assert recording.polls == [[JOB], [{"id": 0}], [{"id": 1}], [{"id": 2}]]
    assert states() == ("synced", False)
    assert len(recording.deliveries) == 1


def test_what_is_accepted_later_is_unchanged_and_has_its_remote_id(frozen, recording, pending):
    frozen.forward(60)
    recording.script_polls(Accepted({"id": "r-7"}))
    loop.tick()
    assert row().remote_id == "r-7"
    pending.document = {**pending.document, "beside": 1}
    pending.save()
    frozen.forward(20)
    loop.tick()
    assert (len(recording.deliveries), row().synced_version) == (1, 2)


def test_what_is_to_be_tried_again_is_the_same_push(frozen, recording, pending):
    frozen.forward(60)
    recording.script_polls(Retry("later"))
    loop.tick()
    assert states() == ("retrying", False)
    frozen.forward(5)
    loop.tick()
    first, second = recording.deliveries
    assert (first.idempotency_key, first.moment) == (second.idempotency_key, second.moment)


def test_a_change_meanwhile_goes_when_the_one_before_has_ended(frozen, recording, pending):
    pending.document = {**pending.document, "stats": {"visits": 2}}
    pending.save()
    recording.script_polls(Pending(JOB, 60))
    for _ in range(3):
        frozen.forward(20)
        loop.tick()
    assert len(recording.deliveries) == 1
    assert row().version == 2
    frozen.forward(60)
    loop.tick()
    assert row().synced_version == 1
    loop.tick()
    assert [one.payload["visits"] for one in recording.deliveries] == [1, 2]
    assert (row().synced_version, states()) == (2, ("synced", False))


def test_a_replay_meanwhile_is_not_lost_and_does_not_overtake(frozen, recording, pending):
    recording.script_polls(Pending(JOB, 60))
    actions.replay(ProfileSync.objects.all())
    loop.tick()
    assert (len(recording.polls), len(recording.deliveries)) == (1, 1)
    frozen.forward(60)
    loop.tick()
    loop.tick()
    first, second = recording.deliveries
    assert first.idempotency_key != second.idempotency_key
    assert states() == ("synced", False)


def test_a_profile_that_leaves_meanwhile_is_removed_afterwards(
    frozen, recording, make_destination, make_profile
):
    make_destination(on_leave="remove", prerequisites="profile@in == true")
    profile = make_profile(**{"in": True})
    frozen.forward(20)
    recording.script(Pending(JOB, 60), Pending("removal", 60))
    loop.tick()
    profile.document = {**profile.document, "in": False}
    profile.save()
    frozen.forward(20)
    loop.tick()
    frozen.forward(60)
    for _ in range(2):
        loop.tick()
    assert [one.operation for one in recording.deliveries] == ["upsert", "remove"]
    frozen.forward(60)
    loop.tick()
    assert (recording.polls[-1], row().state) == (["removal"], "removed")


def test_after_a_day_it_is_unknown_and_goes_again_with_the_same_key(frozen, recording, pending):
    frozen.forward(retry.LONGEST_AWAITED.total_seconds())
    loop.tick()
    assert recording.polls == []
    assert "within 24 hours what became of it" in row().reason
    assert DeliveryAttempt.objects.get().outcome == "unknown"
    frozen.forward(5)
    loop.tick()
    first, second = recording.deliveries
    assert first.idempotency_key == second.idempotency_key
    assert states() == ("synced", False)


@pytest.mark.parametrize(
    "wrong", [ValueError("ada@secret.example"), Unreachable("down"), ConfigurationError("no right to ask")]
)
def test_a_poll_that_raises_sends_nothing_again_and_rests_the_destination(frozen, recording, pending, wrong):
    frozen.forward(60)
    recording.script_polls(wrong)
    loop.tick()
    sync = row()
    assert (sync.awaited["job"], sync.claim_token, len(recording.deliveries)) == (JOB, None, 1)
    health = Health.objects.get()
    assert health.is_held(frozen.now)
    assert "secret" not in health.hold_reason
    frozen.forward(300)
    loop.tick()
    assert (states(), recording.polls) == (("synced", False), [[JOB], [JOB]])


@pytest.mark.parametrize("came", [[], [Accepted(), Accepted()], ["yes"]])
def test_a_wrong_number_of_answers_loses_nothing(frozen, recording, pending, monkeypatch, came):
    frozen.forward(60)
    with monkeypatch.context() as patch:
        patch.setattr(_RecordingSession, "poll", lambda _, jobs: came)
        loop.tick()
    assert row().awaited["job"] == JOB
    assert "one outcome per job" in Health.objects.get().hold_reason
    frozen.forward(300)
    loop.tick()
    assert (states(), len(recording.deliveries)) == (("synced", False), 1)


def test_a_connector_that_cannot_ask_ends_with_the_longest_time(frozen, recording, pending, monkeypatch):
    monkeypatch.delattr(_RecordingSession, "poll")
    for _ in range(26):
        frozen.forward(3600)
        loop.tick()
    assert (states(), len(recording.deliveries)) == (("synced", False), 2)


@pytest.mark.parametrize("job", ["x" * 5000, {1, 2}, float("nan")])
def test_a_job_that_cannot_be_kept_is_unknown(frozen, recording, due, job):
    recording.script(Pending(job, 60))
    loop.tick()
    assert (states(), DeliveryAttempt.objects.get().outcome) == (("retrying", False), "unknown")
    frozen.forward(5)
    loop.tick()
    assert states() == ("synced", False)


@pytest.mark.parametrize(("after", "seconds"), [(-5, 1), (0.0, 1), (float("inf"), 3600), (1e30, 3600)])
def test_the_wait_is_bounded(frozen, recording, due, after, seconds):
    recording.script(Pending(JOB, after))
    loop.tick()
    assert row().due_at == frozen.now + timedelta(seconds=seconds)


def test_the_job_is_encrypted_and_shown_nowhere(frozen, recording, pending):
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM destinations_profilesync")
        stored = json.dumps(cursor.fetchall(), default=str)
    assert "secret.example" not in stored
    assert "secret" not in explain.sentence(row())


def test_a_killed_worker_loses_nothing(frozen, recording, pending):
    """Once before it asks, and once while it does."""
    frozen.forward(60)
    destination = row().destination
    for _ in range(2):
        lost = claim.claim(destination, frozen.now)
        assert lost is not None
        lease.start(lost)
        assert claim.claim(destination, frozen.now) is None  # nobody else asks meanwhile
        frozen.forward(lease.LEASE.total_seconds() + 1)
    loop.tick()
    assert (recording.polls, states(), len(recording.deliveries)) == ([[JOB]], ("synced", False), 1)


def test_polls_are_batched_and_kept_apart_from_pushes(frozen, recording, make_destination, make_profile):
    make_destination()
    for n in range(5):
        make_profile(f"p{n}")
    frozen.forward(20)
    recording.script(*[Pending(n, 60) for n in range(5)])
    loop.tick()
    make_profile("new")
    frozen.forward(60)
    loop.tick()
    assert [sorted(jobs) for jobs in recording.polls] == [[0, 1, 2, 3, 4]]
    assert (recording.batches, ProfileSync.objects.filter(state="synced").count()) == ([5, 1], 6)


def test_a_poll_counts_for_the_limit_as_a_push_does(frozen, recording, make_destination, make_profile):
    make_destination(rate_limit=2, rate_period="hour")
    make_profile()
    frozen.forward(20)
    recording.script(Pending(JOB, 60))
    recording.script_polls(Pending(JOB, 60))
    loop.tick()
    for _ in range(10):
        frozen.forward(60)
        loop.tick()
    assert len(recording.polls) == 1
    assert "the limit of 2 an hour is used up" in explain.sentence(row())
    frozen.forward(3600)
    loop.tick()
    assert states() == ("synced", False)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    connection.vendor == "sqlite", reason="threads share the in-memory database; runs on PostgreSQL in CI"
)
def test_two_workers_do_not_ask_for_one_job(recording, make_destination, make_profile):
    make_destination(quiet_period=0.001)
    profile = make_profile()
    recording.script(Pending(JOB, 60))
    settle.settle(profile.changed_at + timedelta(seconds=1))
    loop.tick()
    ProfileSync.objects.update(due_at=profile.changed_at)

    def work():
        try:
            loop.tick()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert RecordingConnector.polls == [[JOB]]
    assert states() == ("synced", False)
