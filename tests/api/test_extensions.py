"""The catalogue as the API tells it: the folder's files as they are now."""

import json
from urllib.parse import urlencode

import pytest

from destinations.connectors import registry
from destinations.connectors.http.manifests import start
from destinations.models import Extension

pytestmark = pytest.mark.django_db


@pytest.fixture
def listed(api):
    def listed(**query):
        registry.forget()  # a second later
        found = api.get(f"/api/v1/extensions/?page_size=100&{urlencode(query)}").json()["results"]
        return {one["slug"]: one for one in found}

    return listed


def test_a_file_that_has_come_is_listed_at_once(api, manifests, listed):
    assert "acme" not in listed()
    (manifests / "acme.json").write_text(start.text("acme"), encoding="utf-8")
    assert listed(search="acme")["acme"]["where"] == "acme.json"
    (manifests / "other.json").write_text(start.text("other"), encoding="utf-8")
    registry.forget()
    assert api.get("/api/v1/extensions/other/").json()["problem"] == ""
    content = json.loads(start.text("acme")) | {"name": "Acme CRM"}
    (manifests / "acme.json").write_text(json.dumps(content), encoding="utf-8")
    assert listed()["acme"]["name"] == "Acme CRM"


def test_one_that_is_wrong_is_listed_with_its_problem(api, manifests, listed):
    path = manifests / "acme.json"
    path.write_text("{", encoding="utf-8")
    (manifests / "Not a slug.json").write_text("{", encoding="utf-8")
    (manifests / "hubspot.json").write_text("{", encoding="utf-8")
    found = listed()
    assert "acme.json, line 1" in found["acme"]["problem"]
    assert found["acme"]["installed"] is False
    assert "Not a slug" not in found
    assert found["hubspot"]["problem"] == ""  # ours
    registry.forget()
    assert "acme.json, line 1" in api.get("/api/v1/extensions/acme/").json()["problem"]
    assert api.post("/api/v1/extensions/acme/install/", {}).status_code == 409
    path.write_text(start.text("acme"), encoding="utf-8")
    registry.forget()
    assert api.post("/api/v1/extensions/acme/install/", {}).json()["name"] == "Acme"  # nobody has looked
    assert (listed()["acme"]["name"], listed()["acme"]["problem"]) == ("Acme", "")


def test_one_that_never_was_any_good_goes_with_its_file(manifests, listed):
    path = manifests / "acme.json"
    path.write_text("{", encoding="utf-8")
    assert "acme" in listed()
    path.unlink()
    assert "acme" not in listed()
    path.write_text(start.text("acme"), encoding="utf-8")
    assert "acme" in listed()
    path.unlink()  # what has been usable stays in the catalogue, and says that it is gone
    assert listed()["acme"]["problem"]
    assert Extension.objects.filter(pk="acme").exists()
