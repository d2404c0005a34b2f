"""Scratch installations: a database, a queue and keys of their own, all gone afterwards.

They are of the same kind as the real installation, and on the same servers. What works in one runs in a
process of its own, which has never seen the real database.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from cryptography.fernet import Fernet
from django.conf import settings
from django.db import DatabaseError, connection
from django_q.brokers import get_broker

from tracsync.environment import FILE, Environment
from tracsync.processes import launch

DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
LOOPBACK = "127.0.0.1"
PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0, 5.0)  # seconds, in which processes that are told to end do so


class NoScratchError(Exception):
    """There can be no scratch installation; the message says why."""


@contextmanager
def environment(reachable: Sequence[str] = (LOOPBACK,)) -> Iterator[tuple[str, dict[str, str]]]:
    """The scratch database's name, and the environment of the processes that use it.

    `reachable`: the internal hosts that its connectors may reach. Raises NoScratchError.
    """
    if connection.vendor not in DATABASES:
        raise NoScratchError(f"only {' and '.join(DATABASES.values())} can be used for it")
    name = f"tracsync_scratch_{secrets.token_hex(8)}"
    with (
        _directory() as directory,
        _database(name, Path(directory)) as (database, url),
        _queue(name),
    ):
        ours = {**_settings(directory, name, reachable), "DATABASE_URL": url}
        theirs = {one: text for one, text in os.environ.items() if one.removesuffix(FILE) not in ours}
        yield database, {**theirs, **ours}


@contextmanager
def _directory() -> Iterator[str]:
    """Gone afterwards, also where a process that is about to end writes into it meanwhile."""
    made = tempfile.mkdtemp(prefix="tracsync-scratch-")
    try:
        yield made
    finally:
        for pause in PAUSES:
            shutil.rmtree(made, ignore_errors=True)
            if not Path(made).exists():
                break
            time.sleep(pause)


@contextmanager
def process(
    module: str, argument: str, environment: dict[str, str], **options: Any
) -> Iterator[subprocess.Popen[str]]:
    """`python -m MODULE ARGUMENT` in a scratch installation; leaving the context ends it in order.

    In a session of its own: Ctrl-C reaches this process, which ends the other.
    """
    started = launch.module(
        module, argument, environment=environment, start_new_session=True, text=True, **options
    )
    try:
        yield started
    finally:
        started.terminate()
        started.wait()


def end_in_order() -> None:
    """SIGINT and SIGTERM raise KeyboardInterrupt, so that everything is cleaned up."""
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background commands ignore the first
        signal.signal(number, signal.default_int_handler)


def installation() -> str:
    """What this installation consists of, in words."""
    broker = "Redis" if settings.REDIS_URL else "the database as broker"
    return f"{DATABASES.get(connection.vendor, connection.vendor)} with {broker}"


def _settings(directory: str, name: str, reachable: Sequence[str]) -> dict[str, str]:
    return {
        "TRACSYNC_DATA_DIR": directory,
        "TRACSYNC_QUEUE": name,
        "TRACSYNC_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "SECRET_KEY": secrets.token_urlsafe(50),
        "TRACSYNC_ALLOWED_INTERNAL_NETWORKS": ",".join(reachable),
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
    try:
        _execute(f"CREATE DATABASE {quoted}")
    except DatabaseError as error:
        raise NoScratchError(f"No scratch database: {str(error).splitlines()[0]}") from None
    try:
        yield name, urlunsplit(urlsplit(Environment().str("DATABASE_URL"))._replace(path=f"/{name}"))
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
                get_broker(name + settings.TASK_FORMAT).delete_queue()
