"""A change's way to a destination, with a frozen clock."""

import logging
from collections import Counter
from types import SimpleNamespace

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from destinations import configuration
from destinations.connectors.base import Accepted, ConfigurationError, Rejected, Retry, Unknown, Unreachable
from destinations.insight import explain
from destinations.models import Backfill, DeliveryAttempt, Destination, Health, ProfileSync
from destinations.operations import actions, backfill
from destinations.scheduler import loop
from destinations.sync import (
    claim,
    database,
    entries,
    health,
    lease,
    outcomes,
    push,
    retry,
    settle,
    turns,
)
from destinations.sync.concurrency import pace, shutdown
from profiles import changes
from profiles.models import Profile

pytestmark = pytest.mark.django_db


def visit(profile, count):
    profile.document = {**profile.document, "stats": {"visits": count}}
    profile.save()


def run_all(most=50):
    for _ in range(most):
        if not loop.tick():
            return
    raise AssertionError("the scheduler never came to rest")


def sent(recording):
    return [delivery.payload for delivery in recording.deliveries]


class TestDebounce:
    def test_one_push_after_the_last_of_many_changes(self, frozen, recording, make_destination, make_profile):
        make_destination()
        profile = make_profile()
        for second in range(10):
            frozen.forward(1)
            visit(profile, second)
            run_all()
        frozen.forward(19.9)
        run_all()
        assert sent(recording) == []
        frozen.forward(0.1)
        run_all()
        assert sent(recording) == [{"id": "p1", "visits": 9}]
        frozen.forward(1000)
        run_all()
        assert len(recording.deliveries) == 1

    def test_max_wait_ends_a_steady_stream(self, frozen, recording, make_destination, make_profile):
        make_destination(quiet_period=20, max_wait=60)
        profile = make_profile()
        pushed_at = []
        recording.during_push = lambda _: pushed_at.append(frozen.now)
        begin = frozen.now
        for second in range(1, 121):
            frozen.forward(1)
            visit(profile, second)
            run_all()
        assert [(at - begin).total_seconds() for at in pushed_at] == [60]
        assert sent(recording)[0]["visits"] == 60
        frozen.forward(20)
        run_all()
        assert sent(recording)[-1]["visits"] == 120

    def test_every_destination_has_its_own_quiet_period(
        self, frozen, recording, make_destination, make_profile
    ):
        make_destination("fast", quiet_period=5, mapping={"to": "fast", "v": "profile@stats.visits"})
        make_destination("slow", quiet_period=30, mapping={"to": "slow", "v": "profile@stats.visits"})
        profile = make_profile()
        frozen.forward(5)
        run_all()
        assert sent(recording) == [{"to": "fast", "v": None}]
        frozen.forward(20)
        visit(profile, 1)
        frozen.forward(5)
        run_all()  # the slow one is due for the first change, but the profile has changed since
        assert sent(recording)[1:] == [{"to": "fast", "v": 1}]
        frozen.forward(25)
        run_all()
        assert sent(recording)[2:] == [{"to": "slow", "v": 1}]

    def test_a_max_wait_counts_from_the_first_waiting_change_of_its_own_destination(
        self, frozen, recording, make_destination, make_profile
    ):
        make_destination("fast", quiet_period=1, mapping={"to": "fast", "v": "profile@stats.visits"})
        make_destination("slow", quiet_period=30, max_wait=40, mapping={"to": "slow"})
        profile = make_profile()
        for second in range(1, 9):
            frozen.forward(5)
            visit(profile, second)
            frozen.forward(0)
            run_all()
        assert {"to": "slow"} in sent(recording)

    def test_without_a_quiet_period_it_is_pushed_on_commit(
        self, frozen, recording, make_destination, make_profile, django_capture_on_commit_callbacks
    ):
        make_destination("now", quiet_period=0)
        make_destination("later", quiet_period=20)
        with django_capture_on_commit_callbacks(execute=True):
            make_profile()
        assert sent(recording) == [{"id": "p1", "visits": None}]
        frozen.forward(20)
        run_all()
        assert len(recording.deliveries) == 2

    def test_bulk_without_a_quiet_period_is_pushed_on_commit(
        self, frozen, recording, make_destination, django_capture_on_commit_callbacks
    ):
        make_destination(quiet_period=0)
        with django_capture_on_commit_callbacks(execute=True):
            changes.write([changes.Change(f"p{n}", "put", {"id": f"p{n}"}) for n in range(30)])
        assert len(recording.deliveries) == 30

    def test_that_nobody_is_in_a_hurry_is_asked_once(
        self, recording, make_destination, make_profile, django_capture_on_commit_callbacks
    ):
        make_destination(quiet_period=20)
        with django_capture_on_commit_callbacks(execute=True):
            profile = make_profile()
        with CaptureQueriesContext(connection) as queries, django_capture_on_commit_callbacks(execute=True):
            visit(profile, 1)
        assert [query["sql"].split()[0] for query in queries] == ["UPDATE"]
        make_destination("now", quiet_period=0)
        with django_capture_on_commit_callbacks(execute=True):
            visit(profile, 2)
        assert sent(recording) == [{"id": "p1", "visits": 2}]

    def test_a_global_quiet_period_of_zero_is_immediate_too(
        self, frozen, recording, make_destination, make_profile, settings, django_capture_on_commit_callbacks
    ):
        settings.TRACSYNC_QUIET_PERIOD = 0
        make_destination(quiet_period=None)
        with django_capture_on_commit_callbacks(execute=True):
            make_profile()
        assert len(recording.deliveries) == 1


class TestChangesMeanwhile:
    def test_a_change_during_a_push_gets_its_own_quiet_period(
        self, frozen, recording, make_destination, make_profile
    ):
        make_destination()
        profile = make_profile()
        frozen.forward(20)

        def change(_):
            recording.during_push = None
            visit(profile, 7)

        recording.during_push = change
        run_all()
        sync = ProfileSync.objects.get()
        assert (sync.synced_version, sync.due_at) == (1, None)
        frozen.forward(19)
        run_all()
        assert len(recording.deliveries) == 1
        frozen.forward(1)
        run_all()
        assert sent(recording) == [{"id": "p1", "visits": None}, {"id": "p1", "visits": 7}]

    def test_a_change_that_settles_during_a_push_is_not_marked_as_sent(
        self, frozen, recording, make_destination, make_profile, one_batch
    ):
        make_destination()
        profile = make_profile()
        frozen.forward(20)

        def change(_):
            recording.during_push = None
            visit(profile, 7)
            frozen.forward(20)
            settle.settle(frozen.now)
            assert ProfileSync.objects.get().state == "claimed"

        recording.during_push = change
        loop.tick()
        sync = ProfileSync.objects.get()
        assert (sync.state, sync.version, sync.synced_version) == ("pending", 2, 1)
        run_all()
        assert sent(recording)[-1] == {"id": "p1", "visits": 7}
        assert ProfileSync.objects.get().synced_version == 2

    def test_a_change_between_claim_and_push_postpones_it(
        self, frozen, recording, make_destination, make_profile
    ):
        destination = make_destination()
        profile = make_profile()
        frozen.forward(20)
        settle.settle(frozen.now)
        claimed = claim.claim(destination, frozen.now)
        visit(profile, 3)
        push.push(claimed.token, claimed.ids)
        assert sent(recording) == []
        sync = ProfileSync.objects.get()
        assert (sync.state, (sync.due_at - frozen.now).total_seconds()) == ("pending", 20)
        frozen.forward(20)
        run_all()
        assert sent(recording) == [{"id": "p1", "visits": 3}]

    def test_a_claim_whose_lease_ended_is_worth_nothing(
        self, frozen, recording, make_destination, make_profile
    ):
        destination = make_destination()
        make_profile()
        frozen.forward(20)
        settle.settle(frozen.now)
        lost = claim.claim(destination, frozen.now)
        assert claim.claim(destination, frozen.now) is None
        frozen.forward(lease.LEASE.total_seconds())
        again = claim.claim(destination, frozen.now)
        assert again.ids == lost.ids
        push.push(lost.token, lost.ids)
        assert sent(recording) == []
        push.push(again.token, again.ids)
        assert len(recording.deliveries) == 1

    def test_an_outcome_is_recorded_only_by_the_holder_of_the_token(
        self, frozen, recording, make_destination, make_profile
    ):
        destination = make_destination()
        make_profile()
        frozen.forward(20)
        settle.settle(frozen.now)
        slow = claim.claim(destination, frozen.now)
        others = []

        def lose_the_claim(_):
            recording.during_push = None
            frozen.forward(lease.LEASE.total_seconds() + 1)
            others.append(claim.claim(destination, frozen.now))

        recording.during_push = lose_the_claim
        push.push(slow.token, slow.ids)
        sync = ProfileSync.objects.get()
        assert (sync.state, sync.synced_version, str(sync.claim_token)) == ("claimed", None, others[0].token)

    def test_repeats_carry_the_same_key(self, frozen, recording, make_destination, make_profile):
        make_destination()
        make_profile()
        recording.script(Unknown("no answer within 10 s"))
        frozen.forward(20)
        run_all()
        frozen.forward(10)
        run_all()
        first, second = recording.deliveries
        assert first == second

    def test_what_may_have_arrived_is_not_taken_for_unchanged(
        self, frozen, recording, make_destination, make_profile
    ):
        """A, then B without an answer, then A again: the destination may hold B, so A is sent."""
        make_destination()
        profile = make_profile()
        frozen.forward(20)
        run_all()
        visit(profile, 2)
        recording.script(Unknown("no answer within 10 s"))
        frozen.forward(20)
        run_all()
        profile.document = {"id": "p1"}
        profile.save()
        frozen.forward(20)
        run_all()
        assert [payload["visits"] for payload in sent(recording)] == [None, 2, None]

    def test_after_a_crash_nothing_is_taken_for_unchanged(
        self, frozen, recording, make_destination, make_profile
    ):
        destination = make_destination()
        profile = make_profile()
        frozen.forward(20)
        run_all()
        visit(profile, 2)
        frozen.forward(20)
        settle.settle(frozen.now)
        lease.start(claim.claim(destination, frozen.now))  # and then the worker is killed
        profile.document = {"id": "p1"}
        profile.save()
        frozen.forward(20)
        run_all()
        assert [payload["visits"] for payload in sent(recording)] == [None, None]

    def test_a_destination_deleted_during_a_push_is_no_error(
        self, frozen, recording, make_destination, make_profile, caplog
    ):
        destination = make_destination()
        make_profile()
        recording.during_push = lambda _: destination.delete()
        frozen.forward(20)
        run_all()
        assert not DeliveryAttempt.objects.exists()
        assert not [line for line in caplog.records if line.levelno >= logging.WARNING]

    @pytest.mark.django_db(transaction=True)
    def test_a_database_that_fails_for_a_moment_costs_no_second_push(
        self, frozen, recording, make_destination, make_profile, monkeypatch
    ):
        make_destination()
        make_profile()
        failures = [OperationalError("the server closed the connection")] * 2
        note = health.note

        def fail_twice(*arguments):
            if failures:
                raise failures.pop()
            note(*arguments)

        monkeypatch.setattr(database, "PAUSES", (0, 0))
        monkeypatch.setattr(health, "note", fail_twice)
        frozen.forward(20)
        run_all()
        assert (ProfileSync.objects.get().state, len(recording.deliveries)) == ("synced", 1)

    def test_whatever_a_server_says_can_be_recorded(self, frozen, recording, make_destination, make_profile):
        make_destination()
        make_profile()
        recording.script(Rejected("null \0, half \ud83d, whole 😀, quote ' \" \\ %s"))
        frozen.forward(20)
        run_all()
        said = "null \ufffd, half ?, whole 😀, quote ' \" \\ %s"
        assert (ProfileSync.objects.get().reason, DeliveryAttempt.objects.get().reason) == (said, said)

    def test_a_deleted_profile_is_not_pushed(self, frozen, recording, make_destination, make_profile):
        destination = make_destination()
        profile = make_profile()
        frozen.forward(20)
        settle.settle(frozen.now)
        claimed = claim.claim(destination, frozen.now)
        profile.delete()
        push.push(claimed.token, claimed.ids)
        run_all()
        assert sent(recording) == []


class TestDecisions:
    def test_prerequisites_decide_and_say_why(self, frozen, recording, make_destination, make_profile):
        make_destination(prerequisites="profile@data.contact.email.business EXISTS")
        profile = make_profile()
        frozen.forward(20)
        run_all()
        sync = ProfileSync.objects.select_related("profile", "destination__resource").get()
        assert sync.state == "skipped"
        assert explain.sentence(sync) == "not sent: profile@data.contact.email.business is missing"
        profile.document = {"id": "p1", "data": {"contact": {"email": {"business": "a@example.org"}}}}
        profile.save()
        frozen.forward(20)
        run_all()
        assert len(recording.deliveries) == 1

    def test_unchanged_is_not_sent(self, frozen, recording, make_destination, make_profile):
        make_destination()
        profile = make_profile()
        frozen.forward(20)
        run_all()
        profile.document = {**profile.document, "not": "mapped"}
        profile.save()
        frozen.forward(20)
        run_all()
        sync = ProfileSync.objects.get()
        assert len(recording.deliveries) == 1
        assert (sync.state, sync.synced_version) == ("synced", 2)
        assert DeliveryAttempt.objects.count() == 1

    def test_an_error_in_a_condition_is_the_destinations(
        self, frozen, recording, make_destination, make_profile
    ):
        broken = make_destination("broken", prerequisites="profile@stats.visits > 3")
        make_destination("sound")
        make_profile(stats={"visits": "many"})
        frozen.forward(20)
        run_all()
        assert len(recording.deliveries) == 1
        assert ProfileSync.objects.get(destination=broken).state == "rejected"
        problem = Health.objects.get(destination=broken).problem
        assert "visits" in problem
        assert "many" not in problem

    def test_an_edited_destination_gives_what_was_rejected_another_chance(
        self, frozen, recording, make_destination, make_profile
    ):
        destination = make_destination()
        make_profile()
        recording.script(Rejected("email is not valid"))
        frozen.forward(20)
        run_all()
        assert ProfileSync.objects.get().state == "rejected"
        frozen.forward(1000)
        run_all()
        assert len(recording.deliveries) == 1
        destination.mapping = {"key": "profile@id"}
        configuration.save(destination)
        run_all()
        assert sent(recording)[-1] == {"key": "p1"}

    def test_a_payload_the_connector_refuses_is_not_sent(
        self, frozen, recording, make_destination, make_profile, monkeypatch
    ):
        schema = {"type": "object", "required": ["email"], "properties": {"email": {"type": "string"}}}
        monkeypatch.setattr(recording, "payload_schema", schema)
        make_destination()
        make_profile()
        frozen.forward(20)
        run_all()
        sync = ProfileSync.objects.get()
        assert (sync.state, recording.deliveries) == ("rejected", [])
        assert "email" in sync.reason


class TestFailures:
    def test_retry_backs_off_and_succeeds(self, frozen, recording, make_destination, make_profile):
        make_destination()
        make_profile()
        recording.script(Retry("503 from the server"), Retry("503 from the server"))
        frozen.forward(20)
        run_all()
        sync = ProfileSync.objects.get()
        assert (sync.state, sync.attempts, sync.last_error) == ("retrying", 1, "503 from the server")
        assert 2 <= (sync.due_at - frozen.now).total_seconds() <= 3
        frozen.forward(3)
        run_all()
        frozen.forward(6)
        run_all()
        sync.refresh_from_db()
        assert (sync.state, sync.attempts, len(recording.deliveries)) == ("synced", 0, 3)

    def test_rejected_stops_until_the_profile_changes(
        self, frozen, recording, make_destination, make_profile
    ):
        make_destination()
        profile = make_profile()
        recording.script(Rejected("422: name is too long"))
        frozen.forward(20)
        run_all()
        frozen.forward(100_000)
        run_all()
        assert len(recording.deliveries) == 1
        visit(profile, 1)
        frozen.forward(20)
        run_all()
        assert ProfileSync.objects.get().state == "synced"

    def test_retry_after_rests_the_whole_destination(self, frozen, recording, make_destination, make_profile):
        destination = make_destination()
        for n in range(3):
            make_profile(f"p{n}")
        recording.batch_size, batch_size = 1, recording.batch_size
        recording.script(Retry("429", after=300))
        try:
            frozen.forward(20)
            run_all()
            assert len(recording.deliveries) == 1
            frozen.forward(299)
            run_all()
            assert len(recording.deliveries) == 1
            assert Health.objects.get(destination=destination).is_held(frozen.now)
            frozen.forward(1)
            run_all()
            assert len(recording.deliveries) == 4
        finally:
            recording.batch_size = batch_size

    @pytest.mark.parametrize("answer", [Accepted(after=300), Rejected("422: bad", after=300)])
    def test_a_used_up_limit_rests_the_whole_destination_without_being_a_failure(
        self, frozen, recording, make_destination, make_profile, monkeypatch, answer
    ):
        monkeypatch.setattr(recording, "batch_size", 1)
        destination = make_destination()
        for n in range(3):
            make_profile(f"p{n}")
        recording.script(answer)
        frozen.forward(20)
        run_all()
        frozen.forward(299)
        run_all()
        assert len(recording.deliveries) == 1
        health = Health.objects.get(destination=destination)
        assert health.is_held(frozen.now)
        assert (health.hold_reason, health.failures) == ("it allows no more calls for now", 0)
        assert ProfileSync.objects.filter(attempts=0).count() == 3 - isinstance(answer, Rejected)
        frozen.forward(1)
        run_all()
        assert len(recording.deliveries) == 3
        assert not Health.objects.get(destination=destination).is_held(frozen.now)

    @pytest.mark.parametrize("stop", ["rest", "pause"])
    def test_a_batch_under_way_stops_when_the_destination_is_to_be_left_alone(
        self, frozen, recording, make_destination, make_profile, monkeypatch, stop
    ):
        monkeypatch.setattr(recording, "batch_size", 1)
        monkeypatch.setattr(pace, "SLICE", 5)
        destination = make_destination()
        for n in range(20):
            make_profile(f"p{n:02}")

        def leave_alone(_):
            recording.during_push = None
            if stop == "pause":
                actions.pause(destination)
            else:  # another worker was asked to wait
                Health.objects.update(held_until=frozen.now + lease.LEASE)

        recording.during_push = leave_alone
        frozen.forward(20)
        run_all()
        assert len(recording.deliveries) == 5
        actions.resume(destination)
        run_all()
        assert len(recording.deliveries) == 20

    def test_the_breaker_opens_probes_with_one_and_closes(
        self, frozen, recording, make_destination, make_profile, monkeypatch
    ):
        monkeypatch.setattr(recording, "batch_size", 1)
        destination = make_destination()
        for n in range(20):
            make_profile(f"p{n:02}")
        recording.script(*[Retry("refused")] * 6)
        frozen.forward(20)
        run_all()
        assert len(recording.deliveries) == retry.BREAKER_FAILURES
        frozen.forward(10)
        run_all()
        assert len(recording.deliveries) == retry.BREAKER_FAILURES + 1
        frozen.forward(20)
        run_all()
        assert ProfileSync.objects.filter(state="synced").count() == 20
        assert Health.objects.get(destination=destination).failures == 0

    def test_a_worker_that_ends_finishes_its_calls_and_gives_the_rest_back(
        self, frozen, recording, make_destination, make_profile, monkeypatch
    ):
        monkeypatch.setattr(recording, "batch_size", 1)
        make_destination()
        for n in range(20):
            make_profile(f"p{n:02}")
        frozen.forward(20)
        recording.during_push = lambda _: len(recording.deliveries) == 7 and shutdown.begin()
        monkeypatch.setattr(shutdown, "_ending", SimpleNamespace(value=0))
        loop.tick()
        states = Counter(ProfileSync.objects.values_list("state", "claim_token", "started_at"))
        assert states == {("synced", None, None): 7, ("pending", None, None): 13}
        shutdown._ending.value = 0
        run_all()
        assert len(recording.deliveries) == 20

    def test_schedulers_claim_no_more_than_workers_can_start_on(
        self, frozen, recording, make_destination, make_profile, monkeypatch, settings
    ):
        settings.TRACSYNC_WORKERS = 2
        settings.TRACSYNC_BATCH_SIZE = 1
        monkeypatch.setattr(recording, "batch_size", 1)
        for n in range(9):
            make_destination(f"d{n}")
        make_profile()
        frozen.forward(20)
        with monkeypatch.context() as nobody_works:
            nobody_works.setattr(claim, "async_task", lambda *_: None)
            run_all()
            assert turns.unstarted(frozen.now) == 4
        frozen.forward(16)
        run_all()
        assert len(recording.deliveries) == 9

    def test_batches_that_fail_together_count_as_one_failure(
        self, frozen, recording, make_destination, make_profile, settings, monkeypatch
    ):
        monkeypatch.setattr(recording, "batch_size", 1)
        settings.TRACSYNC_BATCH_SIZE = 10
        destination = make_destination()
        Health.objects.update_or_create(destination=destination, defaults={"call_seconds": 0.01})
        for n in range(20):
            make_profile(f"p{n:02}")
        recording.script(*[Retry("refused")] * 10)
        frozen.forward(20)
        settle.settle(frozen.now)
        one, other = (claim.claim(destination, frozen.now) for _ in range(2))
        began = list(ProfileSync.objects.filter(pk__in=other.ids))
        push.push(one.token, one.ids)
        held_until = Health.objects.get().held_until
        found = [entries.Entry(sync, 1, Retry("refused"), sync.due_at, False, False) for sync in began]
        outcomes.record(other.token, [outcomes.Part(destination, found)])
        health_now = Health.objects.get()
        assert (health_now.failures, health_now.held_until) == (retry.BREAKER_FAILURES, held_until)

    @pytest.mark.parametrize("answer", [Retry("503"), Unknown("no answer"), Unreachable("refused")])
    def test_a_destination_that_is_away_for_a_day_gets_one_current_push_per_profile(
        self, frozen, recording, make_destination, make_profile, answer
    ):
        make_destination()
        profiles = [make_profile(f"p{n}") for n in range(10)]
        recording.script(*[answer] * 10_000)
        for hour in range(28):
            for profile in profiles[:5]:
                visit(profile, hour)
            for _ in range(2):
                frozen.forward(1800)
                run_all()
        recording.answers.clear()
        while_away = len(recording.deliveries)
        frozen.forward(300)  # the longest rest
        run_all()
        back = {payload["id"]: payload["visits"] for payload in sent(recording)[while_away:]}
        assert back == {f"p{n}": 27 if n < 5 else None for n in range(10)}
        assert len(recording.deliveries) - while_away == 10
        assert while_away <= 10 + 28 * 2  # one batch, and then one probe at a time

    def test_a_sick_destination_harms_only_itself(
        self, frozen, recording, make_destination, make_profile, resource
    ):
        make_destination("sick", mapping={"to": "sick"})
        make_destination("well", mapping={"to": "well", "id": "profile@id"})
        for n in range(40):
            make_profile(f"p{n:02}")

        def fail_if_sick(delivery):
            return Retry("500") if delivery.payload["to"] == "sick" else Accepted()

        recording.script(*[fail_if_sick] * 1000)
        frozen.forward(20)
        run_all()
        assert ProfileSync.objects.filter(destination__name="well", state="synced").count() == 40

    @pytest.mark.parametrize("error", [ConfigurationError("the token is refused"), Unreachable("no route")])
    def test_an_unusable_destination_keeps_what_is_waiting(
        self, frozen, recording, make_destination, make_profile, error
    ):
        destination = make_destination()
        make_profile()
        recording.script(error)
        frozen.forward(20)
        run_all()
        noted = Health.objects.get(destination=destination)
        assert noted.hold_reason == str(error)
        assert bool(noted.problem) == isinstance(error, ConfigurationError)
        assert ProfileSync.objects.get().attempts == 0
        frozen.forward(10)
        run_all()
        assert ProfileSync.objects.get().state == "synced"

    def test_a_connectors_own_mistake_is_a_failed_attempt(
        self, frozen, recording, make_destination, make_profile
    ):
        make_destination()
        make_profile()
        recording.script(ZeroDivisionError("holds personal data"))
        frozen.forward(20)
        run_all()
        assert "ZeroDivisionError" in ProfileSync.objects.get().last_error
        assert "personal" not in ProfileSync.objects.get().last_error

    def test_it_gives_up_after_a_week_and_says_so(self, frozen, recording, make_destination, make_profile):
        make_destination()
        make_profile()
        frozen.forward(20)
        run_all()
        ProfileSync.objects.update(
            attempts=retry.MOST_ATTEMPTS - 1, due_at=frozen.now, payload_hash="", state="retrying"
        )
        recording.script(Retry("503"))
        run_all()
        sync = ProfileSync.objects.get()
        assert (sync.state, sync.due_at) == ("rejected", None)
        assert "given up after 180 attempts" in sync.reason


class TestOperations:
    def test_disabling_keeps_what_is_waiting_and_enabling_sends_it(
        self, frozen, recording, make_destination, make_profile
    ):
        destination = make_destination()
        make_profile("before")
        frozen.forward(20)
        settle.settle(frozen.now)
        destination.enabled = False
        configuration.save(destination)
        frozen.forward(60)
        make_profile("meanwhile")
        frozen.forward(60)
        run_all()
        assert recording.deliveries == []
        destination.enabled = True
        configuration.save(destination)
        run_all()
        assert {payload["id"] for payload in sent(recording)} == {"before", "meanwhile"}

    def test_pause_keeps_and_resume_sends(self, frozen, recording, make_destination, make_profile):
        destination = make_destination()
        actions.pause(destination)
        make_profile()
        frozen.forward(20)
        run_all()
        sync = ProfileSync.objects.select_related("profile", "destination__resource").get()
        assert "paused" in explain.sentence(sync)
        actions.resume(destination)
        run_all()
        assert len(recording.deliveries) == 1

    def test_sync_now_does_not_wait(self, frozen, recording, make_destination, make_profile):
        destination = make_destination()
        actions.sync_now(make_profile(), [destination])
        run_all()
        assert len(recording.deliveries) == 1
        frozen.forward(20)
        run_all()
        assert len(recording.deliveries) == 1

    def test_replay_sends_even_what_is_unchanged(self, frozen, recording, make_destination, make_profile):
        make_destination()
        make_profile()
        frozen.forward(20)
        run_all()
        assert actions.replay(ProfileSync.objects.all()) == 1
        run_all()
        assert len(recording.deliveries) == 2
        assert not ProfileSync.objects.get().resend

    def test_a_replay_during_a_push_is_not_lost(self, frozen, recording, make_destination, make_profile):
        make_destination()
        make_profile()
        frozen.forward(20)

        def replay(_):
            recording.during_push = None
            frozen.forward(1)
            actions.replay(ProfileSync.objects.all())

        recording.during_push = replay
        run_all()
        assert len(recording.deliveries) == 2

    def test_a_replay_is_done_once_even_when_the_profile_changes_meanwhile(
        self, frozen, recording, make_destination, make_profile
    ):
        make_destination()
        profile = make_profile()
        frozen.forward(20)
        run_all()
        actions.replay(ProfileSync.objects.all())

        def change(_):
            recording.during_push = None
            profile.document = {**profile.document, "not": "mapped"}
            profile.save()
            frozen.forward(20)
            settle.settle(frozen.now)

        recording.during_push = change
        run_all()
        sync = ProfileSync.objects.get()
        assert (sync.asked, sync.resend, sync.synced_version) == (False, False, 2)
        assert len(recording.deliveries) == 2

    def test_backfill_sends_what_a_new_mapping_changes(
        self, frozen, recording, make_destination, make_profile
    ):
        destination = make_destination(mapping={"vip": "profile@traits.vip"})
        for n in range(5):
            make_profile(f"p{n}", traits={"vip": True}, other=n)
        frozen.forward(20)
        run_all()
        assert len(recording.deliveries) == 5
        begun = backfill.request(destination)
        run_all()
        begun.refresh_from_db()
        assert (begun.total, begun.done, begun.finished_at) == (5, 5, frozen.now)
        assert len(recording.deliveries) == 5
        Destination.objects.filter(pk=destination.pk).update(mapping={"id": "profile@id"})
        backfill.request(destination)
        run_all()
        assert len(recording.deliveries) == 10

    def test_backfill_goes_on_from_its_cursor(self, frozen, recording, make_destination, monkeypatch):
        monkeypatch.setattr(backfill, "BATCH_SIZE", 10)
        changes.write([changes.Change(f"p{n:02}", "put", {"id": f"p{n:02}"}) for n in range(25)])
        frozen.forward(100)
        run_all()
        destination = make_destination()
        backfill.request(destination)
        backfill.advance(frozen.now)
        assert Backfill.objects.get().after == "p09"
        run_all()
        assert {payload["id"] for payload in sent(recording)} == {f"p{n:02}" for n in range(25)}

    def test_new_settings_make_equal_payloads_new(self, frozen, recording, make_destination, make_profile):
        destination = make_destination()
        make_profile()
        frozen.forward(20)
        run_all()
        destination.settings = {"queue": "another"}
        configuration.save(destination)
        backfill.request(destination)
        run_all()
        assert len(recording.deliveries) == 2


class TestCost:
    def test_a_save_issues_the_same_statements_whatever_the_number_of_destinations(
        self, make_destination, make_profile, django_capture_on_commit_callbacks
    ):
        profile = make_profile()

        def statements(count):
            with (
                CaptureQueriesContext(connection) as captured,
                django_capture_on_commit_callbacks(execute=True),
            ):
                visit(profile, count)
            return [query["sql"].split(" ", 1)[0] for query in captured.captured_queries]

        without = statements(1)
        for n in range(50):
            make_destination(f"d{n}")
        assert statements(2) == without
        assert ProfileSync.objects.count() == 0

    def test_fifty_changes_in_a_burst_write_each_row_once(
        self, frozen, recording, make_destination, make_profile
    ):
        for n in range(3):
            make_destination(f"d{n}")
        profile = make_profile()
        with CaptureQueriesContext(connection) as captured:
            for count in range(50):
                frozen.forward(0.1)
                visit(profile, count)
                loop.tick()
            frozen.forward(20)
            settle.settle(frozen.now)
        writes = [q for q in captured.captured_queries if "INTO destinations_profilesync" in q["sql"]]
        assert len(writes) == 1
        assert ProfileSync.objects.count() == 3

    def test_settling_costs_per_destination_not_per_profile(self, frozen, make_destination):
        for n in range(3):
            make_destination(f"d{n}")

        def statements(count):
            ids = [f"{count}-{n}" for n in range(count)]
            changes.write([changes.Change(id, "put", {"id": id}) for id in ids])
            frozen.forward(20)
            with CaptureQueriesContext(connection) as captured:
                assert settle.settle(frozen.now) == count
            return len(captured)

        assert statements(10) == statements(900)

    def test_a_batch_costs_a_handful_of_statements(self, frozen, recording, make_destination):
        destination = make_destination()

        def statements(count):
            ids = [f"{count}-{n}" for n in range(count)]
            changes.write([changes.Change(id, "put", {"id": id}) for id in ids])
            frozen.forward(20)
            settle.settle(frozen.now)
            claimed = claim.claim(destination, frozen.now)
            with CaptureQueriesContext(connection) as captured:
                push.push(claimed.token, claimed.ids)
            assert ProfileSync.objects.exclude(state="synced").count() == 0
            return len(captured)

        assert statements(push.SLICE) == statements(2)


def test_a_profile_changed_by_nobody_settles_once(frozen, make_profile):
    make_profile()
    frozen.forward(20)
    assert settle.settle(frozen.now) == 1
    assert settle.settle(frozen.now) == 0
    assert Profile.objects.get().is_settled


def test_words_while_a_profile_waits(frozen, make_destination, make_profile):
    make_destination()
    profile = make_profile()
    [prospect] = explain.prospects(profile)
    assert prospect.text == "waiting until 12:00:20 (in 20 s): last change 12:00:00, quiet period 20 s"
