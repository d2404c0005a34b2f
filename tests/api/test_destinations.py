"""Destinations over HTTP."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from destinations.connectors.base import Rejected
from destinations.insight import path_suggestions
from destinations.models import Backfill, Destination, Extension, Health, Resource
from destinations.scheduler import loop
from profiles.models import Profile
from tests.api.conftest import mistakes, wrong

pytestmark = pytest.mark.django_db


@pytest.fixture
def crm(make_destination):
    return make_destination("crm")


def url(destination, action=""):
    return f"/api/v1/destinations/{destination.pk}/{action}"


def test_create_and_read(api, resource):
    body = {
        "name": "crm",
        "description": "all with an address",
        "resource": resource.pk,
        "prerequisites": "profile@data.email EXISTS",
        "mapping": {"id": "profile@id"},
        "settings": {},
        "quiet_period": 2,
        "max_wait": None,
        "use_test_credentials": False,
        "enabled": True,
        "tags": ["a"],
    }
    response = api.post("/api/v1/destinations/", body)
    assert response.status_code == 201, response.json()
    answer = response.json()
    assert {name: answer[name] for name in body} == body
    assert answer["effective_quiet_period"] == 2
    assert answer["paused"] is False
    assert answer["backfill_suggested"] is True
    assert answer["health"]["held_until"] is None
    stored = {**answer, "backfill_suggested": False}  # only the answer to a change suggests it
    assert api.get(f"/api/v1/destinations/{answer['id']}/").json() == stored


def test_what_is_probably_not_meant_is_answered_and_saved(api, crm):
    path_suggestions.forget()
    Profile(document={"id": "p", "data": {"mail": "a@firm.example"}}).save()
    answer = api.patch(
        url(crm),
        {"prerequisites": "event@x NOT EXISTS", "mapping": {"a": ["Hello profile@id", "profile@data.mial"]}},
    ).json()
    warnings = answer["warnings"]
    assert [(one["field"], one["path"], one["line"], one["column"]) for one in warnings] == [
        ("prerequisites", "", 1, 1),
        ("mapping", "$.a[0]", 1, 7),
        ("mapping", "$.a[1]", 1, 1),
    ]
    assert warnings[2]["hint"] == "the nearest that some have is profile@data.mail"
    assert api.get(url(crm)).json()["warnings"] == warnings
    assert api.post(url(crm, "preview/"), {"profile": "p"}).json()["warnings"] == warnings
    assert api.patch(url(crm), {"prerequisites": "", "mapping": {"a": "profile@id"}}).json()["warnings"] == []


def test_two_equal_keys_are_refused(api, crm):
    answer = api.patch(url(crm), '{"mapping": {"a": 1,\n "a": 2}}')
    assert answer.status_code == 400
    assert "two equal keys, the second at line 2, column 2" in answer.json()["detail"]


def test_what_was_read_can_be_sent_back(api, crm):
    answer = api.get(url(crm)).json()
    response = api.put(url(crm), answer)
    assert response.status_code == 200, response.json()
    assert response.json() == {**answer, "updated_at": response.json()["updated_at"]}


def test_blank_times_are_those_of_all(api, crm, settings):
    settings.TRACSYNC_QUIET_PERIOD = 7.5
    answer = api.patch(url(crm), {"quiet_period": None}).json()
    assert (answer["quiet_period"], answer["effective_quiet_period"]) == (None, 7.5)


@pytest.mark.parametrize(
    ("change", "suggested"),
    [
        ({"prerequisites": "profile@id EXISTS"}, True),
        ({"mapping": {"id": "profile@name"}}, True),
        ({"settings": {"a": 1}}, True),
        ({"name": "other", "mapping": {"visits": "profile@stats.visits", "id": "profile@id"}}, False),
    ],
)
def test_a_change_of_what_is_sent_suggests_a_backfill(api, crm, change, suggested):
    answer = api.patch(url(crm), change).json()
    assert answer["backfill_suggested"] is suggested
    assert api.post(answer["backfill_url"]).status_code == 202


def test_secrets_in_settings_are_masked_and_kept(api, resource):
    secret = "planted-secret-2718"
    body = {
        "name": "crm",
        "resource": resource.pk,
        "mapping": {},
        "settings": {"headers": {"Authorization": secret, "X-A": "b"}},
    }
    answer = api.post("/api/v1/destinations/", body).json()
    assert answer["settings"] == {"headers": {"Authorization": "********", "X-A": "b"}}
    answer["settings"]["headers"]["X-A"] = "c"
    answer = api.put(f"/api/v1/destinations/{answer['id']}/", answer).json()
    assert secret not in json.dumps(answer)
    assert Destination.objects.get().settings == {"headers": {"Authorization": secret, "X-A": "c"}}


def test_a_syntax_error_is_shown_at_its_place(api, crm):
    response = api.patch(url(crm), {"prerequisites": "profile@a ===", "mapping": {"a": "`nonsense"}})
    assert response.status_code == 400
    assert "line 1, column" in mistakes(response)["prerequisites"][0]
    crm.refresh_from_db()
    assert crm.prerequisites == ""


def test_settings_are_checked_by_their_schema(api, db):
    from destinations.configuration.catalogue import install

    install("http_api")
    resource = Resource.objects.create(
        name="shop", type_id="http_api", production={"url": "http://127.0.0.1/"}
    )
    body = {
        "name": "x",
        "resource": resource.pk,
        "mapping": {},
        "settings": {"mehtod": "POST", "timeout": "x"},
    }
    response = api.post("/api/v1/destinations/", body)
    assert response.status_code == 400
    assert [*mistakes(response)] == ["settings/mehtod", "settings/timeout"]
    body["settings"] = {"headers": {"Transfer-Encoding": "chunked"}}
    response = api.post("/api/v1/destinations/", body)
    assert response.status_code == 400
    assert "the header Transfer-Encoding cannot be set" in mistakes(response)["settings"][0]


def test_the_place_of_a_mistake_in_a_mapping_is_a_pointer(api, crm):
    response = api.patch(url(crm), {"mapping": {"a/b": ["profile@id", {"~ü": "{{profile@"}]}})
    [mistake] = response.json()["errors"]
    assert mistake["pointer"] == "#/mapping/a~1b/1/~0%C3%BC"
    assert response.json()["detail"] == f"mapping.a/b.1.~ü: {mistake['detail']}"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": 5}, "name"),
        ({"name": ["a"]}, "name"),
        ({"description": None}, "description"),
        ({"resource": 999}, "resource"),
        ({"resource": "1"}, "resource"),
        ({"resource": 1.5}, "resource"),
        ({"resource": True}, "resource"),
        ({"resource": 10**30}, "resource"),
        ({"resource": {}}, "resource"),
        ({"prerequisites": ["a"]}, "prerequisites"),
        ({"settings": []}, "settings"),
        ({"settings": "a"}, "settings"),
        ({"quiet_period": -1}, "quiet_period"),
        ({"quiet_period": "5"}, "quiet_period"),
        ({"quiet_period": True}, "quiet_period"),
        ({"quiet_period": 1e300}, "quiet_period"),
        ({"quiet_period": 10**200}, "quiet_period"),
        ({"max_wait": 1e12}, "max_wait"),
        ({"max_wait": []}, "max_wait"),
        ({"enabled": 1}, "enabled"),
        ({"use_test_credentials": True}, "use_test_credentials"),
        ({"tags": {}}, "tags"),
        ({"mapping": {"a": "b\0"}}, ""),
        ({"quiet_perod": 5}, "quiet_perod"),
        ([], ""),
    ],
)
def test_wrong_values_are_named(api, crm, body, field):
    response = api.patch(url(crm), body)
    assert response.status_code == 400
    assert field in wrong(response)


@pytest.mark.parametrize("id", ["x", "0", "-1", "9" * 40, "9" * 5000, "%00", "1.5"])
def test_ids_that_are_none(api, id):
    assert api.get(f"/api/v1/destinations/{id}/").status_code == 404
    assert api.post(f"/api/v1/destinations/{id}/pause/").status_code == 404


def test_the_list_needs_no_query_per_row(api, make_destination, django_assert_num_queries):
    for n in range(5):
        make_destination(f"d{n}")
    api.get("/api/v1/destinations/")
    with django_assert_num_queries(4):
        assert len(api.get("/api/v1/destinations/?enabled=true&paused=false").json()["results"]) == 5


def test_pause_and_resume(api, crm):
    answer = api.post(url(crm, "pause/")).json()
    assert answer["paused"] is True
    assert answer["paused_at"]
    held = {"held_until": timezone.now() + timedelta(hours=1), "hold_reason": "busy", "failures": 9}
    Health.objects.filter(destination=crm).update(**held)
    assert api.get(url(crm)).json()["health"]["hold_reason"] == "busy"
    answer = api.post(url(crm, "resume/")).json()
    assert answer["paused"] is False
    assert answer["health"]["held_until"] is None


def test_refusals_are_told_and_end_with_resuming(api, crm):
    now = timezone.now()
    refused = {"refusals": 7, "refused_since": now, "refusal": "answered 410: gone", "stopped_at": now}
    Health.objects.filter(destination=crm).update(**refused)
    told = api.get(url(crm)).json()["health"]
    assert (told["refusals"], told["refusal"], bool(told["stopped_at"])) == (7, "answered 410: gone", True)
    told = api.post(url(crm, "resume/")).json()["health"]
    assert (told["refusals"], told["refusal"], told["stopped_at"]) == (0, "", None)


def test_an_edit_does_not_resume(api, crm):
    api.post(url(crm, "pause/"))
    assert api.patch(url(crm), {"description": "x"}).json()["paused"] is True


def test_backfills(api, crm, make_profile, frozen):
    make_profile("old")
    frozen.forward(60)
    make_profile("new")
    response = api.post(url(crm, "backfill/"))
    assert response.status_code == 202
    assert response.json()["total"] == 2
    since = {"changed_since": (frozen.now - timedelta(seconds=5)).isoformat()}
    assert api.post(url(crm, "backfill/"), since).json()["total"] == 1
    assert [one["total"] for one in api.get(url(crm, "backfills/")).json()["results"]] == [1, 2]
    assert Backfill.objects.count() == 2
    for bad in ({"changed_since": "soon"}, {"changed_since": 5}, {"since": "2026-03-01"}, []):
        assert api.post(url(crm, "backfill/"), bad).status_code == 400
    assert api.post(url(crm, "backfill/"), {"changed_since": "0001-01-01T00:00:00+14:00"}).status_code == 400


def test_preview_of_a_stored_profile(api, make_destination, make_profile, recording):
    destination = make_destination(prerequisites="profile@stats.visits > 3")
    make_profile("p1", stats={"visits": 5})
    answer = api.post(url(destination, "preview/"), {"profile": "p1"}).json()
    assert answer["met"] is True
    assert answer["payload"] == {"id": "p1", "visits": 5}
    assert answer["request"]["payload"] == answer["payload"]
    assert answer["explanation"]
    assert answer["errors"] == []
    assert "s3cr3t" not in json.dumps(answer)
    assert recording.deliveries == []


def test_preview_with_a_connector_that_fails(api, make_destination, recording, monkeypatch):
    monkeypatch.setattr(recording, "describe", lambda *_: {}["none"])
    answer = api.post(url(make_destination(), "preview/"), {"profile": {"id": "x"}}).json()
    assert (answer["payload"], answer["request"]) == ({"id": "x", "visits": None}, None)
    assert answer["errors"] == ["the connector failed with KeyError"]


def test_preview_of_a_document(api, make_destination):
    destination = make_destination(prerequisites="profile@stats.visits > 3")
    answer = api.post(url(destination, "preview/"), {"profile": {"id": "x", "stats": {"visits": 1}}}).json()
    assert answer["met"] is False
    answer = api.post(url(destination, "preview/"), {"profile": {"id": "x"}}).json()
    assert (answer["met"], answer["payload"]) == (False, {"id": "x", "visits": None})
    assert answer["missing"] == ["profile@stats.visits"]
    assert next((one["path"], one["source"]) for one in answer["places"]) == ("$.id", "profile@id")


def test_test_sends_for_real_with_the_test_credentials(api, crm, make_profile, recording):
    make_profile("p1", stats={"visits": 1})
    answer = api.post(url(crm, "test/"), {"profile": "p1"}).json()
    assert (answer["accepted"], answer["outcome"]) == (False, "not_sent")
    assert "test credentials" in answer["detail"]
    Resource.objects.update(test={"token": "test-token"})
    answer = api.post(url(crm, "test/"), {"profile": "p1"}).json()
    assert (answer["accepted"], answer["outcome"]) == (True, "accepted")
    assert recording.opened[-1][0] == {"token": "test-token"}
    recording.script(Rejected("no such field"))
    answer = api.post(url(crm, "test/"), {"profile": {"id": "x", "stats": {"visits": 1}}}).json()
    assert (answer["outcome"], answer["detail"]) == ("rejected", "no such field")


@pytest.mark.parametrize("action", ["preview/", "test/"])
@pytest.mark.parametrize(
    "body",
    [{}, {"profile": 5}, {"profile": []}, {"profile": "nobody"}, {"profile": "a\0"}, {"profile": None}, []],
)
def test_what_cannot_be_tried(api, crm, action, body):
    assert api.post(url(crm, action), body).status_code == 400


def test_delete(api, crm):
    assert api.delete(url(crm)).status_code == 204
    assert api.get(url(crm)).status_code == 404


def test_the_history_names_the_token_and_holds_no_secret(api, crm):
    api.patch(url(crm), {"prerequisites": "profile@mail EXISTS"})
    api.post(url(crm, "pause/"))
    found = api.get(url(crm, "versions/")).json()["results"]
    assert [one["number"] for one in found] == [3, 2, 1]
    assert [one["by"] for one in found] == ["API token tests", "API token tests", "the command line"]
    assert found[1]["content"]["prerequisites"] == "profile@mail EXISTS"
    assert api.post(url(crm, "versions/")).status_code == 405


def test_a_mask_takes_no_secret_to_another_resource_or_past_verification(api, resource):
    Extension.objects.filter(pk="http_api").update(installed_at=timezone.now())
    ours, theirs = (
        Resource.objects.create(name=name, type_id="http_api", production={"url": f"https://{name}.example/"})
        for name in ("ours", "theirs")
    )
    settings = {"cookies": {"session": "planted-secret-2718"}}
    body = {"name": "crm", "resource": ours.pk, "mapping": {}, "settings": settings}
    answer = api.post("/api/v1/destinations/", body).json()
    path = f"/api/v1/destinations/{answer['id']}/"
    masked = answer["settings"]
    for change in (
        {"resource": theirs.pk},
        {"resource": theirs.pk, "settings": masked},
        {"settings": {**masked, "ssl_check": False}},
    ):
        response = api.patch(path, change)
        assert response.status_code == 400
        assert "enter cookies again" in mistakes(response)["settings"][0]
    stored = Destination.objects.get()
    assert (stored.resource_id, stored.settings) == (ours.pk, settings)
    assert api.patch(path, {"resource": theirs.pk, "settings": settings}).status_code == 200


def test_who_leaves_is_removed_and_followed(api, crm, frozen, recording):
    assert (api.get(url(crm)).json()["on_leave"], api.get(url(crm)).json()["on_delete"]) == ("keep", "keep")
    answer = api.patch(url(crm), {"on_leave": "remove", "prerequisites": "profile@stats.visits > 1"})
    assert answer.json()["on_leave"] == "remove"
    for visits in (2, 1):
        api.put("/api/v1/profiles/p/", {"id": "p", "stats": {"visits": visits}})
        frozen.forward(60)
        while loop.tick():
            pass
    [attempt] = api.get("/api/v1/attempts/?operation=remove").json()["results"]
    assert (attempt["profile"], attempt["operation"], attempt["outcome"]) == ("p", "remove", "accepted")
    [sync] = api.get("/api/v1/syncs/?state=removed").json()["results"]
    assert (sync["profile"], sync["state"]) == ("p", "removed")
    assert sync["reason"].endswith("(just now): profile@stats.visits > 1")


def test_what_the_connector_cannot_do_when_one_leaves_is_refused(api, crm, monkeypatch, recording):
    monkeypatch.setattr(recording, "operations", ("upsert",))
    answer = api.patch(url(crm), {"on_delete": "erase"})
    assert answer.status_code == 400
    assert "it can: keep" in str(mistakes(answer)["on_delete"])
