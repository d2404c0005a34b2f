"""Replays over HTTP: asking for them, how far they are, and holding them up."""

import pytest

from destinations.models import ProfileSync, Replay
from destinations.sync import operations
from profiles import changes
from tests.api.conftest import client_with

pytestmark = pytest.mark.django_db


@pytest.fixture
def crm(make_destination, monkeypatch):
    monkeypatch.setattr(operations, "FEW", 3)
    destination = make_destination("crm")
    ids = [f"p{n:02}" for n in range(12)]
    changes.write([changes.Change(id, "put", {"id": id}) for id in ids])
    rows = [ProfileSync(profile_id=id, destination=destination, state="rejected") for id in ids]
    ProfileSync.objects.bulk_create(rows)
    return destination


def ask(api, **choice):
    return api.post("/api/replays/", {"choice": choice})


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
    assert api.get("/api/replays/").json()["results"] == [job]
    assert api.get("/api/").json()["replays"].endswith("/api/replays/")


def test_a_few_are_sent_at_once(api, crm):
    assert ask(api, profile="p01").json() == {"replayed": 1, "replays": []}
    assert ProfileSync.objects.filter(resend=True).count() == 1


def test_a_retry(api, crm):
    answer = api.post("/api/replays/", {"choice": {"destination": crm.pk}, "kind": "retry"}).json()
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
    assert api.post("/api/replays/", body).status_code == 400
    assert not Replay.objects.exists()


def test_pause_resume_and_cancel(api, crm):
    [job] = ask(api, state="rejected").json()["replays"]
    url = f"/api/replays/{job['id']}/"
    assert api.post(f"{url}pause/").json()["state"] == "paused"
    assert api.get("/api/replays/?state=paused").json()["results"][0]["id"] == job["id"]
    assert api.post(f"{url}resume/").json()["state"] == "running"
    assert api.post(f"{url}cancel/").json()["state"] == "cancelled"
    refused = api.post(f"{url}pause/")
    assert (refused.status_code, refused.json()) == (409, {"detail": "The replay is cancelled already"})


def test_the_older_way_says_which_jobs_do_it(api, crm):
    answer = api.post("/api/syncs/replay/", {"state": "rejected"}).json()
    assert answer == {"replayed": 12, "replays": [Replay.objects.get().pk]}


def test_reading_tokens_only_look(crm):
    client = client_with(read_only=True)
    assert client.get("/api/replays/").status_code == 200
    answer = client.post("/api/replays/", {"choice": {"state": "rejected"}}, format="json")
    assert answer.status_code == 403


def test_a_list_asks_as_often_whatever_its_length(api, crm, django_assert_max_num_queries):
    for _ in range(10):
        Replay.objects.create(destination=crm)
    with django_assert_max_num_queries(3):
        api.get("/api/replays/")
