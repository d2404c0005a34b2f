"""One guarded connection to NATS. Facts: nats-py's source.

nats-py knows asyncio only. A session is used now and then, by one thread at a time, so it has a loop of its
own, which turns only while somebody waits.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar

from destinations.connectors import libraries, servers
from destinations.connectors.addresses import Guard
from destinations.connectors.base import ConfigurationError, ConnectorError, Unreachable
from destinations.connectors.servers import NO_SUCH_HOST, NO_TLS, TLS_FAILED, Server, no_answer
from tracsync.common.messages import message

T = TypeVar("T")
Answer = asyncio.Future[Any]

EXPECTED_STREAM: Final = "Nats-Expected-Stream"
LOOK_EVERY: Final = 0.05  # seconds between two looks at what is heard beside answers
_DENIED: Final = re.compile(r'permissions violation for (publish|subscription) to "([^"]*)"', re.I)


class LostError(Exception):
    """The connection ended, or no answer came in time."""


class DeniedError(Exception):
    """The user may not publish to this subject."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The stream has the message, as `number`; it may have had it before."""

    stream: str
    number: int
    is_repeat: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The stream does not take the message. `status` as in HTTP, `number` the server's own."""

    status: int
    number: int
    said: str


@dataclass(frozen=True, slots=True)
class NoStream:
    """Nobody listens to the subject."""


@dataclass(frozen=True, slots=True)
class Denied:
    """The user may not publish to the subject."""


@dataclass(frozen=True, slots=True)
class NotSent:
    """The connection had ended before."""


Word = Kept | Refused | NoStream | Denied | NotSent


@dataclass(frozen=True, slots=True)
class Post:
    """A message on its way to a subject."""

    subject: str
    headers: Mapping[str, str]
    body: bytes


def nats() -> Any:
    """The client library. Raises ConfigurationError where it is not installed."""
    return libraries.load("nats", "nats")


class Link:
    """A connection, made when first needed and again after a loss."""

    def __init__(self, server: Server, guard: Guard) -> None:
        self._server, self._guard = server, guard
        self._library = nats()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Any = None
        self._inbox = ""
        self._waiting: dict[str, Answer] = {}  # by the subject that the answer comes to
        self._heard = _Heard()

    def connect(self) -> None:
        """Raises ConnectorError."""
        if self._client is not None:
            self._run(asyncio.sleep(0.001))  # what came meanwhile, such as the connection's end
            if self._client.is_closed:
                self.close()
        if self._client is not None:
            return
        tls = servers.context(self._server) if self._server.tls else None
        self._loop = _GuardedLoop(self._guard)
        try:
            self._run(self._connect(tls))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Never raises."""
        if self._loop is not None:
            with suppress(Exception):  # whatever a broken connection raises, it is gone
                self._run(self._disconnect())
            self._loop.close()
        self._loop = self._client = None

    @property
    def most_bytes(self) -> int:
        """What the server takes in one message, headers and all."""
        return int(self._client.max_payload)

    def stream(self, name: str) -> Any:
        """What JetStream tells of a stream. Raises DeniedError, LostError, and nats-py's errors."""
        return self._run(self._looked_up(name))

    def publish(self, stream: str, posts: Sequence[Post]) -> list[Word | None]:
        """What was said to each, None where nothing was: then it may be in the stream.

        Raises ConfigurationError where answers cannot come.
        """
        return self._run(self._published(stream, posts))

    async def _connect(self, tls: ssl.SSLContext | None) -> None:
        server = self._server
        self._heard = _Heard()
        host = server.host.strip("[]")
        client = _client_class()()
        client.needs_tls = tls is not None
        try:
            await client.connect(
                f"nats://{f'[{host}]' if ':' in host else host}:{server.port}",
                name="tracsync",
                error_cb=self._heard.error,
                allow_reconnect=False,
                connect_timeout=server.timeout,
                tls=tls,
                **_signing_in(server),
            )
        except ConnectorError:
            raise
        except (self._library.errors.Error, OSError, TimeoutError, ssl.SSLError) as error:
            raise _not_connected(error, server) from None
        finally:
            self._client = client
        self._heard.is_connected = True
        self._inbox = client.new_inbox()
        await client.subscribe(f"{self._inbox}.*", cb=self._hear)

    async def _disconnect(self) -> None:
        if self._client is not None:
            # Of a connection that did not come about nats-py awaits an end that never comes.
            patience = self._server.timeout if self._heard.is_connected else LOOK_EVERY
            with suppress(Exception):
                await asyncio.wait_for(self._client.close(), patience)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _looked_up(self, name: str) -> Any:
        self._heard.denied.clear()
        jetstream = self._client.jetstream(timeout=self._server.timeout)
        asked = asyncio.ensure_future(jetstream.stream_info(name))
        subject = f"$JS.API.STREAM.INFO.{name}"
        await self._answered({asked: subject})
        if not asked.done():
            asked.cancel()
            raise DeniedError if subject.lower() in self._heard.denied else LostError
        return asked.result()

    async def _published(self, stream: str, posts: Sequence[Post]) -> list[Word | None]:
        self._heard.denied.clear()
        sent: dict[Answer, str] = {}
        with suppress(self._library.errors.Error, OSError):  # the connection has ended
            for at, post in enumerate(posts):
                answer: Answer = asyncio.get_running_loop().create_future()
                reply = f"{self._inbox}.{at}"
                self._waiting[reply] = answer
                headers = {**post.headers, EXPECTED_STREAM: stream}
                await self._client.publish(post.subject, post.body, reply=reply, headers=headers)
                sent[answer] = post.subject
        await self._answered(sent)
        self._waiting.clear()
        if self._heard.has_no_inbox:
            await self._client.close()
            raise ConfigurationError(
                message("this user may not subscribe to %(name)s, where answers come", name="_INBOX.>")
            )
        found = [self._said(one, subject) for one, subject in sent.items()]
        if None in found or len(found) < len(posts):
            await self._client.close()  # an answer that comes later would be for another message
        return found + [NotSent()] * (len(posts) - len(found))

    async def _hear(self, reply: Any) -> None:
        answer = self._waiting.get(reply.subject)
        if answer is not None and not answer.done():
            answer.set_result(_word(reply))

    def _said(self, answer: Answer, subject: str) -> Word | None:
        if answer.done():
            word: Word = answer.result()
            return word
        return Denied() if subject.lower() in self._heard.denied else None

    async def _answered(self, futures: Mapping[Answer, str]) -> None:
        """Wait until each that may have an answer has it, the connection ends, or nothing came for long."""
        left, ends_at = len(futures), time.monotonic() + self._server.timeout
        while waiting := [
            one for one, to in futures.items() if not one.done() and to.lower() not in self._heard.denied
        ]:
            if len(waiting) < left:
                left, ends_at = len(waiting), time.monotonic() + self._server.timeout
            if self._client.is_closed or self._heard.has_no_inbox or time.monotonic() > ends_at:
                return
            await asyncio.wait(waiting, timeout=LOOK_EVERY)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        assert self._loop is not None
        return self._loop.run_until_complete(work)


def _word(reply: Any) -> Word:
    if (reply.headers or {}).get("Status") == "503":
        return NoStream()
    said = json.loads(reply.data)
    if error := said.get("error"):
        return Refused(
            int(error.get("code", 0)), int(error.get("err_code", 0)), str(error.get("description", ""))
        )
    return Kept(str(said["stream"]), int(said["seq"]), bool(said.get("duplicate")))


class _Heard:
    """What a server says beside answers: what this user may not do, in small letters."""

    def __init__(self) -> None:
        self.is_connected = False
        self.denied: set[str] = set()  # subjects
        self.has_no_inbox = False

    async def error(self, error: Exception) -> None:
        """While connecting an error is the end of it: nats-py itself would try for long."""
        if not self.is_connected:
            raise error
        found = _DENIED.search(str(error))
        if found and found[1].lower() == "publish":
            self.denied.add(found[2].lower())
        elif found:
            self.has_no_inbox = True


class _GuardedLoop(asyncio.SelectorEventLoop):
    """Connects only to addresses that were checked; the name is for the certificate."""

    def __init__(self, guard: Guard) -> None:
        super().__init__()
        self._guard = guard

    async def create_connection(  # type: ignore[override]  # asyncio's has many forms
        self, protocol_factory: Any, host: str, port: int, **options: Any
    ) -> Any:
        failure: OSError = OSError("no address")
        for address in self._guard.resolve(host, port):
            try:
                return await super().create_connection(
                    protocol_factory, address.host, address.port, **options
                )
            except OSError as error:
                failure = error
        raise failure


@cache
def _client_class() -> Any:
    client: Any = libraries.load("nats.aio.client", "nats").Client

    class Client(client):  # type: ignore[misc]  # its class is known when it is installed
        """Says who it is only within TLS, where that is wanted; nats-py leaves it to the server."""

        needs_tls = True

        def _connect_command(self) -> bytes:
            if self.needs_tls and not self._server_info.get("tls_required"):
                raise ConfigurationError(NO_TLS)
            command: bytes = super()._connect_command()
            return command

    return Client


def _signing_in(server: Server) -> dict[str, str]:
    if not server.password:
        return {}
    if not server.user:
        return {"token": server.password}
    return {"user": server.user, "password": server.password}


def _not_connected(error: Exception, server: Server) -> ConnectorError:
    said = str(error).lower()
    if "authorization violation" in said or "authentication" in said:
        return ConfigurationError(message("NATS refused the user name, the password or the token"))
    if isinstance(error, ssl.SSLError):
        return Unreachable(TLS_FAILED)
    if isinstance(error, socket.gaierror):
        return Unreachable(NO_SUCH_HOST)
    return no_answer(server)
