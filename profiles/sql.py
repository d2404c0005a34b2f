"""The statements that write profiles with their marks.

Written by hand because every change comes through here: what Django would build anew for each of them
costs as much as checking the document.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

from django.db import connection, connections, models

from profiles import documents
from profiles.documents import Sealed
from tracsync.common.lookups import among

TABLE = "profiles_profile"
COLUMNS = ("id", "document", "digest", "version", "created_at", "changed_at", "first_changed_at")
_ROW = f"({', '.join(['%s'] * len(COLUMNS))})"
_INSERT = f"INSERT INTO {TABLE} ({', '.join(COLUMNS)}) VALUES "  # noqa: S608 - names of ours
_NEW_ONLY = " ON CONFLICT (id) DO NOTHING"
# Of rows that are locked, so nobody comes between: the conflict is the way to update many at once.
_REPLACE = f""" ON CONFLICT (id) DO UPDATE SET
    document = excluded.document, digest = excluded.digest, version = excluded.version,
    created_at = CASE WHEN {TABLE}.digest = '' THEN excluded.created_at ELSE {TABLE}.created_at END,
    deleted_at = NULL, deleted_by = '', changed_at = excluded.changed_at,
    first_changed_at = COALESCE({TABLE}.first_changed_at, excluded.first_changed_at)"""
_UPDATE = f"""UPDATE {TABLE} SET document = %s, digest = %s, version = version + 1, changed_at = %s,
    first_changed_at = COALESCE(first_changed_at, %s) WHERE id = %s AND version = %s"""  # noqa: S608 - as above


_CREATE = f"""{_INSERT}{_ROW} ON CONFLICT (id) DO UPDATE SET
    document = excluded.document, digest = excluded.digest, version = {TABLE}.version + 1,
    created_at = excluded.created_at, changed_at = excluded.changed_at,
    first_changed_at = excluded.first_changed_at, deleted_at = NULL, deleted_by = ''
    WHERE {TABLE}.digest = '' RETURNING version"""
# Nothing of the document stays. What was not handed on is not any more: the deletion is told in its place.
_BURY = f"""UPDATE {TABLE} SET document = %s, digest = '', version = version + 1, changed_at = %s,
    first_changed_at = NULL, deleted_at = %s, deleted_by = %s WHERE id = %s"""  # noqa: S608 - as above


_HANDED_ON = f"UPDATE {TABLE} SET first_changed_at = NULL WHERE digest > '' AND id {{ids}}"  # noqa: S608 - as above


class Row(NamedTuple):
    """A profile with a change that has to be handed on, as it is to be."""

    id: str
    sealed: Sealed
    version: int


def insert(rows: Sequence[Row], now: datetime, using: str) -> int:
    """Write those whose id is free; how many that were."""
    return _write(rows, _NEW_ONLY, now, using)


def replace(rows: Sequence[Row], now: datetime, using: str) -> None:
    """Write those that exist, and are locked."""
    _write(rows, _REPLACE, now, using)


def update(row: Row, now: datetime, using: str) -> bool:
    """Write one over the version before its own; False where that is not the stored one."""
    at = _moment(now, using)
    with connections[using].cursor() as cursor:
        cursor.execute(_UPDATE, [*row.sealed, at, at, row.id, row.version - 1])
        return bool(cursor.rowcount)


def create(id: str, sealed: Sealed, now: datetime, using: str) -> int | None:
    """Write a new one, or a deleted one again; its version, None where the id is taken."""
    at = _moment(now, using)
    with connections[using].cursor() as cursor:
        cursor.execute(_CREATE, [id, *sealed, 1, at, at, at])
        found = cursor.fetchone()
    return None if found is None else int(found[0])


def bury(ids: Sequence[str], by: str, now: datetime, using: str) -> None:
    """Make tombstones of profiles that are locked."""
    at = _moment(now, using)
    with connections[using].cursor() as cursor:
        cursor.executemany(_BURY, [(documents.seal({"id": id}).text, at, at, by, id) for id in ids])


def mark_handed_on(ids: Sequence[str]) -> None:
    """The changes of these profiles, which are locked, are known at every destination."""
    with connection.cursor() as cursor:
        cursor.execute(_HANDED_ON.format(ids=among(connection)), [json.dumps(ids)])


def _write(rows: Sequence[Row], on_conflict: str, now: datetime, using: str) -> int:
    if not rows:
        return 0
    at = _moment(now, using)
    values = [(id, text, digest, version, at, at, at) for id, (text, digest), version in rows]
    with connections[using].cursor() as cursor:
        if len(rows) > 1 and connections[using].vendor == "sqlite":  # quicker without a server in between
            cursor.executemany(_INSERT + _ROW + on_conflict, values)
        else:
            all_rows = ", ".join([_ROW] * len(rows))
            cursor.execute(_INSERT + all_rows + on_conflict, [*chain.from_iterable(values)])
        return int(cursor.rowcount)


def _moment(value: datetime, using: str) -> Any:
    return models.DateTimeField().get_db_prep_value(value, connections[using])
