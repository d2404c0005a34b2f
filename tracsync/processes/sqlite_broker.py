"""django-q2's queue in an SQLite database, asked only when something has been written there."""

from __future__ import annotations

import time
from typing import Any

from django.db import connections
from django_q.brokers.orm import ORM
from django_q.conf import Conf

LONGEST = 5.0  # seconds between two looks: a task that was taken and never done comes back without a write


class SQLiteBroker(ORM):
    """As django-q2's own; an empty queue costs next to nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._empty_at: tuple[Any, int] | None = None  # version of the database in which there was no task
        self._looked_at = 0.0

    def dequeue(self) -> list[tuple[int, str]] | None:
        version = self._data_version()
        if version == self._empty_at and time.monotonic() - self._looked_at < LONGEST:
            time.sleep(Conf.POLL)
            return None
        self._looked_at = time.monotonic()
        tasks: list[tuple[int, str]] | None = super().dequeue()
        self._empty_at = None if tasks else version
        return tasks

    def _data_version(self) -> tuple[Any, int]:
        """Of this connection; another one with each commit of others. Read before the queue: what comes
        meanwhile is seen next time."""
        database = connections[Conf.ORM]
        with database.cursor() as cursor:
            cursor.execute("PRAGMA data_version")
            return database.connection, int(cursor.fetchone()[0])
