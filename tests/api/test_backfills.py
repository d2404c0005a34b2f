"""Backfills over HTTP: how far they are, and holding them up."""

from datetime import timedelta

import pytest
from django.utils import timezone

from destinations.models import Backfill
from tests.api.conftest import client_with

pytestmark = pytest.mark.django_db


@pytest.fixture
def begun(make_destination):
    now = timezone.now()
    return Backfill.objects.create(
        destination=make_destination("crm"),
        total=1000,
        done=300,
        after="m",
        rated_from=100,
        rated_since=now - timedelta(seconds=20),
        advanced_at=now,
    )


def url(backfill, action=""):
    return f"/api/v1/backfills/{backfill.pk}/{action}"


def test_it_says_how_far_it_is(api, begun):
    answer = api.get(url(begun)).json()
    assert {name: answer[name] for name in ("state", "total", "done", "percent", "rate", "seconds_left")} == {
        "state": "running",
        "total": 1000,
        "done": 300,
        "percent": 30,
        "rate": 10,
        "seconds_left": 70,
    }
    assert answer["summary"] == "300 of 1,000 handed over, about 1 min left"


def test_pause_resume_and_cancel(api, begun):
    paused = api.post(url(begun, "pause/")).json()
    assert (paused["state"], paused["seconds_left"]) == ("paused", None)
    assert api.post(url(begun, "pause/")).json()["paused_at"] == paused["paused_at"]
    resumed = api.post(url(begun, "resume/")).json()
    assert (resumed["state"], resumed["paused_at"], resumed["done"]) == ("running", None, 300)
    cancelled = api.post(url(begun, "cancel/")).json()
    assert cancelled["state"] == "cancelled"
    assert cancelled["finished_at"] == cancelled["cancelled_at"] is not None


@pytest.mark.parametrize("action", ["pause", "resume", "cancel"])
def test_what_has_ended_stays_so(api, begun, action):
    Backfill.objects.update(finished_at=timezone.now())
    response = api.post(url(begun, f"{action}/"))
    assert response.status_code == 409
    assert response.json()["detail"] == "The backfill is finished already"
    assert response.json()["code"] == "ended"


def test_a_list_newest_first_with_filters(api, begun, make_destination):
    other = Backfill.objects.create(destination=make_destination("shop"), paused_at=timezone.now())
    moment = timezone.now()
    ended = Backfill.objects.create(destination=begun.destination, finished_at=moment)
    cancelled = Backfill.objects.create(
        destination=begun.destination, finished_at=moment, cancelled_at=moment
    )

    def found(query):
        return [one["id"] for one in api.get(f"/api/v1/backfills/?{query}").json()["results"]]

    assert found("") == [cancelled.pk, ended.pk, other.pk, begun.pk]
    assert found(f"destination={other.destination_id}") == [other.pk]
    for state, one in (("running", begun), ("paused", other), ("finished", ended), ("cancelled", cancelled)):
        assert found(f"state={state}") == [one.pk]
    assert api.get("/api/v1/backfills/?state=asleep").status_code == 400


def test_a_list_asks_as_often_whatever_its_length(api, begun, django_assert_max_num_queries):
    for _ in range(10):
        Backfill.objects.create(destination=begun.destination)
    with django_assert_max_num_queries(4):
        api.get("/api/v1/backfills/")


def test_reading_tokens_only_look(begun):
    client = client_with(read_only=True)
    assert client.get(url(begun)).status_code == 200
    assert client.post(url(begun, "cancel/")).status_code == 403


def test_what_it_waits_for(api, begun):
    begun.destination.enabled = False
    begun.destination.save()
    answer = api.get(url(begun)).json()
    assert answer["summary"] == "waits: the destination is off; 300 of 1,000 handed over"
    assert answer["seconds_left"] is None


def test_the_address_of_all_is_in_the_root(api):
    assert api.get("/api/v1/").json()["backfills"].endswith("/api/v1/backfills/")


def test_pages_of_syncs_go_on_by_profile(api, make_destination, make_profile):
    from destinations.models import ProfileSync

    destinations = [make_destination("a"), make_destination("b")]
    for n in (3, 1, 2):
        for destination in destinations:
            ProfileSync.objects.create(profile=make_profile(f"p{n}"), destination=destination)
    page = api.get("/api/v1/syncs/?page_size=4").json()
    following = api.get(page["next"]).json()
    profiles = [one["profile"] for one in page["results"] + following["results"]]
    assert profiles == ["p1", "p1", "p2", "p2", "p3", "p3"]
    assert api.get(following["previous"]).json()["results"] == page["results"]
