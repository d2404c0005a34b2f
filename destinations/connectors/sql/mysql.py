"""MariaDB and MySQL through PyMySQL. Facts: the manuals' error references, INSERT ... ON DUPLICATE KEY."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from destinations.connectors import libraries
from destinations.connectors.addresses import Address, Guard
from destinations.connectors.base import JSON, ConfigurationError, ConnectorError, Unreachable
from destinations.connectors.http.payload import json_bytes
from destinations.connectors.servers import NO_TLS, TLS_FAILED, context, no_answer, opened
from destinations.connectors.sql.database import (
    NO_DATABASE,
    NO_ENTRY,
    NOT_FROM_HERE,
    PATIENCE,
    WRONG_PASSWORD,
    DatabaseServer,
    Fault,
    GuardedConnection,
    StatementError,
    has_news,
    names,
)
from destinations.connectors.sql.table import Column, Place, Row, Words
from tracsync.common.messages import message

_COLUMNS = """
SELECT c.column_name, c.data_type, c.column_type, c.collation_name, c.generation_expression,
  EXISTS (SELECT 1 FROM information_schema.statistics s
    WHERE s.table_schema = c.table_schema AND s.table_name = c.table_name AND s.non_unique = 0
    GROUP BY s.index_name
    HAVING COUNT(*) = 1 AND MAX(s.column_name) = c.column_name AND COUNT(s.sub_part) = 0)
FROM information_schema.columns c WHERE c.table_schema = %s AND c.table_name = %s
ORDER BY c.ordinal_position
"""
# Values that do not fit are errors, and moments are in UTC.
_SESSION = (
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO',"
    " time_zone = '+00:00', innodb_lock_wait_timeout = %s, lock_wait_timeout = %s"
)
_DENIED = frozenset({1142, 1143})  # for a table, for a column
# Memory, space, connections, locks, deadlocks, time limits.
_BUSY = frozenset({1021, 1037, 1038, 1040, 1041, 1114, 1203, 1205, 1213, 1226, 1969, 3024})
# Shutdowns, broken packets, killed and closed connections.
_LOST = frozenset({0, 1053, 1152, 1158, 1159, 1160, 1161, 1927, 2006, 2013, 2014, 4031})
_TOO_LARGE = frozenset({1118, 1153, 1406})
_MISSING = frozenset({1048, 1364})
# Duplicates, ranges, kinds of values, foreign keys, checks, triggers that refuse.
_UNFIT = frozenset({1062, 1264, 1265, 1292, 1366, 1367, 1411, 1452, 1644, 1690, 3140, 3156, 3819, 4025})
_OF_A_ROW = _UNFIT | _TOO_LARGE | _MISSING
_IN_CLEAR = ("mysql_clear_password", "dialog")  # plugins that send the password as it is
_CLOSES = frozenset({1153})  # the server hangs up after it
_COLUMN = re.compile(r"(?:[Cc]olumn|[Ff]ield) (?:`[^`]{1,64}`\.){0,2}[`']([^`']{1,64})[`']")
_CHOICE = re.compile(r"'((?:[^']|'')*)'")
_INTEGERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})
_MOMENTS = frozenset({"datetime", "timestamp"})
_TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "json"})


def quoted(name: str) -> str:
    """An identifier. Its % are doubled, as PyMySQL reads those of a statement."""
    return "`" + name.replace("`", "``").replace("%", "%%") + "`"


def upsert_statement(place: Place, columns: Sequence[str], rows: int = 1) -> str:
    """With a row of parameters for each row.

    ON DUPLICATE KEY also means rows that are equal in another unique column: those are somebody else's and
    stay as they are. The version comes last, as assignments count for those after them.
    """
    key, version = quoted(place.key), quoted(place.version)
    is_newer = f"{key} = VALUES({key}) AND COALESCE({version}, 0) <= VALUES({version})"
    changes = ", ".join(
        f"{quoted(name)} = IF({is_newer}, VALUES({quoted(name)}), {quoted(name)})"
        for name in [*columns, place.version]
    )
    all_names = names(place, columns)
    one = f"({', '.join(['%s'] * len(all_names))})"
    return (
        f"INSERT INTO {quoted(place.table)} ({', '.join(map(quoted, all_names))}) "  # noqa: S608 - names are quoted
        f"VALUES {', '.join([one] * rows)} ON DUPLICATE KEY UPDATE {changes}"
    )


def delete_statement(place: Place, rows: int = 1) -> str:
    one = f"({quoted(place.key)} = %s AND COALESCE({quoted(place.version)}, 0) <= %s)"
    return f"DELETE FROM {quoted(place.table)} WHERE {' OR '.join([one] * rows)}"  # noqa: S608 - names are quoted


def _count_statement(place: Place, condition: str, rows: int) -> str:
    return f"SELECT COUNT(*) FROM {quoted(place.table)} WHERE {' OR '.join([condition] * rows)}"  # noqa: S608 - names are quoted


class MySQLDatabase(GuardedConnection):
    """One connection; each statement is a transaction of its own."""

    def __init__(self, server: DatabaseServer, place: Place, guard: Guard) -> None:
        super().__init__(server, place, guard)
        self._driver: Any = libraries.load("pymysql", "mysql")
        exact = "varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        self.words = Words(quoted, quoted(place.table), key=exact, document="json")

    def columns(self) -> list[Column]:
        found, _count = self._run(_COLUMNS, [self._server.database, self._place.table])
        return [
            Column(
                name,
                kind.lower(),
                unique=bool(unique),
                computed=bool(expression),
                choices=_choices(full) if kind.lower() == "enum" else (),
                is_exact=collation is None or collation.endswith("_bin"),
            )
            for name, kind, full, collation, expression, unique in found
        ]

    def missing_rights(self) -> list[str]:
        """EXPLAIN asks for the same rights as what it explains, and does nothing of it."""
        place = self._place
        name, key, version = quoted(place.table), quoted(place.key), quoted(place.version)
        tried = {
            "SELECT": f"SELECT {key} FROM {name} WHERE FALSE",  # noqa: S608 - names are quoted
            "INSERT": f"INSERT INTO {name} ({key}, {version}) VALUES ('', 0)",  # noqa: S608 - names are quoted
            "UPDATE": f"UPDATE {name} SET {version} = 0 WHERE FALSE",  # noqa: S608 - names are quoted
            "DELETE": f"DELETE FROM {name} WHERE FALSE",  # noqa: S608 - names are quoted
        }
        return [right for right, statement in tried.items() if not self._may(statement)]

    def _may(self, statement: str) -> bool:
        try:
            self._run(f"EXPLAIN {statement}", [])
        except StatementError as error:
            if error.code != "denied":
                raise
            return False
        return True

    def upsert(self, columns: Mapping[str, Column], rows: Sequence[Row]) -> int:
        place, listed = self._place, list(rows[0].values)
        values = [value for row in rows for value in self._values(columns, row)]
        self._run(upsert_statement(place, listed, len(rows)), values)
        condition = f"({quoted(place.key)} = %s AND {quoted(place.version)} = %s)"
        there = [value for row in rows for value in (row.key, row.version)]
        found, _count = self._run(_count_statement(place, condition, len(rows)), there)
        return int(found[0][0])

    def delete(self, rows: Sequence[Row]) -> int:
        place = self._place
        self._run(delete_statement(place, len(rows)), [one for row in rows for one in (row.key, row.version)])
        condition = f"{quoted(place.key)} = %s"
        found, _count = self._run(_count_statement(place, condition, len(rows)), [row.key for row in rows])
        return len(rows) - int(found[0][0])

    def read(self, columns: Mapping[str, Column], keys: Sequence[str]) -> list[dict[str, JSON] | None]:
        place, listed = self._place, list(columns)
        statement = (
            f"SELECT CAST({quoted(place.key)} AS CHAR), {', '.join(map(quoted, listed))} "  # noqa: S608 - names are quoted
            f"FROM {quoted(place.table)} WHERE {quoted(place.key)} IN ({', '.join(['%s'] * len(keys))})"
        )
        found, _count = self._run(statement, keys)
        held = {
            key: dict(zip(listed, map(_as_json, columns.values(), values), strict=True))
            for key, *values in found
        }
        return [held.get(key) for key in keys]

    def is_same(self, column: Column, sent: JSON, held: JSON) -> bool:
        if isinstance(held, str) and isinstance(sent, Mapping | list):
            with suppress(ValueError):
                return bool(json.loads(held) == sent)
        with suppress(StatementError):
            return held in (sent, _as_json(column, _value(column, sent)))
        return False

    def culprit(self, columns: Mapping[str, Column], row: Row) -> str:
        return ""  # the server names it in what it says

    def _values(self, columns: Mapping[str, Column], row: Row) -> list[Any]:
        values = [_value(columns[name], value) for name, value in row.values.items()]
        return [row.key, *values, row.version]

    def _run(self, statement: str, values: Sequence[Any]) -> tuple[Any, int]:
        """The rows found, and how many were changed."""
        try:
            with self._connection.cursor() as cursor:
                count = cursor.execute(statement, list(values))
                return cursor.fetchall(), count
        except (self._driver.Error, OSError) as error:
            failure = _failure(error)
            if failure.fault is Fault.LOST or _number(error) in _CLOSES:
                self.close()
            raise failure from None

    def _has_ended(self) -> bool:
        socket = self._connection._sock  # PyMySQL has no other way to it
        return socket is None or has_news(socket.fileno())

    def _connected_to(self, address: Address) -> Any:
        made = opened(self._server, address)
        try:
            return self._made(made)
        except (self._driver.Error, OSError) as error:
            made.close()
            raise _not_connected(error, self._server) from None
        except BaseException:
            made.close()
            raise

    def _made(self, over: socket.socket) -> Any:
        """A connection over this socket, whose address was checked; the name is for the certificate."""
        server = self._server
        made = self._driver.connect(
            host=server.host.strip("[]"),
            port=server.port,
            user=server.user,
            password=server.password.encode(),
            database=server.database,
            charset="utf8mb4",
            read_timeout=server.timeout,
            write_timeout=server.timeout,
            ssl=context(server) if server.tls else None,
            ssl_disabled=not server.tls,
            auth_plugin_map=None if server.tls else dict.fromkeys(_IN_CLEAR, _NeverInClear),
            autocommit=True,
            program_name="tracsync",
            defer_connect=True,
        )
        made.connect(over)
        most = max(1, int(server.timeout * PATIENCE))
        with made.cursor() as cursor:
            cursor.execute(_SESSION, [most, most])
        return made


class _NeverInClear:
    """Whoever answers may ask for the password itself; without TLS he could be anybody."""

    def __init__(self, connection: object) -> None: ...

    def authenticate(self, packet: object) -> object:
        raise ConfigurationError(
            message("the server asks for the password in clear, which is only sent with TLS")
        )


def _value(column: Column, value: JSON) -> Any:
    """What PyMySQL writes for a value. Raises StatementError for what the server would change silently."""
    if isinstance(value, Mapping | list) or column.type == "json":
        if value is not None and column.type not in _TEXTS:
            raise _unfit(column, message("a list or an object needs a column for JSON or texts"))
        return None if value is None else json_bytes(value).decode()
    if column.type in _TEXTS and isinstance(value, int | float):
        return json_bytes(value).decode()
    if column.type in _INTEGERS and isinstance(value, float) and not value.is_integer():
        raise _unfit(column, message("the column holds whole numbers"))
    if column.type in _MOMENTS and isinstance(value, str):
        with suppress(ValueError):
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return value


def _unfit(column: Column, said: str) -> StatementError:
    return StatementError(Fault.ROW, said, "invalid_field", column.name)


def _as_json(column: Column, value: Any) -> JSON:
    if column.type == "json" and isinstance(value, str):
        return json.loads(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return value.hex() if isinstance(value, bytes) else value


def _choices(full: str) -> list[str]:
    """The values of enum('a','b')."""
    return [choice.replace("''", "'") for choice in _CHOICE.findall(full)]


def _number(error: Exception) -> int:
    first: object = error.args[0] if error.args else 0
    return first if isinstance(first, int) else 0


def _words(arguments: Iterable[object]) -> str:
    return " ".join(one for one in arguments if isinstance(one, str)).strip()


def _failure(error: Exception) -> StatementError:
    number, said = _number(error), _words(error.args)
    if number in _LOST or isinstance(error, OSError):
        return StatementError(Fault.LOST, said or message("the connection was lost"))
    if number in _BUSY:
        return StatementError(Fault.BUSY, said)
    if number in _OF_A_ROW:
        code = "duplicate" if number == 1062 else "invalid_field"
        code = "too_large" if number in _TOO_LARGE else "missing_key" if number in _MISSING else code
        found = _COLUMN.search(said)
        return StatementError(Fault.ROW, said, code, found[1] if found else "")
    return StatementError(Fault.TABLE, said, "denied" if number in _DENIED else "")


def _not_connected(error: Exception, server: DatabaseServer) -> ConnectorError:
    number = _number(error)
    if number in (1045, 1698):
        return ConfigurationError(WRONG_PASSWORD)
    if number == 1049:
        return ConfigurationError(NO_DATABASE.with_values(name=server.database))
    if number == 1044:
        return ConfigurationError(NO_ENTRY.with_values(name=server.database))
    if number in (1130, 3159):
        return ConfigurationError(NOT_FROM_HERE)
    if number == 2026:
        return ConfigurationError(NO_TLS)
    return Unreachable(TLS_FAILED) if "SSL" in str(error) else no_answer(server)
