"""One guarded connection to an AMQP broker, with an end to every wait."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import pika
from pika import exceptions as amqp
from pika.adapters.utils.connection_workflow import AMQPConnectorException

from destinations.connectors.addresses import Address, Guard
from destinations.connectors.amqp_message import Message
from destinations.connectors.base import ConfigurationError, ConnectorError, Unreachable

HEARTBEAT = 30  # seconds; two missed ones end a connection
# pika logs the beginning of returned messages (personal data); outcomes and errors say all that it logs.
logging.getLogger("pika").setLevel(logging.CRITICAL)

PORTS = {"amqp": 5672, "amqps": 5671}


class TooSlowError(amqp.AMQPConnectionError):  # type: ignore[misc]
    """The broker lives but does not answer, as a quorum queue without its majority."""

    def __str__(self) -> str:
        return "the broker did not answer in time"


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
        raise ConfigurationError("the uri is not readable: is its port a number?") from None
    scheme = parts.scheme.lower()
    if scheme not in PORTS or not host or parts.query:
        raise ConfigurationError("the uri must look like amqp://user:password@host:5672/vhost")
    return Broker(
        host=host,
        port=port or PORTS[scheme],
        vhost=unquote(parts.path[1:]) or "/",
        username="guest" if parts.username is None else unquote(parts.username),
        password="guest" if parts.username is None else unquote(parts.password or ""),
        tls=scheme == "amqps",
        timeout=timeout,
    )


class Link:
    """A connection and a channel in confirm mode, made when first needed and again after a loss."""

    def __init__(self, broker: Broker, guard: Guard) -> None:
        self.broker, self._guard = broker, guard
        self._connection: Any = None
        self._channel: Any = None

    def channel(self) -> Any:
        """An open channel. Raises ConfigurationError or Unreachable when there is no connection."""
        if self._connection is None or not self._connection.is_open:
            self._connection = self._connect()
            self._channel = None
        if self._channel is None or not self._channel.is_open:
            with self.bounded():
                self._channel = self._connection.channel()
                self._channel.confirm_delivery()
        return self._channel

    def publish(self, exchange: str, routing_key: str, message: Message) -> None:
        """Publish and wait for the confirmation; `mandatory`, or an unroutable message would be confirmed.

        Raises pika's errors; UnroutableError and NackError leave the channel usable.
        """
        channel = self.channel()
        with self.bounded():
            channel.basic_publish(exchange, routing_key, message.body, message.properties(), mandatory=True)

    @contextlib.contextmanager
    def bounded(self) -> Iterator[None]:
        """End a wait after the timeout by ending the connection; raises TooSlowError then.

        pika's blocking calls take no timeout, and heartbeats only find a broker that is gone altogether.
        """
        implementation = self._connection._impl
        timer = implementation.ioloop.call_later(
            self.broker.timeout, lambda: implementation._terminate_stream(TooSlowError())
        )
        try:
            yield
        finally:
            if self._connection.is_open:
                implementation.ioloop.remove_timeout(timer)

    def drop_if_stale(self) -> None:
        """Let pika read what came while idle: the broker closes a connection whose heartbeats stop."""
        if self._connection is not None:
            try:
                self._connection.process_data_events(0)
            except (amqp.AMQPError, OSError):
                self.drop()

    def drop(self) -> None:
        """Close the connection, if there still is one; never raises."""
        if self._connection is not None and self._connection.is_open:
            with contextlib.suppress(amqp.AMQPError, OSError), self.bounded():
                self._connection.close()
        self._connection = self._channel = None

    def _connect(self) -> Any:
        try:
            addresses = self._guard.resolve(self.broker.host, self.broker.port)
        except socket.gaierror:
            raise Unreachable("could not connect: the host name cannot be resolved") from None
        try:
            return pika.BlockingConnection([self._parameters(address) for address in addresses])
        except (amqp.AMQPError, AMQPConnectorException, OSError) as error:
            raise _connect_failure(error, self.broker) from None

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
            blocked_connection_timeout=broker.timeout / 2,  # sooner than `bounded`, which knows no reason
            client_properties={"connection_name": "tracsync"},
        )


def _connect_failure(error: Exception, broker: Broker) -> ConnectorError:
    code = getattr(error, "reply_code", None)
    if isinstance(error, amqp.AuthenticationError | amqp.ProbableAuthenticationError):
        return ConfigurationError("the broker refused the user name or the password")
    if isinstance(error, amqp.ProbableAccessDeniedError) or code in (403, 530):
        return ConfigurationError(f"the vhost {broker.vhost} does not exist or this user may not use it")
    if isinstance(error, ssl.SSLError):
        return Unreachable("could not connect: TLS failed, or the certificate could not be verified")
    if isinstance(error, amqp.IncompatibleProtocolError | amqp.ProtocolSyntaxError):
        return Unreachable("could not connect: what answers there does not speak AMQP, or wants TLS")
    return Unreachable(f"could not connect to {broker.host}:{broker.port}: refused, or no answer in time")
