"""PostgreSQL, and MariaDB or MySQL: a row for each profile, which an older version never overwrites."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from destinations.connectors import schemas, servers
from destinations.connectors.addresses import Guard
from destinations.connectors.base import (
    JSON,
    Ability,
    ConfigurationError,
    Delivery,
    Operation,
    Preset,
    Schema,
)
from destinations.connectors.http.payload import json_bytes
from destinations.connectors.redaction import Redactor
from destinations.connectors.servers import ServerConnector
from destinations.connectors.sql import mysql, postgresql
from destinations.connectors.sql.database import Database, DatabaseServer
from destinations.connectors.sql.mysql import MySQLDatabase
from destinations.connectors.sql.postgresql import PostgresDatabase
from destinations.connectors.sql.session import TableSession, row_of
from destinations.connectors.sql.table import Place
from tracsync.common.messages import message

_NAME = {
    "type": "string",
    "minLength": 1,
    "maxLength": 64,
    "pattern": r"^[^\x00-\x1f\"'`%.;]+$",
    "hint": message("must be a single name without quotes, dots, % or ;"),
}


def _credentials(port: int) -> Schema:
    text: Schema = {"type": "string", "minLength": 1}
    return servers.credentials(
        port,
        ("host", "database", "user", "password"),
        database={
            **text,
            "title": message("Database"),
            "description": message("The database that has the table."),
            "maxLength": 64,
        },
        user={
            **text,
            "title": message("User"),
            "description": message("It needs SELECT, INSERT, UPDATE and DELETE in the table."),
        },
        password={
            **text,
            "title": message("Password"),
            "description": message("The password of this user."),
            "secret": True,
        },
    )


def _settings(**more: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {
            "table": {
                **_NAME,
                "title": message("Table"),
                "description": message("Where rows go; it is never made or changed from here."),
            },
            **more,
            "key_column": {
                **_NAME,
                "title": message("Key column"),
                "description": message("Holds the profile's id; it needs a unique index of its own."),
                "default": "id",
            },
            "version_column": {
                **_NAME,
                "title": message("Version column"),
                "description": message("Holds the profile's version, a whole number."),
                "default": "version",
            },
            "json_column": {
                "type": "string",
                "title": message("JSON column"),
                "description": message(
                    "Holds the whole payload; blank where each field of the payload has a column of its name."
                ),
                "maxLength": 64,
                "pattern": r"^[^\x00-\x1f\"'`%.;]*$",
                "hint": _NAME["hint"],
                "default": "",
            },
        },
        "required": ["table"],
        "additionalProperties": False,
    }


_SCHEMA: Schema = {
    **_NAME,
    "title": message("Schema"),
    "description": message("The schema that has the table."),
    "default": "public",
}
_ICON = (
    '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round">'
    "{}</svg>"
)
_PRESETS = (
    Preset(
        name=message("Whole profiles in a JSON column"),
        description=message("A row with id, version and one document for each profile."),
        mapping={"data?": "profile@data", "traits?": "profile@traits"},
        settings={"table": "profiles", "json_column": "payload"},
    ),
    Preset(
        name=message("A column for each field"),
        description=message("Sends the main e-mail to the column email; add your columns to the mapping."),
        mapping={"email?": "profile@data.contact.email.main"},
        settings={"table": "profiles"},
    ),
)


class TableConnector(ServerConnector[DatabaseServer, Place, TableSession]):
    """What both have in common."""

    credentials_schema: ClassVar[Schema]
    settings_schema: ClassVar[Schema]
    payload_schema: ClassVar[Schema] = {}
    kind: ClassVar[str] = "databases"
    operations: ClassVar[tuple[Operation, ...]] = ("upsert", "remove", "erase")
    abilities: ClassVar[tuple[Ability, ...]] = ("fields", "read")
    fields_settings: ClassVar[tuple[str, ...]] = (
        *("schema", "table"),
        *("key_column", "version_column", "json_column"),
    )
    batch_size: ClassVar[int] = 500
    presets: ClassVar[tuple[Preset, ...]] = _PRESETS

    @abstractmethod
    def database(self, server: DatabaseServer, place: Place, guard: Guard) -> Database:
        """Not connected yet. Raises ConfigurationError where the client library is missing."""

    @abstractmethod
    def statement(self, place: Place, operation: Operation, columns: Sequence[str]) -> str:
        """What one row is written with, or deleted."""

    def abilities_with(self, settings: Mapping[str, JSON]) -> Collection[Ability]:
        """One document has no fields that the database would know of."""
        return ("read",) if settings.get("json_column") else self.abilities

    def session(self, where: DatabaseServer, what: Place, guard: Guard, redactor: Redactor) -> TableSession:
        return TableSession(self.database(where, what, guard), where, what, redactor)

    def described(
        self, where: DatabaseServer, what: Place, delivery: Delivery, redactor: Redactor
    ) -> dict[str, JSON]:
        """Keys: server, statement, row (an object by column)."""
        row = row_of(delivery, what)
        json_bytes(row.values)
        statement = self.statement(what, delivery.operation, sorted(row.values))
        values = {what.key: row.key, **row.values, what.version: row.version}
        return {"server": str(where), "statement": statement, "row": values}

    def checked(
        self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON]
    ) -> tuple[DatabaseServer, Place]:
        given: dict[str, Any] = schemas.checked(self.credentials_schema, credentials)
        chosen: dict[str, Any] = schemas.checked(self.settings_schema, settings)
        schemas.check_no_references(
            [*((name, given[name]) for name in ("host", "database")), *chosen.items()]
        )
        place = Place(
            chosen.get("schema", ""),
            chosen["table"],
            chosen["key_column"],
            chosen["version_column"],
            chosen["json_column"],
        )
        own = [place.key, place.version, *filter(None, [place.document])]
        if len({name.lower() for name in own}) < len(own):
            raise ConfigurationError(
                message("key_column, version_column and json_column must be different columns")
            )
        return DatabaseServer(**given), place


class PostgreSQL(TableConnector):
    """Rows in a table of PostgreSQL 12 or later."""

    slug: ClassVar[str] = "postgresql"
    name: ClassVar[str] = "PostgreSQL"
    description: ClassVar[str] = message("Keeps a row for each profile in a table of PostgreSQL.")
    icon: ClassVar[str] = _ICON.format(
        '<ellipse cx="12" cy="5" rx="8" ry="3"/><path d="M4 5v14c0 4 16 4 16 0V5M4 12c0 4 16 4 16 0"/>'
    )
    credentials_schema: ClassVar[Schema] = _credentials(5432)
    settings_schema: ClassVar[Schema] = _settings(schema=_SCHEMA)

    def database(self, server: DatabaseServer, place: Place, guard: Guard) -> Database:
        return PostgresDatabase(server, place, guard)

    def statement(self, place: Place, operation: Operation, columns: Sequence[str]) -> str:
        is_upsert = operation == "upsert"
        return (
            postgresql.upsert_statement(place, columns) if is_upsert else postgresql.delete_statement(place)
        )


class MySQL(TableConnector):
    """Rows in a table of MariaDB or MySQL."""

    slug: ClassVar[str] = "mysql"
    name: ClassVar[str] = "MariaDB / MySQL"  # a name is said in every language
    description: ClassVar[str] = message("Keeps a row for each profile in a table of MariaDB or MySQL.")
    icon: ClassVar[str] = _ICON.format('<path d="M3 4h18v16H3zM3 9h18M3 14.5h18M9 9v11"/>')
    credentials_schema: ClassVar[Schema] = _credentials(3306)
    settings_schema: ClassVar[Schema] = _settings()

    def database(self, server: DatabaseServer, place: Place, guard: Guard) -> Database:
        return MySQLDatabase(server, place, guard)

    def statement(self, place: Place, operation: Operation, columns: Sequence[str]) -> str:
        is_upsert = operation == "upsert"
        return mysql.upsert_statement(place, columns) if is_upsert else mysql.delete_statement(place)
