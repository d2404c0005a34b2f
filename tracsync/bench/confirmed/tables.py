"""Tables: the driver's `executemany` with the same guarded upsert, in one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from destinations.connectors.base import Delivery
from destinations.connectors.sql.connector import MySQL, PostgreSQL
from tracsync.bench.inside import CannotMeasureError

from .subject import LOOPBACK, Bodies, Subject, server


@contextmanager
def measured(
    connector: PostgreSQL | MySQL, url: str, connection: Any, create: str, upsert: str
) -> Iterator[Subject]:
    """With a table of its own, which is gone afterwards; `{}` in the statements is its name."""
    given, name = server(url, 0), f"tracsync_bench_{uuid.uuid4().hex[:12]}"
    given = {"database": urlsplit(url).path.strip("/"), **given}
    if not given["port"] or not given.get("password"):
        raise CannotMeasureError("the address needs user, password, host, port and database")
    bodies = Bodies()

    def bare(deliveries: Sequence[Delivery]) -> None:
        texts = [body.decode() for body in bodies.make(deliveries)]
        rows = [(one.key, text, one.version) for one, text in zip(deliveries, texts, strict=True)]
        with connection.cursor() as cursor:
            cursor.executemany(upsert.format(name), rows)
        connection.commit()

    with connection.cursor() as cursor:
        cursor.execute(create.format(name))
    connection.commit()
    try:
        settings = {"table": name, "json_column": "payload"}
        with connector.open(given, settings, LOOPBACK) as session:
            yield Subject(
                f"{connector.name}: rows",
                session,
                connector.batch_size,
                "bare executemany",
                bare,
                "whole payloads, of rows that are there already",
            )
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE {name}")
        connection.commit()
        connection.close()
