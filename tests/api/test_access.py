"""Who may use the API, and that everything it says is JSON."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.http import UnreadablePostError
from django.utils import timezone
from rest_framework.test import APIClient

from tests.api.conftest import client_with
from tracsync.models import ApiToken

pytestmark = pytest.mark.django_db
PLACES = ["", "profiles/", "extensions/", "resources/", "destinations/", "syncs/", "attempts/"]


@pytest.mark.parametrize("place", PLACES)
def test_nobody_comes_in_without_a_token(place):
    response = APIClient().get(f"/api/{place}")
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert "create_token" in response.json()["detail"]


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer a b", "Bearer nonsense", "Bearer ü.x", "Bearer .", "Bearer a%.x"]
)
def test_wrong_tokens(header):
    response = APIClient(HTTP_AUTHORIZATION=header.encode().decode("latin-1")).get("/api/profiles/")
    assert response.status_code == 401
    assert response.json()["detail"]


def test_a_session_of_the_admin_is_no_token(admin_client):
    assert admin_client.get("/api/profiles/").status_code == 401


def test_an_expired_token(db):
    client = client_with(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get("/api/profiles/").status_code == 401


def test_a_read_only_token(db):
    client = client_with(read_only=True)
    assert client.get("/api/profiles/").status_code == 200
    for method in (client.put, client.patch, client.delete):
        assert method("/api/profiles/p1/", {}, format="json").status_code == 403
    assert client.post("/api/profiles/bulk/", "", content_type="text/plain").status_code == 403


def test_the_root_lists_everything(api):
    places = api.get("/api/").json()
    assert {"profiles", "extensions", "resources", "destinations", "syncs", "attempts"} <= set(places)
    for address in places.values():
        assert api.get(address, accept="*/*").status_code == 200


@pytest.mark.parametrize("path", ["/api/nothing/", "/api/nothing", "/api/profiles/x/y/z/", "/api/syncs/x/"])
def test_what_is_not_there_is_json(api, path):
    response = api.get(path)
    assert response.status_code == 404
    assert response.json()["detail"]
    assert response["Content-Type"] == "application/json"


@pytest.mark.parametrize("path", ["/api/resources", "/api/destinations", "/api/syncs"])
def test_the_last_slash_may_be_missing(api, path):
    assert api.get(path).status_code == 200


def test_a_post_without_the_last_slash(api):
    assert api.post("/api/extensions/http_api/install").status_code == 200


def test_the_browsable_api_is_off(api):
    response = api.get("/api/", accept="text/html")
    assert response.status_code == 406
    assert response["Content-Type"] == "application/json"


def test_other_body_types_are_refused(api):
    response = api("POST", "/api/resources/", "name=x", type="application/x-www-form-urlencoded")
    assert response.status_code == 415


@pytest.mark.parametrize("place", [*PLACES, "profiles/p1/", "profiles/bulk/", "schema/"])
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_other_methods_do_no_harm(api, method, place):
    assert api(method, f"/api/{place}").status_code in (200, 404, 405)


def test_a_body_that_breaks_off(api, monkeypatch):
    def broken(*_args):
        raise UnreadablePostError

    monkeypatch.setattr("profiles.request_stream._stream", broken)
    response = api.put("/api/profiles/p1/", {})
    assert (response.status_code, "connection" in response.json()["detail"]) == (400, True)


def test_a_database_that_is_away_is_said(api, monkeypatch):
    def broken(*_args, **_options):
        raise OperationalError("password=secret")

    monkeypatch.setattr("profiles.changes._write_batch", broken)
    response = api.client.put("/api/profiles/p1/", {}, format="json")
    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert "secret" not in response.content.decode()


def test_in_the_admin_too(admin_client, monkeypatch):
    def broken(*_args, **_options):
        raise OperationalError("password=secret")

    monkeypatch.setattr("django.contrib.admin.options.ModelAdmin.get_changelist_instance", broken)
    admin_client.raise_request_exception = False
    response = admin_client.get("/admin/profiles/profile/")
    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert "The database does not answer now" in response.content.decode()
    assert "secret" not in response.content.decode()


def test_a_failure_of_ours_is_json_too(api, monkeypatch):
    def broken(*_args, **_options):
        raise RuntimeError("secret")

    monkeypatch.setattr("profiles.changes._write_batch", broken)
    response = api.client.put("/api/profiles/p1/", {}, format="json")
    assert response.status_code == 500
    assert response.json() == {"detail": "The server failed; its log says why"}


def test_a_host_that_is_not_ours(api):
    response = api.client.get("/api/", HTTP_HOST="elsewhere.example")
    assert response.status_code == 400
    assert response.json()["detail"]


def create_token(*arguments):
    out = StringIO()
    call_command("create_token", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_create_token():
    text = create_token("warehouse")
    assert APIClient(HTTP_AUTHORIZATION=f"Bearer {text.strip()}").get("/api/").status_code == 200
    stored = ApiToken.objects.get()
    assert (stored.name, stored.read_only, stored.expires_at) == ("warehouse", False, None)
    assert text.strip() not in str(vars(stored))


def test_create_token_with_limits():
    create_token("a", "--read-only", "--expires-in-days", "2")
    stored = ApiToken.objects.get()
    assert stored.read_only
    assert timedelta(days=1) < stored.expires_at - timezone.now() < timedelta(days=2, seconds=1)


def test_a_name_is_taken_once_unless_replaced():
    old = create_token("a").strip()
    with pytest.raises(CommandError, match="--replace"):
        create_token("a")
    assert ApiToken.objects.get().matches(old)
    new = create_token("a", "--replace").strip()
    assert ApiToken.objects.get().matches(new)


@pytest.mark.parametrize("arguments", [["x" * 101], [""], ["a", "--expires-in-days", "0"]])
def test_create_token_refuses(arguments):
    with pytest.raises(CommandError):
        create_token(*arguments)
    assert not ApiToken.objects.exists()
