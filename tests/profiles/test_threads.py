"""Several writers at once on a SQLite file."""

import pytest

from tests.profiles import profile_writers


@pytest.fixture
def sqlite_file(tmp_path, monkeypatch, django_db_blocker):
    config = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(tmp_path / "profiles.sqlite3"),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
    with django_db_blocker.unblock(), profile_writers.database(config, monkeypatch):
        yield


@pytest.mark.parametrize("check", profile_writers.CHECKS, ids=lambda check: check.__name__)
def test_writers_on_sqlite(sqlite_file, check):
    check()
