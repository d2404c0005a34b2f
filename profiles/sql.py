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

from django.db import connection, connections, models, transaction

from profiles import documents, names
from profiles.documents import Sealed
from profiles.names import Person
from tracsync.common.lookups import among

TABLE = "profiles_profile"
COLUMNS = (
    *("id", "document", "digest", "version", "created_at", "changed_at", "first_changed_at"),
    *("name", "email", "indexed_version", "source"),
)
_ROW = f"({', '.join(['%s'] * len(COLUMNS))})"
_INSERT = f"INSERT INTO {TABLE} ({', '.join(COLUMNS)}) VALUES "  # noqa: S608 - names of ours
_NEW_ONLY = " ON CONFLICT (id) DO NOTHING"
# Of rows that are locked, so nobody comes between: the conflict is the way to update many at once.
_REPLACE = f""" ON CONFLICT (id) DO UPDATE SET
    document = excluded.document, digest = excluded.digest, version = excluded.version,
    created_at = CASE WHEN {TABLE}.digest = '' THEN excluded.created_at ELSE {TABLE}.created_at END,
    source = CASE WHEN {TABLE}.digest = '' THEN excluded.source ELSE {TABLE}.source END,
    deleted_at = NULL, deleted_by = '', name = excluded.name, email = excluded.email,
    indexed_version = excluded.indexed_version, changed_at = excluded.changed_at,
    first_changed_at = COALESCE({TABLE}.first_changed_at, excluded.first_changed_at)"""  # nosec B608 - names of ours
_UPDATE = f"""UPDATE {TABLE} SET document = %s, digest = %s, version = version + 1,
    indexed_version = version + 1, changed_at = %s, first_changed_at = COALESCE(first_changed_at, %s)
    WHERE id = %s AND version = %s AND name = %s AND email = %s"""  # noqa: S608 - as above


_CREATE = f"""{_INSERT}{_ROW} ON CONFLICT (id) DO UPDATE SET
    document = excluded.document, digest = excluded.digest, version = {TABLE}.version + 1,
    name = excluded.name, email = excluded.email, indexed_version = {TABLE}.version + 1,
    created_at = excluded.created_at, changed_at = excluded.changed_at,
    first_changed_at = excluded.first_changed_at, deleted_at = NULL, deleted_by = '',
    source = excluded.source
    WHERE {TABLE}.digest = '' RETURNING version"""  # nosec B608 - names of ours
# Nothing of the document stays. What was not handed on is not any more: the deletion is told in its place.
_BURY = f"""UPDATE {TABLE} SET document = %s, digest = '', version = version + 1, changed_at = %s,
    first_changed_at = NULL, deleted_at = %s, deleted_by = %s, name = '', email = '',
    indexed_version = version + 1 WHERE id = %s"""  # noqa: S608 - as above
_HANDED_ON = f"UPDATE {TABLE} SET first_changed_at = NULL WHERE digest > '' AND id {{ids}}"  # noqa: S608 - as above

WORDS = "profiles_searchword"
_WORD = "(%s, %s)"
_INSERT_WORDS = f"INSERT INTO {WORDS} (word, profile_id) VALUES "  # noqa: S608 - names of ours
_DELETE_WORDS = f"DELETE FROM {WORDS} WHERE profile_id {{ids}}"  # noqa: S608 - as above
_STORED = f"SELECT name, email FROM {TABLE} WHERE id = %s AND version = %s"  # noqa: S608 - as above
_RENAME = f"UPDATE {TABLE} SET name = %s, email = %s, indexed_version = version WHERE id = %s"  # noqa: S608 - as above


class Row(NamedTuple):
    """A profile with a change that has to be handed on, as it is to be.

    `source`: what it comes from where it is new; one that exists keeps its own.
    """

    id: str
    sealed: Sealed
    version: int
    person: Person
    source: str = ""


def insert(rows: Sequence[Row], now: datetime, using: str) -> bool:
    """Write new ones, in a transaction; False where the id of one is taken: then nothing of it may stay."""
    if _write(rows, _NEW_ONLY, now, using) < len(rows):
        return False
    insert_words([(row.id, row.person) for row in rows], using)
    return True


def replace(rows: Sequence[Row], renamed: Sequence[Row], now: datetime, using: str) -> None:
    """Write those that exist, and are locked. `renamed`: those with another name or e-mail."""
    _write(rows, _REPLACE, now, using)
    delete_words([row.id for row in renamed], using)
    insert_words([(row.id, row.person) for row in renamed], using)


def update(row: Row, known: Person, now: datetime, using: str) -> bool:
    """Write one over the version before its own; False where that is not the stored one.

    `known`: name and e-mail as they were read. Where they stay as they are stored, one statement is enough.
    """
    if row.person == known and _update(row, known, now, using):
        return True
    with transaction.atomic(using=using, savepoint=False):
        stored = _lock_person(row, using)
        if stored is None:
            return False
        if row.person != stored:
            rename([(row.id, row.person)], using)
        return _update(row, row.person, now, using)


def _update(row: Row, stored: Person, now: datetime, using: str) -> bool:
    at = _moment(now, using)
    with connections[using].cursor() as cursor:
        cursor.execute(_UPDATE, [*row.sealed, at, at, row.id, row.version - 1, *stored])
        return bool(cursor.rowcount)


def _lock_person(row: Row, using: str) -> Person | None:
    """Name and e-mail of the version before its own, which nobody changes meanwhile."""
    lock = " FOR NO KEY UPDATE" if connections[using].features.has_select_for_update else ""
    with connections[using].cursor() as cursor:
        cursor.execute(_STORED + lock, [row.id, row.version - 1])
        found = cursor.fetchone()
    return None if found is None else Person(*found)


def create(row: Row, now: datetime, using: str) -> int | None:
    """Write a new one, or a deleted one again; its version, None where the id is taken."""
    with transaction.atomic(using=using, savepoint=False):
        version = _create(row, now, using)
        if version is None:
            return None
        if version > 1:  # deleted by a release that knew no words
            delete_words([row.id], using)
        insert_words([(row.id, row.person)], using)
        return version


def _create(row: Row, now: datetime, using: str) -> int | None:
    at = _moment(now, using)
    with connections[using].cursor() as cursor:
        cursor.execute(_CREATE, [row.id, *row.sealed, 1, at, at, at, *row.person, 1, row.source])
        found = cursor.fetchone()
    return None if found is None else int(found[0])


def bury(ids: Sequence[str], by: str, now: datetime, using: str) -> None:
    """Make tombstones of profiles that are locked; they are found no more."""
    at = _moment(now, using)
    with connections[using].cursor() as cursor:
        cursor.executemany(_BURY, [(documents.seal({"id": id}).text, at, at, by, id) for id in ids])
    delete_words(ids, using)


def rename(people: Sequence[tuple[str, Person]], using: str) -> None:
    """Write name, e-mail and words of profiles that are locked, by their ids; the version stays."""
    with connections[using].cursor() as cursor:
        cursor.executemany(_RENAME, [(*person, id) for id, person in people])
    delete_words([id for id, _person in people], using)
    insert_words(people, using)


def delete_words(ids: Sequence[str], using: str) -> None:
    if ids:
        with connections[using].cursor() as cursor:
            cursor.execute(_DELETE_WORDS.format(ids=among(connections[using])), [json.dumps(ids)])


def insert_words(people: Sequence[tuple[str, Person]], using: str) -> None:
    values = [(word, id) for id, person in people for word in names.words(person)]
    if values:
        _insert_many(_INSERT_WORDS, _WORD, "", values, using)


def mark_handed_on(ids: Sequence[str]) -> None:
    """The changes of these profiles, which are locked, are known at every destination."""
    with connection.cursor() as cursor:
        cursor.execute(_HANDED_ON.format(ids=among(connection)), [json.dumps(ids)])


def _write(rows: Sequence[Row], on_conflict: str, now: datetime, using: str) -> int:
    if not rows:
        return 0
    at = _moment(now, using)
    values = [
        (id, text, digest, version, at, at, at, *person, version, source)
        for id, (text, digest), version, person, source in rows
    ]
    return _insert_many(_INSERT, _ROW, on_conflict, values, using)


def _insert_many(
    insert: str, row: str, on_conflict: str, values: Sequence[tuple[Any, ...]], using: str
) -> int:
    """How many rows were written."""
    with connections[using].cursor() as cursor:
        if len(values) > 1 and connections[using].vendor == "sqlite":  # quicker without a server in between
            cursor.executemany(insert + row + on_conflict, values)
        else:
            all_rows = ", ".join([row] * len(values))
            cursor.execute(insert + all_rows + on_conflict, [*chain.from_iterable(values)])
        return int(cursor.rowcount)


def _moment(value: datetime, using: str) -> Any:
    return models.DateTimeField().get_db_prep_value(value, connections[using])
