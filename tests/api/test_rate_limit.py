"""How many requests a token may make, and what it is told of it."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import sleep

import pytest
import time_machine
from rest_framework.test import APIClient

from tests.api.conftest import client_with
from tracsync.api import rate_limit
from tracsync.models import ApiToken

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(settings):
    settings.TRACSYNC_API_REQUESTS_PER_MINUTE = 3
    settings.REDIS_URL = ""
    with time_machine.travel("2026-03-01T12:00:15Z", tick=False) as clock:
        rate_limit._own.count(0, 0)  # of another minute: nothing is left of other tests
        yield clock


def told(response):
    return response["RateLimit-Policy"], response["RateLimit"]


def test_every_answer_says_what_is_left():
    client = client_with()
    assert told(client.get("/api/v1/")) == ('"token";q=3;w=60', '"token";r=2;t=45')
    assert told(client.get("/api/v1/destinations/99/"))[1] == '"token";r=1;t=45'
    assert told(client.get("/api/v1/profiles/?nonsense=1"))[1] == '"token";r=0;t=45'


def test_more_are_refused_until_the_minute_is_over(clock):
    client = client_with()
    for _ in range(3):
        assert client.get("/api/v1/").status_code == 200
    refused = client.get("/api/v1/")
    assert (refused.status_code, refused["Retry-After"]) == (429, "45")
    assert refused["Content-Type"] == "application/problem+json"
    assert (refused.json()["code"], refused.json()["violated-policies"]) == ("quota_exceeded", ["token"])
    assert told(refused)[1] == '"token";r=0;t=45'
    clock.shift(45)
    assert told(client.get("/api/v1/"))[1] == '"token";r=2;t=60'


def test_each_token_has_its_own():
    first = client_with()
    for _ in range(4):
        first.get("/api/v1/")
    token, text = ApiToken.generate("other")
    token.save()
    other = APIClient(HTTP_AUTHORIZATION=f"Bearer {text}")
    assert (first.get("/api/v1/").status_code, other.get("/api/v1/").status_code) == (429, 200)


def test_a_request_with_a_key_counts_once():
    client = client_with()
    answer = client.post("/api/v1/profiles/", {}, format="json", headers={"Idempotency-Key": "k1"})
    assert told(answer)[1] == '"token";r=2;t=45'
    again = client.post("/api/v1/profiles/", {}, format="json", headers={"Idempotency-Key": "k1"})
    assert (again["Idempotency-Replayed"], told(again)[1]) == ("true", '"token";r=1;t=45')


def test_none_is_counted_without_a_limit(settings):
    settings.TRACSYNC_API_REQUESTS_PER_MINUTE = 0
    client = client_with()
    for _ in range(5):
        answer = client.get("/api/v1/")
    assert (answer.status_code, "RateLimit" in answer) == (200, False)


def test_nobodys_requests_have_none():
    assert "RateLimit" not in APIClient().get("/api/v1/")


class TestWithRedis:
    @pytest.fixture(autouse=True)
    def redis(self, settings, monkeypatch):
        settings.REDIS_URL = "redis://redis.invalid/0"
        monkeypatch.setattr(rate_limit, "_rest_until", 0.0)

    def test_processes_count_together(self, monkeypatch):
        class Pipeline:
            counted = 1  # by another process

            def incr(self, key):
                Pipeline.counted += 1
                self.keys = [key]
                return self

            def expire(self, key, seconds):
                assert (key, seconds) == (self.keys[0], 120)
                return self

            def execute(self):
                return [Pipeline.counted, True]

        monkeypatch.setattr(rate_limit, "_redis", lambda _url: type("Redis", (), {"pipeline": Pipeline}))
        client = client_with()
        statuses = [client.get("/api/v1/").status_code for _ in range(3)]
        assert statuses == [200, 200, 429]

    def test_where_it_is_away_each_counts_for_itself(self, monkeypatch):
        import redis

        asked = []

        def away(url):
            asked.append(url)
            raise redis.ConnectionError

        monkeypatch.setattr(rate_limit, "_redis", away)
        client = client_with()
        statuses = [client.get("/api/v1/").status_code for _ in range(4)]
        assert (statuses, len(asked)) == ([200, 200, 200, 429], 1), "it is not asked again at once"

    def test_threads_share_one_client(self, monkeypatch):
        """A client that is made a second time and thrown away would close connections in use."""
        import redis

        threads = 4
        together = Barrier(threads)
        made = []

        def slowly(url, **options):
            made.append(url)
            sleep(0.05)
            return object()

        monkeypatch.setattr(redis.Redis, "from_url", slowly)

        def asked(_number):
            together.wait(timeout=30)
            return rate_limit._redis("redis://asked-at-once.invalid/0")

        with ThreadPoolExecutor(threads) as pool:
            clients = set(pool.map(asked, range(threads)))
        assert (len(clients), len(made)) == (1, 1)
