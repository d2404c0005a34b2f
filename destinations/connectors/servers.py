"""What connectors of servers have in common: credentials, opening, describing, addresses, TLS."""

from __future__ import annotations

import socket
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

from destinations.connectors import libraries
from destinations.connectors.addresses import Address, Guard
from destinations.connectors.base import (
    JSON,
    ConfigurationError,
    Delivery,
    Runtime,
    Schema,
    Session,
    Unreachable,
)
from destinations.connectors.http.payload import UnwritableError
from destinations.connectors.redaction import Redactor
from tracsync.common.messages import message

T = TypeVar("T")

NO_SUCH_HOST: Final = message(
    "could not connect: %(reason)s", reason=message("the host name cannot be resolved")
)
TLS_FAILED: Final = message("could not connect: TLS failed, or the certificate could not be verified")
NO_TLS: Final = message("the server does not speak TLS: switch TLS off, or on there")


@dataclass(frozen=True, slots=True)
class Server:
    """Where to connect and as whom. `timeout`: seconds to connect, and for each answer.

    `authorities`: certificates in PEM that sign the server's, "" for those that everybody trusts.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    tls: bool
    authorities: str
    timeout: float

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class SignedIn(Protocol):
    """What a connector knows of where it connects to: its text is the address."""

    @property
    def password(self) -> str: ...


class Closable(Session, Protocol):
    def close(self) -> None: ...


Where = TypeVar("Where", bound=SignedIn)  # such as a Server
What = TypeVar("What")  # such as a topic
Opened = TypeVar("Opened", bound=Closable)


class ServerConnector(ABC, Generic[Where, What, Opened]):
    """A connector whose credentials say where a server is, and whose settings what is written there."""

    @abstractmethod
    def checked(self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON]) -> tuple[Where, What]:
        """Both with their defaults. Raises ConfigurationError."""

    @abstractmethod
    def session(self, where: Where, what: What, guard: Guard, redactor: Redactor) -> Opened:
        """Not connected yet."""

    @abstractmethod
    def described(self, where: Where, what: What, delivery: Delivery, redactor: Redactor) -> dict[str, JSON]:
        """What `push` would send. Raises UnwritableError for what cannot be sent."""

    def open(
        self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON], runtime: Runtime | None = None
    ) -> AbstractContextManager[Opened]:
        where, what = self.checked(credentials, settings)
        guard = Guard((runtime or Runtime()).allowed_internal)
        return closing(self.session(where, what, guard, Redactor([where.password])))

    def describe(
        self, credentials: Mapping[str, JSON], settings: Mapping[str, JSON], delivery: Delivery
    ) -> dict[str, JSON]:
        """As `described`; or only `problem`."""
        where, what = self.checked(credentials, settings)
        try:
            return self.described(where, what, delivery, Redactor([where.password]))
        except UnwritableError as error:
            return {"problem": str(error)}


HOST: Final[Schema] = {
    "type": "string",
    "title": message("Host"),
    "description": message("The name or the address of the server."),
    "pattern": r"^[^\s/,@?#]+$",
    "hint": message("must be one host name or address"),
    "address": True,
}
USER: Final[Schema] = {
    "type": "string",
    "title": message("User"),
    "description": message("Blank where the server asks for none."),
    "default": "",
}
PASSWORD: Final[Schema] = {
    "type": "string",
    "title": message("Password"),
    "description": message("Blank where the server asks for none."),
    "default": "",
    "secret": True,
}
TLS: Final[Schema] = {
    "type": "boolean",
    "title": message("TLS"),
    "description": message("Encrypt the connection, and verify the server's certificate."),
    "default": True,
    "address": True,
}
AUTHORITIES: Final[Schema] = {
    "type": "string",
    "title": message("Certificate authorities"),
    "description": message(
        "Certificates in PEM that sign the server's; blank for those that everybody trusts."
    ),
    "default": "",
    "address": True,
}
TIMEOUT: Final[Schema] = {
    "type": "number",
    "title": message("Timeout"),
    "description": message("Seconds to wait for a connection, and for each answer."),
    "minimum": 1,
    "maximum": 60,
    "default": 10,
}


def credentials(port: int, required: Sequence[str] = ("host",), **own: Schema) -> Schema:
    """The schema of what a Server is made of; `own` comes after the port, or instead of one of these."""
    listening: Schema = {
        "type": "integer",
        "title": message("Port"),
        "description": message("The port of the server."),
        "minimum": 1,
        "maximum": 65535,
        "default": port,
        "address": True,
    }
    others = {
        "user": USER,
        "password": PASSWORD,
        "tls": TLS,
        "authorities": AUTHORITIES,
        "timeout": TIMEOUT,
    }
    return {
        "type": "object",
        "properties": {"host": HOST, "port": listening, **own, **{**others, **own}},
        "required": list(required),
        "additionalProperties": False,
    }


def connected(server: Server, guard: Guard, connect: Callable[[Address], T]) -> T:
    """What `connect` makes of the first of the server's addresses that answers.

    Raises ConnectorError, as `connect` does: only what is Unreachable is tried at the next address.
    """
    try:
        addresses = guard.resolve(server.host, server.port)
    except socket.gaierror:
        raise Unreachable(NO_SUCH_HOST) from None
    failure = no_answer(server)
    for address in addresses:
        try:
            return connect(address)
        except Unreachable as error:
            failure = error
    raise failure


def opened(server: Server, address: Address) -> socket.socket:
    """A socket to one checked address. Raises Unreachable."""
    try:
        made = socket.create_connection((address.host, address.port), server.timeout)
    except OSError:
        raise no_answer(server) from None
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def no_answer(server: Server) -> Unreachable:
    return Unreachable(
        message(
            "could not connect to %(host)s:%(port)s: refused, or no answer in time",
            host=server.host,
            port=server.port,
        )
    )


def context(server: Server) -> ssl.SSLContext:
    """That verifies the server's certificate and name. Raises ConfigurationError."""
    try:
        if server.authorities:
            return ssl.create_default_context(cadata=server.authorities)
    except ssl.SSLError:
        raise ConfigurationError(message("the certificates cannot be read: they must be PEM")) from None
    return ssl.create_default_context(cafile=libraries.trusted())
