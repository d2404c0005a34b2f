"""Profiles that were sent and do not meet the prerequisites any more."""

import pytest

from destinations import configuration
from destinations.connectors.base import Accepted, Rejected, Retry, Unknown, Unreachable
from destinations.insight import explain, preview
from destinations.models import Backfill, DeliveryAttempt, ProfileSync, Tally
from destinations.operations import actions
from profiles.models import Profile
from tests.ticking import run_all
from tracsync.common.translation import translated

pytestmark = pytest.mark.django_db
State = ProfileSync.State
WANTED = "profile@consent == true"


@pytest.fixture
def change(frozen):
    """Change whether a profile is wanted, and let everything come to rest."""
    visits = 0

    def change(consent, id="p1", *, settle=True):
        nonlocal visits
        visits += 1
        profile = Profile.objects.filter(pk=id).first() or Profile(document={"id": id})
        profile.document = {"id": id, "consent": consent, "stats": {"visits": visits}}
        profile.save()
        if settle:
            frozen.forward(20)
            run_all()

    return change


@pytest.fixture
def destination(make_destination):
    return make_destination(prerequisites=WANTED, on_leave="remove")


def row(id="p1"):
    return ProfileSync.objects.get(profile=id)


def test_what_was_sent_is_removed_when_it_leaves(destination, change, recording, said):
    recording.script(Accepted({"id": "47", "kept": 1}))
    change(True)
    change(False)
    assert said() == [("upsert", 1), ("remove", 2)]
    removal = recording.deliveries[-1]
    assert (removal.payload, removal.key, removal.remote) == (None, "p1", {"id": "47", "kept": 1})
    gone = row()
    assert (gone.state, gone.synced_version, gone.remote, gone.payload_hash) == (State.REMOVED, None, {}, "")
    assert gone.removed_at is not None
    assert "profile@consent" in gone.reason
    attempt = DeliveryAttempt.objects.latest("pk")
    assert (attempt.operation, attempt.outcome, attempt.version) == ("remove", "accepted", 2)
    tally = Tally.objects.latest("slot")
    assert tally.removed == 1


@pytest.mark.parametrize(("choice", "operations"), [("keep", []), ("erase", [("erase", 2)])])
def test_what_happens_is_the_destinations_choice(make_destination, change, said, choice, operations):
    make_destination(prerequisites=WANTED, on_leave=choice)
    change(True)
    change(False)
    assert said()[1:] == operations
    assert row().state == (State.REMOVED if operations else State.SKIPPED)


def test_what_was_never_sent_is_not_removed(destination, change, said):
    change(False)
    change(False)
    assert said() == []
    assert row().state == State.SKIPPED


def test_it_is_removed_once(destination, change, said):
    change(True)
    for _ in range(3):
        change(False)
    assert said() == [("upsert", 1), ("remove", 2)]
    assert (row().state, row().version) == (State.REMOVED, 4)


def test_one_that_comes_back_is_sent_again_even_if_it_is_as_it_was(
    destination, change, recording, said, frozen
):
    change(True)
    before = recording.deliveries[0].payload
    change(False)
    profile = Profile.objects.get()
    profile.document = {"id": "p1", "consent": True, "stats": {"visits": 1}}
    profile.save()
    frozen.forward(20)
    run_all()
    assert said() == [("upsert", 1), ("remove", 2), ("upsert", 3)]
    assert recording.deliveries[-1].payload == before
    assert (row().state, row().removed_at, row().synced_version) == (State.SYNCED, None, 3)


def test_one_that_leaves_and_comes_back_within_the_quiet_period_stays(destination, change, said):
    change(True)
    change(False, settle=False)
    change(True)
    assert said() == [("upsert", 1), ("upsert", 3)]


def test_one_that_comes_and_leaves_within_the_quiet_period_is_never_sent(destination, change, said):
    change(True, settle=False)
    change(False)
    assert said() == []


def test_one_that_comes_back_during_the_removal_is_sent_after_it(destination, change, recording, said):
    change(True)
    recording.during_push = lambda _deliveries: (
        setattr(recording, "during_push", None), change(True, settle=False)
    )  # fmt: skip
    change(False)
    change(True)
    assert said()[:2] == [("upsert", 1), ("remove", 2)]
    assert said()[-1][0] == "upsert"
    assert row().state == State.SYNCED


def test_one_that_leaves_during_its_push_is_removed_after_it(destination, change, recording, said):
    recording.during_push = lambda _deliveries: (
        setattr(recording, "during_push", None), change(False, settle=False)
    )  # fmt: skip
    change(True)
    change(False)
    assert said() == [("upsert", 1), ("remove", 3)]
    assert row().state == State.REMOVED


@pytest.mark.parametrize("outcome", [Retry, Unknown])
def test_a_removal_is_tried_again_with_the_same_key(destination, change, recording, said, frozen, outcome):
    change(True)
    recording.script(outcome("busy"))
    change(False)
    assert row().state == State.RETRYING
    assert row().reason == "it could not be removed: busy"
    frozen.forward(3600)
    run_all()
    assert [operation for operation, _ in said()] == ["upsert", "remove", "remove"]
    assert len({one.idempotency_key for one in recording.deliveries[1:]}) == 1
    assert row().state == State.REMOVED


def test_a_removal_that_is_refused_waits_for_a_replay(destination, change, recording, said, frozen):
    change(True)
    recording.script(Rejected("no", code="conflict"))
    change(False)
    assert (row().state, row().code) == (State.REJECTED, "conflict")
    assert row().may_be_there
    actions.replay(ProfileSync.objects.all())
    run_all()
    assert said()[-1] == ("remove", 2)
    assert row().state == State.REMOVED


def test_what_may_have_arrived_is_removed_as_well(destination, change, recording, said, frozen):
    recording.script(Unknown("no answer"))
    change(True)
    change(False)
    frozen.forward(3600)
    run_all()
    assert said() == [("upsert", 1), ("remove", 2)]
    assert row().state == State.REMOVED


def test_what_could_not_be_tried_is_not_there(destination, change, recording, said, frozen):
    recording.script(Unreachable("down"))
    change(True)
    change(False, settle=False)
    frozen.forward(3600)
    run_all()
    assert [operation for operation, _ in said()] == ["upsert"]
    assert row().state == State.SKIPPED


def test_an_upsert_whose_removal_is_unknown_is_sent_again(destination, change, recording, said, frozen):
    change(True)
    recording.script(Unknown("no answer"))
    change(False)
    profile = Profile.objects.get()
    profile.document = {"id": "p1", "consent": True, "stats": {"visits": 1}}
    profile.save()
    frozen.forward(3600)
    run_all()
    assert said() == [("upsert", 1), ("remove", 2), ("upsert", 3)]
    assert row().state == State.SYNCED


def test_a_replay_of_what_is_removed_removes_nothing_again(destination, change, said):
    change(True)
    change(False)
    actions.replay(ProfileSync.objects.all())
    run_all()
    assert len(said()) == 2
    assert row().state == State.REMOVED


def test_other_prerequisites_remove_with_a_backfill(make_destination, change, said):
    destination = make_destination(on_leave="remove")
    change(False)
    destination.prerequisites = WANTED
    configuration.save(destination)
    assert len(said()) == 1
    Backfill.request(destination)
    run_all()
    assert said() == [("upsert", 1), ("remove", 1)]


def test_a_connector_that_cannot_do_it_any_more_is_the_destinations_problem(
    destination, change, recording, said, monkeypatch
):
    change(True)
    monkeypatch.setattr(recording, "operations", ("upsert",))
    change(False)
    assert len(said()) == 1
    destination.refresh_from_db()
    assert "cannot remove" in destination.health.problem
    assert row().state == State.REJECTED


def test_one_of_many_destinations_removes_and_the_others_keep(make_destination, change, recording, said):
    make_destination("keeps", prerequisites=WANTED)
    make_destination("removes", prerequisites=WANTED, on_leave="remove")
    change(True)
    change(False)
    states = dict(ProfileSync.objects.values_list("destination__name", "state"))
    assert states == {"keeps": State.SKIPPED, "removes": State.REMOVED}
    assert translated(ProfileSync.objects.get(state=State.REMOVED).reason)


def test_a_preview_says_what_would_be_asked_for(destination, change, make_profile):
    assert preview.preview(destination, {"id": "p1", "consent": True}).operation == "upsert"
    assert preview.preview(destination, {"id": "p1", "consent": False}).operation is None
    change(True)
    shown = preview.preview(destination, {"id": "p1", "consent": False})
    assert (shown.operation, shown.payload) == ("remove", None)
    assert shown.request["operation"] == "remove"
    destination.on_leave = "keep"
    assert preview.preview(destination, {"id": "p1", "consent": False}).operation is None


def test_a_row_that_is_removed_says_so(destination, change, frozen):
    change(True)
    change(False)
    rows = ProfileSync.objects.select_related("profile", "destination__resource", "destination__health")
    assert explain.sentence(rows.get()).startswith("removed at 12:00:40 (just now): profile@consent")
