"""A table of MariaDB or MySQL, beside PyMySQL, which makes one statement of many rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from destinations.connectors import libraries
from destinations.connectors.sql.connector import MySQL
from tracsync.bench.inside import CannotMeasureError

from . import tables
from .subject import Subject, server

CREATE = (
    "CREATE TABLE {} (id varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY,"
    " payload json, version bigint NOT NULL)"
)
UPSERT = (
    "INSERT INTO {} (id, payload, version) VALUES (%s, %s, %s) ON DUPLICATE KEY UPDATE"
    " payload = IF(version <= VALUES(version), VALUES(payload), payload),"
    " version = GREATEST(version, VALUES(version))"
)


@contextmanager
def measured(url: str) -> Iterator[Subject]:
    driver, given = libraries.load("pymysql", "mysql"), server(url, 3306)
    try:
        connection = driver.connect(
            host=given["host"],
            port=given["port"],
            user=given.get("user"),
            password=given.get("password", ""),
            database=urlsplit(url).path.strip("/"),
            charset="utf8mb4",
        )
    except driver.Error as error:
        raise CannotMeasureError(f"MariaDB or MySQL cannot be reached: {type(error).__name__}") from None
    with tables.measured(MySQL(), url, connection, CREATE, UPSERT) as subject:
        yield subject
