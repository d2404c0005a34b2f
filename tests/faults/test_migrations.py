"""Migrations beside a worker that goes on: nobody waits for an index."""

import subprocess
import sys

import psycopg

from tests.faults.conftest import documents
from tests.harness import ROOT, Installation, wait_for

INDEX = "by_remote_id"
AND_LATER = "(SELECT id FROM django_migrations WHERE app = 'destinations' AND name LIKE '0011%')"


def take_back(url):
    """The index, and what is noted of its migration and all later ones: to go back step by step takes as long
    as all of them.
    """
    with psycopg.connect(url) as connection:
        connection.execute(f"DROP INDEX {INDEX}")
        connection.execute(f"DELETE FROM django_migrations WHERE id >= {AND_LATER}")
    assert not has_index(url)


def test_an_index_is_built_while_others_write(url, tmp_path, receiver):
    installation = Installation(tmp_path, DATABASE_URL=url)
    try:
        installation.add_destination(receiver)
        take_back(url)
        with psycopg.connect(url) as somebody:
            somebody.execute("UPDATE destinations_profilesync SET bulk = false")  # holds a lock on the table
            migration = subprocess.Popen(
                [sys.executable, "manage.py", "migrate", "destinations", "0011", "-v0"],
                cwd=ROOT,
                env=installation.environment,
            )
            wait_for(lambda: is_building(url), "that it waits for the transaction to end")
            with psycopg.connect(url, options="-c lock_timeout=5s") as another:
                another.execute("UPDATE destinations_profilesync SET bulk = false")
            installation.save_profiles(documents("index", 5, 1))
        assert migration.wait() == 0
        assert has_index(url)
    finally:
        installation.stop()


def test_one_that_failed_half_way_is_built_anew(url, tmp_path):
    installation = Installation(tmp_path, DATABASE_URL=url)
    take_back(url)
    with psycopg.connect(url) as connection:
        connection.execute(f"CREATE INDEX {INDEX} ON destinations_profilesync (id)")
        connection.execute(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{INDEX}'::regclass")
    installation.manage("migrate", "destinations", "0011", "-v0")
    assert has_index(url)


def has_index(url):
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT 1 FROM pg_index WHERE indisvalid AND indnatts = 2"
            " AND indexrelid = to_regclass('by_remote_id')"
        ).fetchone()


def is_building(url):
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT 1 FROM pg_stat_activity"
            " WHERE query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'"
            " AND datname = current_database()"
        ).fetchone()
