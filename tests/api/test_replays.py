"""Replays over HTTP: asking for them, how far they are, and holding them up."""

import pytest
from django.utils import timezone

from destinations.models import ProfileSync, Replay
from destinations.operations import actions, selection
from profiles import changes
from tests.api.conftest import client_with

pytestmark = pytest.mark.django_db


@pytest.fixture
def crm(make_destination, monkeypatch):
    monkeypatch.setattr(actions, "AT_ONCE", 3)
    destination = make_destination("crm")
    ids = [f"p{n:02}" for n in range(12)]
    changes.write([changes.Change(id, "put", {"id": id}) for id in ids])
    rows = [ProfileSync(profile_id=id, destination=destination, state="rejected") for id in ids]
    ProfileSync.objects.bulk_create(rows)
    return destination


def ask(api, **choice):
    return api.post("/api/v1/replays/", {"choice": choice})


def test_a_destination_is_chosen_by_its_slug(api, crm):
    [job] = ask(api, destination=crm.slug, state="rejected").json()["replays"]
    assert job["choice"] == {"destination": crm.pk, "state": "rejected"}
    for slug in ("nobody", ""):
        answer = ask(api, destination=slug)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_many_are_a_job(api, crm):
    answer = ask(api, destination=crm.pk, state="rejected")
    assert answer.status_code == 202
    assert answer.json()["replayed"] == 12
    [job] = answer.json()["replays"]
    shown = {
        name: job[name] for name in ("destination", "kind", "choice", "state", "total", "done", "percent")
    }
    assert shown == {
        "destination": crm.pk,
        "kind": "replay",
        "choice": {"destination": crm.pk, "state": "rejected"},
        "state": "running",
        "total": 12,
        "done": 0,
        "percent": 0,
    }
    assert job["summary"] == "0 of 12 handed over, just begun"
    assert api.get("/api/v1/replays/").json()["results"] == [job]
    assert api.get("/api/v1/").json()["replays"].endswith("/api/v1/replays/")


def test_a_few_are_sent_at_once(api, crm):
    assert ask(api, profile="p01").json() == {"replayed": 1, "replays": []}
    assert ProfileSync.objects.filter(resend=True).count() == 1


def test_a_retry(api, crm):
    answer = api.post("/api/v1/replays/", {"choice": {"destination": crm.pk}, "kind": "retry"}).json()
    assert answer["replays"][0]["kind"] == "retry"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"choice": {}},
        {"choice": {"state": "asleep"}},
        {"choice": {"everything": True}},
        {"choice": {"destination": 1}, "kind": "twice"},
        {"choice": [1]},
        {"choice": {"destination": 1}, "when": "now"},
    ],
)
def test_what_means_nothing_is_refused(api, crm, body):
    assert api.post("/api/v1/replays/", body).status_code == 400
    assert not Replay.objects.exists()


def test_pause_resume_and_cancel(api, crm):
    [job] = ask(api, state="rejected").json()["replays"]
    url = f"/api/v1/replays/{job['id']}/"
    assert api.post(f"{url}pause/").json()["state"] == "paused"
    assert api.get("/api/v1/replays/?state=paused").json()["results"][0]["id"] == job["id"]
    assert api.post(f"{url}resume/").json()["state"] == "running"
    assert api.post(f"{url}cancel/").json()["state"] == "cancelled"
    refused = api.post(f"{url}pause/")
    assert (refused.status_code, refused.json()["detail"]) == (409, "The replay is cancelled already")


def test_the_older_way_says_which_jobs_do_it(api, crm):
    answer = api.post("/api/v1/syncs/replay/", {"state": "rejected"}).json()
    assert answer == {"replayed": 12, "replays": [Replay.objects.get().pk]}


def test_reading_tokens_only_look(crm):
    client = client_with(read_only=True)
    assert client.get("/api/v1/replays/").status_code == 200
    answer = client.post("/api/v1/replays/", {"choice": {"state": "rejected"}}, format="json")
    assert answer.status_code == 403


SAID = [
    {"destination": 7, "state": "rejected", "owed": False},
    {"profile": "p01", "owed": True},
    {"since_from": "2026-01-01T00:00:00+00:00", "since_to": "2026-02-01T01:00:00+01:00", "owed": False},
    {"profile_begins": "p", "outcome": "retry", "status": "4xx", "took_ms": 20, "reason": "gone"},
    {"at_from": "2026-01-01T00:00:00+00:00", "at_to": "2026-02-01T01:00:00+01:00"},
]


@pytest.mark.parametrize("said", SAID)
def test_a_choice_is_given_back_as_it_was_said(said, crm):
    if "destination" in said:
        said = {**said, "destination": crm.pk}
    assert selection.said(selection.read_request(said).as_dict()) == said


def test_what_was_chosen_in_the_admin_is_said_in_the_same_names(api, crm):
    with timezone.override("Europe/Berlin"):
        chosen = selection.read({"of": "attempts", "q": "p0", "at__gte": "2026-01-01 00:00"})
    Replay.objects.create(destination=crm, choice=chosen.as_dict())
    Replay.objects.create(destination=crm, choice={"of": "attempts", "ids": "3,4"})
    Replay.objects.create(destination=crm, choice={"of": "syncs"})
    found = [job["choice"] for job in api.get("/api/v1/replays/").json()["results"]]
    by_filter = {"profile_begins": "p0", "at_from": "2026-01-01T00:00:00+01:00"}
    assert found == [{}, {"attempts": [3, 4]}, by_filter]


def test_a_list_asks_as_often_whatever_its_length(api, crm, django_assert_max_num_queries):
    for _ in range(10):
        Replay.objects.create(
            destination=crm, choice=selection.read_request({"destination": crm.pk}).as_dict()
        )
    with django_assert_max_num_queries(4):
        api.get("/api/v1/replays/")
