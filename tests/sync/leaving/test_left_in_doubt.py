"""Who leaves while a push is in doubt, where only an answer tells by what the profile can be removed."""

import pytest
from django.db import connection

from destinations import configuration
from destinations.connectors.base import Accepted, Hold, Pending, Rejected, Retry, Unknown
from destinations.connectors.testing.recording import _RecordingSession
from destinations.insight import explain, preview
from destinations.models import DeliveryAttempt, Destination, ProfileSync
from destinations.scheduler import loop
from destinations.sync import claim, lease
from destinations.sync.push import push
from destinations.sync.remote import doubts
from profiles.models import Profile
from tests.ticking import run_all

pytestmark = pytest.mark.django_db
State = ProfileSync.State
DUPLICATE = Rejected("it is there", code="duplicate")


@pytest.fixture(autouse=True)
def needy(recording, monkeypatch):
    monkeypatch.setattr(recording, "needs_remote", True, raising=False)


@pytest.fixture
def destination(make_destination):
    return make_destination(
        prerequisites="profile@consent == true",
        mapping={"id": "profile@id", "n": "profile@n", "at": {"$formula": "now()"}},
        on_leave="remove",
        on_delete="erase",
    )


@pytest.fixture
def change(frozen):
    def change(consent=True, n=1, *, settle=True):
        profile = Profile.objects.filter(pk="p1").first() or Profile(document={"id": "p1"})
        profile.document = {"id": "p1", "consent": consent, "n": n}
        profile.save()
        if settle:
            frozen.forward(20)
            run_all()

    return change


@pytest.fixture
def delete(frozen):
    def delete():
        Profile.objects.get().delete()
        frozen.forward(20)
        run_all()

    return delete


def row():
    return ProfileSync.objects.get()


def later(frozen):
    frozen.forward(3600)
    run_all()


@pytest.mark.parametrize("way", ["leaves", "is deleted", "is not wanted by new prerequisites"])
def test_the_push_in_doubt_is_repeated_and_then_the_profile_removed(
    destination, change, delete, recording, said, frozen, way
):
    recording.script(Unknown("no answer"), Accepted({"id": "47"}))
    change()
    if way == "leaves":
        change(False, n=2)
    elif way == "is deleted":
        delete()
    else:
        destination.prerequisites = "profile@n == 0"
        configuration.save(destination)
        later(frozen)
    first, again, removal = recording.deliveries
    assert again == first
    assert removal.operation == ("erase" if way == "is deleted" else "remove")
    assert (removal.remote, removal.payload) == ({"id": "47"}, None)
    gone = row()
    assert (gone.state, gone.in_doubt, gone.unanswered, gone.remote) == (State.REMOVED, False, None, {})
    told = DeliveryAttempt.objects.order_by("pk").values_list("operation", "outcome")
    assert list(told) == [("upsert", "unknown"), ("upsert", "accepted"), (removal.operation, "accepted")]


def test_it_says_what_will_happen(destination, change, recording, frozen):
    recording.script(Unknown("no answer"), Retry("busy"))
    change()
    Profile.objects.get().delete()
    sync = ProfileSync.objects.select_related("profile", "destination__resource").get()
    assert "it may have arrived and is sent once more before that" in explain.sentence(sync)
    frozen.forward(20)
    run_all()
    assert row().reason == (
        "before it can be removed it is sent once more, as only the answer tells by what: busy"
    )
    later(frozen)
    assert row().state == State.REMOVED


def test_the_preview_shows_what_is_sent_first(destination, change, recording):
    recording.script(Unknown("no answer"))
    change()
    shown = preview.preview(Destination.objects.get(), {"id": "p1", "consent": False})
    assert shown.operation == "remove"
    assert shown.request["operation"] == "upsert"
    assert shown.request["payload"]["n"] == 1


def test_one_that_comes_back_is_sent_as_it_is(destination, change, recording, said, frozen):
    recording.script(Unknown("no answer"))
    change()
    change(False, settle=False)
    change(n=3)
    assert said() == [("upsert", 1), ("upsert", 1), ("upsert", 3)]
    assert (row().state, row().in_doubt, row().unanswered) == (State.SYNCED, False, None)


def test_what_may_be_there_is_known_before_a_change_of_it_is_sent(destination, change, recording, said):
    """By another e-mail address than the one it may be there with, a second one would be made."""
    recording.script(Unknown("no answer"), Accepted({"id": "47"}))
    change()
    change(n=2)
    first, again, changed = recording.deliveries
    assert again == first
    assert (changed.remote, changed.payload["n"]) == ({"id": "47"}, 2)
    assert (row().state, row().synced_version, row().in_doubt) == (State.SYNCED, 2, False)


def test_a_repeat_that_is_waited_for_before_a_change_says_so(destination, change, recording, said, frozen):
    recording.script(Unknown("no answer"), Retry("busy"))
    change()
    change(n=2)
    assert row().reason == (
        "before what has changed is sent, the earlier push is repeated, as only its answer tells what the"
        " system calls it: busy"
    )
    later(frozen)
    assert said() == [("upsert", 1), ("upsert", 1), ("upsert", 1), ("upsert", 2)]


@pytest.mark.parametrize("code", ["invalid_field", "duplicate"])
def test_a_change_does_not_wait_for_a_repeat_that_is_refused(destination, change, recording, said, code):
    recording.script(Unknown("no answer"), Rejected("no", code=code), Unknown("no answer"))
    change()
    change(n=2)
    assert said() == [("upsert", 1), ("upsert", 1), ("upsert", 2)]
    assert (row().state, row().in_doubt) == (State.RETRYING, True)
    assert [one["payload"]["n"] for one in row().unanswered] == ([2] if code == "invalid_field" else [1, 2])


def test_what_was_made_for_another_place_is_not_repeated_there(destination, change, recording, said, frozen):
    recording.script(Unknown("no answer"))
    change()
    destination.settings = {"path": "elsewhere"}
    configuration.save(destination)
    change(n=2)
    assert said() == [("upsert", 1), ("upsert", 2)]


def test_one_that_comes_back_between_the_repeat_and_the_removal_stays(
    destination, change, recording, said, frozen
):
    recording.script(Unknown("no answer"))
    change()
    change(False, settle=False)
    frozen.forward(20)

    def come_back(_deliveries):
        recording.during_push = None
        change(n=3, settle=False)

    recording.during_push = come_back
    run_all()
    frozen.forward(20)
    run_all()
    assert said() == [("upsert", 1), ("upsert", 1), ("upsert", 3)]
    assert row().state == State.SYNCED


@pytest.mark.parametrize("outcome", [Retry("busy"), Unknown("no answer"), Hold("locked out")])
def test_a_repeat_that_fails_is_repeated(destination, change, recording, said, frozen, outcome):
    recording.script(Unknown("no answer"), outcome)
    change()
    change(False)
    later(frozen)
    later(frozen)
    assert said() == [("upsert", 1), ("upsert", 1), ("upsert", 1), ("remove", 2)]
    assert row().state == State.REMOVED


def test_what_the_system_refuses_for_its_content_was_never_taken(destination, change, recording, said):
    recording.script(Unknown("no answer"), Rejected("no such e-mail", code="invalid_field"))
    change()
    change(False)
    assert said() == [("upsert", 1), ("upsert", 1)]
    assert (row().state, row().in_doubt) == (State.SKIPPED, False)


def test_any_other_refusal_needs_a_person(destination, change, recording, said):
    recording.script(Unknown("no answer"), Rejected("it is there", code="duplicate"))
    change()
    change(False)
    assert said() == [("upsert", 1), ("upsert", 1)]
    assert (row().state, row().in_doubt, row().due_at) == (State.REJECTED, True, None)
    assert row().reason.endswith("it is there")


def test_after_a_refusal_the_record_that_is_known_is_removed(
    destination, change, recording, said, frozen, monkeypatch
):
    """Of a batch that was refused nobody knows what was taken; alone it is refused, now and once more."""
    monkeypatch.setattr(recording, "may_make_another", True, raising=False)
    refusals = Rejected("an error occurred"), Rejected("an error occurred")
    recording.script(Accepted(remote={"id": "r1"}), Retry("refused with others"), *refusals)
    change()
    change(n=2)
    frozen.forward(3600)
    loop.tick()
    change(False, n=3)
    assert said() == [("upsert", 1), ("upsert", 2), ("upsert", 2), ("upsert", 2), ("remove", 3)]
    assert recording.deliveries[-1].remote["id"] == "r1"
    assert (row().state, row().in_doubt) == (State.REMOVED, False)


def test_an_earlier_push_in_doubt_is_looked_for_after_a_bad_one(destination, change, recording, said, frozen):
    bad = Rejected("no such e-mail", code="invalid_field")
    recording.script(Unknown("no answer"), DUPLICATE, Unknown("no answer"), bad)
    change()
    change(n=2)
    change(False, n=3)
    assert said() == [*(("upsert", n) for n in (1, 1, 2, 2, 1)), ("remove", 3)]
    assert row().state == State.REMOVED


@pytest.mark.parametrize("refusal", [Rejected("no"), Retry("busy", not_taken=True)])
def test_what_was_surely_not_taken_does_not_take_the_place_of_what_may_be_there(
    destination, change, recording, said, refusal
):
    recording.script(Unknown("no answer"), DUPLICATE, refusal)
    change()
    change(n=2)
    change(False, n=3)
    assert said() == [*(("upsert", n) for n in (1, 1, 2, 1)), ("remove", 3)]


def test_what_may_be_taken_is_removed_though_the_destination_is_held(
    destination, change, recording, said, frozen
):
    """Another call of the same push had it before the credentials were refused."""
    recording.script(Hold("locked out", may_be_taken=True))
    change()
    change(False)
    later(frozen)
    assert said() == [("upsert", 1), ("upsert", 1), ("remove", 2)]
    assert row().state == State.REMOVED


def test_what_was_surely_not_taken_is_not_looked_for(destination, change, recording, said):
    recording.script(Retry("busy", not_taken=True))
    change()
    change(False)
    assert said() == [("upsert", 1)]
    assert (row().state, row().in_doubt) == (State.SKIPPED, False)


def test_with_a_known_id_nothing_is_repeated(destination, change, recording, said):
    recording.script(Accepted({"id": "47"}), Unknown("no answer"))
    change()
    change(n=2)
    change(False)
    assert said() == [("upsert", 1), ("upsert", 2), ("remove", 3)]


def test_nothing_is_repeated_where_the_profile_is_kept(make_destination, change, recording, said):
    make_destination(prerequisites="profile@consent == true")
    recording.script(Unknown("no answer"))
    change()
    change(False)
    assert said() == [("upsert", 1)]
    assert row().state == State.SKIPPED


def test_a_repeat_that_is_answered_later(destination, change, recording, said, frozen):
    recording.script(Unknown("no answer"), Pending({"job": 1}, 5))
    recording.script_polls(Accepted({"id": "47"}))
    change()
    change(False)
    assert row().awaited["leaves"] == ""  # nothing that an older release would take for a removal
    later(frozen)
    assert said() == [("upsert", 1), ("upsert", 1), ("remove", 2)]
    assert recording.deliveries[-1].remote == {"id": "47"}
    assert row().state == State.REMOVED


def test_a_job_whose_end_is_unknown(destination, change, recording, said, frozen):
    recording.script(Pending({"job": 1}, 5))
    recording.script_polls(Unknown("nobody knows"))
    change()
    Profile.objects.get().delete()
    later(frozen)
    later(frozen)
    assert said() == [("upsert", 1), ("upsert", 1), ("erase", 2)]


class Killed(BaseException):
    pass


def killed():
    raise Killed


class TestCrashes:
    """A worker that dies has kept what it was about to send, and sends nothing that it has not kept."""

    def die(self, frozen, destination, *, sent):
        loop.settle.settle(frozen.now)
        claimed = claim.claim(destination, frozen.now)
        if sent:  # killed while the destination works
            with pytest.MonkeyPatch.context() as patch:
                done = _RecordingSession.push
                patch.setattr(_RecordingSession, "push", lambda *args: done(*args) and killed())
                patch.setattr("destinations.sync.outcomes.Record.give_back", lambda _: None)
                patch.setattr("destinations.sync.push._log_places", lambda *_: None)
                with pytest.raises(Killed):
                    push(claimed.token, claimed.ids)
        else:
            doubts.begin(lease.start(claimed))
        frozen.forward(lease.LEASE.total_seconds() + 1)

    def test_after_sending(self, destination, change, recording, said, frozen):
        change(settle=False)
        frozen.forward(20)
        self.die(frozen, destination, sent=True)
        change(False, n=2)
        assert said() == [("upsert", 1), ("upsert", 1), ("remove", 2)]
        assert recording.deliveries[0] == recording.deliveries[1]
        assert row().state == State.REMOVED

    def test_before_sending(self, destination, change, recording, said, frozen):
        change(settle=False)
        frozen.forward(20)
        self.die(frozen, destination, sent=False)
        change(False, n=2)
        assert said() == []
        assert (row().state, row().in_doubt) == (State.SKIPPED, False)

    def test_between_the_repeat_and_the_removal(self, destination, change, recording, said, frozen):
        recording.script(Unknown("no answer"))
        change()
        change(False, n=2, settle=False)
        frozen.forward(20)
        self.die(frozen, destination, sent=True)
        later(frozen)
        assert said() == [("upsert", 1), ("upsert", 1), ("upsert", 1), ("remove", 2)]
        assert row().state == State.REMOVED


def test_what_an_older_release_has_left_in_doubt_is_not_taken_for_known(destination, change, recording, said):
    recording.script(Unknown("no answer"))
    change()
    ProfileSync.objects.update(unanswered=None)
    bad = Rejected("no such e-mail", code="invalid_field")
    unknown = Rejected("nothing is known of it", code="missing_key")
    recording.script(bad, unknown)
    change(n=2)
    change(False, n=3)
    assert said() == [("upsert", 1), ("upsert", 2), ("remove", 3)]
    assert (row().state, row().code, row().in_doubt) == (State.REJECTED, "missing_key", True)


def test_what_an_older_release_sends_later_is_not_taken_for_never_sent(
    destination, change, delete, recording, said, frozen
):
    change(False)
    assert (row().state, row().unanswered) == (State.SKIPPED, None)
    change(False, n=2, settle=False)
    frozen.forward(20)
    loop.settle.settle(frozen.now)
    claimed = claim.claim(destination, frozen.now)
    doubts.begin(lease.start(claimed))
    lease.release(claimed.token, claimed.ids)
    assert row().unanswered is None
    ProfileSync.objects.update(in_doubt=True)  # by a worker that keeps nothing of what it sends
    delete()
    assert said() == [("erase", 3)]


def test_of_many_in_doubt_the_last_are_kept(destination, change, recording, frozen):
    recording.script(Unknown("no answer"), *(DUPLICATE, Unknown("no answer")) * 6)
    for n in range(7):
        change(n=n)
    assert not destination.health.refusals
    kept = row().unanswered
    assert kept[0] is None
    assert [one["payload"]["n"] for one in kept[1:]] == [4, 5, 6]
    assert len(kept) == doubts.MOST


def test_what_is_kept_is_encrypted(destination, change, recording):
    recording.script(Unknown("no answer"))
    change(n=123456789)
    with connection.cursor() as cursor:
        cursor.execute("SELECT unanswered FROM destinations_profilesync")
        [(text,)] = cursor.fetchall()
    assert text
    assert "123456789" not in text


def test_an_id_that_may_be_removed_is_not_known_any_more(destination, change, recording, said, frozen):
    """The removal was carried out and its answer lost; who comes back is made anew, under another id."""
    recording.script(Accepted(remote={"id": "r1"}), Unknown("no answer"), Unknown("no answer"))
    change()
    change(False, n=2)
    change(n=3)
    change(False, n=4)
    assert said() == [("upsert", 1), ("remove", 2), ("upsert", 3), ("upsert", 3), ("remove", 4)]
    assert row().state == State.REMOVED
