"""One guarded connection to an AMQP broker, with an end to every wait."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pika
from pika import exceptions as amqp
from pika.adapters.utils.connection_workflow import AMQPConnectorException

from destinations.connectors.addresses import Address, Guard
from destinations.connectors.amqp.channel import Action, Channel, Published
from destinations.connectors.amqp.connection import Connection
from destinations.connectors.amqp.message import Message
from destinations.connectors.base import JSON, ConfigurationError, ConnectorError, Unreachable
from tracsync.common.messages import message

HEARTBEAT = 30  # seconds; two missed ones end a connection
# pika logs the beginning of returned messages (personal data); outcomes and errors say all that it logs.
logging.getLogger("pika").setLevel(logging.CRITICAL)

PORTS = {"amqp": 5672, "amqps": 5671}


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to connect and as whom. `timeout`: seconds for connecting and for each answer."""

    host: str
    port: int
    vhost: str
    username: str
    password: str = field(repr=False)
    tls: bool
    timeout: float

    def __str__(self) -> str:
        return f"{self.host}:{self.port}, vhost {self.vhost}"


def parse_uri(uri: str, timeout: float) -> Broker:
    """A broker from its AMQP URI; raises ConfigurationError.

    `amqp://h`, `amqp://h/`, `amqp://h//` (Tracardi's default, read by kombu) and `amqp://h/%2F` are all the
    vhost "/"; pika would take the third for the vhost "".
    """
    try:
        parts = urlsplit(uri.strip())
        port, host = parts.port, parts.hostname
    except ValueError:
        raise ConfigurationError(message("the uri is not readable: is its port a number?")) from None
    scheme = parts.scheme.lower()
    if scheme not in PORTS or not host or parts.query:
        raise ConfigurationError(message("the uri must look like amqp://user:password@host:5672/vhost"))
    return Broker(
        host=host,
        port=port or PORTS[scheme],
        vhost=unquote(parts.path[1:]) or "/",
        username="guest" if parts.username is None else unquote(parts.username),
        password="guest" if parts.username is None else unquote(parts.password or ""),
        tls=scheme == "amqps",
        timeout=timeout,
    )


def with_port_and_vhost(given: Mapping[str, JSON]) -> dict[str, JSON]:
    """Credentials with Tracardi's `port` and `virtual_host` in the uri, where that names none itself."""
    others = {name: value for name, value in given.items() if name not in ("port", "virtual_host")}
    uri, port, vhost = given.get("uri"), given.get("port"), given.get("virtual_host")
    if not isinstance(uri, str) or len(others) == len(given):
        return others
    try:
        parts = urlsplit(uri.strip())
        has_port = parts.port is not None
    except ValueError:
        return others
    if not has_port and str(port or "").isdecimal():
        parts = parts._replace(netloc=f"{parts.netloc}:{port}")
    if parts.path in ("", "/") and isinstance(vhost, str) and vhost not in ("", "/"):
        parts = parts._replace(path=f"/{quote(vhost, safe='')}")
    return {**others, "uri": parts.geturl()}


class Link:
    """A connection and a channel in confirm mode, made when first needed and again after a loss."""

    def __init__(self, broker: Broker, guard: Guard) -> None:
        self.broker, self._guard = broker, guard
        self._connection: Connection | None = None
        self._channel: Channel | None = None

    def connection(self) -> Connection:
        """An open connection. Raises ConfigurationError or Unreachable when there is none to be had."""
        if self._connection is None or self._connection.lost or self._connection.is_inherited:
            self._channel = None
            self._connection = self._connect()
        return self._connection

    def call(self, action: Action) -> None:
        """Do something that has an answer, and wait for that."""
        self._open_channel().call(action)

    def publish(self, exchange: str, routing_key: str, messages: Iterable[Message]) -> Published:
        """Publish, and wait until all is confirmed; see Channel."""
        return self._open_channel().publish(exchange, routing_key, messages)

    def drop_if_stale(self) -> None:
        """Let pika read what came while idle: the broker closes a connection whose heartbeats stop."""
        if self._connection is not None and not self._connection.is_inherited:
            try:
                self._connection.glance()
            except (amqp.AMQPError, OSError):
                self.drop()

    def drop(self) -> None:
        """Close the connection, if there still is one; never raises."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._channel = None

    def _open_channel(self) -> Channel:
        connection = self.connection()
        if self._channel is None or not self._channel.is_open:
            self._channel = Channel(connection)
        return self._channel

    def _connect(self) -> Connection:
        try:
            addresses = self._guard.resolve(self.broker.host, self.broker.port)
        except socket.gaierror:
            raise Unreachable(
                message("could not connect: %(reason)s", reason=message("the host name cannot be resolved"))
            ) from None
        failure: Exception = OSError("no address")
        for address in addresses:
            try:
                return Connection(self._parameters(address), self.broker.timeout)
            except (amqp.AMQPError, AMQPConnectorException, OSError) as error:
                failure = error
        raise _connect_failure(failure, self.broker)

    def _parameters(self, address: Address) -> Any:
        broker = self.broker
        tls = pika.SSLOptions(ssl.create_default_context(), broker.host) if broker.tls else None
        return pika.ConnectionParameters(
            host=address.host,
            port=address.port,
            virtual_host=broker.vhost,
            credentials=pika.PlainCredentials(broker.username, broker.password),
            ssl_options=tls,
            heartbeat=HEARTBEAT,
            socket_timeout=broker.timeout,
            stack_timeout=broker.timeout,
            blocked_connection_timeout=broker.timeout / 2,  # sooner than what knows no reason
            client_properties={"connection_name": "tracsync"},
        )


def _connect_failure(error: Exception, broker: Broker) -> ConnectorError:
    code = getattr(error, "reply_code", None)
    if isinstance(error, amqp.AuthenticationError | amqp.ProbableAuthenticationError):
        return ConfigurationError(message("the broker refused the user name or the password"))
    if isinstance(error, amqp.ProbableAccessDeniedError) or code in (403, 530):
        return ConfigurationError(
            message("the vhost %(name)s does not exist or this user may not use it", name=broker.vhost)
        )
    if isinstance(error, ssl.SSLError):
        return Unreachable(message("could not connect: TLS failed, or the certificate could not be verified"))
    if isinstance(error, amqp.IncompatibleProtocolError | amqp.ProtocolSyntaxError):
        return Unreachable(message("could not connect: what answers there does not speak AMQP, or wants TLS"))
    return Unreachable(
        message(
            "could not connect to %(host)s:%(port)s: refused, or no answer in time",
            host=broker.host,
            port=broker.port,
        )
    )
