"""What the engine needs of the database beyond the ORM: locks in one order, and writes tried again."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import orjson
from django.db import (
    DEFAULT_DB_ALIAS,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
    connections,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import (
    BigAutoField,
    BooleanField,
    CharField,
    DateTimeField,
    Field,
    FloatField,
    ForeignKey,
    JSONField,
    Model,
    PositiveBigIntegerField,
    PositiveIntegerField,
    PositiveSmallIntegerField,
    QuerySet,
    TextField,
)

from destinations.models import ProfileSync
from tracsync.common.translation import MessageField

logger = logging.getLogger(__name__)

PAUSES = (0.1, 0.5, 2.0, 5.0)  # seconds between tries
FAILURES = OperationalError, InterfaceError  # the database's own: a restart, a lost connection, a deadlock
T = TypeVar("T")


def update(rows: QuerySet[ProfileSync], *, skip_locked: bool = False, **values: Any) -> int:
    """As `rows.update`, locking in the order of profiles and destinations, where rows can be; how many.

    Settling inserts and updates in that order: whoever keeps to it waits for others, never in a circle.
    """
    chosen = rows.order_by()  # in an order SQLite would look through all rows that there are
    if connection.features.has_select_for_update:
        chosen = rows.order_by("profile_id", "destination_id")
        chosen = chosen.select_for_update(no_key=True, skip_locked=skip_locked)
    with transaction.atomic():
        return ProfileSync.objects.filter(pk__in=chosen.values("pk")).update(**values)


def insert(instances: Sequence[Model], update: Sequence[str] = ()) -> None:
    """Insert all of them in one statement, or update the given fields of those whose id is there.

    As Django's `bulk_create`, for new rows without ids and for existing ones alike. Every push passes
    through here, and one parameter of JSON costs a fraction of twenty parameters a row.
    """
    if not instances:
        return
    database, meta = connections[DEFAULT_DB_ALIAS], type(instances[0])._meta
    is_new = instances[0].pk is None
    fields = [field for field in meta.concrete_fields if not (is_new and field.primary_key)]
    same, each = _columns(instances, fields, database)
    rows = [dict(zip(each, values, strict=True)) for values in zip(*each.values(), strict=True)]
    rows = rows or [{}] * len(instances)  # where they have all in common
    sql = f"INSERT INTO {meta.db_table} ({', '.join([*same, *each])}) {_from_json(meta.db_table, same, each)}"
    if update:
        changes = ", ".join(f"{name} = excluded.{name}" for name in update)
        sql += f" ON CONFLICT ({meta.pk.column}) DO UPDATE SET {changes}"  # nosec B608 - names are ours
    with database.cursor() as cursor:
        cursor.execute(sql, [*map(_storable_value, same.values()), _storable(rows)])


def _columns(
    instances: Sequence[Model], fields: Sequence[Field[Any, Any]], database: BaseDatabaseWrapper
) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """The columns in which all of them have the same, with that value, and the others, with each one's."""
    same: dict[str, Any] = {}
    each: dict[str, list[Any]] = {}
    for field in fields:
        as_it_is, write = _writer(field)
        name, column = field.attname, str(field.column)
        values = [getattr(instance, name) for instance in instances]
        is_same = _are_stored_alike(field, values)
        written = [
            value if value.__class__ in as_it_is else write(value, database)
            for value in (values[:1] if is_same else values)
        ]
        if is_same:
            same[column] = written[0]
        else:
            each[column] = written
    return same, each


def _are_stored_alike(field: Field[Any, Any], values: Sequence[Any]) -> bool:
    """Whether they are equal, and of those that may be compared: in JSON 1 equals true."""
    first = values[0]
    may_be_compared = isinstance(first, (str, int, float, datetime)) and not isinstance(field, JSONField)
    return (first is None or may_be_compared) and values.count(first) == len(values)


def _writer(field: Field[Any, Any]) -> tuple[frozenset[type], Callable[..., Any]]:
    """The types of values that are JSON as they are, and what makes all others of a field JSON."""
    if isinstance(field, JSONField):
        return frozenset(), lambda value, _: value
    own: tuple[type, ...] = (str, int, float, bool) if field.__class__ in _PLAIN_FIELDS else ()
    if isinstance(field, DateTimeField) and connection.vendor == "postgresql":
        own = (datetime,)  # it reads them as JSON has them
    return frozenset((type(None), *own)), field.get_db_prep_save


_PLAIN_FIELDS = (
    BigAutoField,
    BooleanField,
    CharField,
    FloatField,
    ForeignKey,
    PositiveBigIntegerField,
    PositiveIntegerField,
    PositiveSmallIntegerField,
    TextField,
    MessageField,
)


def _storable(rows: Sequence[Mapping[str, Any]]) -> str:
    """As JSON, without what servers say and databases refuse: null characters, halves of surrogate pairs."""
    try:
        text = orjson.dumps(rows, default=str).decode()
    except TypeError:  # such a half, or a number beyond 64 bits
        text = json.dumps(rows, default=str, ensure_ascii=False).encode("utf-8", "replace").decode()
    return text.replace("\\u0000", "\\ufffd")


def _storable_value(value: Any) -> Any:
    """The same for a value by itself."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    return value


def _from_json(table: str, same: Collection[str], each: Collection[str]) -> str:
    """Rows of a table: what all have in common as parameters, and then one that is a JSON list of objects."""
    shared = ["%s"] * len(same)
    if connection.vendor == "postgresql":
        return f"SELECT {', '.join([*shared, *each])} FROM json_populate_recordset(NULL::{table}, %s::json)"  # noqa: S608 - names are ours
    values = [f"json_extract(value, '$.{column}')" for column in each]
    return f"SELECT {', '.join([*shared, *values])} FROM json_each(%s) WHERE true"  # noqa: S608 (names are ours)


def patiently(write: Callable[[], T]) -> T:
    """Write, again after a pause where the database fails for a moment (a restart, a deadlock).

    `write` is a transaction of its own. Raises one of FAILURES when it goes on failing.
    """
    for pause in PAUSES:
        try:
            return write()
        except FAILURES as error:
            logger.warning("the database failed (%s), writing again", type(error).__name__)
            time.sleep(pause)
            close_old_connections()
    return write()
