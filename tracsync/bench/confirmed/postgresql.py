"""A table of PostgreSQL, beside psycopg."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from destinations.connectors import libraries
from destinations.connectors.sql.connector import PostgreSQL
from tracsync.bench.inside import CannotMeasureError

from . import tables
from .subject import Subject

CREATE = "CREATE TABLE {} (id text PRIMARY KEY, payload jsonb, version bigint NOT NULL)"
UPSERT = (
    "INSERT INTO {0} AS t (id, payload, version) VALUES (%s, %s, %s) ON CONFLICT (id) DO UPDATE"
    " SET payload = EXCLUDED.payload, version = EXCLUDED.version WHERE t.version <= EXCLUDED.version"
)


@contextmanager
def measured(url: str) -> Iterator[Subject]:
    driver = libraries.load("psycopg", "postgres")
    try:
        connection = driver.connect(url)
    except driver.Error as error:
        raise CannotMeasureError(f"PostgreSQL cannot be reached: {type(error).__name__}") from None
    with tables.measured(PostgreSQL(), url, connection, CREATE, UPSERT) as subject:
        yield subject
