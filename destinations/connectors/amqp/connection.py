"""pika's asynchronous connection, driven by its caller: the loop turns only while somebody waits.

pika's BlockingConnection would confirm one message at a time, and its waits have no end.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pika
from pika import exceptions as amqp
from pika.adapters.select_connection import IOLoop
from pika.adapters.utils.connection_workflow import AMQPConnectionWorkflowFailed, AMQPConnectorPhaseErrorBase

from tracsync.common.messages import message

WRITE_SIZE = 64 * 1024  # bytes; pika copies what a socket has not taken of a write


class TooSlowError(amqp.AMQPConnectionError):  # type: ignore[misc]
    """The broker lives but does not answer, as a quorum queue without its majority."""

    def __str__(self) -> str:
        return message("the broker did not answer in time")


class _Wire(pika.SelectConnection):  # type: ignore[misc]
    """What pika leaves to its adapters: writing, and ending at once."""

    _frames: list[bytes] | None = None
    _size = 0

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Write the frames of many messages together: by itself pika makes three system calls for each."""
        self._frames, self._size = [], 0
        try:
            yield
        finally:
            self._flush()
            self._frames = None

    def _adapter_emit_data(self, data: bytes) -> None:
        if self._frames is None:
            super()._adapter_emit_data(data)
            return
        self._frames.append(data)
        self._size += len(data)
        if self._size >= WRITE_SIZE:
            self._flush()

    def _flush(self) -> None:
        if self._frames:
            super()._adapter_emit_data(b"".join(self._frames))
            self._frames, self._size = [], 0

    def abort(self, error: Exception) -> None:
        """End at once; pika's own `close` waits for the broker's consent."""
        self._terminate_stream(error)


class Connection:
    """An open connection; raises AMQPError, AMQPConnectorException or OSError when there is none to be had.

    `lost` says why it has ended, `blocked` whether the broker asked publishers to pause.
    """

    def __init__(self, parameters: Any, timeout: float) -> None:
        self.timeout = timeout
        self.lost: Exception | None = None
        self.blocked = False
        self._pid = os.getpid()
        self._loop = IOLoop()
        self._loop.activate_poller()
        self._wire = _Wire(
            parameters,
            on_open_error_callback=self._on_lost,
            on_close_callback=self._on_lost,
            custom_ioloop=self._loop,
        )
        self._wire.add_on_connection_blocked_callback(lambda *_: self._on_blocked(True))
        self._wire.add_on_connection_unblocked_callback(lambda *_: self._on_blocked(False))
        self._until(lambda: self._wire.is_open)  # bounded by the parameters' own timeouts

    @property
    def is_inherited(self) -> bool:
        """Whether it is the parent's: sending anything on it, even a farewell, would mix two streams."""
        return self._pid != os.getpid()

    def channel(self) -> Any:
        """A new channel, opened."""
        channel = self._wire.channel()
        self.wait(lambda: channel.is_open)
        return channel

    def wait(self, done: Callable[[], object]) -> None:
        """Turn the loop until `done`; after the timeout the connection ends with TooSlowError.

        Heartbeats only find a broker that is gone altogether.
        """
        began = time.monotonic()
        with self.watch(lambda: began):
            self._until(done)

    @contextlib.contextmanager
    def watch(self, since: Callable[[], float | None]) -> Iterator[None]:
        """Meanwhile, end the connection with TooSlowError when something is waited for too long.

        `since`: when that began (monotonic time; it may move), None when nothing is waited for now.
        """
        timer = None

        def look() -> None:
            nonlocal timer
            began = since()
            left = self.timeout - (0 if began is None else time.monotonic() - began)
            if left > 0:
                timer = self._loop.call_later(left, look)
            elif self.lost is None:
                self._wire.abort(TooSlowError())

        look()
        try:
            yield
        finally:
            if timer is not None:
                self._loop.remove_timeout(timer)

    def together(self) -> contextlib.AbstractContextManager[None]:
        """What is sent meanwhile is written at once at the end."""
        return self._wire.together()

    def turn(self) -> None:
        """Wait for something to happen and handle it; raises pika's error once the connection is lost."""
        self._loop.poll()
        self._loop.process_timeouts()
        if self.lost is not None:
            self._loop.deactivate_poller()
            self._loop.close()
            raise self.lost

    def glance(self) -> None:
        """Handle what has come while nobody looked, without waiting."""
        self._loop.call_later(0, lambda: None)
        self.turn()

    def close(self) -> None:
        """Take leave of the broker; never raises."""
        if self.lost is None and not self.is_inherited:
            with contextlib.suppress(amqp.AMQPError, OSError):
                self._wire.close()
                self.wait(lambda: False)

    def _until(self, done: Callable[[], object]) -> None:
        while not done():
            self.turn()

    def _on_lost(self, _wire: Any, error: Exception) -> None:
        self.lost = _cause(error)

    def _on_blocked(self, blocked: bool) -> None:
        self.blocked = blocked


def _cause(error: Exception) -> Exception:
    """What went wrong last in connecting, without pika's wrapping."""
    if isinstance(error, AMQPConnectionWorkflowFailed):
        error = error.exceptions[-1]
    return error.exception if isinstance(error, AMQPConnectorPhaseErrorBase) else error
