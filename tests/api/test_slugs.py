"""Addresses and references take a slug in place of an id."""

import pytest

from destinations.models import Destination
from tests.api.conftest import wrong


@pytest.fixture
def destination(make_destination):
    return make_destination("To CRM")


def test_addresses(api, destination):
    for key in ("to-crm", destination.pk):
        shown = api.get(f"/api/v1/destinations/{key}/").json()
        assert (shown["id"], shown["slug"]) == (destination.pk, "to-crm")
    assert api.get("/api/v1/resources/memory/").json()["id"] == destination.resource_id
    assert api.post("/api/v1/destinations/to-crm/pause/").json()["paused"] is True
    assert api.get("/api/v1/destinations/to-crm/versions/").status_code == 200
    response = api.patch("/api/v1/destinations/to-crm/", {"quiet_period": 3}, If_Match='"1"')
    assert (response.status_code, response["ETag"]) == (200, '"2"')
    assert api.delete("/api/v1/destinations/to-crm/").status_code == 204


@pytest.mark.parametrize("key", ["other", "0", "9" * 40, "a%00b", "%C2%B2"])
def test_what_is_not_there(api, destination, key):
    assert api.get(f"/api/v1/destinations/{key}/").status_code == 404


def test_a_destination_names_its_resource(api, destination):
    body = {"name": "B", "resource": "memory", "mapping": {"id": "profile@id"}}
    made = api.post("/api/v1/destinations/", body).json()
    assert (made["resource"], made["slug"]) == (destination.resource_id, "b")
    for value in ("nothing", "a\0", "", 10**30, str(10**30)):
        response = api.post("/api/v1/destinations/", {**body, "name": "C", "resource": value})
        assert (response.status_code, wrong(response)) == (
            400,
            ["resource" if value != "a\0" else ""],
        )


def test_it_is_edited(api, destination):
    assert api.patch("/api/v1/destinations/to-crm/", {"slug": "crm"}).json()["slug"] == "crm"
    assert api.get("/api/v1/destinations/to-crm/").status_code == 404
    shown = api.get("/api/v1/destinations/crm/").json()
    assert api.put("/api/v1/destinations/crm/", {**shown, "name": "Other"}).json()["slug"] == "crm"
    changes = [
        version["content"]["slug"]
        for version in api.get("/api/v1/destinations/crm/versions/").json()["results"]
    ]
    assert changes == ["crm", "crm", "to-crm"]


@pytest.mark.parametrize("slug", ["A", "12", "to-memory-2", "a b", 5, "x" * 101])
def test_slugs_that_are_refused(api, make_destination, destination, slug):
    make_destination("to memory 2")
    response = api.patch("/api/v1/destinations/to-crm/", {"slug": slug})
    assert (response.status_code, wrong(response)) == (400, ["slug"])
    assert Destination.objects.get(pk=destination.pk).slug == "to-crm"
