"""The scratch installation: a database, a queue and keys of its own, all gone afterwards."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from cryptography.fernet import Fernet
from django.conf import settings
from django.db import connection
from django_q.brokers import get_broker

DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@contextmanager
def environment() -> Iterator[tuple[str, dict[str, str]]]:
    """The scratch database's name, and the environment of the processes that use it."""
    name = f"tracsync_prove_{secrets.token_hex(8)}"
    with (
        tempfile.TemporaryDirectory(prefix="tracsync-prove-", ignore_cleanup_errors=True) as directory,
        _database(name, Path(directory)) as (database, url),
        _queue(name),
    ):
        yield database, {**os.environ, **_settings(directory, name), "DATABASE_URL": url}


def _settings(directory: str, name: str) -> dict[str, str]:
    return {
        "TRACSYNC_DATA_DIR": directory,
        "TRACSYNC_QUEUE": name,
        "TRACSYNC_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "SECRET_KEY": secrets.token_urlsafe(50),
        "TRACSYNC_ALLOWED_INTERNAL_NETWORKS": "127.0.0.1",
        "TRACSYNC_ATTEMPT_BODIES": "none",
        "TRACSYNC_LOG_LEVEL": "WARNING",
    }


@contextmanager
def _database(name: str, directory: Path) -> Iterator[tuple[str, str]]:
    if connection.vendor == "sqlite":
        path = directory / f"{name}.sqlite3"
        yield str(path), f"sqlite:///{path}"
        return
    quoted = connection.ops.quote_name(name)
    _execute(f"CREATE DATABASE {quoted}")
    try:
        yield name, urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))
    finally:
        _execute(f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)")


def _execute(sql: str) -> None:
    """On the server of the real database, without touching that; the connection is not kept."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
    connection.close()


@contextmanager
def _queue(name: str) -> Iterator[None]:
    """A queue in the database goes with it."""
    try:
        yield
    finally:
        if settings.REDIS_URL:
            with suppress(OSError):  # it has gone away: nothing there to clean up
                get_broker(name).delete_queue()
