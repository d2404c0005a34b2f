"""Somebody leaves a transaction open that holds a row: what needs this row waits, and nothing else does."""

import sqlite3
from contextlib import closing

import psycopg
import pytest
import requests

from tests.faults.conftest import documents
from tests.harness import Installation, need_redis, wait_for


@pytest.fixture
def installation(url, tmp_path):
    installation = Installation(tmp_path, DATABASE_URL=url, REDIS_URL=need_redis())
    yield installation
    installation.stop()


def test_one_held_row_stops_neither_the_others_nor_the_api(url, installation, receiver):
    installation.add_destination(receiver, quiet_period=0.2)
    installation.start_worker()
    base = installation.start_web()
    token = installation.manage("create_token", "test").stdout.split()[-1]
    headers = {"Authorization": f"Bearer {token}"}
    installation.save_profiles(documents("held", 30, 1))

    def arrived(visits):
        return {id for id, payload in receiver.last().items() if payload["visits"] == visits}

    wait_for(lambda: len(arrived(1)) == 30, "the first pushes")
    synced = "from destinations.models import *; print(ProfileSync.objects.filter(state='synced').count())"
    wait_for(lambda: installation.python(synced).strip() == "30", "their records")
    with psycopg.connect(url) as somebody:
        [(row,)] = somebody.execute(
            "SELECT id FROM destinations_profilesync WHERE profile_id = 'held-000' FOR UPDATE"
        ).fetchall()
        installation.save_profiles(documents("held", 30, 2))
        wait_for(lambda: len(arrived(2)) == 29, "all others")
        replay = requests.post(f"{base}/api/syncs/{row}/replay/", headers=headers, timeout=60)
        assert (replay.status_code, replay.headers["Retry-After"]) == (503, "2")
        assert requests.get(f"{base}/api/syncs/", headers=headers, timeout=60).status_code == 200
        assert requests.get(f"{base}/healthz", timeout=60).status_code == 200
        assert len(arrived(2)) == 29
    wait_for(lambda: len(arrived(2)) == 30, "the one that was held")


def test_requests_are_told_soon_that_somebody_holds_sqlite(tmp_path):
    """Its lock is of the whole file; workers wait for it for longer than anybody waits for an answer."""
    installation = Installation(tmp_path)
    base = installation.start_web()
    token = installation.manage("create_token", "test").stdout.split()[-1]
    headers = {"Authorization": f"Bearer {token}"}

    def ask(method, path, **more):
        return requests.request(method, f"{base}{path}", headers=headers, timeout=20, **more)

    try:
        assert ask("PUT", "/api/profiles/p1/", json={"id": "p1"}).status_code == 201
        installation.python(
            "from tracsync.models import ApiToken; ApiToken.objects.update(last_used_at=None)"
        )
        with closing(sqlite3.connect(tmp_path / "tracsync.sqlite3", isolation_level=None)) as somebody:
            somebody.execute("BEGIN IMMEDIATE")
            refused = ask("PUT", "/api/profiles/p1/", json={"id": "p1", "name": "Ana"})
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
            assert ask("GET", "/api/profiles/p1/").status_code == 200
            assert ask("GET", "/healthz").status_code == 200
        assert ask("PUT", "/api/profiles/p1/", json={"id": "p1", "name": "Ana"}).status_code == 200
    finally:
        installation.stop()
