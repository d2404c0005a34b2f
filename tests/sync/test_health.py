"""Health is true: whose fault a refusal is, what waits meanwhile, and when it goes."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine

from destinations import configuration
from destinations.connectors.base import Accepted, Hold, Rejected, Retry, Stop
from destinations.insight.destination_status import Kind, conditions
from destinations.models import Destination, Health, ProfileSync
from destinations.operations import actions
from destinations.sync import database, health, retry
from tests.conftest import START
from tests.ticking import run_all

pytestmark = pytest.mark.django_db
State = ProfileSync.State


def states():
    return sorted(ProfileSync.objects.values_list("state", flat=True))


@pytest.fixture
def due(frozen, make_destination, make_profile):
    destination = make_destination()
    for n in range(12):
        make_profile(f"p{n:02}")
    frozen.forward(20)
    return destination


class TestHold:
    """401, 403, 407: the destination refuses whoever sends, not the profile."""

    def test_what_waits_is_kept_and_goes_when_the_probe_is_accepted(
        self, frozen, recording, due, monkeypatch
    ):
        monkeypatch.setattr(recording, "batch_size", 1)
        recording.script(Hold("answered 401: who are you?"))
        run_all()
        assert len(recording.deliveries) == 1
        assert set(states()) <= {State.PENDING, State.RETRYING}
        frozen.forward(11)
        recording.script(Hold("answered 401: who are you?"))
        run_all()
        assert len(recording.deliveries) == 2
        frozen.forward(3600)
        run_all()
        assert states() == [State.SYNCED] * 12
        now = Health.objects.get()
        assert (now.refusals, now.refusal, now.failures) == (0, "", 0)

    def test_an_id_of_each_request_makes_no_other_refusal(self, frozen, recording, due, monkeypatch):
        monkeypatch.setattr(recording, "batch_size", 1)
        recording.script(*[Hold(f"answered 401: no (request {uuid4()})") for _ in range(3)])
        for _ in range(3):
            run_all()
            frozen.forward(61)
        now = Health.objects.get()
        assert now.refusals == 3
        assert now.refused_since < frozen.now - timedelta(seconds=180)
        (refusing,) = (one for one in conditions(now.destination, frozen.now) if one.kind == Kind.REFUSING)
        assert refusing.kept_out

    @pytest.mark.parametrize("outcome", [Hold("answered 401"), Retry("answered 429", after=1)])
    def test_one_call_is_one_failure_however_many_it_was_for(self, recording, due, outcome):
        recording.script(*[outcome] * 12)
        run_all()
        assert recording.batches == [12]
        assert Health.objects.get().failures == retry.BREAKER_FAILURES

    def test_it_never_gives_a_profile_up(self, frozen, recording, due, monkeypatch):
        monkeypatch.setattr(retry, "MOST_ATTEMPTS", 10)
        for _ in range(20):
            recording.script(*[Hold("answered 403")] * 12)
            run_all()
            frozen.forward(301)
        assert State.REJECTED not in states()
        assert Health.objects.get().refusals > 20

    def test_new_credentials_send_it_at_once(self, frozen, recording, due, resource):
        recording.script(*[Hold("answered 401")] * 12)
        run_all()
        resource.production = {"token": "another-token"}
        configuration.save(resource)
        run_all()
        assert states() == [State.SYNCED] * 12


class TestStop:
    def test_nothing_is_sent_until_a_person_starts_it_again(self, frozen, recording, due):
        recording.script(*[Stop("answered 410: gone")] * 12)
        run_all()
        asked = len(recording.deliveries)
        frozen.forward(7 * 86_400)
        run_all()
        assert len(recording.deliveries) == asked
        assert State.REJECTED not in states()
        assert Health.objects.get().stopped_at is not None
        actions.resume(due)
        run_all()
        assert states() == [State.SYNCED] * 12


def test_a_run_of_refusals_that_ends_within_a_batch_gets_one_more_try(frozen, recording, due):
    recording.script(*[Rejected("answered 422: no field x")] * 8)  # and the other four are accepted
    run_all()
    frozen.forward(5)  # the rest before a probe, after eight
    run_all()
    assert states() == [State.SYNCED] * 12


class TestEqualRefusals:
    @pytest.fixture(autouse=True)
    def one_by_one(self, recording, monkeypatch):
        monkeypatch.setattr(recording, "batch_size", 1)

    def test_five_in_a_row_hold_the_destination_and_each_probe_is_another_profile(
        self, frozen, recording, due
    ):
        recording.script(*[Rejected("answered 422: no field x")] * 12)
        run_all()
        refused = len(recording.deliveries)
        assert 5 <= refused < 12
        frozen.forward(11)
        run_all()
        assert len(recording.deliveries) == refused + 1
        assert len({one.payload["id"] for one in recording.deliveries}) == refused + 1
        assert health.is_sick(Health.objects.get())

    def test_when_one_is_accepted_what_was_refused_is_tried_once_more_and_then_stays(
        self, frozen, recording, due
    ):
        recording.script(*[Rejected("answered 422: no field x")] * 6)
        run_all()
        refused = set(ProfileSync.objects.filter(state=State.REJECTED).values_list("profile_id", flat=True))
        recording.answers.clear()
        asked = len(recording.deliveries)
        stubborn = min(refused)

        def answer(delivery):
            return Rejected("answered 422: no field x") if delivery.payload["id"] == stubborn else Accepted()

        recording.script(*[answer] * 50)
        frozen.forward(3600)
        run_all()
        again = [one.payload["id"] for one in recording.deliveries[asked:]]
        assert refused <= set(again)
        assert again.count(stubborn) == 1
        assert dict(ProfileSync.objects.filter(profile=stubborn).values_list("profile", "state")) == {
            stubborn: State.REJECTED
        }
        assert states().count(State.SYNCED) == 11
        frozen.forward(86_400)
        run_all()
        assert [one.payload["id"] for one in recording.deliveries[asked:]] == again

    @pytest.mark.parametrize("waits", [True, False], ids=["others wait", "nothing else waits"])
    def test_who_resumes_it_has_what_was_refused_tried_again(self, frozen, recording, due, waits):
        recording.script(*[Rejected("answered 422: no field x")] * 100)
        run_all()
        while not waits and State.PENDING in states():
            frozen.forward(3600)
            run_all()
        assert (State.PENDING in states()) == waits
        recording.answers.clear()
        actions.resume(due)
        run_all()
        assert states() == [State.SYNCED] * 12
        assert Health.objects.get().refusals == 0

    def test_resuming_while_it_refuses_costs_one_push_and_no_chance(self, frozen, recording, due):
        recording.script(*[Rejected("answered 422: no field x")] * 100)
        run_all()
        while State.PENDING in states():
            frozen.forward(3600)
            run_all()
        asked = len(recording.deliveries)
        for _ in range(3):
            actions.resume(due)
            run_all()
        assert len(recording.deliveries) == asked + 3
        assert states() == [State.REJECTED] * 12
        recording.answers.clear()
        actions.resume(due)
        run_all()
        assert states() == [State.SYNCED] * 12

    def test_what_was_recorded_first_of_them_has_its_second_chance_too(
        self, recording, make_destination, make_profile
    ):
        """On a clock that goes on while they are recorded."""
        with time_machine.travel(START) as clock:
            make_destination()
            for n in range(12):
                make_profile(f"p{n:02}")
            clock.shift(timedelta(seconds=20))
            recording.script(*[Rejected("answered 422: no field x")] * 5)
            run_all()
            assert states().count(State.REJECTED) == 5
            clock.shift(timedelta(seconds=60))
            run_all()
        assert states() == [State.SYNCED] * 12

    def test_what_somebody_holds_at_that_moment_has_it_later(self, frozen, recording, due, monkeypatch):
        """An open transaction, which rows are left out for on PostgreSQL."""
        recording.script(*[Rejected("answered 422: no field x")] * 5)
        run_all()
        held = ProfileSync.objects.filter(state=State.REJECTED).first().pk
        update = database.update
        with monkeypatch.context() as patch:
            patch.setattr(database, "update", lambda rows, **how: update(rows.exclude(pk=held), **how))
            frozen.forward(60)
            run_all()
        assert states() == [State.REJECTED] + [State.SYNCED] * 11
        run_all()
        assert states() == [State.SYNCED] * 12

    def test_what_was_refused_before_and_is_heard_of_later_has_it_too(self, frozen, recording, due):
        recording.script(*[Rejected("answered 422: no field x")] * 5)
        run_all()
        sent_at = frozen.now
        frozen.forward(1)
        health.note([health.Seen(due, [Accepted()], [frozen.now], 0.1)])
        frozen.forward(1)
        late = ProfileSync.objects.exclude(state=State.REJECTED).first().pk
        refused = {"state": State.REJECTED, "state_since": frozen.now, "due_at": None}
        ProfileSync.objects.filter(pk=late).update(**refused)
        health.note([health.Seen(due, [Rejected("answered 422: no field x")], [sent_at], 0.1)])
        run_all()
        assert states() == [State.SYNCED] * 12

    def test_an_id_of_each_request_makes_no_other_refusal(self, recording, due):
        refusals = (f"answered 422: no field x (request {uuid4()})" for _ in range(12))
        recording.script(*[Rejected(reason) for reason in refusals])
        run_all()
        assert 5 <= len(recording.deliveries) < 12
        assert health.is_sick(Health.objects.get())

    def test_refusals_of_different_kinds_are_the_profiles_own(self, frozen, recording, due):
        recording.script(*[Rejected(f"answered 422: bad value {n}") for n in range(12)])
        run_all()
        assert states() == [State.REJECTED] * 12
        assert not health.is_sick(Health.objects.get())


def change_the_mapping(destination):
    destination.mapping = {"id": "profile@id"}
    configuration.save(destination)


@pytest.mark.parametrize("mend", [actions.resume, change_the_mapping])
def test_who_mends_it_need_not_wait_for_the_next_try_of_each(frozen, recording, due, mend):
    recording.script(*[Retry("answered 500: no such table")] * 12)
    run_all()
    assert states() == [State.RETRYING] * 12
    ProfileSync.objects.update(due_at=frozen.now + timedelta(hours=1))  # as after many tries
    mend(due)
    run_all()
    assert states() == [State.SYNCED] * 12


def test_an_edit_does_not_forget_what_somebody_holds_at_that_moment(frozen, recording, due, monkeypatch):
    recording.script(*[Rejected(f"no {n}") for n in range(12)])
    run_all()
    destination = Destination.objects.get()
    destination.mapping = {"id": "profile@id"}
    configuration.save(destination)
    held = ProfileSync.objects.first().pk
    update = database.update
    with monkeypatch.context() as patch:
        patch.setattr(database, "update", lambda rows, **how: update(rows.exclude(pk=held), **how))
        run_all()
    assert states() == [State.REJECTED] + [State.SYNCED] * 11
    run_all()
    assert states() == [State.SYNCED] * 12


def test_an_edit_with_very_many_rejected_rows_touches_none_of_them_in_the_request(
    frozen, recording, due, django_assert_max_num_queries, monkeypatch
):
    monkeypatch.setattr(health, "MOST_ROWS", 5)
    recording.script(*[Rejected(f"no {n}") for n in range(12)])
    run_all()
    assert states() == [State.REJECTED] * 12
    destination = Destination.objects.get()
    destination.mapping = {"id": "profile@id"}
    with django_assert_max_num_queries(15):
        configuration.save(destination)
    assert states() == [State.REJECTED] * 12
    assert [health.bring_forward(frozen.now) for _ in range(4)] == [5, 5, 2, 0]
    assert Health.objects.get().edited_at is None
    run_all()
    assert states() == [State.SYNCED] * 12
