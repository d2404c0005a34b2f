"""NATS: nats-py's JetStream context, which waits for each acknowledgement, many at once."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from destinations.connectors import libraries
from destinations.connectors.base import Delivery
from destinations.connectors.nats.connector import Nats
from tracsync.bench.inside import CannotMeasureError

from .subject import LOOPBACK, Bodies, Subject, check, server


async def _raised(error: Exception) -> None:
    """nats-py would try again for two minutes."""
    raise error


@contextmanager
def measured(url: str) -> Iterator[Subject]:
    library = libraries.load("nats", "nats")
    given, name = server(url, 4222), f"tracsync_bench_{uuid.uuid4().hex[:12]}"
    loop = asyncio.new_event_loop()
    try:
        client = loop.run_until_complete(library.connect(url, allow_reconnect=False, error_cb=_raised))
    except (library.errors.Error, OSError, TimeoutError) as error:
        loop.close()
        raise CannotMeasureError(f"NATS cannot be reached: {type(error).__name__}") from None
    stream, told = client.jetstream(), client.connected_server_version
    bodies = Bodies()

    async def publish(deliveries: Sequence[Delivery]) -> None:
        found = await asyncio.gather(*[stream.publish(f"{name}.a", body) for body in bodies.make(deliveries)])
        check(all(one.stream == name for one in found), "NATS")

    try:
        # Repeats are measured, and a repeat must not be dropped: the stream forgets keys at once.
        loop.run_until_complete(stream.add_stream(name=name, subjects=[f"{name}.*"], duplicate_window=0.1))
        with Nats().open(given, {"stream": name, "subject": f"{name}.{{id}}"}, LOOPBACK) as session:
            yield Subject(
                "NATS JetStream: messages acknowledged by the stream",
                session,
                Nats.batch_size,
                "bare nats-py, publish in gather",
                lambda deliveries: loop.run_until_complete(publish(deliveries)),
                f"nats-server {told.major}.{told.minor}.{told.patch}",
            )
    finally:
        loop.run_until_complete(stream.delete_stream(name))
        loop.run_until_complete(client.close())
        loop.close()
