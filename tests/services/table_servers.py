"""A database of one's own at a real server, and what was done there."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

import psycopg
import pymysql
import pytest

from destinations.connectors.base import Runtime
from destinations.connectors.sql.connector import MySQL, PostgreSQL, TableConnector
from tests.harness import POSTGRES, missing

MARIADB = os.environ.get("TRACSYNC_TEST_MARIADB", "mysql://root@127.0.0.1:3306/")
LOOPBACK = Runtime(allowed_internal=("127.0.0.0/8",))
PASSWORD = "pass-of-the-database"
WRITES = (b"INSERT", b"DELETE")  # of the connectors, in what they send


class Server:
    """`table` makes customers: id, name (required), age, extra (JSON), email (unique), version."""

    connector: ClassVar[type[TableConnector]]
    types: ClassVar[Mapping[str, str]]  # what this server calls id, extra and whole numbers

    def __init__(self) -> None:
        self.name = f"tracsync_test_{uuid.uuid4().hex[:12]}"

    def run(self, statement: str, *values: Any) -> Sequence[Any]:
        raise NotImplementedError

    def table(self, name: str = "customers") -> None:
        kinds = self.types
        self.run(
            f"CREATE TABLE {name} (id {kinds['id']} PRIMARY KEY, name varchar(200) NOT NULL, age integer,"
            f" extra {kinds['json']}, email varchar(100) UNIQUE, version bigint NOT NULL)"
        )

    def rows(self, columns: str = "id, name, version", table: str = "customers") -> list[Any]:
        return sorted(tuple(row) for row in self.run(f"SELECT {columns} FROM {table}"))

    def session(
        self, timeout: float = 5, credentials: Mapping[str, Any] | None = None, **settings: Any
    ) -> Any:
        given = {**self.credentials(), "timeout": timeout, **(credentials or {})}
        return self.connector().open(given, {"table": "customers", **settings}, LOOPBACK)

    def credentials(self) -> dict[str, Any]:
        host, port, user, password = self.address()
        return {
            "host": host,
            "port": port,
            "database": self.name,
            "user": user,
            "password": password,
            "tls": False,
        }

    def address(self) -> tuple[str, int, str, str]:
        raise NotImplementedError

    def watch(self) -> None:
        """Keep in the table `seen` what is done to customers."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class PostgresServer(Server):
    connector = PostgreSQL
    types: ClassVar[Mapping[str, str]] = {"id": "text", "json": "jsonb"}

    def __init__(self) -> None:
        super().__init__()
        self._admin = psycopg.connect(POSTGRES, autocommit=True, connect_timeout=5)
        self._admin.execute(f"CREATE DATABASE {self.name}")
        self._own = psycopg.connect(POSTGRES, dbname=self.name, autocommit=True)

    def address(self) -> tuple[str, int, str, str]:
        info = self._admin.info
        return info.host, info.port, info.user, info.password or PASSWORD

    def run(self, statement: str, *values: Any) -> Sequence[Any]:
        cursor = self._own.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []

    def watch(self) -> None:
        self.run("CREATE TABLE seen (n serial, doc jsonb)")
        self.run(
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " INSERT INTO seen (doc) VALUES (to_jsonb(NEW)); RETURN NULL; END $$"
        )
        self.run(
            "CREATE TRIGGER noted AFTER INSERT OR UPDATE OR DELETE ON customers"
            " FOR EACH ROW EXECUTE FUNCTION note()"
        )

    def limited_user(self, rights: str) -> dict[str, Any]:
        user = f"{self.name}_few"
        self.run(f"CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}'")
        self.run(f"GRANT {rights} ON customers TO {user}")
        return {"user": user, "password": PASSWORD}

    def holding(self, key: str) -> Any:
        """A connection that has a row locked until it is closed."""
        other = psycopg.connect(POSTGRES, dbname=self.name)
        other.execute("SELECT 1 FROM customers WHERE id = %s FOR UPDATE", [key])
        return closing(other)

    def end_connections(self) -> None:
        self.run(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = %s AND application_name = 'tracsync'",
            self.name,
        )

    def close(self) -> None:
        self._own.close()
        self._admin.execute(f"DROP DATABASE {self.name} WITH (FORCE)")
        self._admin.execute(f"DROP ROLE IF EXISTS {self.name}_few")
        self._admin.close()


class MariaServer(Server):
    connector = MySQL
    types: ClassVar[Mapping[str, str]] = {
        "id": "varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        "json": "json",
    }

    def __init__(self) -> None:
        super().__init__()
        parts = urlsplit(MARIADB)
        self._address = parts.hostname or "", parts.port or 3306
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._connection = self._connected(None)
        self.run(f"CREATE DATABASE {self.name} CHARACTER SET utf8mb4")
        self._connection.select_db(self.name)
        # The password is required, and root may have none here.
        self._login = f"{self.name[-20:]}_all"
        self._users: list[str] = []
        self._make_user(self._login, f"ALL PRIVILEGES ON {self.name}.*")

    def _connected(self, database: str | None) -> Any:
        host, port = self._address
        return pymysql.connect(
            host=host,
            port=port,
            user=self._user,
            password=self._password,
            database=database,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=5,
            ssl_disabled=True,
        )

    def _make_user(self, user: str, rights: str) -> None:
        self.run(f"CREATE USER '{user}'@'%' IDENTIFIED BY '{PASSWORD}'")
        self._users.append(user)
        self.run(f"GRANT {rights} TO '{user}'@'%'")

    def address(self) -> tuple[str, int, str, str]:
        return *self._address, self._login, PASSWORD

    def run(self, statement: str, *values: Any) -> Sequence[Any]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def watch(self) -> None:
        self.run("CREATE TABLE seen (n integer AUTO_INCREMENT PRIMARY KEY, doc longtext)")
        row = ", ".join(
            f"'{name}', {f'JSON_COMPACT(NEW.{name})' if name == 'extra' else f'NEW.{name}'}"
            for name in ("id", "name", "age", "extra", "email", "version")
        )
        for event, what in (
            ("INSERT", f"JSON_OBJECT({row})"),
            ("UPDATE", f"JSON_OBJECT({row})"),
            ("DELETE", "NULL"),
        ):
            self.run(
                f"CREATE TRIGGER noted_{event} AFTER {event} ON customers FOR EACH ROW"
                f" INSERT INTO seen (doc) VALUES ({what})"
            )

    def limited_user(self, rights: str) -> dict[str, Any]:
        user = f"{self.name[-20:]}_few"
        self._make_user(user, f"{rights} ON {self.name}.customers")
        return {"user": user, "password": PASSWORD}

    def holding(self, key: str) -> Any:
        other = self._connected(self.name)
        other.begin()
        with other.cursor() as cursor:
            cursor.execute("SELECT 1 FROM customers WHERE id = %s FOR UPDATE", [key])
        return closing(other)

    def end_connections(self) -> None:
        for (number,) in self.run(
            "SELECT id FROM information_schema.processlist WHERE user = %s", self._login
        ):
            self.run(f"KILL {number}")

    def close(self) -> None:
        self.run(f"DROP DATABASE {self.name}")
        for user in self._users:
            self.run(f"DROP USER '{user}'@'%'")
        self._connection.close()


@contextmanager
def opened(kind: type[Server]) -> Iterator[Any]:
    try:
        server = kind()
    except (psycopg.Error, pymysql.Error, OSError) as error:
        missing(kind.connector.name, error)
        pytest.fail("unreachable")  # missing() always raises
    try:
        yield server
    finally:
        server.close()


def noted(server: Server) -> list[dict[str, Any] | None]:
    """What was done to customers: each row as it was written, without nulls; None where one was deleted."""
    found = []
    for (doc,) in server.run("SELECT doc FROM seen ORDER BY n"):
        row = json.loads(doc) if isinstance(doc, str) else doc
        found.append(row and {name: value for name, value in row.items() if value is not None})
    return found
