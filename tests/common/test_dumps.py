"""What `dumpdata` writes holds no secret in clear, and `loaddata` of it brings everything back."""

import json

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.utils import timezone

from destinations import configuration
from destinations.models import AccessToken, DeliveryAttempt, Destination, Extension, ProfileSync, Resource
from profiles.models import Profile
from tracsync.models import ApiToken

pytestmark = pytest.mark.django_db

SECRET = "planted-secret-2236"
FORMATS = ["json", "jsonl", "xml", "yaml"]
APPS = ("destinations", "profiles")


@pytest.fixture
def planted(make_profile, frozen):
    """A secret in every encrypted column."""
    Extension.objects.filter(pk="http_api").update(installed_at=timezone.now())
    credentials = {"url": f"https://u:{SECRET}@crm.example/", "headers": {"X-Key": SECRET}}
    resource = Resource.objects.create(
        name="crm", type_id="http_api", production=credentials, test=credentials
    )
    destination = Destination(name="crm", resource=resource, settings={"cookies": {"session": SECRET}})
    configuration.save(destination)
    AccessToken.objects.create(resource=resource, use_test=False, value=SECRET)
    sync = ProfileSync.objects.create(profile=make_profile(), destination=destination)
    DeliveryAttempt.objects.create(
        profile_id=sync.profile_id,
        destination=destination,
        version=1,
        at=timezone.now(),
        duration_ms=1,
        outcome="accepted",
        idempotency_key="k",
        request=SECRET,
        response={"said": SECRET},
    )
    return resource


def everything():
    found = {}
    for model in (Resource, Destination, AccessToken, DeliveryAttempt, ProfileSync, Profile):
        found[model] = list(model.objects.order_by("pk").values())
    return found


@pytest.fixture
def dump(planted, tmp_path):
    def write(format):
        path = tmp_path / f"dump.{format}"
        call_command("dumpdata", *APPS, format=format, output=str(path), verbosity=0)
        return path

    return write


def empty():
    for model in (DeliveryAttempt, ProfileSync, AccessToken, Destination, Resource, Profile):
        model.objects.all().delete()


@pytest.mark.parametrize("format", FORMATS)
def test_a_dump_holds_no_secret_and_brings_all_back(dump, format, api):
    before, path = everything(), dump(format)
    assert SECRET not in path.read_text()
    empty()
    call_command("loaddata", str(path), verbosity=0)
    assert everything() == before
    assert Resource.objects.get().production["headers"] == {"X-Key": SECRET}
    for name in ("resources", "destinations", "attempts"):
        assert api.get(f"/api/v1/{name}/").status_code == 200


def test_loaded_with_other_keys_it_says_so_until_the_key_is_there(dump, settings, api):
    before, path = everything(), dump("json")
    empty()
    keys = settings.TRACSYNC_ENCRYPTION_KEYS
    settings.TRACSYNC_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    call_command("loaddata", str(path), verbosity=0)
    for name in ("resources", "destinations"):
        answer = api.client.get(f"/api/v1/{name}/")
        assert answer.status_code == 503
        assert "cannot be decrypted" in answer.json()["detail"]
    with pytest.raises(CommandError, match="cannot be decrypted"):
        call_command("dumpdata", "destinations.resource", verbosity=0)
    settings.TRACSYNC_ENCRYPTION_KEYS = keys
    assert everything() == before


@pytest.mark.parametrize("value", ["{'url': 'https://crm.example/'}", SECRET])
def test_what_is_not_encrypted_in_a_dump_is_refused(dump, value):
    path = dump("json")
    rows = json.loads(path.read_text())
    [row] = [row for row in rows if row["model"] == "destinations.resource"]
    row["fields"]["production"] = value
    path.write_text(json.dumps(rows))
    with pytest.raises(ValueError, match="production is not encrypted") as raised:
        call_command("loaddata", str(path), verbosity=0)
    assert SECRET not in str(raised.value)


def test_a_fixture_that_people_write_may_hold_plain_objects(dump):
    path = dump("json")
    rows = json.loads(path.read_text())
    [row] = [row for row in rows if row["model"] == "destinations.resource"]
    row["fields"]["production"] = {"url": "https://crm.example/"}
    path.write_text(json.dumps(rows))
    call_command("loaddata", str(path), verbosity=0)
    assert Resource.objects.get().production == {"url": "https://crm.example/"}


@pytest.fixture
def api(db):
    from rest_framework.test import APIClient

    token, text = ApiToken.generate("tests")
    token.save()
    client = APIClient(headers={"Authorization": f"Bearer {text}"})
    client.client = client
    return client
