"""The table that rows go to: its place, its columns, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from destinations.connectors.base import JSON, Field
from tracsync.common.messages import message

INTEGERS = frozenset(
    {"smallint", "integer", "bigint", "numeric", "tinyint", "mediumint", "int", "decimal"}
)  # what can hold a version
DOCUMENTS = frozenset({"json", "jsonb", "text", "mediumtext", "longtext"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where rows go: `key` holds the profile's id, `version` its version, `document` the whole payload.

    Without a `document` each field of the payload has a column of its name. `schema` is "" where the
    connection's database says it.
    """

    schema: str
    table: str
    key: str
    version: str
    document: str = ""

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}" if self.schema else self.table


@dataclass(frozen=True, slots=True)
class Column:
    """`type` is the database's own word, in small letters. `unique`: alone, by an index.

    `is_exact`: whether two different texts are never equal in it.
    """

    name: str
    type: str
    unique: bool = False
    computed: bool = False
    choices: Sequence[str] = ()
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """What a profile's row has to be from now on; `values` without the key and the version."""

    key: str
    version: int
    values: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class Words:
    """How one kind of database writes what a person can run: shown, and never run from here."""

    quoted: Callable[[str], str]
    name: str  # of the table, quoted
    key: str  # the column's type
    document: str
    version: str = "bigint"

    def create(self, place: Place) -> str:
        columns = [f"{self.quoted(place.key)} {self.key} PRIMARY KEY"]
        if place.document:
            columns.append(f"{self.quoted(place.document)} {self.document}")
        columns.append(f"{self.quoted(place.version)} {self.version} NOT NULL")
        return f"CREATE TABLE {self.name} ({', '.join(columns)})"

    def add(self, column: str, kind: str) -> str:
        return f"ALTER TABLE {self.name} ADD COLUMN {self.quoted(column)} {kind}"

    def unique(self, column: str) -> str:
        return f"ALTER TABLE {self.name} ADD UNIQUE ({self.quoted(column)})"


def problem(place: Place, columns: Mapping[str, Column], words: Words) -> str:
    """What of the table keeps every row from being written, with what would help; "" if nothing does."""
    if not columns:
        return message(
            "the table %(name)s does not exist, or this user may not see it. This makes it: %(statement)s",
            name=str(place),
            statement=words.create(place),
        )
    wanted = {place.key: words.key, place.version: f"{words.version} NOT NULL DEFAULT 0"}
    if place.document:
        wanted[place.document] = words.document
    for name, kind in wanted.items():
        if name not in columns:
            return missing(place, name, words.add(name, kind))
    return _unfit(place, columns, words)


def _unfit(place: Place, columns: Mapping[str, Column], words: Words) -> str:
    key, version = columns[place.key], columns[place.version]
    if not key.unique:
        return message(
            "the column %(column)s needs a unique index of its own. This makes it: %(statement)s",
            column=place.key,
            statement=words.unique(place.key),
        )
    if not key.is_exact:
        return message(
            "the column %(column)s takes some different ids for equal; it needs the type %(type)s",
            column=place.key,
            type=words.key,
        )
    if version.type not in INTEGERS:
        return message("the column %(column)s must hold whole numbers", column=place.version)
    if place.document and columns[place.document].type not in DOCUMENTS:
        return message("the column %(column)s must hold JSON or long texts", column=place.document)
    return ""


def missing(place: Place, column: str, statement: str) -> str:
    return message(
        "the table %(name)s has no column %(column)s. This makes it: %(statement)s",
        name=str(place),
        column=column,
        statement=statement,
    )


def fields(place: Place, columns: Iterable[Column]) -> list[Field]:
    """The columns that a payload can have."""
    return [
        Field(
            column.name,
            type=column.type,
            unique=column.unique,
            read_only=column.computed,
            choices=column.choices,
        )
        for column in columns
        if column.name not in (place.key, place.version)
    ]
