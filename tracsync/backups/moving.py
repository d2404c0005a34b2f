"""Move to PostgreSQL: every row of an SQLite database, in one transaction, and compared before it ends."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from pathlib import Path
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management.color import no_style
from django.db import DatabaseError, connection, models, transaction
from django.db.migrations.recorder import MigrationRecorder

from destinations.models import Destination, Resource
from destinations.scheduler import loop
from profiles.models import Profile
from tracsync.backups import files
from tracsync.backups.files import BackupError

ROWS = 2000  # read at once
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)

Model = type[models.Model]


@dataclass(frozen=True, slots=True)
class Table:
    """`digest` is of all its rows, in whatever order."""

    name: str
    rows: int
    digest: str


def move(source: Path, report: Callable[[Table], object]) -> None:
    """Fill this empty PostgreSQL database with all that an SQLite database holds, as one transaction; each
    table is reported when it is there and the same. Raises BackupError, and then nothing has changed.
    """
    if connection.vendor != "postgresql":
        raise BackupError("DATABASE_URL has to be the PostgreSQL database that is to be filled")
    _need_same_migrations(files.check(source))
    tables = {model._meta.db_table: model for model in apps.get_models(include_auto_created=True)}
    name = ""
    try:
        with files.opened(source) as reading, transaction.atomic(), connection.cursor() as cursor:
            _need_empty()
            _need_all_known(reading, tables)
            cursor.execute(f"TRUNCATE {', '.join(map(connection.ops.quote_name, tables))}")
            copied = []
            for name, model in tables.items():  # noqa: B007 - said where it fails
                copied.append(_copy(reading, cursor, model))
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for expected, model in zip(copied, tables.values(), strict=True):
                _compare(expected, model)
                report(expected)
            for statement in connection.ops.sequence_reset_sql(no_style(), list(tables.values())):
                cursor.execute(statement)
    except sqlite3.Error as error:
        raise BackupError(f"{source} cannot be read: {error}") from None
    except DatabaseError as error:  # whose text may repeat the values of a row
        raise BackupError(f"the table {name} cannot be filled ({type(error).__name__})") from None


def _need_same_migrations(theirs: set[tuple[str, str]]) -> None:
    ours = set(MigrationRecorder(connection).applied_migrations())
    if missing := sorted(theirs - ours):
        raise BackupError(f"the migration {'.'.join(missing[0])} is not applied here: run `migrate` first")
    if missing := sorted(ours - theirs):
        raise BackupError(
            f"the SQLite database lacks the migration {'.'.join(missing[0])}: run `migrate` there first"
        )


def _need_empty() -> None:
    used = [Profile.with_deleted, Destination.objects, Resource.objects, get_user_model().objects]
    if any(rows.exists() for rows in used):
        raise BackupError("this database is in use: what it holds would be lost. Make an empty one")
    if loop.is_alive():
        raise BackupError("a worker runs with this database: stop it first")


def _need_all_known(reading: sqlite3.Connection, tables: dict[str, Model]) -> None:
    """Nothing is left behind: raises BackupError for a table or column that no model has."""
    found = {name for (name,) in reading.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    others = {name for name in found - tables.keys() if not name.startswith("sqlite_")}
    if unknown := sorted(others - {"django_migrations"}):
        raise BackupError(f"nothing is known of the table {unknown[0]}, which would be left behind")
    for name, model in tables.items():
        columns = {row[1] for row in reading.execute(f'PRAGMA table_info("{name}")')}
        if unknown := sorted(columns ^ {str(field.column) for field in model._meta.concrete_fields}):
            raise BackupError(f"the table {name} is not as expected: see its column {unknown[0]}")


def _copy(reading: sqlite3.Connection, cursor: Any, model: Model) -> Table:
    digest = _Digest(model)
    kinds = (models.BooleanField, models.DateTimeField, models.DurationField)
    booleans, moments, durations = (_places(model, kind) for kind in kinds)
    table, columns = _names(model)
    with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copying:
        for row in reading.execute(f"SELECT {columns} FROM {table}"):  # noqa: S608 - names of our own
            digest.add(row)
            values = list(row)
            for place in booleans:
                values[place] = None if row[place] is None else bool(row[place])
            for place in moments:
                values[place] = None if row[place] is None else f"{row[place]}+00"
            for place in durations:
                values[place] = None if row[place] is None else f"{row[place]} microseconds"
            copying.write_row(values)
    return digest.table()


def _compare(expected: Table, model: Model) -> None:
    digest = _Digest(model)
    table, columns = _names(model)
    with connection.chunked_cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {table}")  # noqa: S608 - names of our own
        while rows := cursor.fetchmany(ROWS):
            for row in rows:
                digest.add(row)
    if digest.table() != expected:
        raise BackupError(f"the table {expected.name} is not the same after it was copied: nothing is kept")


def _names(model: Model) -> tuple[str, str]:
    """The table and its columns, as they are written in SQL."""
    quoted = connection.ops.quote_name
    columns = ", ".join(quoted(str(field.column)) for field in model._meta.concrete_fields)
    return quoted(model._meta.db_table), columns


def _places(model: Model, kind: type[models.Field[Any, Any]]) -> list[int]:
    return [at for at, field in enumerate(model._meta.concrete_fields) if isinstance(field, kind)]


class _Digest:
    """What rows say, whichever database has them and in whatever order: the sum of their hashes."""

    def __init__(self, model: Model) -> None:
        self._name = model._meta.db_table
        self._readers = [_reader(field) for field in model._meta.concrete_fields]
        self._rows = 0
        self._sum = 0

    def add(self, row: Iterable[Any]) -> None:
        said = [
            value if reader is None or value is None else reader(value)
            for reader, value in zip(self._readers, row, strict=True)
        ]
        self._sum += int.from_bytes(hashlib.sha256(repr(said).encode()).digest())
        self._rows += 1

    def table(self) -> Table:
        return Table(self._name, self._rows, f"{self._sum % 2**256:064x}")


def _reader(field: models.Field[Any, Any]) -> Callable[[Any], object] | None:
    """What makes one of the values that both databases have for the same; None where they are the same."""
    for kind, reader in _READERS.items():
        if isinstance(field, kind):
            return reader
    return None


def _moment(value: str | datetime) -> str:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def _microseconds(value: int | timedelta) -> int:
    return value // timedelta(microseconds=1) if isinstance(value, timedelta) else value


def _json(value: str) -> str:
    """PostgreSQL orders keys, and writes numbers without exponents."""
    return repr(_sorted(json.loads(value, parse_float=_number, parse_int=_number)))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted((key, _sorted(member)) for key, member in value.items())
    return [_sorted(member) for member in value] if isinstance(value, list) else value


def _number(text: str) -> Decimal | int:
    """Exactly, and the same however it is written: 1e2, 100.0 and 100."""
    value = Decimal(text)
    return value.normalize(_EXACT) if value else 0


_READERS: dict[Any, Callable[[Any], object]] = {
    models.BooleanField: bool,
    models.DateTimeField: _moment,
    models.DurationField: _microseconds,
    models.JSONField: _json,
    models.UUIDField: lambda value: str(value).replace("-", ""),
    models.BinaryField: bytes,
}
