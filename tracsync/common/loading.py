"""What every row that is read from the database, or made for it, costs."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from functools import cache
from typing import Any, Self

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models.base import ModelState
from django.utils.dateparse import parse_datetime


class LoadedQuickly(models.Model):
    """For models that are read, or made, by the thousand.

    Django calls the model itself for each row, and sets each of its fields by name: half of what reading a
    row costs. A row needs none of that. Such a model may have no `__init__` of its own, and nobody is told of
    its instances by the signals `pre_init` and `post_init`.
    """

    class Meta:
        abstract = True

    @classmethod
    def from_db(  # type: ignore[override] # with what Django 6.1 will also give it
        cls, db: str | None, field_names: Collection[str], values: Collection[Any]
    ) -> Self:
        row = cls.__new__(cls)
        state = ModelState()
        state.db, state.adding = db, False
        row.__dict__.update(zip(field_names, values, strict=True), _state=state)
        return row

    @classmethod
    def new(cls, **columns: Any) -> Self:
        """A row that is not stored yet, as `cls(**columns)` makes it in nine times the time: nobody looks
        whether there are such columns. Not for models with defaults that are called, or may be changed.
        """
        row = cls.__new__(cls)
        row.__dict__.update(_defaults(cls), **columns, _state=ModelState())
        return row


@cache
def _defaults(model: type[models.Model]) -> dict[str, Any]:
    return {field.attname: field.get_default() for field in model._meta.concrete_fields}


def install() -> None:
    """From now on connections read moments by one call of what Python has in C."""
    connection_created.connect(_read_moments_quickly)


def _read_moments_quickly(connection: BaseDatabaseWrapper, **_: object) -> None:
    if connection.timezone_name != "UTC":
        return
    if connection.vendor == "sqlite":
        connection.ops.convert_datetimefield_value = _moment  # type: ignore[attr-defined] # stubs have it not
    elif connection.vendor == "postgresql":
        _load_moments(connection)


def _moment(value: Any, *_: object) -> datetime | None:
    """Of SQLite, which has them as texts, in UTC."""
    moment = parse_datetime(value) if isinstance(value, str) else value
    return moment and moment.replace(tzinfo=moment.tzinfo or UTC)


def _load_moments(connection: BaseDatabaseWrapper) -> None:
    from psycopg.types.datetime import TimestamptzLoader

    class UTCLoader(TimestamptzLoader):
        timezone = connection.timezone  # Django puts its own in the place of one that is of no such zone

        def load(self, data: Any) -> datetime:
            try:
                return datetime.fromisoformat(str(data, "ascii"))
            except ValueError:  # a year that Python does not know: psycopg says so in words
                return super().load(data)

    connection.connection.adapters.register_loader("timestamptz", UTCLoader)
