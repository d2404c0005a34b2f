"""What an external system calls a profile belongs to one profile: the one that was accepted last with it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from destinations.connectors.base import Accepted, Retry
from destinations.insight import preview
from destinations.models import DeliveryAttempt, ProfileSync
from destinations.operations import actions
from destinations.scheduler import loop
from destinations.sync import entries
from profiles.models import Profile
from tests.ticking import run_all

pytestmark = pytest.mark.django_db


def remote_ids():
    return dict(ProfileSync.objects.values_list("profile", "remote_id"))


@pytest.fixture
def accepted_as(frozen, recording, make_profile):
    """Let a profile change, and be accepted under an id."""
    visits = 0

    def accept(**ids):
        nonlocal visits
        visits += 1
        recording.during_push = None
        recording.script(*(Accepted({"id": remote_id}) for remote_id in ids.values()))
        for name in ids:
            profile = Profile.objects.filter(pk=name).first() or Profile(document={"id": name})
            profile.document = {**profile.document, "stats": {"visits": visits}}
            profile.save()
            frozen.forward(0.1)  # they are sent in this order
        frozen.forward(20)
        run_all()

    return accept


def test_a_profile_keeps_its_id(make_destination, accepted_as):
    make_destination()
    accepted_as(p1="47", p2="48")
    accepted_as(p1="47")
    assert remote_ids() == {"p1": "47", "p2": "48"}


def test_an_id_goes_over_to_who_was_accepted_with_it_last(make_destination, accepted_as):
    make_destination()
    accepted_as(p1="47", p2="48")
    accepted_as(p2="47")
    assert remote_ids() == {"p1": "", "p2": "47"}
    accepted_as(p1="47")
    assert remote_ids() == {"p1": "47", "p2": ""}


def test_of_one_batch_the_last_one_has_it(make_destination, accepted_as):
    make_destination()
    accepted_as(p1="47", p2="47", p3="49")
    assert remote_ids() == {"p1": "", "p2": "47", "p3": "49"}
    accepted_as(p1="47", p2="47")  # the one that had it already is the last one
    assert remote_ids() == {"p1": "", "p2": "47", "p3": "49"}


NOT_KEPT = [pytest.param(text, id=name) for name, text in (
    ("long", "x" * 256), ("null", "4\0" "7"), ("half", "4\ud8007")
)]  # fmt: skip


@pytest.mark.parametrize("told", NOT_KEPT)
def test_an_id_that_cannot_be_kept_whole_is_none_and_that_is_said(
    make_destination, accepted_as, told, recording
):
    make_destination(on_delete="remove")
    accepted_as(p1=told, p2="48")
    assert remote_ids() == {"p1": "", "p2": "48"}
    row, attempt = ProfileSync.objects.get(profile="p1"), DeliveryAttempt.objects.get(profile="p1")
    assert (row.remote, attempt.remote_id) == ({}, "")
    assert row.reason == attempt.reason == entries.NO_ID
    accepted_as(p1="47")
    assert remote_ids() == {"p1": "47", "p2": "48"}


@pytest.mark.parametrize("told", NOT_KEPT)
def test_an_id_that_was_known_stays_as_that_of_an_earlier_record(
    make_destination, accepted_as, told, recording
):
    make_destination()
    accepted_as(p1="47")
    accepted_as(p1=told)
    assert ProfileSync.objects.get().remote == {"earlier": ["47"]}
    accepted_as(p1="47")
    assert [one.remote for one in recording.deliveries] == [{}, {"id": "47"}, {"earlier": ["47"]}]


@pytest.mark.parametrize("more", ["x" * 5000, float("nan"), {1}])
def test_what_is_told_beside_the_id_does_not_take_the_id_along(
    make_destination, accepted_as, recording, more
):
    make_destination()
    accepted_as(p1="47")
    recording.script(Accepted({"id": "48", "more": more}))
    actions.replay(ProfileSync.objects.all())
    run_all()
    row = ProfileSync.objects.get()
    assert (row.remote, row.reason) == ({"id": "48"}, entries.TOO_MUCH)


def test_an_id_of_another_destination_is_another_one(make_destination, accepted_as, recording):
    make_destination()
    accepted_as(p1="47")
    make_destination("other", mapping={"other": "profile@id"})
    accepted_as(p2="48")
    assert sorted(ProfileSync.objects.filter(profile="p1").values_list("remote_id", flat=True)) == ["47"]
    ProfileSync.objects.filter(profile="p2", destination__name="other").update(remote_id="47")
    accepted_as(p3="50")
    assert ProfileSync.objects.filter(remote_id="47").count() == 2


def test_a_row_that_is_being_pushed_loses_it_too(
    frozen, make_destination, accepted_as, recording, make_profile
):
    """What comes of that push must not bring it back."""
    make_destination()
    accepted_as(p1="47")

    def meanwhile(_deliveries):
        ProfileSync.objects.filter(profile="p1").update(remote_id="")  # another worker records p2 as 47

    profile = Profile.objects.get()
    profile.document = {**profile.document, "stats": {"visits": 99}}
    profile.save()
    recording.script(Retry("busy"))
    recording.during_push = meanwhile
    frozen.forward(20)
    loop.tick()
    recording.during_push = None
    assert remote_ids() == {"p1": ""}


@pytest.fixture
def remote():
    def of(name="p1"):
        return ProfileSync.objects.get(profile=name).remote

    return of


def test_what_a_connector_keeps_comes_back_with_the_next_push(
    make_destination, accepted_as, recording, remote
):
    make_destination()
    kept = {"id": 47, "address": "ana@x.example", "list": ["a"]}
    recording.script(Accepted(kept))
    accepted_as(p1="48")
    assert remote() == kept
    accepted_as(p1="-")
    assert recording.deliveries[-1].remote == kept
    assert remote() == {"id": "48"}
    assert ProfileSync.objects.get().remote_details is None


def test_what_a_connector_keeps_beside_the_id_is_encrypted(make_destination, accepted_as, recording):
    make_destination()
    recording.script(Accepted({"id": "47", "address": "ana@x.example"}))
    accepted_as(p1="48")
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM destinations_profilesync")
        assert "ana@x.example" not in str(cursor.fetchall())
        cursor.execute("SELECT * FROM destinations_deliveryattempt")
        assert "ana@x.example" not in str(cursor.fetchall())


def test_nothing_new_keeps_what_is_known_and_an_empty_one_forgets_it(
    make_destination, accepted_as, recording, remote
):
    make_destination()
    recording.script(Accepted({"id": "47", "a": 1}), Accepted(), Accepted({}))
    accepted_as(p1="-")
    accepted_as(p1="-")
    assert remote() == {"id": "47", "a": 1}
    accepted_as(p1="-")
    assert remote() == {}


@pytest.mark.parametrize(
    "said", [{"id": "47", "a": "x" * 5000}, {"a": "x" * 5000}, {"a": object()}, {"a": float("nan")}, ["47"]]
)
def test_what_cannot_be_kept_tells_nothing(make_destination, accepted_as, recording, remote, said):
    make_destination()
    recording.script(Accepted({"id": "47"}), Accepted(said))
    accepted_as(p1="-")
    accepted_as(p1="-")
    row = ProfileSync.objects.get()
    assert (row.state, row.reason) == ("synced", entries.TOO_MUCH)
    assert remote() == {"id": "47"}


def test_an_id_that_an_earlier_release_wrote_counts(make_destination, accepted_as, recording, remote):
    """It knows no details, and leaves those of the id before where they are."""
    make_destination()
    recording.script(Accepted({"id": "47", "a": 1}))
    accepted_as(p1="-")
    ProfileSync.objects.update(remote_id="48")
    assert remote() == {"id": "48"}


def test_who_loses_an_id_loses_what_was_kept_with_it(make_destination, accepted_as, recording, remote):
    make_destination()
    recording.script(Accepted({"id": "47", "a": 1}), Accepted({"id": "47", "a": 2}))
    accepted_as(p1="-", p2="-")
    assert (remote("p1"), remote("p2")) == ({}, {"id": "47", "a": 2})


def test_nothing_is_asked_of_the_database_while_ids_stay(make_destination, accepted_as, frozen):
    make_destination()
    accepted_as(p1="47", p2="48")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        accepted_as(p1="47", p2="48")
    updates = [
        query["sql"] for query in queries if "remote_id" in query["sql"] and "UPDATE" in query["sql"][:6]
    ]
    assert updates == []


def test_a_preview_knows_the_id(make_destination, accepted_as, recording, monkeypatch):
    shown = []
    monkeypatch.setattr(
        recording, "describe", lambda _self, _credentials, _settings, delivery: shown.append(delivery) or {}
    )
    destination = make_destination()
    accepted_as(p1="47")
    for document in ({"id": "p1"}, {"id": "unknown"}, {}):
        preview.preview(destination, document)
    assert [delivery.remote.get("id", "") for delivery in shown] == ["47", "", ""]
