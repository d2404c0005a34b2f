"""Of what kind an error is, and what it is about: on the row, on the attempt, and no longer than it lasts."""

import pytest

from destinations.connectors.base import Accepted, Hold, Rejected, Retry, Unknown
from destinations.models import DeliveryAttempt, ProfileSync
from destinations.scheduler import loop

pytestmark = pytest.mark.django_db


def push(frozen):
    frozen.forward(20)
    while loop.tick():
        pass


def kind(row):
    return row.code, row.field


@pytest.mark.parametrize("outcome", [Rejected, Retry, Unknown, Hold])
def test_they_stand_on_the_row_and_the_attempt(outcome, make_destination, make_profile, recording, frozen):
    make_destination()
    make_profile()
    recording.script(outcome("no", code="invalid_field", field="mail"))
    push(frozen)
    attempt = DeliveryAttempt.objects.earliest("pk")
    assert kind(ProfileSync.objects.get()) == kind(attempt) == ("invalid_field", "mail")
    assert attempt.operation == "upsert"


def test_they_go_with_the_error(make_destination, make_profile, recording, frozen):
    make_destination()
    profile = make_profile()
    recording.script(Rejected("no", code="duplicate", field="mail"), Accepted(code="created"))
    push(frozen)
    profile.document = {**profile.document, "stats": {"visits": 1}}
    profile.save()
    push(frozen)
    assert kind(ProfileSync.objects.get()) == ("", "")
    assert kind(DeliveryAttempt.objects.latest("pk")) == ("created", "")


@pytest.mark.parametrize("code", ["Invalid field", "x" * 51, "<b>", "", None, 7])
def test_what_is_no_code_is_none(code, make_destination, make_profile, recording, frozen):
    make_destination()
    make_profile()
    recording.script(Rejected("no", code=code, field="f" * 300))
    push(frozen)
    row = ProfileSync.objects.get()
    assert row.code == ""
    assert len(row.field) == 255


def test_a_payload_that_does_not_fit_names_its_field(
    make_destination, make_profile, recording, frozen, monkeypatch
):
    schema = {"type": "object", "properties": {"visits": {"type": "integer"}}}
    monkeypatch.setattr(recording, "payload_schema", schema)
    make_destination()
    make_profile(stats={"visits": "many"})
    push(frozen)
    row = ProfileSync.objects.get()
    assert (row.state, *kind(row)) == ("rejected", "invalid_field", "visits")


def test_a_delivery_says_whose_it_is(make_destination, make_profile, recording, frozen):
    make_destination()
    make_profile("ana")
    push(frozen)
    [delivery] = recording.deliveries
    assert (delivery.operation, delivery.key, delivery.version) == ("upsert", "ana", 1)
