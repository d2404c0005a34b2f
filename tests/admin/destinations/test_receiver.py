"""The receiver page: a profile arrives there as the form makes it, for its sender alone, and not for long."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from destinations.models import Arrival, DeliveryAttempt
from destinations.operations import receiver
from destinations.scheduler import cleanup

PAGE = "destinations_destination_receiver"


@pytest.fixture
def send(plain, profile, page, fields, admin_client):
    """Send a profile as the form has it, with what is changed there."""
    form = fields(page("destinations_destination_change", plain.pk))

    def post(client=admin_client, **changed):
        url = reverse("admin:destinations_destination_live_receive")
        answer = client.post(f"{url}?destination={plain.pk}", {**form, "tracsync_profile": "anna", **changed})
        return answer if client is not admin_client else answer.content.decode()

    return post


def test_it_arrives_as_the_form_makes_it_without_a_secret(send, page, secret):
    text = send(mapping='{"unsaved": "profile@id"}')
    assert "Arrived at the receiver page" in text
    shown = page(PAGE)
    for part in (
        "POST https://receiver.example.com",
        "Idempotency-Key",
        "&quot;unsaved&quot;:&quot;anna&quot;",
    ):
        assert part in shown
    assert "anna for Business customers" in shown
    assert secret not in text + shown + str(Arrival.objects.get().content)
    assert not DeliveryAttempt.objects.exists()


def test_nobody_else_sees_it(send, page, allow):
    send()
    client = allow("destinations.view_destination", "profiles.view_profile")
    assert "Nothing yet." in page(PAGE, client=client)
    assert send(client=client).status_code == 403


def test_it_is_kept_for_minutes_and_the_last_ones_alone(send, page):
    for _ in range(receiver.MOST + 2):
        receiver.keep("1", {"profile": "p", "destination": "d", "request": {"body": "x" * 50_000}})
    assert Arrival.objects.filter(user="1").count() == receiver.MOST
    assert len(Arrival.objects.first().content["request"]["body"]) == receiver.MOST_CHARACTERS + 1
    Arrival.objects.update(at=timezone.now() - receiver.KEPT - timedelta(seconds=1))
    cleanup.prune()
    assert not Arrival.objects.exists()


def test_it_is_deleted_when_somebody_says_so(send, page, post):
    send()
    assert "Nothing yet." in post(PAGE, forget="yes")
    assert not Arrival.objects.exists()


def test_what_cannot_be_sent_does_not_arrive(send):
    assert "mend them first (mapping)" in send(mapping="{")
    assert not Arrival.objects.exists()
