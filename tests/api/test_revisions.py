"""Destinations and resources are changed by who has seen what they are, where he asks for that."""

import pytest

from destinations import configuration
from destinations.configuration.history import Author
from destinations.models import Destination, Resource

pytestmark = pytest.mark.django_db
ANN = Author("ann")


@pytest.fixture(params=[Destination, Resource])
def row(request, make_destination):
    crm = make_destination()
    return crm if request.param is Destination else crm.resource


def url(row):
    return f"/api/v1/{row._meta.model_name}s/{row.pk}/"


def edit(row, **fields):
    stored = type(row).objects.get(pk=row.pk)
    for name, value in fields.items():
        setattr(stored, name, value)
    configuration.save(stored, by=ANN)


def test_answers_say_the_revision(api, row):
    answer = api.get(url(row))
    assert (answer["ETag"], answer.json()["revision"]) == ('"1"', 1)
    answer = api.patch(url(row), {"name": "other"})
    assert (answer["ETag"], answer.json()["revision"]) == ('"2"', 2)
    assert api.patch(url(row), {"name": "other"})["ETag"] == '"2"'  # nothing has changed
    assert "ETag" not in api.get(url(row).rpartition(f"{row.pk}/")[0])


def test_a_new_one_has_a_revision_and_a_pause_keeps_it(api, resource):
    made = api.post("/api/v1/destinations/", {"name": "d", "resource": resource.pk, "mapping": {}})
    assert (made.status_code, made["ETag"]) == (201, '"1"')
    paused = api.post(f"/api/v1/destinations/{made.json()['id']}/pause/")
    assert (paused.json()["paused"], paused["ETag"]) == (True, '"1"')


@pytest.mark.parametrize("tags", ['"1"', 'W/"1"', '"7", "1"', "*", None])
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_change_of_what_was_seen_is_made(api, row, method, tags):
    if method == "DELETE":
        Destination.objects.exclude(pk=row.pk if isinstance(row, Destination) else None).delete()
    answer = api(method, url(row), {"name": "mine"}, **({"If-Match": tags} if tags else {}))
    assert answer.status_code in (200, 204)


@pytest.mark.parametrize("tags", ['"1"', 'W/"1"', '"0", "1"'])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_change_of_what_somebody_else_has_changed_is_refused(api, row, method, tags):
    edit(row, name="theirs", tags=["a"])
    answer = api(method, url(row), {"name": "mine"}, **{"If-Match": tags})
    assert (answer.status_code, answer["ETag"]) == (412, '"2"')
    body = answer.json()
    assert body["detail"] == "It has changed since you read it: read it again and repeat your change"
    assert body["revision"] == 2
    [told] = body["edits"]
    assert told["by"] == "ann"
    assert any(sentence.startswith("Name") for sentence in told["changes"])
    assert type(row).objects.get(pk=row.pk).name == "theirs"
    assert api(method, url(row), {"name": "mine"}, **{"If-Match": '"2"'}).status_code != 412


@pytest.mark.parametrize("tags", ["1", '"x"', "", '"9"', f'"{"9" * 5000}"', "'1'"])
def test_what_names_no_revision_changes_nothing(api, row, tags):
    answer = api.patch(url(row), {"name": "mine"}, **{"If-Match": tags})
    assert (answer.status_code, answer.json()["edits"]) == (412, [])
    assert type(row).objects.get(pk=row.pk).name != "mine"


def test_what_is_told_holds_no_secret(api, resource):
    edit(resource, production={"token": "planted-secret"})
    answer = api.patch(url(resource), {"name": "mine"}, **{"If-Match": '"1"'})
    [told] = answer.json()["edits"]
    assert told["changes"] == ["Production credentials (token) changed."]
    assert "planted-secret" not in answer.content.decode()


def test_two_who_change_a_password_each_by_the_api_are_told_of_each_other(api, resource):
    seen = api.get(url(resource))["ETag"]
    first = api.patch(url(resource), {"credentials": {"production": {"token": "a"}}}, **{"If-Match": seen})
    second = api.patch(url(resource), {"credentials": {"production": {"token": "b"}}}, **{"If-Match": seen})
    assert (first.status_code, second.status_code) == (200, 412)
    assert second.json()["edits"][0]["by"] == "API token tests"
    assert Resource.objects.get().production == {"token": "a"}


def test_the_options_of_one_are_answered(api, row):
    assert api("OPTIONS", url(row), **{"If-Match": '"9"'}).status_code == 200
