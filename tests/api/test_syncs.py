"""Profile syncs and delivery attempts over HTTP."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.utils import timezone

from destinations.models import DeliveryAttempt, ProfileSync
from tests.api.conftest import wrong

pytestmark = pytest.mark.django_db
State = ProfileSync.State


@pytest.fixture
def crm(make_destination):
    return make_destination("crm")


@pytest.fixture
def make_sync(crm, make_profile):
    def make(id="p1", destination=crm, **fields):
        profile = make_profile(id)
        return ProfileSync.objects.create(profile=profile, destination=destination, version=1, **fields)

    return make


def found(api, query=""):
    return [one["profile"] for one in api.get(f"/api/v1/syncs/?{query}").json()["results"]]


def test_a_sync_explains_itself(api, make_sync):
    sync = make_sync(state=State.SKIPPED, reason="profile@data.email is missing")
    answer = api.get(f"/api/v1/syncs/{sync.pk}/").json()
    assert answer["reason"] == "not sent: profile@data.email is missing"
    assert (answer["profile"], answer["state"], answer["owed"]) == ("p1", "skipped", False)


def test_filters(api, make_sync, make_destination):
    now, other = timezone.now(), make_destination("other")
    make_sync("a", state=State.SYNCED)
    make_sync("b", state=State.REJECTED, last_error="no")
    make_sync("c", state=State.PENDING, due_at=now)
    make_sync("d", state=State.PENDING, due_at=now + timedelta(hours=1), destination=other)
    assert found(api) == ["a", "b", "c", "d"]
    assert found(api, "profile=b") == ["b"]
    assert found(api, f"destination={other.pk}") == ["d"]
    assert found(api, "state=rejected") == ["b"]
    assert found(api, "owed=true") == ["c", "d"]
    assert found(api, "owed=false") == ["a", "b"]
    assert found(api, "has_error=true") == ["b"]
    assert found(api, f"due_before={(now + timedelta(minutes=1)).isoformat()}") == ["c"]


@pytest.mark.parametrize(
    "query",
    [
        "destination=a b",
        "destination=",
        "destination=1&destination=2",
        "search=",
        "ordering=due_at",
        "ordering=",
        "cursor=",
        f"destination={'9' * 40}",
        f"destination={'9' * 5000}",
        "destination=1.5",
        "state=x",
        "owed=x",
        "due_before=x",
        "stat=pending",
        "profile=%00",
    ],
)
def test_bad_filters_are_named(api, query):
    response = api.get(f"/api/v1/syncs/?{query}")
    assert response.status_code == 400
    assert wrong(response) == [query.partition("=")[0]]


@pytest.mark.parametrize("query", ["cursor=cD1hYmM%3D", "cursor=cD0%3D", f"cursor=cD0{'5' * 99}"])
def test_made_up_cursors(api, query):
    assert api.get(f"/api/v1/syncs/?{query}").status_code in (200, 400)


def test_the_list_needs_no_query_per_row(api, make_sync, django_assert_num_queries):
    for n in range(5):
        make_sync(f"p{n}", due_at=timezone.now())
    api.get("/api/v1/syncs/")
    with django_assert_num_queries(3):
        assert len(found(api)) == 5


def test_replay_one(api, make_sync):
    sync = make_sync(state=State.REJECTED, reason="no")
    response = api.post(f"/api/v1/syncs/{sync.pk}/replay/")
    assert response.status_code == 202
    assert (response.json()["state"], response.json()["owed"]) == ("pending", True)
    assert api.post("/api/v1/syncs/999/replay/").status_code == 404


def test_replay_many(api, crm, make_sync):
    make_sync("a", state=State.REJECTED)
    make_sync("b", state=State.REJECTED)
    make_sync("c", state=State.SYNCED)
    response = api.post("/api/v1/syncs/replay/", {"destination": crm.pk, "state": "rejected"})
    assert response.status_code == 202
    assert response.json() == {"replayed": 2, "replays": []}
    assert found(api, "owed=true") == ["a", "b"]


@pytest.mark.parametrize(
    "body", [None, {}, [], {"stat": "rejected"}, {"state": "x"}, {"state": []}, {"destination": "x"}]
)
def test_replay_many_must_say_which(api, make_sync, body):
    make_sync(state=State.REJECTED)
    assert api.post("/api/v1/syncs/replay/", body).status_code == 400
    assert found(api, "owed=true") == []


@pytest.mark.parametrize("id", ["p1", "a/b", "a syncs", "ü/"])
def test_a_profile_at_every_destination(frozen, api, make_sync, make_destination, id):
    make_sync(id, state=State.SYNCED, reason="accepted")
    other = make_destination("other", quiet_period=60)
    answer = api.get(f"/api/v1/profiles/{quote(id, safe='')}/syncs/").json()
    assert (answer["profile"], answer["version"], answer["settled"]) == (id, 1, False)
    assert [one["reason"] for one in answer["syncs"]] == ["synced at 12:00:00 (just now): accepted"]
    assert {one["destination"] for one in answer["prospects"]} >= {other.pk}
    assert all("quiet period" in one["reason"] for one in answer["prospects"])


def test_sync_now(api, crm, make_destination, make_profile):
    other, off = make_destination("other"), make_destination("off", enabled=False)
    make_profile("a/b")
    assert api.post("/api/v1/profiles/a%2Fb/sync/", {"destination": other.pk}).json() == {"requested": 1}
    assert found(api, "owed=true") == ["a/b"]
    assert api.post("/api/v1/profiles/a%2Fb/sync/").json() == {"requested": 2}
    assert not ProfileSync.objects.filter(destination=off).exists()


@pytest.mark.parametrize("body", [{"destination": 999}, {"destination": "x"}, {"destinatoin": 1}, []])
def test_sync_now_somewhere_else(api, crm, make_profile, body):
    make_profile("p1")
    assert api.post("/api/v1/profiles/p1/sync/", body).status_code == 400
    assert api.post("/api/v1/profiles/nobody/sync/").status_code == 404


@pytest.fixture
def make_attempt(crm, make_profile):
    def make(id="p1", **fields):
        defaults = {"version": 1, "at": timezone.now(), "duration_ms": 5, "outcome": "accepted"}
        return DeliveryAttempt.objects.create(
            profile=make_profile(id), destination=crm, idempotency_key="1:1", **{**defaults, **fields}
        )

    return make


def test_attempts_newest_first(api, make_attempt, django_assert_num_queries):
    now = timezone.now()
    make_attempt("a", at=now - timedelta(hours=2))
    coded = {"status_code": 422, "code": "invalid_field", "field": "mail"}
    make_attempt("b", at=now, outcome="rejected", request="kept", response="kept too", **coded)
    make_attempt("c", at=now - timedelta(hours=1))
    api.get("/api/v1/attempts/")

    def attempts(query=""):
        with django_assert_num_queries(2):
            return [one["profile"] for one in api.get(f"/api/v1/attempts/?{query}").json()["results"]]

    assert attempts() == ["b", "c", "a"]
    assert attempts("outcome=rejected") == ["b"]
    assert attempts("status_code=422") == ["b"]
    assert attempts("code=invalid_field") == attempts("field=mail") == ["b"]
    assert attempts("operation=remove") == []
    assert attempts("profile=c") == ["c"]
    assert attempts(f"after={(now - timedelta(minutes=61)).isoformat()}") == ["b", "c"]
    assert attempts(f"before={(now - timedelta(minutes=61)).isoformat()}") == ["a"]
    first = api.get("/api/v1/attempts/?page_size=2").json()
    assert [one["profile"] for one in api.get(first["next"]).json()["results"]] == ["a"]


def test_an_attempt_with_its_bodies(api, make_attempt):
    attempt = make_attempt(request="POST /", response="200")
    answer = api.get(f"/api/v1/attempts/{attempt.pk}/").json()
    assert (answer["request"], answer["response"]) == ("POST /", "200")
    assert "request" not in api.get("/api/v1/attempts/").json()["results"][0]
    assert api.delete(f"/api/v1/attempts/{attempt.pk}/").status_code == 405


def test_by_code_and_field(api, make_sync):
    make_sync("a", state=State.REJECTED)
    make_sync("b", state=State.REJECTED, code="invalid_field", field="mail")
    assert found(api, "code=invalid_field") == found(api, "field=mail") == ["b"]
    assert found(api, "code=invalid_field&field=name") == []


def test_reasons_are_grouped_by_code_and_field(api, crm, make_sync):
    for n in range(3):
        make_sync(
            f"p{n}", state=State.REJECTED, reason=f"{n} is no address", code="invalid_field", field="mail"
        )
    make_sync("q", state=State.REJECTED, reason="no")
    make_sync("r", state=State.SKIPPED, reason="no consent")
    answer = api.get(f"/api/v1/destinations/{crm.pk}/reasons/").json()
    first, second = answer["reasons"]
    assert (first["code"], first["field"], first["count"]) == ("invalid_field", "mail", 3)
    assert [sample["profile"] for sample in first["samples"]] == ["p0", "p1", "p2"]
    assert (second["reason"], second["count"]) == ("no", 1)
    assert (answer["read"], answer["is_all"], answer["more"]) == (4, True, 0)
    [skipped] = api.get(f"/api/v1/destinations/{crm.pk}/reasons/?state=skipped").json()["reasons"]
    assert skipped["reason"] == "no consent"


@pytest.mark.parametrize("query", ["state=synced", "state=", "states=rejected"])
def test_reasons_of_nonsense_are_refused(api, crm, query):
    assert api.get(f"/api/v1/destinations/{crm.pk}/reasons/?{query}").status_code == 400


def test_an_answer_that_comes_later_is_told(api, make_sync):
    since = timezone.now()
    kept = {"job": "secret-job-77"}
    sync = make_sync(due_at=since + timedelta(minutes=5), awaited_since=since, awaited=kept)
    response = api.get(f"/api/v1/syncs/{sync.pk}/")
    answer = response.json()
    assert answer["awaited_since"] is not None
    assert answer["reason"].startswith("waits for the destination's answer since")
    assert "; asks again at " in answer["reason"]
    assert "secret-job-77" not in response.content.decode()
