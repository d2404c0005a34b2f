"""What a preview shows of a profile that is stored is what a push of it gives to the connector."""

from dataclasses import replace

import pytest

from destinations.connectors.base import Accepted
from destinations.insight import preview
from destinations.models import Destination
from profiles.models import Profile
from tests.ticking import run_all

pytestmark = pytest.mark.django_db
OTHERWISE = {"idempotency_key": "", "moment": None, "profile": {}}  # of each push, or what is not drawn


@pytest.fixture
def shown(recording, monkeypatch):
    """The delivery that a preview of a document describes."""
    described = []
    monkeypatch.setattr(recording, "describe", lambda *given: described.append(given[-1]) or {})

    def show(document):
        preview.preview(Destination.objects.get(), document)
        return replace(described[-1], **OTHERWISE)

    return show


@pytest.fixture
def change(frozen):
    def change(visits, **data):
        profile = Profile.objects.filter(pk="p1").first() or Profile(id="p1")
        profile.document = {"id": "p1", "stats": {"visits": visits}, **data}
        profile.save()
        frozen.forward(20)
        return profile.document

    return change


def test_a_preview_is_of_the_delivery_that_is_pushed(make_destination, change, recording, shown):
    make_destination(prerequisites="profile@wanted == true", on_leave="remove")
    recording.script(Accepted({"id": "47"}))
    for visits, wanted in ((1, True), (2, True), (3, False)):
        told = shown(change(visits, wanted=wanted))
        run_all()
        assert told == replace(recording.deliveries[-1], **OTHERWISE)
    assert [one.version for one in recording.deliveries] == [1, 2, 3]


def test_a_document_that_is_not_stored_is_shown_as_if_it_were(make_destination, change, shown):
    make_destination()
    assert shown({"id": "p1"}).version == 1
    stored = change(1)
    assert shown(stored).version == 1
    assert shown({**stored, "more": 1}).version == 2
    Profile.objects.get().delete()
    assert shown(stored).version == 3


def test_a_trial_has_the_version_that_is_stored(make_destination, change, recording):
    """A table takes no lower one than it has; after a higher one it would not take the next push."""
    destination = make_destination()
    for expected, stored in ((0, None), (1, 1), (2, 2)):
        document = {"id": "p1"} if stored is None else change(stored)
        for tried in (document, {**document, "more": 1}):
            preview.send_test(destination, tried, "test:1", use_test=False)
            assert recording.deliveries[-1].version == expected
