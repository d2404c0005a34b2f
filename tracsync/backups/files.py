"""SQLite files: one is copied into another as of one moment, and looked at before it is trusted.

https://sqlite.org/backup.html: a copy made in one step is one read transaction, during which others go on
writing; a copy into a database that is in use is one write transaction of it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from django.db.migrations.loader import MigrationLoader

WAIT = 60.0  # seconds for a lock that somebody else holds
APPS = {"tracsync", "profiles", "destinations"}


class BackupError(Exception):
    """A sentence that says why a copy cannot be made or used."""


def save(source: Path, target: Path) -> None:
    """Write a complete copy of a database that may be in use; the file is there when it is complete, or not.

    It is for its owner only. Raises BackupError, also where there is such a file already.
    """
    draft = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        draft.touch(mode=0o600, exist_ok=False)
        copy(source, draft)
        with closing(sqlite3.connect(draft)) as made:
            made.execute("PRAGMA journal_mode=DELETE")  # one file, that can be read where nothing is written
            _find_faults(made, target)
        _sync(draft)
        os.link(draft, target)  # never over another
        _sync(target.parent)
    except FileExistsError as error:
        raise BackupError(f"{error.filename2 or target} exists already: choose another name") from None
    except OSError as error:
        raise BackupError(f"{target} cannot be written: {error.strerror}") from None
    except sqlite3.Error as error:
        raise BackupError(f"the database cannot be copied: {error}") from None
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def copy(source: Path, target: Path) -> None:
    """Replace all that `target` holds by what `source` holds at one moment. Raises sqlite3.Error."""
    with opened(source) as reading, closing(sqlite3.connect(target, timeout=WAIT)) as writing:
        reading.backup(writing)


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """To be read; nothing is made where there is no file. Raises sqlite3.Error.

    It is not opened as read-only: of a database with a log beside it the last one who leaves tidies up.
    """
    address = f"file:{quote(str(path.absolute()))}?mode=rw"
    with closing(sqlite3.connect(address, uri=True, timeout=WAIT)) as connection:
        yield connection


def check(path: Path) -> set[tuple[str, str]]:
    """The migrations, as (app, name), that a backup was made with.

    Raises BackupError for what is no complete database of tracsync, or one of a later release.
    """
    if not path.is_file():
        raise BackupError(f"there is no file {path}")
    try:
        with opened(path) as found:
            _find_faults(found, path)
            applied = set(found.execute("SELECT app, name FROM django_migrations"))
    except sqlite3.Error:
        raise BackupError(f"{path} is no database of tracsync, or is damaged") from None
    if not applied or {app for app, _ in applied} < APPS:
        raise BackupError(f"{path} is no database of tracsync")
    known = MigrationLoader(None).disk_migrations.keys()
    later = sorted(name for app, name in applied - known if app in APPS)
    if later:
        raise BackupError(f"{path} was made by a later release ({', '.join(later[:3])}): install that one")
    return applied


def _find_faults(database: sqlite3.Connection, path: Path) -> None:
    [result, *_] = next(database.execute("PRAGMA quick_check(1)"))
    if result != "ok":
        raise BackupError(f"{path} is damaged: {result}")


def _sync(path: Path) -> None:
    """What was written is on the disk, also after a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
