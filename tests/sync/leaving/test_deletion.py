"""Profiles that are deleted: what stays of them, and what destinations are told."""

from datetime import timedelta

import pytest
from django.db import connection

from destinations.connectors.base import Accepted, Rejected, Unknown
from destinations.insight import explain
from destinations.models import DeliveryAttempt, ProfileSync
from destinations.operations import actions
from destinations.scheduler import cleanup
from profiles.changes import Change, rehearse, write, write_one
from profiles.models import Profile
from tests.ticking import run_all

pytestmark = pytest.mark.django_db
State = ProfileSync.State


@pytest.fixture
def settle(frozen):
    def settle():
        frozen.forward(20)
        run_all()

    return settle


@pytest.fixture
def destination(make_destination):
    return make_destination(on_delete="remove")


def save(id="p1", **data):
    return write_one(Change(id, "put", {"id": id, **data}))


def row(id="p1"):
    return ProfileSync.objects.get(profile=id)


def test_a_tombstone_has_the_id_the_version_and_who_and_nothing_of_the_document(destination, settle, frozen):
    save(secret="s3cr3t-value")
    Profile.objects.all().delete(by="ana")
    tombstone = Profile.with_deleted.get()
    assert (tombstone.pk, tombstone.version, tombstone.deleted_by) == ("p1", 2, "ana")
    assert (tombstone.deleted_at, tombstone.document) == (frozen.now, {"id": "p1"})
    assert tombstone.is_deleted
    assert not Profile.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM profiles_profile")
        assert "s3cr3t-value" not in str(cursor.fetchall())


@pytest.mark.parametrize(
    ("choice", "operations"), [("keep", []), ("remove", ["remove"]), ("erase", ["erase"])]
)
def test_what_happens_is_the_destinations_choice(
    make_destination, settle, recording, said, choice, operations
):
    make_destination(on_delete=choice)
    recording.script(Accepted({"id": "47"}))
    save()
    settle()
    Profile.objects.get().delete()
    settle()
    assert said() == [("upsert", 1), *((operation, 2) for operation in operations)]
    if choice == "keep":
        assert not ProfileSync.objects.exists()
        assert not DeliveryAttempt.objects.exists()
        return
    assert (recording.deliveries[-1].remote, recording.deliveries[-1].payload) == ({"id": "47"}, None)
    assert (row().state, row().reason) == (State.REMOVED, "the profile was deleted")


def test_a_removal_waits_for_the_quiet_period_and_says_so(destination, settle, frozen, said):
    save()
    settle()
    Profile.objects.get().delete()
    frozen.forward(19)
    run_all()
    assert len(said()) == 1
    rows = ProfileSync.objects.select_related("profile", "destination__resource", "destination__health")
    assert explain.sentence(rows.get()).startswith("to be removed at 12:00:40 (in 1 s)")
    frozen.forward(1)
    run_all()
    assert said() == [("upsert", 1), ("remove", 2)]


def test_one_that_was_never_sent_is_not_removed(destination, settle, said):
    save()
    Profile.objects.get().delete()
    settle()
    assert said() == []
    assert not ProfileSync.objects.exists()


def test_one_that_is_made_again_within_the_quiet_period_is_pushed_and_not_removed(destination, settle, said):
    save()
    settle()
    Profile.objects.get().delete()
    save(stats={"visits": 2})
    settle()
    assert said() == [("upsert", 1), ("upsert", 3)]
    assert row().state == State.SYNCED


def test_one_that_is_made_again_after_its_removal_continues_the_version(destination, settle, said):
    save()
    settle()
    Profile.objects.get().delete()
    settle()
    save()
    settle()
    assert said() == [("upsert", 1), ("remove", 2), ("upsert", 3)]
    again = Profile.objects.get()
    assert (again.version, again.deleted_at, again.deleted_by) == (3, None, "")
    assert (row().state, row().removed_at) == (State.SYNCED, None)


def test_one_that_is_deleted_twice_is_removed_twice(destination, settle, said):
    for _ in range(2):
        save()
        settle()
        Profile.objects.get().delete()
        settle()
    assert said() == [("upsert", 1), ("remove", 2), ("upsert", 3), ("remove", 4)]


def test_one_that_is_deleted_while_it_is_pushed_is_removed_after_that(destination, settle, recording, said):
    def delete(_deliveries):
        recording.during_push = None
        Profile.objects.get().delete()

    recording.during_push = delete
    save()
    settle()
    settle()
    assert said() == [("upsert", 1), ("remove", 2)]
    assert row().state == State.REMOVED


def test_one_that_is_made_again_while_it_is_pushed_is_not_pushed_beside_that(
    make_destination, settle, recording, said
):
    """Also where the destination keeps what is deleted: its row is not forgotten over the push."""
    make_destination()
    claimed = []

    def delete_and_make(_deliveries):
        recording.during_push = None
        Profile.objects.get().delete()
        save(stats={"visits": 2})
        claimed.append(row().claim_token)

    recording.during_push = delete_and_make
    save()
    settle()
    settle()
    assert claimed[0] is not None
    assert said() == [("upsert", 1), ("upsert", 3)]


def test_one_that_is_made_again_during_its_removal_is_pushed_after_that(destination, settle, recording, said):
    save()
    settle()
    Profile.objects.get().delete()

    def make(_deliveries):
        recording.during_push = None
        save()

    recording.during_push = make
    settle()
    settle()
    assert said() == [("upsert", 1), ("remove", 2), ("upsert", 3)]
    assert row().state == State.SYNCED


def test_what_may_have_arrived_is_removed(destination, settle, recording, said, frozen):
    recording.script(Unknown("no answer"))
    save()
    settle()
    Profile.objects.get().delete()
    frozen.forward(3600)
    run_all()
    assert said() == [("upsert", 1), ("remove", 2)]


def test_each_destination_as_it_says(make_destination, settle, recording, said):
    make_destination("keeps")
    make_destination("removes", on_delete="remove")
    make_destination("wants nobody", on_delete="remove", prerequisites="profile@a EXISTS")
    save()
    settle()
    Profile.objects.get().delete()
    settle()
    assert [operation for operation, _ in said()] == ["upsert", "upsert", "remove"]
    assert row().destination.name == "removes"
    attempts = DeliveryAttempt.objects.values_list("destination__name", flat=True)
    assert set(attempts) == {"removes"}


def test_a_destination_that_is_off_removes_when_it_is_on_again(destination, settle, said):
    save()
    settle()
    actions.disable(destination)
    Profile.objects.get().delete()
    settle()
    assert len(said()) == 1
    actions.enable(destination)
    settle()
    assert said()[-1] == ("remove", 2)


def test_a_refused_removal_waits_for_a_replay_and_keeps_the_tombstone(
    destination, settle, recording, said, frozen, settings
):
    save()
    settle()
    recording.script(Rejected("no"))
    Profile.objects.get().delete()
    settle()
    assert (row().state, row().reason) == (State.REJECTED, "it could not be removed: no")
    frozen.forward(timedelta(days=settings.TRACSYNC_HISTORY_DAYS + 1).total_seconds())
    cleanup.prune()
    assert Profile.with_deleted.exists()
    actions.replay(ProfileSync.objects.all())
    run_all()
    assert said()[-1] == ("remove", 2)
    cleanup.prune()
    assert not Profile.with_deleted.exists()
    assert not ProfileSync.objects.exists()


def test_a_tombstone_goes_after_a_time(destination, settle, frozen, settings):
    save("a")
    save("b")
    settle()
    Profile.objects.filter(pk="a").delete()
    settle()
    cleanup.prune()
    assert Profile.with_deleted.count() == 2
    frozen.forward(timedelta(days=settings.TRACSYNC_HISTORY_DAYS + 1).total_seconds())
    cleanup.prune()
    assert [one.pk for one in Profile.with_deleted.all()] == ["b"]


def test_what_is_written_finds_no_profile_where_there_is_a_tombstone(destination):
    save(a=1)
    Profile.objects.get().delete()
    patch = Change("p1", "patch", {"b": 2}, expects=lambda tag: not tag)
    assert rehearse([patch])[0].document == {"id": "p1", "b": 2}
    [written] = write([patch])
    assert (written.created, written.version, written.document) == (True, 3, {"id": "p1", "b": 2})


@pytest.mark.parametrize("how", ["save", "create", "update_or_create"])
def test_the_model_makes_a_deleted_profile_again(destination, how):
    save(a=1)
    Profile.objects.get().delete()
    document = {"id": "p1", "b": 2}
    if how == "save":
        made = Profile(document=document)
        made.save()
    elif how == "create":
        made = Profile.objects.create(document=document)
    else:
        made, created = Profile.objects.update_or_create(pk="p1", defaults={"document": document})
        assert created
    assert (made.version, Profile.objects.get().version) == (3, 3)
    assert Profile.objects.get().document == document
    assert Profile.objects.get().first_changed_at is not None


def test_what_an_earlier_release_writes_over_a_tombstone_is_a_profile(destination):
    """It knows nothing of tombstones, and meets one as a profile without a document."""
    save(a=1)
    Profile.objects.get().delete()
    Profile.with_deleted.update_marks(digest="x" * 64, document={"id": "p1", "b": 2}, version=3)
    assert Profile.objects.get().document == {"id": "p1", "b": 2}
    save(c=3)
    assert (Profile.objects.get().version, Profile.objects.get().deleted_at) == (4, None)


def test_many_are_deleted_in_a_few_statements(destination, settle, said, django_assert_max_num_queries):
    write([Change(f"p{n}", "put", {"id": f"p{n}"}) for n in range(200)])
    settle()
    with django_assert_max_num_queries(30):
        assert Profile.objects.all().delete()[0] == 200
    settle()
    assert sorted(said()) == sorted([("upsert", 1)] * 200 + [("remove", 2)] * 200)
