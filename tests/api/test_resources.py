"""Extensions and resources over HTTP."""

import json
import time

import pytest
from django.utils import timezone

from destinations.connectors.base import Limits, Token
from destinations.connectors.http.manifests import start
from destinations.models import AccessToken, Extension, Resource
from destinations.sync.tokens.store import StoredTokens
from tests.api.conftest import mistakes, wrong

pytestmark = pytest.mark.django_db
SECRET = "planted-secret-3141"


@pytest.fixture
def http(db):
    Extension.objects.filter(slug="http_api").update(installed_at="2026-03-01T12:00:00Z")


@pytest.fixture
def shop(api, http):
    body = {
        "name": "shop",
        "type": "http_api",
        "credentials": {
            "production": {"url": "http://127.0.0.1:9/hook", "username": "ann", "password": SECRET},
        },
        "tags": ["crm"],
    }
    response = api.post("/api/v1/resources/", body)
    assert response.status_code == 201, response.json()
    return response.json()


def test_the_catalogue(api, django_assert_num_queries):
    api.get("/api/v1/extensions/")
    with django_assert_num_queries(2):
        listed = {
            one["slug"]: one for one in api.get("/api/v1/extensions/?type=destination").json()["results"]
        }
    assert {"http_api", "rabbitmq", "mautic"} <= set(listed)
    assert listed["http_api"]["installed"] is False
    assert listed["http_api"]["icon"].startswith("<svg")
    assert listed["hubspot"]["kind"] == "crm"
    assert listed["slack"]["can"] == ["sends"]
    assert "url" in listed["http_api"]["credentials_schema"]["properties"]
    assert listed["mautic"]["payload_schema"]
    assert listed["mautic"]["version"] == 1
    (preset,) = listed["mautic"]["presets"]
    assert preset["prerequisites"] == "profile@data.contact.email.main EXISTS"
    assert preset["mapping"]["email"] == "profile@data.contact.email.main"
    assert listed["rabbitmq"]["presets"][0]["settings"] == {"queue": {"name": "profiles"}}
    assert api.get("/api/v1/extensions/?type=nothing").json()["results"] == []


def test_the_catalogue_says_where_connectors_are_from_and_what_is_wrong(api, manifests):
    path = manifests / "acme.json"
    path.write_text(start.text("acme"), encoding="utf-8")
    found = api.post("/api/v1/extensions/acme/install/").json()
    assert (found["release"], found["origin"], found["where"]) == ("0.1.0", "folder", "acme.json")
    assert (found["kind"], found["can"]) == ("other", ["updates", "removes"])
    assert found["problem"] == ""
    path.write_text("{", encoding="utf-8")
    found = api.get("/api/v1/extensions/acme/").json()
    assert (found["origin"], found["credentials_schema"]) == ("folder", None)
    assert (found["kind"], found["can"]) == ("other", [])
    assert "acme.json, line 1: this is no JSON" in found["problem"]
    ours = api.get("/api/v1/extensions/customer_io/").json()
    assert (ours["origin"], ours["where"], ours["problem"]) == ("tracsync", "tracsync", "")


def test_secrets_of_a_manifest_are_not_shown(api, manifests):
    (manifests / "acme.json").write_text(start.text("acme"), encoding="utf-8")
    api.post("/api/v1/extensions/acme/install/")
    production = {"token": SECRET, "base_url": "http://127.0.0.1:9"}
    body = {"name": "acme", "type": "acme", "credentials": {"production": production}}
    made = api.post("/api/v1/resources/", body)
    assert made.status_code == 201, made.json()
    assert SECRET not in made.content.decode()
    moved = {"credentials": {"production": {"base_url": "http://127.0.0.2:9", "token": "********"}}}
    answer = api.patch(f"/api/v1/resources/{made.json()['id']}/", moved)
    assert answer.status_code == 400
    assert "leads to another host" in answer.content.decode()


def test_install_and_uninstall(api):
    assert api.post("/api/v1/extensions/http_api/install/").json()["installed"] is True
    assert api.post("/api/v1/extensions/http_api/install/").status_code == 200
    installed = api.get("/api/v1/extensions/?installed=true").json()["results"]
    assert [one["slug"] for one in installed] == ["http_api"]
    assert api.post("/api/v1/extensions/http_api/uninstall/").json()["installed"] is False
    assert api.get("/api/v1/extensions/http_api/").json()["installed"] is False
    assert api.post("/api/v1/extensions/nothing/install/").status_code == 404
    assert api.post("/api/v1/extensions/no%00thing/install/").status_code in (400, 404)


def test_an_extension_in_use_stays(api, shop):
    response = api.post("/api/v1/extensions/http_api/uninstall/")
    assert response.status_code == 409
    assert "shop" in response.json()["detail"]


def test_an_extension_without_its_package_is_listed(api):
    Extension.objects.create(slug="gone", name="Gone")
    assert api.get("/api/v1/extensions/gone/").json()["credentials_schema"] is None
    response = api.post("/api/v1/extensions/gone/install/")
    assert response.status_code == 409
    assert "gone" in response.json()["detail"]


def test_credentials_are_never_answered(api, shop):
    url = f"/api/v1/resources/{shop['id']}/"
    answers = [
        shop,
        api.get(url).json(),
        api.get("/api/v1/resources/").json(),
        api.patch(url, {"enabled": False}).json(),
    ]
    assert shop["credentials_set"] == {"production": ["url", "username", "password"], "test": []}
    for answer in answers:
        assert SECRET not in json.dumps(answer)
        assert "127.0.0.1" not in json.dumps(answer)


def test_the_list_needs_no_query_per_row(api, shop, django_assert_num_queries):
    for n in range(5):
        Resource.objects.create(name=f"r{n}", type_id="http_api")
    with django_assert_num_queries(2):
        assert len(api.get("/api/v1/resources/?type=http_api&enabled=true").json()["results"]) == 6


def test_a_patch_changes_one_credential(api, shop):
    url = f"/api/v1/resources/{shop['id']}/"
    response = api.patch(url, {"credentials": {"production": {"password": "new"}}})
    assert response.status_code == 200
    stored = Resource.objects.get().production
    assert stored == {"url": "http://127.0.0.1:9/hook", "username": "ann", "password": "new"}
    api.patch(url, {"credentials": {"production": {"password": None, "username": None}}})
    assert Resource.objects.get().production == {"url": "http://127.0.0.1:9/hook"}


def test_a_put_replaces_the_sets_it_names(api, shop):
    url = f"/api/v1/resources/{shop['id']}/"
    assert api.put(url, {**shop, "name": "shop 2"}).status_code == 200  # as it was read: nothing is lost
    assert Resource.objects.get().production["password"] == SECRET
    body = {"name": "shop", "type": "http_api", "credentials": {"production": {"url": "http://127.0.0.1/"}}}
    assert api.put(url, body).status_code == 200
    assert Resource.objects.get().production == {"url": "http://127.0.0.1/"}


def test_credentials_are_checked_by_their_schema(api, shop):
    url = f"/api/v1/resources/{shop['id']}/"
    response = api.patch(url, {"credentials": {"production": {"url": None, "pasword": SECRET}}})
    assert response.status_code == 400
    assert mistakes(response) == {
        "credentials/production/pasword": ["pasword is not a known field; did you mean password?"],
        "credentials/production/url": ["url is required"],
    }
    assert SECRET not in response.content.decode()
    assert Resource.objects.get().production["password"] == SECRET


@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        ({"headers": {"Content-Length": "3"}}, "the header Content-Length cannot be set"),
        ({"url": "http://127.0.0.1:9/{{profile@id}}"}, "url holds {{ or profile@"),
    ],
)
def test_what_cannot_be_sent_is_not_stored(api, shop, credentials, words):
    response = api.patch(f"/api/v1/resources/{shop['id']}/", {"credentials": {"production": credentials}})
    assert response.status_code == 400
    assert words in mistakes(response)["credentials/production"][0]
    assert Resource.objects.get().production["url"] == "http://127.0.0.1:9/hook"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": 5}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": None}, "name"),
        ({"type": "nothing"}, "type"),
        ({"type": []}, "type"),
        ({"type": {}}, "type"),
        ({"type": "mautic"}, "type"),
        ({"credentials": []}, "credentials"),
        ({"credentials": {"production": 5}}, "credentials"),
        ({"credentials": {"staging": {}}}, "credentials"),
        ({"enabled": "yes"}, "enabled"),
        ({"enabled": []}, "enabled"),
        ({"tags": "crm"}, "tags"),
        ({"tags": [5]}, "tags"),
        ({"nmae": "x"}, "nmae"),
        ({"name": "a\0b"}, ""),
        ({"name": "\ud800"}, ""),
        ([], ""),
        ('"text"', ""),
        (None, ""),
    ],
)
def test_wrong_values_are_named(api, shop, body, field):
    response = api.patch(f"/api/v1/resources/{shop['id']}/", "null" if body is None else body)
    assert response.status_code == 400
    assert field in wrong(response)


def test_a_name_is_taken_once(api, shop):
    response = api.post("/api/v1/resources/", {"name": "shop", "type": "http_api"})
    assert response.status_code == 400
    assert "name" in wrong(response)


def test_only_installed_extensions_can_be_used(api):
    response = api.post("/api/v1/resources/", {"name": "crm", "type": "mautic"})
    assert response.status_code == 400
    assert "not installed" in mistakes(response)["type"][0]


def test_a_connection_test_always_says_what_happened(api, shop):
    url = f"/api/v1/resources/{shop['id']}/test/"
    response = api.post(url, {"credentials": "production"})
    assert response.status_code == 200
    assert response.json()["ok"] is False
    assert response.json()["message"]
    assert api.post(url, {"credentials": "test"}).json() == {
        "ok": False,
        "message": "There are no test credentials",
    }
    assert api.post(url, {"credentials": "other"}).status_code == 400
    assert api.post(url).json()["ok"] is False


def test_a_connection_that_works(api, resource):
    assert api.post(f"/api/v1/resources/{resource.pk}/test/").json()["ok"] is True


def test_a_connector_that_is_broken(api, resource, recording, monkeypatch):
    monkeypatch.setattr(recording, "open", lambda *_args: 1 / 0)
    answer = api.post(f"/api/v1/resources/{resource.pk}/test/").json()
    assert answer == {"ok": False, "message": "The connector failed with ZeroDivisionError"}


def test_a_resource_in_use_stays(api, make_destination):
    destination = make_destination("newsletter")
    url = f"/api/v1/resources/{destination.resource_id}/"
    response = api.delete(url)
    assert response.status_code == 409
    assert "newsletter" in response.json()["detail"]
    assert api.patch(url, {"type": "http_api"}).status_code == 400
    destination.delete()
    assert api.delete(url).status_code == 204


def test_a_mask_takes_no_secret_to_another_host(api, shop):
    url = f"/api/v1/resources/{shop['id']}/"
    kept = {"headers": {"X-Key": SECRET}, "url": "http://127.0.0.1:9/hook"}
    assert api.patch(url, {"credentials": {"production": {"password": None, "username": None, **kept}}})
    away = {"url": "http://127.0.0.1:10/", "headers": {"X-Key": "********", "X-New": "n"}}
    for method, production in (("PATCH", away), ("PUT", away), ("PATCH", {"proxy": "http://127.0.0.1:3128"})):
        body = {"name": "shop", "type": "http_api", "credentials": {"production": production}}
        response = api(method, url, body)
        assert response.status_code == 400
        assert "enter headers again" in mistakes(response)["credentials/production"][0]
        assert Resource.objects.get().production == kept
    again = {"url": "http://127.0.0.1:10/", "headers": {"X-Key": SECRET}}
    assert api.patch(url, {"credentials": {"production": again}}).status_code == 200
    assert Resource.objects.get().production == again


def test_the_state_of_an_authorisation_and_never_a_token(api, shop):
    path = f"/api/v1/resources/{shop['id']}/authorisation/"
    assert {one["state"] for one in api.get(path).json().values()} == {"not_needed"}
    oauth2 = {
        "token_url": "https://crm.example/token",
        "authorize_url": "https://crm.example/authorize",
        "client_id": "me",
        "grant": "authorization_code",
    }
    credentials = {"production": {"url": "https://crm.example/in", "oauth2": oauth2}}
    body = {"name": "crm", "type": "http_api", "credentials": credentials}
    path = f"/api/v1/resources/{api.post('/api/v1/resources/', body).json()['id']}/authorisation/"
    found = api.get(path).json()
    assert found["test"]["state"] == "not_needed"
    assert (found["production"]["state"], found["production"]["asks"]) == ("missing", True)
    assert found["production"]["reason"] == "nobody has authorised it yet"
    resource = Resource.objects.get(name="crm")
    StoredTokens(resource, False).put(Token(SECRET, time.time() + 3600, SECRET, "contacts"), by="ann")
    answer = api.get(path)
    assert SECRET not in answer.content.decode()
    found = answer.json()["production"]
    assert (found["state"], found["by"], found["renews"], found["scope"]) == (
        "given",
        "ann",
        True,
        "contacts",
    )
    AccessToken.objects.update(problem="authorise again", problem_at=timezone.now())
    found = api.get(path).json()["production"]
    assert (found["state"], found["reason"]) == ("ended", "authorise again")
    assert found["ended_at"]


def test_limits_are_set_and_shown_with_each_destination(api, shop):
    url = f"/api/v1/resources/{shop['id']}/"
    limits = {"concurrency": 4, "rate_limit": 100, "rate_period": "minute", "test_concurrency": 1}
    assert limits.items() <= api.patch(url, limits).json().items()
    body = {"name": "crm", "resource": shop["id"], "mapping": {}, "settings": {}, "concurrency": 9}
    destination = api.post("/api/v1/destinations/", body).json()
    assert destination["effective_concurrency"] == 4
    assert destination["limits"] == [
        {"set_by": "destination", "shared": False, "calls": 9, "count": None, "seconds": None},
        {"set_by": "resource", "shared": True, "calls": 4, "count": None, "seconds": None},
        {"set_by": "resource", "shared": True, "calls": None, "count": 100, "seconds": 60.0},
    ]


@pytest.mark.parametrize(
    "limits",
    [{"concurrency": 0}, {"concurrency": 257}, {"test_rate_limit": -1}, {"rate_period": "week"}],
)
def test_limits_that_make_no_sense_are_refused(api, shop, limits):
    response = api.patch(f"/api/v1/resources/{shop['id']}/", limits)
    assert (response.status_code, wrong(response)) == (400, list(limits))
    assert Resource.objects.get().limits(use_test=True) == Limits()


@pytest.mark.parametrize(
    "place", ["resources/9", "destinations/no-such", "attempts/x", "incidents/9", "erasures/x"]
)
def test_what_is_not_there_is_told_without_our_classes(api, place):
    answer = api.get(f"/api/v1/{place}/")
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is nothing with this id here")
