"""What a session needs of one kind of database; only these modules know the client libraries."""

from __future__ import annotations

import select
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Protocol

from destinations.connectors.addresses import Address, Guard
from destinations.connectors.base import JSON
from destinations.connectors.servers import Server, connected
from destinations.connectors.sql.table import Column, Place, Row, Words
from tracsync.common.messages import message

PATIENCE = 0.75  # of the timeout: the server gives up before this side does, so that there is an answer


@dataclass(frozen=True, slots=True)
class DatabaseServer(Server):
    """A server of databases, and the database there."""

    database: str

    def __str__(self) -> str:
        return f"{self.host}:{self.port}, {self.database}"


class GuardedConnection(ABC):
    """What both kinds of databases have in common: made when first needed, and again once it has ended."""

    def __init__(self, server: DatabaseServer, place: Place, guard: Guard) -> None:
        self._server, self._place, self._guard = server, place, guard
        self._connection: Any = None

    def connect(self) -> None:
        if self._connection is not None and self._has_ended():
            self.close()
        if self._connection is None:
            self._connection = connected(self._server, self._guard, self._connected_to)

    def close(self) -> None:
        if self._connection is not None:
            with suppress(Exception):  # whatever a broken connection raises, it is gone
                self._connection.close()
        self._connection = None

    @abstractmethod
    def _has_ended(self) -> bool:
        """Whether the connection was closed meanwhile."""

    @abstractmethod
    def _connected_to(self, address: Address) -> Any:
        """A new one, of the client library, to this address. Raises ConnectorError."""


class Fault(Enum):
    """Whose fault it is that a statement was not carried out."""

    ROW = auto()  # what one of its rows says: all were left out
    BUSY = auto()  # locks, memory, space: waiting helps
    TABLE = auto()  # rights, columns, settings of the table: a person has to change something
    LOST = auto()  # no answer came: it may have been carried out all the same


class StatementError(Exception):
    """`said`: the server's words, which may repeat the payload. `column` is "" where it names none."""

    def __init__(self, fault: Fault, said: str, code: str = "", column: str = "") -> None:
        super().__init__(said)
        self.fault, self.said, self.code, self.column = fault, said, code, column


class Database(Protocol):
    """One guarded connection. All raise StatementError, and what has to connect ConnectorError."""

    words: Words

    def connect(self) -> None:
        """Be connected; a connection that was closed meanwhile is made again."""

    def close(self) -> None:
        """Close the connection, if there is one; never raises."""

    def columns(self) -> list[Column]:
        """Those of the table, none where there is no such table."""

    def missing_rights(self) -> list[str]:
        """Of SELECT, INSERT, UPDATE and DELETE on the table; changes nothing."""

    def upsert(self, columns: Mapping[str, Column], rows: Sequence[Row]) -> int:
        """How many of the rows are there now; not those of which the table has a later version.

        All or, where it raises, none is written. The rows have the same columns and different keys.
        """

    def delete(self, rows: Sequence[Row]) -> int:
        """How many of the rows are there no more; not those of which the table has a later version."""

    def read(self, columns: Mapping[str, Column], keys: Sequence[str]) -> list[dict[str, JSON] | None]:
        """What the table has of each key, as JSON has it; None where it has no such row."""

    def is_same(self, column: Column, sent: JSON, held: JSON) -> bool:
        """Whether what was read of a column is what comes of writing this."""

    def culprit(self, columns: Mapping[str, Column], row: Row) -> str:
        """The column that a row was refused for, "" where that cannot be told; changes nothing."""


WRONG_PASSWORD = message("the database refused the user name or the password")
NO_DATABASE = message("the database %(name)s does not exist")
NO_ENTRY = message("this user may not connect to the database %(name)s")
NOT_FROM_HERE = message("the database does not let this user in from here, or only with TLS")


def has_news(descriptor: int) -> bool:
    """Whether something came on an idle connection: that is its end, or what nobody asked for."""
    if descriptor < 0:
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def names(place: Place, columns: Sequence[str]) -> list[str]:
    """All columns of a row, in the order of statements."""
    return [place.key, *columns, place.version]
