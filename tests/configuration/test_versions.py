"""What an earlier version of a connector has stored is used and edited as today's has it, and stays as it was
for the release before until somebody edits it."""

import pytest
from rest_framework.test import APIClient

from destinations import configuration
from destinations.connectors.base import ConfigurationError
from destinations.insight import preview
from destinations.models import Destination, Health, ProfileSync, Resource
from destinations.scheduler import loop
from tests.api.conftest import mistakes
from tracsync.models import ApiToken

pytestmark = pytest.mark.django_db

SETTINGS = {
    "type": "object",
    "properties": {
        "list": {"type": "object", "properties": {"name": {"type": "string"}}},
        "colour": {"type": "string", "default": ""},
    },
    "additionalProperties": False,
}
CREDENTIALS = {
    "type": "object",
    "properties": {"key": {"type": "string", "title": "Key", "secret": True}},
    "additionalProperties": False,
}


def migrate(self, part, old, version):
    assert version == 1
    if part == "credentials":
        return {"key": old.pop("token")}
    if "list" not in old:
        raise KeyError("s3cr3t-token")
    return {**old, "list": {"name": old["list"]}}


@pytest.fixture
def api(db):
    token, text = ApiToken.generate("tests")
    token.save()
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return client


@pytest.fixture
def stored(make_destination, monkeypatch, recording):
    """A destination that version 1 has stored; here is version 2."""
    destination = make_destination(settings={"list": "news"})
    monkeypatch.setattr(recording, "version", 2, raising=False)
    monkeypatch.setattr(recording, "migrate", migrate, raising=False)
    monkeypatch.setattr(recording, "settings_schema", SETTINGS)
    monkeypatch.setattr(recording, "credentials_schema", CREDENTIALS)
    return Destination.objects.get(pk=destination.pk)


def versions():
    return Destination.objects.get().settings_version, Resource.objects.get().credentials_version


def push(frozen):
    frozen.forward(20)
    while loop.tick():
        pass


def test_a_push_uses_it_as_todays_version_has_it_and_stores_nothing(stored, make_profile, recording, frozen):
    make_profile()
    push(frozen)
    assert ProfileSync.objects.get().state == "synced"
    assert recording.opened[-1] == ({"key": "s3cr3t-token"}, {"list": {"name": "news"}})
    assert versions() == (1, 1)
    assert Destination.objects.get().settings == {"list": "news"}


def test_what_is_new_has_todays_version(stored, resource):
    configuration.save(Destination(name="new", resource=resource, settings={"list": {"name": "a"}}))
    new = Destination.objects.get(name="new")
    assert (new.settings_version, new.settings) == (2, {"list": {"name": "a"}})
    made = Resource.objects.create(name="new", type=resource.type, production={"key": "s3cr3t"})
    assert made.credentials(use_test=False) == {"key": "s3cr3t"}
    assert made.credentials_version == 2


def test_an_edit_stores_it_as_today(stored):
    before = stored.generation
    stored.name = "another"
    configuration.save(stored)
    configuration.save(Resource.objects.get())
    assert versions() == (2, 2)
    assert Destination.objects.get().settings == {"list": {"name": "news"}}
    assert Resource.objects.get().production == {"key": "s3cr3t-token"}
    assert Destination.objects.get().generation == before  # nothing of what is sent was edited


def test_the_preview_and_the_connection_test_use_it(stored, recording):
    assert preview.preview(stored, {"id": "p1", "stats": {"visits": 1}}).request["credentials"] == {
        "key": "********"
    }
    preview.check(Resource.objects.get(), use_test=False)
    assert recording.opened[-1] == (
        {"key": "s3cr3t-token"},
        {"list": {"name": "news"}, "colour": ""},
    )


def test_an_error_blocks_this_destination_alone_and_is_said(
    stored, make_destination, make_profile, frozen, api, admin_client
):
    Destination.objects.filter(pk=stored.pk).update(settings={"colour": "blue"})
    make_destination("other", settings={"list": {"name": "b"}})
    make_profile()
    push(frozen)
    states = dict(ProfileSync.objects.values_list("destination__name", "state"))
    assert states == {"crm": "pending", "other": "synced"}
    problem = Health.objects.get(destination=stored).problem
    assert "the settings of version 1" in problem
    assert "version 2 (KeyError): enter them again" in problem
    assert "s3cr3t" not in problem
    url = f"/api/v1/destinations/{stored.pk}/"
    assert api.get(url).json()["settings"] == {"colour": "blue"}
    refused = api.patch(url, {"name": "another"}, format="json")
    assert refused.status_code == 400
    assert "enter them again" in str(mistakes(refused)["settings"])
    page = admin_client.get(f"/admin/destinations/destination/{stored.pk}/change/").content.decode()
    assert "enter them again" in page
    entered = api.patch(url, {"settings": {"list": {"name": "c"}}}, format="json")
    assert entered.status_code == 200, entered.json()
    assert Destination.objects.get(pk=stored.pk).settings_version == 2
    push(frozen)
    assert set(ProfileSync.objects.values_list("state", flat=True)) == {"synced"}


def test_what_a_later_version_has_stored_is_left_alone(stored):
    Destination.objects.update(settings_version=3)
    with pytest.raises(ConfigurationError, match=r"saved with version 3 .* here is version 2"):
        Destination.objects.get().bring_up_to_date()


def test_credentials_are_shown_and_merged_as_today(stored, api):
    url = f"/api/v1/resources/{stored.resource_id}/"
    assert api.get(url).json()["credentials_set"]["production"] == ["key"]
    merged = api.patch(url, {"credentials": {"test": {"key": "t3st-key"}}}, format="json")
    assert merged.status_code == 200, merged.json()
    resource = Resource.objects.get()
    assert (resource.production, resource.test) == ({"key": "s3cr3t-token"}, {"key": "t3st-key"})
    assert resource.credentials_version == 2


def test_an_older_version_of_the_history_is_restored_as_today(stored, admin_client):
    stored.settings = {"list": {"name": "later"}}
    stored.settings_version = 2
    configuration.save(stored)
    assert stored.versions.first().content["settings_version"] == 2
    url = f"/admin/destinations/destination/{stored.pk}/restore/"
    text = admin_client.post(url, {"number": 1}).content.decode()
    assert "news" in text
    assert "later" in text
