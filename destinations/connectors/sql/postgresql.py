"""PostgreSQL through psycopg. Facts: the manual's appendix A (error codes), libpq's connection parameters."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from destinations.connectors import libraries
from destinations.connectors.addresses import Address, Guard
from destinations.connectors.base import JSON, ConfigurationError, ConnectorError, Unreachable
from destinations.connectors.http.payload import json_bytes
from destinations.connectors.servers import NO_TLS, TLS_FAILED, no_answer
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
SELECT a.attname, format_type(a.atttypid, NULL), a.attgenerated <> '' OR a.attidentity = 'a',
  EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indpred IS NULL
    AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum),
  ARRAY(SELECT e.enumlabel FROM pg_enum e WHERE e.enumtypid = a.atttypid ORDER BY e.enumsortorder)
FROM pg_attribute a WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
_RIGHTS = """
SELECT asked FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS asked
WHERE NOT CASE WHEN asked = 'DELETE' THEN has_table_privilege(to_regclass(%(table)s), asked)
  ELSE has_any_column_privilege(to_regclass(%(table)s), asked) END
"""
_BUSY = ("40", "53", "55P03", "57014", "58", "XX")
_LOST = ("08", "57P")
_OF_A_ROW = ("22", "23", "44", "54", "P0")
_CODES = {"22001": "too_large", "23502": "missing_key", "23505": "duplicate"}
_MOMENTS = frozenset({"timestamp with time zone", "timestamp without time zone"})


def quoted(name: str) -> str:
    """An identifier. Its % are doubled, as psycopg reads those of a statement."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


def table_name(place: Place) -> str:
    return f"{quoted(place.schema)}.{quoted(place.table)}"


def upsert_statement(place: Place, columns: Sequence[str]) -> str:
    """It takes a JSON list of rows, as the database reads the types from the table."""
    key, version = quoted(place.key), quoted(place.version)
    listed = ", ".join(map(quoted, names(place, columns)))
    changes = ", ".join(f"{quoted(name)} = EXCLUDED.{quoted(name)}" for name in [*columns, place.version])
    return (
        f"INSERT INTO {table_name(place)} AS t ({listed}) "  # noqa: S608 - names are quoted
        f"SELECT {listed} FROM {_given(place)} "
        f"ON CONFLICT ({key}) DO UPDATE SET {changes} "
        f"WHERE COALESCE(t.{version}, 0) <= EXCLUDED.{version}"
    )


def delete_statement(place: Place) -> str:
    key, version = quoted(place.key), quoted(place.version)
    return (
        f"DELETE FROM {table_name(place)} AS t USING {_given(place)} AS r "  # noqa: S608 - names are quoted
        f"WHERE t.{key} = r.{key} AND COALESCE(t.{version}, 0) <= r.{version}"
    )


def _given(place: Place) -> str:
    return f"jsonb_populate_recordset(NULL::{table_name(place)}, %s::jsonb)"


class PostgresDatabase(GuardedConnection):
    """One connection; each statement is a transaction of its own."""

    def __init__(self, server: DatabaseServer, place: Place, guard: Guard) -> None:
        super().__init__(server, place, guard)
        self._driver: Any = libraries.load("psycopg", "postgres")
        self.words = Words(quoted, table_name(place), key="text", document="jsonb")

    def columns(self) -> list[Column]:
        found = self._run(_COLUMNS, [self._unescaped_name()]).fetchall()
        return [
            Column(name, kind, unique, computed, choices) for name, kind, computed, unique, choices in found
        ]

    def missing_rights(self) -> list[str]:
        found = self._run(_RIGHTS, {"table": self._unescaped_name()}).fetchall()
        return [right for (right,) in found]

    def upsert(self, columns: Mapping[str, Column], rows: Sequence[Row]) -> int:
        statement = upsert_statement(self._place, list(rows[0].values))
        return int(self._run(statement, [self._json(rows)]).rowcount)

    def delete(self, rows: Sequence[Row]) -> int:
        place, given = self._place, self._json(rows)
        self._run(delete_statement(place), [given])
        key = quoted(place.key)
        left = f"SELECT count(*) FROM {table_name(place)} AS t JOIN {_given(place)} AS r ON t.{key} = r.{key}"  # noqa: S608 - names are quoted
        return len(rows) - int(self._run(left, [given]).fetchone()[0])

    def read(self, columns: Mapping[str, Column], keys: Sequence[str]) -> list[dict[str, JSON] | None]:
        name, key = table_name(self._place), quoted(self._place.key)
        statement = (
            f"SELECT g.at, to_jsonb(t) FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS g(doc, at) "  # noqa: S608 - names are quoted
            f"CROSS JOIN LATERAL jsonb_populate_record(NULL::{name}, g.doc) AS r "
            f"JOIN {name} AS t ON t.{key} = r.{key}"
        )
        asked = json_bytes([{self._place.key: one} for one in keys]).decode()
        held = dict(self._run(statement, [asked]).fetchall())
        return [held.get(at) for at in range(1, len(keys) + 1)]

    def is_same(self, column: Column, sent: JSON, held: JSON) -> bool:
        return held == sent or (column.type in _MOMENTS and _moment(held) == _moment(sent) is not None)

    def culprit(self, columns: Mapping[str, Column], row: Row) -> str:
        name = table_name(self._place)
        for column, value in row.values.items():
            try:
                given = json_bytes({column: value}).decode()
                self._run(f"SELECT jsonb_populate_record(NULL::{name}, %s::jsonb)", [given])
            except StatementError as error:
                return column if error.fault is Fault.ROW else ""
        return ""

    def _json(self, rows: Sequence[Row]) -> str:
        key, version = self._place.key, self._place.version
        return json_bytes([{key: row.key, **row.values, version: row.version} for row in rows]).decode()

    def _unescaped_name(self) -> str:
        return table_name(self._place).replace("%%", "%")

    def _run(self, statement: str, parameters: Any) -> Any:
        try:
            return self._connection.execute(statement, parameters)
        except TimeoutError:
            self.close()
            raise StatementError(Fault.LOST, message("no answer in time")) from None
        except self._driver.Error as error:
            failure = _failure(error, self._connection.closed)
            if failure.fault is Fault.LOST:
                self.close()
            raise failure from None

    def _has_ended(self) -> bool:
        return bool(self._connection.closed) or has_news(self._connection.pgconn.socket)

    def _connected_to(self, address: Address) -> Any:
        try:
            return self._made(address)
        except self._driver.Error as error:
            raise _not_connected(error, self._server) from None
        except TimeoutError:
            raise no_answer(self._server) from None

    def _made(self, address: Address) -> Any:
        server = self._server
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as authorities:
            authorities.write(server.authorities)
            authorities.flush()
            made = _connection_class().connect(
                host=server.host.strip("[]"),
                hostaddr=address.host,
                port=server.port,
                dbname=server.database,
                user=server.user,
                password=server.password,
                sslmode="verify-full" if server.tls else "disable",
                sslrootcert=authorities.name if server.authorities else libraries.trusted(),
                gssencmode="disable",
                application_name="tracsync",
                client_encoding="utf8",
                connect_timeout=max(2, int(server.timeout)),
                autocommit=True,
                prepare_threshold=None,  # poolers share connections
            )
        made.patience = server.timeout
        most = f"{int(server.timeout * PATIENCE * 1000)}ms"
        made.execute(
            "SELECT set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false)",
            [most, most],
        )
        return made


@cache
def _connection_class() -> Any:
    psycopg: Any = libraries.load("psycopg", "postgres")

    class Connection(psycopg.Connection):  # type: ignore[misc]  # its class is known when it is installed
        """Gives up a statement without an answer; psycopg itself would wait for ever."""

        patience = 60.0  # seconds

        def wait(self, generator: Any, *arguments: Any, **options: Any) -> Any:
            return super().wait(_limited(generator, time.monotonic() + self.patience), *arguments, **options)

    return Connection


def _limited(generator: Any, ends_at: float) -> Generator[Any, Any, Any]:
    """The same, until `ends_at`; psycopg sends what is ready, now and then nothing."""
    try:
        wanted = next(generator)
        while True:
            ready = yield wanted
            if ready:
                wanted = generator.send(ready)
            elif time.monotonic() > ends_at:
                raise TimeoutError
    except StopIteration as end:
        return end.value


def _failure(error: Any, is_closed: bool) -> StatementError:
    state = error.sqlstate or ""
    said = (error.diag.message_primary or str(error)).strip()
    if is_closed or not state or state.startswith(_LOST):
        return StatementError(Fault.LOST, said)
    if state.startswith(_BUSY):
        return StatementError(Fault.BUSY, said)
    if state.startswith(_OF_A_ROW):
        code = _CODES.get(state, "too_large" if state.startswith("54") else "invalid_field")
        return StatementError(Fault.ROW, said, code, error.diag.column_name or "")
    return StatementError(Fault.TABLE, said, "denied" if state == "42501" else "")


def _not_connected(error: Any, server: DatabaseServer) -> ConnectorError:
    """libpq has no codes for what fails while it connects, only words; a server's in its language."""
    said = str(error)
    if "password" in said or "authentication" in said or "role " in said:
        return ConfigurationError(WRONG_PASSWORD)
    if "pg_hba.conf" in said:
        return ConfigurationError(NOT_FROM_HERE)
    if "database " in said and "does not exist" in said:
        return ConfigurationError(NO_DATABASE.with_values(name=server.database))
    if "permission denied" in said:
        return ConfigurationError(NO_ENTRY.with_values(name=server.database))
    if "does not support SSL" in said:
        return ConfigurationError(NO_TLS)
    return Unreachable(TLS_FAILED) if "certificate" in said or "SSL" in said else no_answer(server)


def _moment(value: JSON) -> datetime | None:
    """A moment from its text, in UTC; what has no zone is taken for that."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
