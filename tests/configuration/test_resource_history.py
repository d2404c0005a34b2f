"""The history of a resource: as that of a destination, with nothing secret in it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from destinations import configuration
from destinations.configuration import history
from destinations.configuration.history import Author
from destinations.models import Resource, ResourceVersion
from destinations.scheduler import cleanup
from tests.admin.conftest import *  # noqa: F403 - a resource with secrets, and pages
from tests.api.conftest import client_with

pytestmark = pytest.mark.django_db

A, B = "https://receiver.example.com/a", "https://receiver.example.com/b"


@pytest.fixture
def edited(http_api):
    """Version 1 at A; version 2 at B, with a user, a password and a limit; version 3 with another name."""
    made = Resource(name="R", type=http_api, production={"url": A, "headers": {"X-Key": "S3CR3T-1"}})
    configuration.save(made)
    more = {"url": B, "username": "ursula", "password": "S3CR3T-2"}
    made.production, made.rate_limit = {**made.production, **more}, 5
    configuration.save(made, by=Author("anna"))
    made.name = "R2"
    configuration.save(made)
    return Resource.objects.get(pk=made.pk)


def test_every_save_that_changes_something_is_a_version_without_secrets(edited):
    configuration.save(edited)
    assert [(one.number, one.by) for one in edited.versions.all()][:2] == [
        (3, "the command line"),
        (2, "anna"),
    ]
    old, new = (edited.versions.get(number=number) for number in (1, 2))
    told = history.changes(old.content, new.content, secrets_changed=new.secrets_changed)
    assert {*told} == {  # PostgreSQL keeps no order of keys
        "Rate limit: from not set to “5”.",
        "Production credentials, username: from not set to “ursula”.",
        "Production credentials, password: from not set to “********”.",
        "Secrets among the credentials were changed; they are not shown.",
    }
    assert "S3CR3T" not in str(list(ResourceVersion.objects.values()))


def test_another_secret_alone_is_a_version(edited):
    edited.production = {**edited.production, "password": "S3CR3T-3"}
    configuration.save(edited)
    last = edited.versions.first()
    assert (last.number, last.secrets_changed) == (4, True)


def test_one_of_before_there_was_a_history_begins_with_what_it_was(edited):
    edited.versions.all().delete()
    edited.enabled = False
    configuration.save(edited)
    assert [(one.number, one.content["enabled"]) for one in edited.versions.all()] == [(2, False), (1, True)]


def test_what_no_key_opens_can_still_be_saved(edited):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE destinations_resource SET production = 'not to be opened'")
    again = Resource.objects.defer("production").get(pk=edited.pk)
    again.production = {"url": A}
    configuration.save(again)
    assert edited.versions.first().content["production"] == {"url": "https://receiver.example.com/********"}


def test_the_page_compares_and_restores(edited, page, admin_client, sealed):
    text = page("destinations_resource_history", edited.pk, query="from=1&to=2")
    assert "username: from not set to “ursula”" in text
    assert "S3CR3T" not in text
    asked = admin_client.post(reverse("admin:destinations_resource_restore", args=[edited.pk]), {"number": 1})
    text = asked.content.decode()
    assert "username: from “ursula” to not set" in text
    assert Resource.objects.get().rate_limit == 5
    admin_client.post(reverse("admin:destinations_resource_change", args=[edited.pk]), sealed(text))
    now = Resource.objects.get()
    assert (now.name, now.rate_limit) == ("R2", None)
    assert now.production == {"url": B, "headers": {"X-Key": "S3CR3T-1"}, "password": "S3CR3T-2"}
    assert now.versions.first().number == 4


def test_where_within_a_host_may_be_a_secret(edited):
    hidden = "https://receiver.example.com/********"
    assert {one.content["production"]["url"] for one in edited.versions.all()} == {hidden}
    edited.production = {**edited.production, "url": "https://u:p@receiver.example.com?k=S3CR3T-6"}
    configuration.save(edited)
    last = edited.versions.first()
    assert (last.number, last.secrets_changed, last.content["production"]["url"]) == (4, True, hidden)
    edited.production = {**edited.production, "url": "https://receiver.example.com"}
    configuration.save(edited)
    assert edited.versions.first().content["production"]["url"] == "https://receiver.example.com"


def test_secrets_are_not_restored_to_another_host(http_api, admin_client):
    secret = {"headers": {"X-Key": "S3CR3T-4"}, "password": "S3CR3T-5", "username": "u"}
    made = Resource(name="R", type=http_api, production={"url": "https://one.example.com", **secret})
    configuration.save(made)
    made.production = {"url": "https://elsewhere.example.com", **secret}
    configuration.save(made)
    url = reverse("admin:destinations_resource_restore", args=[made.pk])
    answer = admin_client.post(url, {"number": 1}).content.decode()
    assert "The address leads to another host: enter password, headers again." in answer
    assert Resource.objects.get().production["url"] == "https://elsewhere.example.com"


def test_who_may_only_look_sees_no_credentials_and_restores_nothing(edited, allow):
    client = allow("destinations.view_resource")
    text = client.get(reverse("admin:destinations_resource_history", args=[edited.pk])).content.decode()
    assert "Rate limit: from not set to “5”." in text
    assert "receiver.example.com" not in text
    assert "ursula" not in text
    url = reverse("admin:destinations_resource_restore", args=[edited.pk])
    assert client.post(url, {"number": 1}).status_code == 403


def test_the_api_lists_versions_with_the_names_of_credentials_only(edited):
    answer = client_with().get(f"/api/v1/resources/{edited.pk}/versions/").json()
    second = answer["results"][1]
    assert (second["number"], second["by"]) == (2, "anna")
    named = second["content"]["credentials_set"]["production"]
    assert sorted(named) == ["headers", "password", "url", "username"]
    assert "receiver.example.com" not in str(answer)


def test_old_ones_go_but_the_newest(edited, settings):
    ResourceVersion.objects.update(at=timezone.now() - timedelta(days=settings.TRACSYNC_HISTORY_DAYS + 1))
    cleanup.prune()
    assert [one.number for one in edited.versions.all()] == [3]
