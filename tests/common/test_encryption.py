"""Secrets at rest: readable with the key, never taken for empty without it."""

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse

from destinations.models import Destination, Health, Resource
from destinations.scheduler import loop
from tracsync.common import encryption
from tracsync.models import ApiToken

pytestmark = pytest.mark.django_db


def test_a_new_key_in_front_reads_what_the_old_one_wrote(settings, resource):
    settings.TRACSYNC_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.TRACSYNC_ENCRYPTION_KEYS]
    resource.refresh_from_db()
    assert resource.production == {"token": "s3cr3t-token"}


def test_without_the_key_it_raises(settings, resource):
    settings.TRACSYNC_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(encryption.UndecryptableValue, match="TRACSYNC_ENCRYPTION_KEYS lacks the key"):
        Resource.objects.get(pk=resource.pk)


def test_a_key_that_is_none_is_said(settings):
    settings.TRACSYNC_ENCRYPTION_KEYS = ["short"]
    with pytest.raises(ImproperlyConfigured, match="must be Fernet keys"):
        encryption.encrypt({})


@pytest.fixture
def lost(settings, make_destination, make_profile, frozen):
    """A destination whose secrets no key opens, with something to do."""
    destination = make_destination()
    make_profile()
    settings.TRACSYNC_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    frozen.forward(20)
    return destination


def test_the_engine_rests_the_destination_and_goes_on_with_the_others(lost, recording):
    loop.tick()
    health = Health.objects.get(destination=lost)
    assert "cannot be decrypted" in health.problem
    assert recording.deliveries == []


def test_the_credentials_are_entered_again_in_the_admin(lost, admin_client):
    path = reverse("admin:destinations_resource_change", args=[lost.resource_id])
    assert "Enter again (production, test)" in admin_client.get(path).content.decode()
    form = {"name": "memory", "enabled": "on", "tags": "", "production.token": "new"}
    answer = admin_client.post(path, form, follow=True)
    assert "is saved" in answer.content.decode()
    assert Resource.objects.get().production == {"token": "new"}


def test_or_over_the_api(lost):
    token, text = ApiToken.generate("test")
    token.save()
    api = Client(headers={"Authorization": f"Bearer {text}"})
    path = f"/api/v1/resources/{lost.resource_id}/"
    assert api.get("/api/v1/resources/").status_code == 503
    answer = api.patch(path, {"credentials": {"production": {"token": "new"}}}, "application/json")
    assert answer.status_code == 200
    assert answer.json()["credentials_set"] == {"production": ["token"], "test": []}


def test_a_page_of_what_uses_it_says_so(lost, admin_client):
    path = reverse("admin:destinations_destination_change", args=[lost.pk])
    answer = admin_client.get(path, follow=True)
    assert answer.status_code == 200
    assert "cannot be decrypted" in answer.content.decode()
    assert Destination.objects.only("pk").count() == 1
