"""What an external system calls a profile belongs to one profile: the one that was accepted last with it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from destinations.connectors.base import Accepted, Retry
from destinations.insight import preview
from destinations.models import ProfileSync
from destinations.scheduler import loop
from profiles.models import Profile

pytestmark = pytest.mark.django_db


def run_all(most=50):
    for _ in range(most):
        if not loop.tick():
            return
    raise AssertionError("the scheduler never came to rest")


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
        recording.script(*(Accepted(remote_id=remote_id) for remote_id in ids.values()))
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
    assert [delivery.remote_id for delivery in shown] == ["47", "", ""]
