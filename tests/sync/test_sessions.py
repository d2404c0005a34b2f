"""Sessions are used again, and only for what they were opened for."""

import pytest

from destinations import configuration
from destinations.models import Destination, Resource
from destinations.scheduler import loop
from destinations.sync import sessions
from profiles.models import Profile

pytestmark = pytest.mark.django_db


@pytest.fixture
def push(frozen, make_profile):
    """Change a profile and push it."""

    def once():
        count = Profile.objects.count()
        make_profile(f"p{count}")
        frozen.forward(20)
        loop.tick()

    return once


def test_one_session_serves_many_batches(recording, make_destination, push):
    make_destination()
    for _ in range(3):
        push()
    assert (len(recording.deliveries), len(recording.opened)) == (3, 1)


def test_edited_credentials_and_settings_get_a_session_of_their_own(recording, make_destination, push):
    destination = make_destination()
    push()
    resource = Resource.objects.get()
    resource.production = {"token": "another"}
    configuration.save(resource)
    push()
    destination = Destination.objects.get()
    destination.settings = {"a": 1}
    configuration.save(destination)
    push()
    assert recording.opened == [
        ({"token": "s3cr3t-token"}, {}),
        ({"token": "another"}, {}),
        ({"token": "another"}, {"a": 1}),
    ]


def test_a_session_that_raised_is_not_used_again(recording, make_destination, push, frozen):
    from destinations.connectors.base import Unreachable

    make_destination()
    recording.script(Unreachable("down"))
    push()
    frozen.forward(600)
    push()
    assert len(recording.opened) == 2


def test_an_idle_one_is_closed(recording, make_destination, push, monkeypatch):
    make_destination()
    monkeypatch.setattr(sessions, "IDLE", -1.0)
    push()
    assert sessions._idle == []
    push()
    assert len(recording.opened) == 2


def test_no_more_than_some_are_kept(recording, make_destination, push, monkeypatch):
    for name in "abc":
        make_destination(name)
    monkeypatch.setattr(sessions, "MOST", 2)
    push()
    assert len(sessions._idle) == 2
