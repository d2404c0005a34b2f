"""Who may use the API, and that everything it says is JSON."""

from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.http import UnreadablePostError
from django.utils import timezone
from rest_framework.test import APIClient

from tests.api.conftest import Api, client_with
from tracsync.common.rest import scopes
from tracsync.models import ApiToken

pytestmark = pytest.mark.django_db
PLACES = ["", "profiles/", "extensions/", "resources/", "destinations/", "syncs/", "attempts/"]


@pytest.fixture(autouse=True)
def no_wrong_tokens_of_others():
    """They are counted by address, which all tests have in common, and some of them at another time."""
    cache.clear()
    yield
    cache.clear()


@pytest.mark.parametrize("place", PLACES)
def test_nobody_comes_in_without_a_token(place):
    response = APIClient().get(f"/api/v1/{place}")
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert "create_token" in response.json()["detail"]


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer a b", "Bearer nonsense", "Bearer ü.x", "Bearer .", "Bearer a%.x"]
)
def test_wrong_tokens(header):
    response = APIClient(HTTP_AUTHORIZATION=header.encode().decode("latin-1")).get("/api/v1/profiles/")
    assert response.status_code == 401
    assert response.json()["detail"]


def test_wrong_tokens_have_to_wait(api):
    token, text = ApiToken.generate("CRM")
    token.save()
    wrong = {"HTTP_AUTHORIZATION": f"Bearer {token.prefix}.wrong"}
    with time_machine.travel("2026-01-01", tick=False) as clock:
        for _ in range(20):
            assert APIClient(**wrong).get("/api/v1/").status_code == 401
        clock.shift(10)
        refused = APIClient(**wrong).get("/api/v1/")
        assert (refused.status_code, refused["Retry-After"]) == (429, "50")
        assert refused.json()["code"] == "throttled"
        right = {"HTTP_AUTHORIZATION": f"Bearer {text}"}
        assert APIClient(**right).get("/api/v1/").status_code == 429, "or it would tell which one is right"
        assert APIClient(**right, REMOTE_ADDR="192.0.2.7").get("/api/v1/").status_code == 200
        assert api.get("/api/v1/").status_code == 200, "another token from there"
        clock.shift(50)
        assert APIClient(**right).get("/api/v1/").status_code == 200


def test_an_address_waits_after_many_kinds_of_wrong_tokens(api):
    def wrong(number, **extra):
        return APIClient(HTTP_AUTHORIZATION=f"Bearer {number:08x}.wrong", **extra).get("/api/v1/").status_code

    with time_machine.travel("2026-01-01", tick=False) as clock:
        assert {wrong(number) for number in range(100)} == {401}
        assert wrong(100) == 429
        assert api.client.get("/api/v1/").status_code == 429
        assert wrong(101, REMOTE_ADDR="192.0.2.7") == 401
        clock.shift(60)
        assert wrong(102) == 401
        assert api.client.get("/api/v1/").status_code == 200


def test_wrong_tokens_of_an_unknown_address_do_not_count_against_it(api, settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    with time_machine.travel("2026-01-01", tick=False):
        for number in range(101):
            text = f"Bearer {number:08x}.wrong"
            assert APIClient(HTTP_AUTHORIZATION=text).get("/api/v1/").status_code == 401
        assert api.client.get("/api/v1/").status_code == 200


def test_a_session_of_the_admin_is_no_token(admin_client):
    assert admin_client.get("/api/v1/profiles/").status_code == 401


def test_an_expired_token(db):
    client = client_with(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get("/api/v1/profiles/").status_code == 401


def test_a_read_only_token(db):
    client = client_with(read_only=True)
    assert client.get("/api/v1/profiles/").status_code == 200
    for method in (client.put, client.patch, client.delete):
        assert method("/api/v1/profiles/p1/", {}, format="json").status_code == 403
    assert client.post("/api/v1/profiles/bulk/", "", content_type="text/plain").status_code == 403


@pytest.fixture
def editor(django_user_model):
    person = django_user_model.objects.create_user("editor", is_staff=True)
    person.groups.set([Group.objects.get(name="Editor")])
    return person


@pytest.mark.parametrize("read_only", [False, True])
def test_a_token_is_never_worth_more_than_its_owner(editor, read_only):
    client = client_with(owner=editor, read_only=read_only)

    def asked():
        if read_only:
            return client.get("/api/v1/profiles/")
        return client.post("/api/v1/profiles/bulk/", "", content_type="text/plain")

    assert asked().status_code == 200
    editor.groups.set([Group.objects.get(name="Viewer")])
    assert asked().status_code == (200 if read_only else 403)
    editor.groups.clear()
    refused = asked()
    assert (refused.status_code, "owner" in refused.json()["detail"]) == (403, True)
    editor.is_superuser = True
    editor.save()
    assert asked().status_code == 200
    editor.is_active = False
    editor.save()
    refused = asked()
    assert (refused.status_code, "owner" in refused.json()["detail"]) == (403, True)


def test_the_root_lists_everything():
    api = Api(client_with(scopes=[*scopes.SCOPES]))
    places = api.get("/api/v1/").json()
    assert {"profiles", "extensions", "resources", "destinations", "syncs", "attempts"} <= set(places)
    for address in places.values():
        assert api.get(address, accept="*/*").status_code == 200


@pytest.mark.parametrize("path", ["nothing/", "nothing", "profiles/x/y/z/", "syncs/x/"])
@pytest.mark.parametrize("root", ["/api/v1/", "/api/"])
def test_what_is_not_there_is_json(api, root, path):
    response = api.get(f"{root}{path}")
    assert response.status_code == 404
    assert response.json()["detail"]
    assert response["Content-Type"] == "application/problem+json"


def test_addresses_without_a_version_are_the_same(api):
    assert api.get("/api/").json() == api.get("/api/v1/").json()
    made = api.post("/api/profiles/", {"id": "p1"})
    assert (made.status_code, made["Location"]) == (201, "http://testserver/api/v1/profiles/p1/")
    assert api.post("/api/extensions/http_api/install").status_code == 200
    assert "next" in api.get("/api/profiles").json()


@pytest.mark.parametrize("path", ["/api/v1/resources", "/api/v1/destinations", "/api/v1/syncs"])
def test_the_last_slash_may_be_missing(api, path):
    assert api.get(path).status_code == 200


def test_a_post_without_the_last_slash(api):
    assert api.post("/api/v1/extensions/http_api/install").status_code == 200


def test_the_browsable_api_is_off(api):
    response = api.get("/api/v1/", accept="text/html")
    assert response.status_code == 406
    assert response["Content-Type"] == "application/problem+json"


def test_other_body_types_are_refused(api):
    response = api("POST", "/api/v1/resources/", "name=x", type="application/x-www-form-urlencoded")
    assert response.status_code == 415


@pytest.mark.parametrize("place", [*PLACES, "profiles/p1/", "profiles/bulk/", "schema/"])
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_other_methods_do_no_harm(api, method, place):
    assert api(method, f"/api/v1/{place}").status_code in (200, 404, 405)


def test_a_body_that_breaks_off(api, monkeypatch):
    def broken(*_args):
        raise UnreadablePostError

    monkeypatch.setattr("profiles.request_stream._stream", broken)
    response = api.put("/api/v1/profiles/p1/", {})
    assert (response.status_code, "connection" in response.json()["detail"]) == (400, True)


def test_a_database_that_is_away_is_said(api, monkeypatch):
    def broken(*_args, **_options):
        raise OperationalError("password=secret")

    monkeypatch.setattr("profiles.changes._write_batch", broken)
    response = api.client.put("/api/v1/profiles/p1/", {}, format="json")
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
    response = api.client.put("/api/v1/profiles/p1/", {}, format="json")
    assert response.status_code == 500
    assert response.json() == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "code": "server_error",
        "detail": "The server failed; its log says why",
    }


def test_a_host_that_is_not_ours(api):
    response = api.client.get("/api/v1/", HTTP_HOST="elsewhere.example")
    assert response.status_code == 400
    assert response.json()["detail"]


def create_token(*arguments):
    out = StringIO()
    call_command("create_token", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_create_token():
    text = create_token("warehouse")
    assert APIClient(HTTP_AUTHORIZATION=f"Bearer {text.strip()}").get("/api/v1/").status_code == 200
    stored = ApiToken.objects.get()
    assert (stored.name, stored.granted) == ("warehouse", scopes.EVERYTHING)
    assert timedelta(days=89) < stored.expires_at - timezone.now() < timedelta(days=90, seconds=1)
    assert text.strip() not in str(vars(stored))


def test_create_token_with_limits():
    create_token("a", "--read-only", "--expires-in-days", "2")
    stored = ApiToken.objects.get()
    assert (stored.read_only, stored.granted) == (True, scopes.READS)
    assert timedelta(days=1) < stored.expires_at - timezone.now() < timedelta(days=2, seconds=1)


def test_create_token_for_somebody(editor):
    create_token("a", "--owner", "editor", "--scope", "profiles:write", "--scope", "operations:write")
    assert ApiToken.objects.get().owner == editor
    editor.groups.set([Group.objects.get(name="Viewer")])
    create_token("b", "--owner", "editor", "--scope", "profiles:read")
    with pytest.raises(CommandError, match="may not do all that it may: profiles:write"):
        create_token("c", "--owner", "editor", "--scope", "profiles:write")
    with pytest.raises(CommandError, match="nobody named 'x'"):
        create_token("c", "--owner", "x")
    assert ApiToken.objects.count() == 2


def test_a_name_is_taken_once_unless_replaced():
    old = create_token("a").strip()
    with pytest.raises(CommandError, match="--replace"):
        create_token("a")
    assert ApiToken.objects.get().matches(old)
    new = create_token("a", "--replace").strip()
    assert ApiToken.objects.get().matches(new)


def test_a_token_without_an_end_is_asked_for():
    create_token("a", "--never-expires")
    assert ApiToken.objects.get().expires_at is None


@pytest.mark.parametrize(
    "arguments",
    [
        ["x" * 101],
        [""],
        ["a", "--expires-in-days", "0"],
        ["a", "--expires-in-days", "367"],
        ["a", "--scope", "everything"],
        ["a", "--destination", "nowhere"],
    ],
)
def test_create_token_refuses(arguments):
    with pytest.raises(CommandError):
        create_token(*arguments)
    assert not ApiToken.objects.exists()
