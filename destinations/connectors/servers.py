"""What connectors of servers with a host and a port have in common: credentials, addresses, TLS."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from destinations.connectors import libraries
from destinations.connectors.addresses import Address, Guard
from destinations.connectors.base import ConfigurationError, Schema, Unreachable
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
