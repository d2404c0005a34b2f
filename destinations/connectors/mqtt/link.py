"""One guarded connection to an MQTT broker, driven by its caller: its loop turns only while somebody waits.

Facts: the standard MQTT 5.0 (3.2.2.3, 3.4.2.1, 3.14.2.1), paho-mqtt's source, Mosquitto 2.0 tried here.
"""

from __future__ import annotations

import copy
import secrets
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

from destinations.connectors import libraries, servers
from destinations.connectors.addresses import Guard
from destinations.connectors.base import ConfigurationError, ConnectorError, Unreachable
from destinations.connectors.servers import TLS_FAILED, Server, connected, no_answer, opened
from tracsync.common.messages import message

KEEP_ALIVE: Final = 60  # seconds; after one and a half times as long the broker ends a silent connection
MOST_UNDER_WAY: Final = 500  # messages without an answer; the broker may want fewer
TURN: Final = 0.5  # seconds
PROTOCOL_ERROR: Final = 130
# What a broker may say to CONNECT that a person has to see to; all others pass.
_REFUSALS: Final = {
    132: message("the broker does not speak MQTT 5"),
    133: message("the broker refused the client's id"),
    134: message("the broker refused the user name or the password"),
    135: message("the broker does not let this user in"),
    138: message("the broker has banned this client"),
    140: message("the broker wants another way of signing in"),
}


@dataclass(frozen=True, slots=True)
class Post:
    """A message on its way to a topic; `content_type` is "" where there is no content."""

    topic: str
    headers: Mapping[str, str]
    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The broker's word on a message: a reason code of the standard."""

    code: int


@dataclass(frozen=True, slots=True)
class NotSent:
    """The connection had ended before."""


@dataclass(frozen=True, slots=True)
class Published:
    """What was said to each message, None where nothing was: then the broker may have it.

    `ended`: the reason code that the connection has ended with before that, 0 where it just broke.
    PROTOCOL_ERROR also stands for answers that are no MQTT 5: Mosquitto gives such a one to what is above its
    message_size_limit.
    """

    words: Sequence[Answer | NotSent | None]
    ended: int = 0


def mqtt() -> Any:
    """The client library. Raises ConfigurationError where it is not installed."""
    return libraries.load("paho.mqtt.client", "mqtt")


class Link:
    """A connection, made when first needed and again after a loss."""

    def __init__(self, server: Server, guard: Guard, retain: bool) -> None:
        self._server, self._guard, self._retain = server, guard, retain
        self._library = mqtt()
        kinds = libraries.load("paho.mqtt.packettypes", "mqtt").PacketTypes
        self._none: Any = libraries.load("paho.mqtt.properties", "mqtt").Properties(kinds.PUBLISH)
        self._client: Any = None
        self._welcome: Any = None  # the properties that the broker has accepted the connection with
        self._refusal: int | None = None
        self._answers: dict[int, int] = {}  # by message id
        self._ended: int | None = None

    def connect(self) -> None:
        """Raises ConnectorError."""
        if self._client is not None:
            self._client.loop(0)  # what came meanwhile, such as the connection's end
            if self._ended is not None:
                self.close()
        if self._client is None:
            try:
                self._connect()
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Never raises."""
        if self._client is not None:
            with suppress(Exception):  # whatever a broken connection raises, it is gone
                self._client.disconnect()
                self._client.loop_write()
            with suppress(Exception):
                opened_socket = self._client.socket()
                if opened_socket is not None:
                    opened_socket.close()
        self._client = None

    @property
    def most_bytes(self) -> int | None:
        """The largest packet that the broker takes, None where it says nothing."""
        found: int | None = getattr(self._welcome, "MaximumPacketSize", None)
        return found

    def size(self, post: Post) -> int:
        """Of its packet, in bytes."""
        properties: int = len(self._told(post).pack())
        return 9 + len(post.topic.encode()) + properties + len(post.body)  # lengths, flags, message id

    def publish(self, posts: Sequence[Post]) -> Published:
        """Publish with QoS 1, and wait for an answer to each."""
        self._answers.clear()
        sent: list[int] = []
        window = min(MOST_UNDER_WAY, getattr(self._welcome, "ReceiveMaximum", 65535))
        try:
            for post in posts:
                self._wait(sent, window - 1)
                made = self._client.publish(post.topic, post.body, 1, self._retain, self._told(post))
                sent.append(made.mid)
                if made.rc != self._library.MQTT_ERR_SUCCESS:
                    raise ConnectionError
            self._wait(sent, 0)
        except ConnectionError:
            self.close()  # an answer that comes later would be for another message
        words: list[Answer | NotSent | None] = [
            Answer(self._answers[number]) if number in self._answers else None for number in sent
        ]
        words += [NotSent()] * (len(posts) - len(words))
        return Published(words, self._ended or 0)

    def _wait(self, sent: Sequence[int], most: int) -> None:
        """Until at most so many are without an answer. Raises ConnectionError where none will come."""
        ends_at = time.monotonic() + self._server.timeout
        answered = len(self._answers)
        while len(sent) - len(self._answers) > most:
            self._acknowledge_at_once()
            self._client.loop(TURN)
            if len(self._answers) > answered:
                answered, ends_at = len(self._answers), time.monotonic() + self._server.timeout
            if self._ended is not None or time.monotonic() > ends_at:
                raise ConnectionError

    def _acknowledge_at_once(self) -> None:
        """Of TCP: a broker that gathers small packets (Nagle) sends no other answer until then."""
        if hasattr(socket, "TCP_QUICKACK"):
            with suppress(OSError, AttributeError):
                self._client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _told(self, post: Post) -> Any:
        """The properties of its packet. paho makes tables for each anew, unless one is copied."""
        made = copy.copy(self._none)
        made.UserProperty = list(post.headers.items())
        if post.content_type:
            made.ContentType = post.content_type
        return made

    def _connect(self) -> None:
        server = self._server
        client = self._client = _client_class()(
            self._library.CallbackAPIVersion.VERSION2,
            client_id=f"tracsync-{secrets.token_hex(8)}",  # of two with one id the broker keeps one
            protocol=self._library.MQTTv5,
        )
        client.server, client.guard = server, self._guard
        client.connect_timeout = server.timeout
        client.max_inflight_messages_set(0)
        if server.user or server.password:
            client.username_pw_set(server.user, server.password or None)
        if server.tls:
            client.tls_set_context(servers.context(server))
        client.on_connect, client.on_publish = self._on_connect, self._on_publish
        client.on_disconnect = self._on_disconnect
        self._welcome = self._refusal = self._ended = None
        try:
            client.connect(server.host.strip("[]"), server.port, KEEP_ALIVE)
        except ssl.SSLError:
            raise Unreachable(TLS_FAILED) from None
        except OSError:
            raise no_answer(server) from None
        ends_at = time.monotonic() + server.timeout
        while self._welcome is None and self._ended is None and time.monotonic() < ends_at:
            client.loop(TURN)
        if self._welcome is None:
            raise self._not_let_in()
        self._look_at_welcome()

    def _not_let_in(self) -> ConnectorError:
        if self._refusal in _REFUSALS:
            return ConfigurationError(_REFUSALS[self._refusal])
        if self._refusal:
            return Unreachable(
                message("the broker takes no connection now (reason code %(code)s)", code=self._refusal)
            )
        return no_answer(self._server)

    def _look_at_welcome(self) -> None:
        if getattr(self._welcome, "MaximumQoS", 2) < 1:
            raise ConfigurationError(message("the broker acknowledges no messages: it has no QoS 1"))
        if self._retain and not getattr(self._welcome, "RetainAvailable", 1):
            raise ConfigurationError(message("the broker keeps no retained messages: switch retain off"))

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._refusal = reason.value
        else:
            self._welcome = properties

    def _on_publish(self, _client: Any, _data: Any, number: int, reason: Any, _properties: Any) -> None:
        self._answers[number] = reason.value

    def _on_disconnect(self, _client: Any, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        is_said = flags.is_disconnect_packet_from_server or reason.value == PROTOCOL_ERROR
        self._ended = reason.value if is_said else 0


@cache
def _client_class() -> Any:
    client: Any = mqtt().Client

    class Client(client):  # type: ignore[misc]  # its class is known when it is installed
        """Connects only to addresses that were checked; the name is for the certificate."""

        server: Server
        guard: Guard

        def _create_socket_connection(self) -> socket.socket:
            return connected(self.server, self.guard, partial(opened, self.server))

        def _ssl_wrap_socket(self, tcp_sock: socket.socket) -> ssl.SSLSocket:
            """Closed where it fails; paho's own would stay open."""
            made: ssl.SSLSocket = self._ssl_context.wrap_socket(tcp_sock, server_hostname=self._host)
            return made

    return Client
