"""One guarded connection to Redis, with an end to every wait. Facts: redis-py's source."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from destinations.connectors import libraries
from destinations.connectors.addresses import Guard
from destinations.connectors.base import ConfigurationError, ConnectorError, Unreachable
from destinations.connectors.redis.commands import Command
from destinations.connectors.servers import TLS_FAILED, Server, connected, no_answer, opened
from tracsync.common.messages import message


@dataclass(frozen=True, slots=True)
class RedisServer(Server):
    """A server of Redis, and the number of the database there."""

    database: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}, {self.database}"


class LostError(Exception):
    """The connection ended, or no answer came in time; `answers` had come before, in order."""

    def __init__(self, answers: Sequence[Any] = ()) -> None:
        super().__init__()
        self.answers = list(answers)


def redis() -> Any:
    """The client library. Raises ConfigurationError where it is not installed."""
    return libraries.load("redis", "redis")


class Link:
    """A connection, made when first needed and again after a loss."""

    def __init__(self, server: RedisServer, guard: Guard) -> None:
        self._server, self._guard = server, guard
        self._library = redis()
        self._connection: Any = None

    def connect(self) -> None:
        """Raises ConnectorError."""
        if self._connection is not None and not self._is_idle():
            self.close()
        if self._connection is not None:
            return
        made = self._new()
        try:
            made.connect()
        except (self._library.RedisError, OSError) as error:
            made.disconnect()
            raise _not_connected(error, self._server, self._library) from None
        except ConnectorError:
            made.disconnect()
            raise
        self._connection = made

    def close(self) -> None:
        """Never raises."""
        if self._connection is not None:
            with suppress(Exception):  # whatever a broken connection raises, it is gone
                self._connection.disconnect()
        self._connection = None

    def ask(self, commands: Sequence[Command]) -> list[Any]:
        """Send all, then read all answers: what Redis refuses is an exception among them.

        Raises LostError with the answers that came.
        """
        answers: list[Any] = []
        lost = (self._library.ConnectionError, self._library.TimeoutError, OSError)
        try:
            self._connection.send_packed_command(self._connection.pack_commands(commands))
            for _command in commands:
                try:
                    answers.append(self._connection.read_response())
                except self._library.ResponseError as refusal:
                    answers.append(refusal)
        except lost:
            self.close()
            raise LostError(answers) from None
        return answers

    def _is_idle(self) -> bool:
        """Whether nothing came meanwhile: that would be the connection's end."""
        try:
            return not self._connection.can_read(timeout=0)
        except (self._library.RedisError, OSError):
            return False

    def _new(self) -> Any:
        server = self._server
        options: dict[str, Any] = {
            "host": server.host.strip("[]"),
            "port": server.port,
            "db": server.database,
            "username": server.user or None,
            "password": server.password or None,
            "socket_connect_timeout": server.timeout,
            "socket_timeout": server.timeout,
            "decode_responses": True,
            "protocol": 2,
        }
        if server.tls:
            options |= {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
            own = {"ssl_ca_data": server.authorities}
            options |= own if server.authorities else {"ssl_ca_certs": libraries.trusted()}
        made = _connection_class(server.tls)(**options)
        made.guard, made.server = self._guard, server
        return made


@lru_cache(maxsize=2)
def _connection_class(tls: bool) -> Any:
    connection = redis().connection
    plain: Any = connection.Connection
    within_tls: Any = connection.SSLConnection

    class Guarded(plain):  # type: ignore[misc]  # its class is known when it is installed
        """Connects only to addresses that were checked; the name is for the certificate."""

        guard: Guard
        server: Server

        def _connect(self) -> socket.socket:
            return connected(self.server, self.guard, partial(opened, self.server))

    class GuardedTLS(within_tls, Guarded):  # type: ignore[misc]
        """The same, within TLS."""

    return GuardedTLS if tls else Guarded


def _not_connected(error: Exception, server: RedisServer, library: Any) -> ConnectorError:
    said = str(error)
    if isinstance(error, library.AuthenticationError) or "NOAUTH" in said or "WRONGPASS" in said:
        return ConfigurationError(message("Redis refused the user name or the password"))
    if isinstance(error, library.BusyLoadingError):
        return Unreachable(message("Redis is loading its data"))
    if isinstance(error, library.ResponseError):
        return ConfigurationError(message("Redis refused the connection: %(said)s", said=said[:200]))
    if "SSL" in said or "certificate" in said:
        return Unreachable(TLS_FAILED)
    return no_answer(server)
