"""Several writers at once on PostgreSQL, and what it makes of numbers."""

import uuid

import environ
import psycopg
import pytest
from django.db import connections

from profiles.models import Profile
from tests import harness
from tests.profiles import profile_writers
from tests.profiles.profile_writers import ALIAS


@pytest.fixture
def postgres(monkeypatch, django_db_blocker):
    """A database of its own, dropped afterwards."""
    name = f"profiles_{uuid.uuid4().hex[:12]}"
    try:
        server = psycopg.connect(harness.POSTGRES, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        harness.missing("PostgreSQL", error)
    with server:
        server.execute(f"CREATE DATABASE {name}")
        config = {**environ.Env.db_url_config(harness.POSTGRES), "NAME": name}
        try:
            with django_db_blocker.unblock(), profile_writers.database(config, monkeypatch):
                yield
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("check", profile_writers.CHECKS, ids=lambda check: check.__name__)
def test_writers_on_postgres(postgres, check):
    check()


@pytest.mark.parametrize("number", [1.0, -0.0, 1e22, 1e23, 1e300, 5e-324, 0.1, 2**60 + 1, 10**308])
def test_numbers_read_back_are_equal(postgres, number):
    Profile(document={"id": "a", "n": number}).save(using=ALIAS)
    profile = profile_writers.profiles().get()
    profile.save(using=ALIAS)
    assert profile_writers.profiles().get().version == 1


def test_writing_does_not_wait_for_what_refers_to_a_profile(postgres):
    """A foreign key's check locks the profile against deletion only, and so do we."""
    Profile(document={"id": "a"}).save(using=ALIAS)
    with psycopg.connect(**_params()) as other:
        other.execute("SELECT 1 FROM profiles_profile WHERE id = 'a' FOR KEY SHARE")
        connections[ALIAS].cursor().execute("SET lock_timeout = '2s'")
        Profile(document={"id": "a", "n": 1}).save(using=ALIAS)
    assert profile_writers.profiles().get().version == 2


def _params():
    settings = connections[ALIAS].settings_dict
    return {
        "host": settings["HOST"],
        "port": settings["PORT"] or 5432,
        "user": settings["USER"],
        "password": settings["PASSWORD"] or None,
        "dbname": settings["NAME"],
    }
