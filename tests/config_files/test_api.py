"""The configuration as one document over HTTP."""

import os

import pytest

from destinations import configuration
from destinations.models import Destination, DestinationVersion, Resource
from tests.api.conftest import Api, client_with, mistakes, wrong
from tests.config_files.conftest import MARKER, SECRETS

PLACE = "/api/v1/configuration/"


@pytest.fixture
def api(db):
    return Api(client_with())


@pytest.fixture
def exported(api, newsletter):
    response = api.get(PLACE)
    assert response.status_code == 200
    assert MARKER not in response.content.decode()
    return response.json()


def test_there_and_back(api, exported):
    assert exported["resources"]["newsletter"]["credentials"]["production"]["token"] == (
        "${TRACSYNC_SECRET_NEWSLETTER_PRODUCTION_TOKEN}"
    )
    body = {"configuration": exported, "secrets": SECRETS}
    plan = api.post(f"{PLACE}plan/", body).json()
    assert (plan["changes"], plan["installs"], plan["unchanged"]) == ([], [], 2)
    Destination.objects.all().delete()
    Resource.objects.all().delete()
    plan = api.post(f"{PLACE}plan/", body).json()
    assert [(step["action"], step["slug"]) for step in plan["changes"]] == [
        ("create", "newsletter"),
        ("create", "business"),
    ]
    assert plan["changes"][1]["reach"][0]["numbers"]["meet"] == {"about": 0, "low": 0, "high": 0}
    assert not Resource.objects.exists()
    response = api.post(f"{PLACE}apply/", {**body, "fingerprint": plan["fingerprint"]})
    assert response.status_code == 200
    assert MARKER not in response.content.decode()
    assert DestinationVersion.objects.get().by == "API token tests"
    assert api.post(f"{PLACE}apply/", body).json()["changes"] == []
    assert api.get(PLACE).json() == exported


def test_it_may_be_larger_than_a_profile(api, settings):
    settings.TRACSYNC_MAX_DOCUMENT_BYTES = 100_000
    fields = {f"slug-{n}": {"description": "x" * 90_000} for n in range(10)}
    response = api.post(f"{PLACE}plan/", {"configuration": {"tracsync": 1, "destinations": fields}})
    said = "a new destination needs a resource: the slug of one"
    assert [*mistakes(response).values()] == [[said]] * 10
    fields = {f"slug-{n}": {"description": "x" * 90_000} for n in range(50)}
    response = api.post(f"{PLACE}plan/", {"configuration": {"tracsync": 1, "destinations": fields}})
    assert response.status_code == 413


def test_without_secrets(api, exported):
    response = api.get(f"{PLACE}?secrets=none")
    assert "TRACSYNC_SECRET" not in response.content.decode()
    assert api.post(f"{PLACE}plan/", {"configuration": response.json()}).json()["changes"] == []
    for query in ("secrets=all", "secrets=", "typo=none"):
        assert wrong(api.get(f"{PLACE}?{query}")) == [query.partition("=")[0]]


def test_the_environment_of_the_server_is_not_read(api, exported, monkeypatch):
    """Who may change the configuration could have any of it sent anywhere."""
    for name, secret in SECRETS.items():
        monkeypatch.setitem(os.environ, name, secret)
    response = api.post(f"{PLACE}plan/", {"configuration": exported})
    assert response.status_code == 400
    [told] = mistakes(response)["configuration/resources/newsletter/credentials/production/token"]
    assert told.startswith("${TRACSYNC_SECRET_NEWSLETTER_PRODUCTION_TOKEN} is not set in secrets")
    kept = api.post(f"{PLACE}plan/", {"configuration": exported, "keep_secrets": True})
    assert kept.json()["changes"] == []


def test_an_edit_since_the_plan(api, exported):
    exported["destinations"]["business"]["quiet_period"] = 9
    body = {"configuration": exported, "secrets": SECRETS}
    plan = api.post(f"{PLACE}plan/", body).json()
    row = Destination.objects.get()
    row.max_wait = 60
    configuration.save(row)
    response = api.post(f"{PLACE}apply/", {**body, "fingerprint": plan["fingerprint"]})
    assert (response.status_code, "plan again" in response.json()["detail"]) == (409, True)
    assert Destination.objects.get().quiet_period == 0.5


def test_prune(api, exported):
    body = {"configuration": {"tracsync": 1, "destinations": {}}, "prune": True}
    (step,) = api.post(f"{PLACE}apply/", body).json()["changes"]
    assert (step["action"], step["slug"]) == ("delete", "business")
    assert not Destination.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"configuration": []},
        {"configuration": {}},
        {"configuration": {"tracsync": 1}},
        {"configuration": {"tracsync": 1, "other": {}}},
        {"configuration": {"tracsync": 1, "resources": []}},
        {"configuration": {"tracsync": 1, "resources": {"a\0": {}}}},
        {"configuration": {"tracsync": 1, "resources": {"a": {"type": "a\0"}}}},
        {"configuration": {"tracsync": 1, "resources": {}}, "secrets": {"A": 1}},
        {"configuration": {"tracsync": 1, "resources": {}}, "prune": "yes"},
        {"configuration": {"tracsync": 1, "resources": {}}, "other": 1},
        '{"configuration": {"tracsync": 1, "tracsync": 1}}',
        '{"configuration": ' + '{"a":' * 80 + "1" + "}" * 81,
    ],
)
def test_bodies_that_are_none(api, body):
    for act in ("plan", "apply"):
        response = api.post(f"{PLACE}{act}/", body)
        assert response.status_code == 400
        assert response.json()


def test_a_token_that_may_only_read(newsletter):
    client = client_with(read_only=True)
    exported = client.get(PLACE).json()
    for act in ("plan", "apply"):
        assert client.post(f"{PLACE}{act}/", {"configuration": exported}, format="json").status_code == 403
