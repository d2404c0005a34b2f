"""Bring a backup back: it is made ready in a file of its own, which then takes the place of all there is."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from destinations.models import Destination, Resource
from destinations.scheduler import loop
from tracsync.backups import files
from tracsync.backups.files import BackupError
from tracsync.common.encryption import UndecryptableValue
from tracsync.common.terminal import Output


def restore(backup: Path, output: Output) -> Path | None:
    """Replace what the database holds by a backup, migrated, in a new epoch, with everything to be sent
    again; where the former content is kept. None where there was none, as on a new machine.

    The database is replaced in one transaction, when all of that is done: interrupted before, nothing has
    changed. Raises BackupError.
    """
    live = database_file()
    is_new = not connection.introspection.table_names()
    if not is_new:
        need_quiet()
    files.check(backup)
    ready = live.with_name(f"restoring-{os.getpid()}.sqlite3")
    kept = live.with_name(f"before-restore-{timezone.now():%Y%m%dT%H%M%SZ}.sqlite3")
    try:
        files.save(backup, ready)
        with _instead(ready):
            call_command("migrate", verbosity=0, interactive=False)
            for name in sealed():
                output.write(
                    f"warning: no key opens the secrets of {name}: set the key, or enter them again."
                )
            call_command("after_restore", stdout=output)
        if not is_new:
            files.save(live, kept)
        files.copy(ready, live)
    except sqlite3.Error as error:
        raise BackupError(f"the database cannot be replaced: {error}") from None
    finally:
        for path in ready.parent.glob(f"{ready.name}*"):
            with suppress(OSError):
                path.unlink()
    return None if is_new else kept


def database_file() -> Path:
    """Raises BackupError where the database is not SQLite, with what is to be done there."""
    if connection.vendor != "sqlite":
        raise BackupError(
            "this database is PostgreSQL, whose own tools copy it while it runs: docs/backups.md has the"
            " commands"
        )
    return Path(connection.settings_dict["NAME"])


def need_quiet() -> None:
    """Raises BackupError while a worker runs, which would push what it has read before."""
    if loop.is_alive():
        raise BackupError(
            "a worker runs, or was killed less than a minute ago: stop `up`, `web` and `worker` first"
        )


def sealed() -> list[str]:
    """The names of what no key of this installation opens."""
    found = []
    for model, fields in ((Resource, ("production", "test")), (Destination, ("settings",))):
        for name, pk in model.objects.values_list("name", "pk"):
            try:
                list(model.objects.filter(pk=pk).values_list(*fields))
            except UndecryptableValue:
                found.append(name)
    return found


@contextmanager
def _instead(path: Path) -> Iterator[None]:
    """Whatever asks for the database is given this SQLite file."""
    live = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = str(path)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = live
