"""What a destination holds is not guessed: a key is for one push, and what may have arrived is in doubt."""

import pytest
from django.db import OperationalError
from django.utils import timezone

from destinations import configuration
from destinations.connectors.base import Accepted, Exchange, Rejected, Retry, Unknown
from destinations.models import DeliveryAttempt, Destination, Installation, ProfileSync
from destinations.operations import actions, backfill, replay, selection
from destinations.scheduler import loop
from destinations.sync import claim, database, lease, outcomes, transitions
from tests.ticking import run_all

pytestmark = pytest.mark.django_db
State = ProfileSync.State


def visit(profile, count):
    profile.document = {**profile.document, "stats": {"visits": count}}
    profile.save()


def keys(recording):
    return [delivery.idempotency_key for delivery in recording.deliveries]


def payloads(recording):
    return [delivery.payload for delivery in recording.deliveries]


class TestKeys:
    def test_they_are_short_and_tell_nothing(self, frozen, recording, make_destination, make_profile):
        make_destination()
        make_profile("anna@example.com")
        frozen.forward(20)
        run_all()
        [key] = keys(recording)
        assert len(key) <= 64
        assert "anna" not in key
        assert DeliveryAttempt.objects.get().idempotency_key == key

    def test_a_changed_mapping_is_another_push(self, frozen, recording, make_destination, make_profile):
        destination = make_destination()
        make_profile()
        frozen.forward(20)
        run_all()
        first = destination.mapping
        for mapping in ({"id": "profile@id", "new": "field"}, first):
            destination = Destination.objects.get()
            destination.mapping = mapping
            configuration.save(destination)
            backfill.request(destination)
            run_all()
        assert payloads(recording) == [
            {"id": "p1", "visits": None},
            {"id": "p1", "new": "field"},
            {"id": "p1", "visits": None},
        ]
        assert len(set(keys(recording))) == 3

    def test_a_replay_is_another_push_and_its_repeats_are_not(
        self, frozen, recording, make_destination, make_profile
    ):
        make_destination()
        make_profile()
        frozen.forward(20)
        run_all()
        recording.script(Unknown("no answer"))
        actions.replay(ProfileSync.objects.all())
        run_all()
        frozen.forward(3600)
        run_all()
        first, second, third = keys(recording)
        assert first != second == third

    def test_another_epoch_has_other_keys(self, frozen, recording, make_destination, make_profile):
        make_destination()
        make_profile()
        recording.script(Unknown("no answer"))
        frozen.forward(20)
        run_all()
        Installation.begin_epoch()
        frozen.forward(3600)
        run_all()
        assert len(set(keys(recording))) == 2


class TestRepeats:
    def test_they_send_the_same_bytes(self, frozen, recording, make_destination, make_profile):
        make_destination(mapping={"id": "profile@id", "at": {"$formula": "now()"}})
        make_profile()
        recording.script(Unknown("no answer"), Retry("busy"))
        frozen.forward(20)
        run_all()
        for _ in range(2):
            frozen.forward(3600)
            run_all()
        first, *others = recording.deliveries
        assert len(others) == 2
        assert all(one == first for one in others)

    def test_the_next_push_has_its_own_moment(self, frozen, recording, make_destination, make_profile):
        make_destination(mapping={"id": "profile@id", "at": {"$formula": "now()"}})
        profile = make_profile(stats={"visits": 0})
        recording.script(Unknown("no answer"))
        frozen.forward(20)
        run_all()
        visit(profile, 1)
        frozen.forward(3600)
        run_all()
        first, second = payloads(recording)
        assert first["at"] != second["at"]
        assert len(set(keys(recording))) == 2

    def test_what_was_given_back_untried_begins_anew(self, frozen, recording, make_destination, make_profile):
        destination = make_destination(mapping={"id": "profile@id", "at": {"$formula": "now()"}})
        make_profile()
        frozen.forward(20)
        loop.settle.settle(frozen.now)
        claimed = claim.claim(destination, frozen.now)
        lease.start(claimed)
        lease.release(claimed.token, claimed.ids)
        frozen.forward(60)
        run_all()
        [delivery] = recording.deliveries
        assert delivery.payload["at"].startswith(frozen.now.isoformat()[:19])


class TestSentButNotRecorded:
    @pytest.fixture
    def accepted(self, frozen, recording, make_destination, make_profile):
        make_destination()
        profile = make_profile(stats={"visits": 1})
        frozen.forward(20)
        run_all()
        assert payloads(recording) == [{"id": "p1", "visits": 1}]
        return profile

    @pytest.mark.django_db(transaction=True)  # a connection that failed is closed
    def test_a_database_that_fails_while_it_is_recorded(self, frozen, recording, accepted, monkeypatch):
        record = outcomes._record
        monkeypatch.setattr(database, "PAUSES", (0, 0))

        def away(*args):
            raise OperationalError("the server closed the connection")

        monkeypatch.setattr(outcomes, "_record", away)
        visit(accepted, 2)
        frozen.forward(20)
        loop.tick()
        assert payloads(recording)[-1] == {"id": "p1", "visits": 2}
        row = ProfileSync.objects.get()
        assert (row.state, row.payload_hash, row.started_at) == (State.PENDING, "", None)
        monkeypatch.setattr(outcomes, "_record", record)
        visit(accepted, 1)
        frozen.forward(3600)
        run_all()
        assert payloads(recording)[-1] == {"id": "p1", "visits": 1}
        assert ProfileSync.objects.get().state == State.SYNCED

    @pytest.mark.parametrize("answers", [[], [Accepted(), Accepted()], ["yes"], [None], None, iter([])])
    def test_a_connector_that_does_not_say_what_became_of_each(
        self, frozen, recording, accepted, answers, monkeypatch
    ):
        from destinations.connectors.testing.recording import _RecordingSession

        push = _RecordingSession.push

        def wrong(session, deliveries):
            push(session, deliveries)
            return answers

        monkeypatch.setattr(_RecordingSession, "push", wrong)
        visit(accepted, 2)
        frozen.forward(20)
        run_all()
        row = ProfileSync.objects.get()
        assert (row.state, row.payload_hash) == (State.RETRYING, "")
        assert DeliveryAttempt.objects.order_by("-id")[0].outcome == "unknown"
        monkeypatch.setattr(_RecordingSession, "push", push)
        visit(accepted, 1)
        frozen.forward(3600)
        run_all()
        assert payloads(recording)[-1] == {"id": "p1", "visits": 1}

    def test_what_was_not_sent_is_as_it_was(self, frozen, recording, accepted):
        before = ProfileSync.objects.get().payload_hash
        visit(accepted, 2)
        frozen.forward(20)
        loop.settle.settle(frozen.now)
        claimed = claim.claim(Destination.objects.get(), frozen.now)
        lease.start(claimed)
        lease.release(claimed.token, claimed.ids)
        assert ProfileSync.objects.get().payload_hash == before != ""


class TestSurelyNotTaken:
    """What was turned away, or never sent, changes nothing of what is known of the other side."""

    @pytest.fixture
    def profile(self, make_destination, make_profile):
        make_destination(on_delete="remove")
        return make_profile(stats={"visits": 1})

    def test_what_was_accepted_before_is_still_there(self, frozen, recording, profile):
        frozen.forward(20)
        run_all()
        recording.script(Retry("busy", not_taken=True))
        visit(profile, 2)
        frozen.forward(20)
        run_all()
        row = ProfileSync.objects.get()
        assert (row.state, row.in_doubt) == (State.RETRYING, False)
        visit(profile, 1)
        frozen.forward(3600)
        run_all()
        assert payloads(recording) == [{"id": "p1", "visits": 1}, {"id": "p1", "visits": 2}]
        assert ProfileSync.objects.get().reason == transitions.UNCHANGED

    @pytest.mark.parametrize(
        ("first", "second", "is_removed"),
        [
            (Retry("busy", not_taken=True), None, False),
            (Retry("busy", not_taken=True), Rejected("no"), False),
            (Retry("failed"), Rejected("no"), True),
            (Unknown("no answer"), Rejected("no"), True),
            (Unknown("no answer"), Retry("busy", not_taken=True), True),
            (Rejected("no"), None, False),
        ],
    )
    def test_only_what_may_be_there_is_removed(self, frozen, recording, profile, first, second, is_removed):
        recording.script(first)
        frozen.forward(20)
        run_all()
        if second is not None:
            recording.script(second)
            visit(profile, 2)
            frozen.forward(60)
            run_all()
        profile.delete()
        frozen.forward(3600)
        run_all()
        operations = [one.operation for one in recording.deliveries]
        assert operations == ["upsert"] * (1 + (second is not None)) + ["remove"] * is_removed


class TestWhatNoColumnTakes:
    def test_one_bad_answer_does_not_take_the_others_along(
        self, frozen, recording, make_destination, make_profile
    ):
        make_destination()
        for n in range(15):
            make_profile(f"p{n:02}")
        recording.script(*[Accepted({"id": "x" * 300}) if n == 7 else None for n in range(15)])
        frozen.forward(20)
        run_all()
        assert ProfileSync.objects.filter(state=State.SYNCED).count() == 15
        assert DeliveryAttempt.objects.count() == 15
        assert len(recording.deliveries) == 15

    @pytest.mark.parametrize("text", ["x" * 256, "a\0b", "a\ud800b", "\0" * 300])
    def test_whatever_a_system_says_of_one_the_others_are_recorded(
        self, frozen, recording, make_destination, make_profile, text, settings
    ):
        """And nothing of it is an id but what is kept as it is."""
        settings.TRACSYNC_ATTEMPT_BODIES = "all"
        make_destination()
        for n in range(15):
            make_profile(f"p{n:02}")
        exchange = Exchange(f"POST /\nX: {text}\n\n{text}", f"{text}\n\n{text}", 10**30)
        about = {"code": text, "field": text, "exchange": exchange}
        said = [
            Accepted({"id": text, "more": text, "number": 10**400}, text, after=float("nan"), **about),
            Rejected(text, **about),
            Unknown(text, **about),
            Retry(text, after=float("inf"), **about),
        ]
        recording.script(*[said[n - 7] if 7 <= n < 11 else None for n in range(15)])
        frozen.forward(20)
        run_all()
        rows = ProfileSync.objects.filter(state=State.SYNCED)
        assert rows.count() == 12
        assert DeliveryAttempt.objects.count() == 15
        assert rows.get(profile="p07").remote == {"more": text, "number": 10**400}
        assert DeliveryAttempt.objects.get(profile="p07").remote_id == ""

    def test_what_cannot_be_stored_at_all_is_parked_alone(
        self, frozen, recording, make_destination, make_profile, monkeypatch
    ):
        record = outcomes._record

        def picky(token, parts):
            found = [entry for part in parts for entry in part.entries]
            if any(entry.attempt and entry.attempt.reason == "unspeakable" for entry in found):
                raise ValueError("no column takes this")
            record(token, parts)

        monkeypatch.setattr(outcomes, "_record", picky)
        make_destination()
        for n in range(15):
            make_profile(f"p{n:02}")
        recording.script(*[Rejected("unspeakable") if n == 7 else None for n in range(15)])
        frozen.forward(20)
        run_all()
        assert ProfileSync.objects.filter(state=State.SYNCED).count() == 14
        [row] = ProfileSync.objects.filter(state=State.REJECTED)
        assert row.reason == "what came of it could not be stored (ValueError)"
        assert (row.payload_hash, row.due_at) == ("", None)
        assert DeliveryAttempt.objects.count() == 15

    @pytest.mark.parametrize("status", [-1, 99999, 10**30])
    def test_impossible_status_codes(self, frozen, recording, make_destination, make_profile, status):
        make_destination()
        make_profile()
        recording.script(Rejected("no", exchange=Exchange(status=status)))
        frozen.forward(20)
        run_all()
        assert DeliveryAttempt.objects.get().status_code is None


class TestUnfinished:
    """A worker that dies takes the rows of its batch with it; some row may be why."""

    @pytest.fixture
    def due(self, frozen, make_destination, make_profile):
        destination = make_destination()
        for n in range(5):
            make_profile(f"p{n}")
        frozen.forward(20)
        loop.settle.settle(frozen.now)
        return destination

    def die(self, frozen, destination):
        """Whoever claims pushes, is killed, and its lease ends."""
        claimed = claim.claim(destination, frozen.now)
        if claimed is not None:
            lease.start(claimed)
            frozen.forward(lease.LEASE.total_seconds() + 1)
        return claimed

    def test_after_the_first_time_each_is_pushed_alone(self, frozen, due):
        assert len(self.die(frozen, due).ids) == 5
        assert len(claim.claim(due, frozen.now).ids) == 1

    def test_one_that_kills_is_parked_and_the_others_go(self, frozen, recording, due, one_batch):
        killer = ProfileSync.objects.get(profile_id="p2").pk
        self.die(frozen, due)
        for _ in range(40):
            claimed = claim.claim(due, frozen.now)
            if claimed is None:
                break
            if killer in claimed.ids:
                assert claimed.ids == [killer]
                lease.start(claimed)
                frozen.forward(lease.LEASE.total_seconds() + 1)
            else:
                from destinations.sync.push import push

                push(claimed.token, claimed.ids)
        row = ProfileSync.objects.get(pk=killer)
        assert (row.state, row.due_at) == (State.REJECTED, None)
        assert "none of them ended" in row.reason
        assert ProfileSync.objects.filter(state=State.SYNCED).count() == 4
        assert sorted(one["id"] for one in payloads(recording)) == ["p0", "p1", "p3", "p4"]

    def test_a_result_ends_the_count(self, frozen, recording, due):
        self.die(frozen, due)
        run_all()
        assert set(ProfileSync.objects.values_list("state", "unfinished")) == {(State.SYNCED, 0)}

    def test_a_parked_one_goes_again_alone_when_it_is_asked_for(self, frozen, recording, due):
        killer = ProfileSync.objects.get(profile_id="p2")
        while self.die(frozen, due) is not None:
            pass  # until all of them are parked
        assert ProfileSync.objects.get(pk=killer.pk).state == State.REJECTED
        actions.replay(ProfileSync.objects.filter(pk=killer.pk))
        run_all()
        assert ProfileSync.objects.get(pk=killer.pk).state == State.SYNCED


def everything():
    return selection.read({"of": "syncs", "destination": Destination.objects.get().pk})


def by_hand():
    actions.replay(ProfileSync.objects.all())


def by_choice():
    assert replay.request(everything()).jobs == ()


def by_job():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(actions, "AT_ONCE", 0)
        [job] = replay.request(everything()).jobs
    assert replay.advance(timezone.now()) == 1
    job.refresh_from_db()
    assert job.done == 1


class TestReplaysMeanwhile:
    @pytest.mark.parametrize("seconds", [0, 1])  # a clock may stand still between the two
    @pytest.mark.parametrize("ask", [by_hand, by_choice, by_job])
    def test_a_second_replay_during_the_first_is_one_more(
        self, frozen, recording, make_destination, make_profile, ask, seconds
    ):
        make_destination()
        make_profile()
        frozen.forward(20)
        run_all()
        ask()

        def once_more(_):
            recording.during_push = None
            frozen.forward(seconds)
            ask()

        recording.during_push = once_more
        run_all()
        assert len(recording.deliveries) == 3
        assert len(set(keys(recording))) == 3
        assert ProfileSync.objects.get().state == State.SYNCED
