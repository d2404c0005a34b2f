"""POST with an Idempotency-Key is done once, and answered again as it was."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from destinations.models import Destination
from destinations.scheduler import cleanup
from profiles.models import Profile
from tests.api.conftest import Api
from tracsync.api import idempotency
from tracsync.models import ApiToken, KeptAnswer, requests

pytestmark = pytest.mark.django_db
PROFILES = "/api/v1/profiles/"
KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


def test_the_same_again_is_answered_as_it_was(api):
    first = api.post(PROFILES, {"name": "Ada"}, **KEY)
    again = api.post(PROFILES, {"name": "Ada"}, **KEY)
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    for header in ("ETag", "Location", "Content-Type"):
        assert first[header] == again[header]
    assert (again["Idempotency-Replayed"], "Idempotency-Replayed" in first) == ("true", False)
    assert Profile.objects.count() == 1
    assert api.post(PROFILES, {"name": "Ada"}, **{"Idempotency-Key": "other"}).json() != first.json()


def test_a_body_of_many_pieces_is_read_once(api, monkeypatch):
    monkeypatch.setattr(idempotency, "IN_MEMORY", 100)
    lines = "\n".join(f'{{"id": "p{number}"}}' for number in range(100))
    for _ in range(2):
        answer = api("POST", f"{PROFILES}bulk/", lines, "application/x-ndjson", **KEY)
        assert (answer.status_code, answer.json()["created"]) == (200, 100)


@pytest.mark.parametrize(
    ("path", "body"),
    [(PROFILES, {"name": "Bob"}), (f"{PROFILES}?x=1", {"name": "Ada"}), (f"{PROFILES}bulk/", [])],
)
def test_another_request_needs_another_key(api, path, body):
    api.post(PROFILES, {"name": "Ada"}, **KEY)
    answer = api.post(path, body, **KEY)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert Profile.objects.count() == 1


def test_a_key_is_of_one_token(api):
    ours = api.post(PROFILES, {"name": "Ada"}, **KEY)
    other, text = ApiToken.generate("other")
    other.save()
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    assert Api(client).post(PROFILES, {"name": "Ada"}, **KEY).json() != ours.json()


def test_nothing_is_kept_of_what_was_refused(api, resource):
    body = {"name": "crm", "resource": resource.pk, "mapping": {}, "quiet_period": -1}
    assert api.post("/api/v1/destinations/", body, **KEY).status_code == 400
    assert not KeptAnswer.objects.exists()
    assert api.post("/api/v1/destinations/", {**body, "quiet_period": 1}, **KEY).status_code == 201
    assert api.post("/api/v1/destinations/", {**body, "quiet_period": 1}, **KEY).status_code == 201
    assert Destination.objects.count() == 1


def test_the_same_at_the_same_time_is_refused(api, frozen):
    api.post(PROFILES, {"name": "Ada"}, **KEY)
    KeptAnswer.objects.update(status=None, answer=None)  # as it is while the first one is under way
    answer = api.post(PROFILES, {"name": "Ada"}, **KEY)
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_in_use")
    assert answer["Retry-After"] == "2"
    frozen.forward(idempotency.LONGEST.total_seconds())  # whoever did it was killed
    assert api.post(PROFILES, {"name": "Ada"}, **KEY).status_code == 201
    assert (Profile.objects.count(), KeptAnswer.objects.get().status) == (2, 201)


def test_any_text_is_an_id(api, make_profile):
    make_profile("ü→🙂")
    answer = api.post(f"{PROFILES}%C3%BC%E2%86%92%F0%9F%99%82/sync/", {}, **KEY)
    assert (answer.status_code, answer.json()) == (202, {"requested": 0})


@pytest.mark.parametrize("key", ["", "a b", "ü", "x" * 256, "\x7f"])
def test_what_is_no_key(api, key):
    answer = api.post(PROFILES, {"name": "Ada"}, **{"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")
    assert not Profile.objects.exists()


def test_without_a_token_and_with_too_much(api, settings):
    assert Api(APIClient()).post(PROFILES, {}, **KEY).status_code == 401
    settings.TRACSYNC_MAX_REQUEST_BYTES = 10
    answer = api.post(PROFILES, {"name": "x" * 100}, **KEY)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert not KeptAnswer.objects.exists()


def test_what_is_kept_is_encrypted(api):
    api.post(PROFILES, {"name": "planted-name"}, **KEY)
    stored = KeptAnswer.objects.extra(select={"raw": "answer"}).values_list("raw", flat=True).get()
    assert stored
    assert "planted-name" not in stored


def test_it_is_kept_for_a_day_and_for_so_many(api, monkeypatch):
    monkeypatch.setattr(requests, "MOST_KEPT", 2)
    for number in range(4):
        api.post(PROFILES, {"id": f"p{number}"}, **{"Idempotency-Key": f"k{number}"})
    assert cleanup.prune() == 2
    assert [*KeptAnswer.objects.order_by("pk").values_list("key", flat=True)] == ["k2", "k3"]
    KeptAnswer.objects.filter(key="k2").update(begun_at=timezone.now() - timedelta(hours=25))
    assert cleanup.prune() == 1
    assert KeptAnswer.objects.get().key == "k3"
    assert cleanup.prune() == 0
