"""RabbitMQ: messages that the broker has confirmed, by the engine, by its connector alone, and by pika alone
with confirms in batches.
"""

from __future__ import annotations

import json
import ssl
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import pika
from django.db.models import Max
from pika import exceptions as amqp

from destinations.connectors import registry
from destinations.connectors.amqp.link import parse_uri
from destinations.connectors.base import Accepted, ConfigurationError, Delivery
from destinations.models import Destination, ProfileSync
from destinations.sync.sessions import runtime
from tracsync.bench.inside import CannotMeasureError
from tracsync.bench.report import Section

from . import engine
from .confirms import publish
from .passes import Pass, in_turns, rows
from .receiving import States
from .shared import Run
from .together import shares, together
from .traffic import Traffic, bodies, payloads

BARE, ENGINE = "bare pika, confirms in batches", "engine, until recorded"
CONNECTOR = "the connector alone"
SILENCE = 3.0  # seconds without a message: the queue is empty


def reachable_host(uri: str) -> str:
    """Raises CannotMeasureError where no broker is to be had at this address."""
    _connect(uri).close()
    return str(_broker(uri).host)


def measure(run: Run) -> Section:
    with _own_queue(run.rabbitmq) as (channel, name):
        one = engine.queue(name, run.rabbitmq)
        quiet = engine.quiet_period(run.profiles)
        engine.only([one], quiet)
        ways = {
            BARE: _bare_pass(run, channel, name, Traffic("queue-bare", run.profiles)),
            CONNECTOR: _connector_pass(run, one, channel, Traffic("queue-connector", run.profiles)),
            ENGINE: _engine_pass(one, channel, Traffic("queue", run.profiles), quiet),
        }
        found = in_turns(ways, run.repetitions)
    return Section(
        "RabbitMQ: confirmed messages per second",
        ("way", "median", "least", "most", "× bare"),  # noqa: RUF001
        list(rows(found, (BARE,))),
        f"{run.profiles:,} profiles, {run.workers} workers, {run.workers} bare processes; {run.installation}",
    )


def _broker(uri: str) -> Any:
    try:
        return parse_uri(uri, 10.0)
    except ConfigurationError as error:
        raise CannotMeasureError(f"--rabbitmq: {error}") from None


def _parameters(uri: str) -> pika.ConnectionParameters:
    broker = _broker(uri)
    return pika.ConnectionParameters(
        broker.host,
        broker.port,
        broker.vhost,
        pika.PlainCredentials(broker.username, broker.password),
        heartbeat=0,  # nobody looks at the connection while the engine is measured
        ssl_options=pika.SSLOptions(ssl.create_default_context(), broker.host) if broker.tls else None,
    )


def _connect(uri: str) -> Any:
    try:
        return pika.BlockingConnection(_parameters(uri))
    except (amqp.AMQPError, OSError) as error:
        raise CannotMeasureError(
            f"RabbitMQ cannot be reached at {_broker(uri)}: {type(error).__name__}"
        ) from None


@contextmanager
def _own_queue(uri: str) -> Iterator[tuple[Any, str]]:
    """An exchange and a queue of the same new name, gone afterwards, and a channel to look with."""
    name = f"tracsync_bench_{uuid.uuid4().hex}"
    connection = _connect(uri)
    try:
        channel = connection.channel()
        channel.exchange_declare(name, "direct", durable=True)
        channel.queue_declare(name, durable=True)
        channel.queue_bind(name, name, name)
        yield channel, name
    finally:
        channel.queue_delete(name)
        channel.exchange_delete(name)
        connection.close()


def _engine_pass(destination: Destination, channel: Any, traffic: Traffic, quiet_period: float) -> Pass:
    """From the moment the first is due until the last is recorded as confirmed."""

    def run() -> float:
        states, documents = traffic.next_round()
        due = engine.write(documents).timestamp() + quiet_period
        engine.wait_until_recorded()
        rows = ProfileSync.objects.filter(destination=destination)
        ended = rows.aggregate(ended=Max("synced_at"))["ended"]
        _check(states, channel, destination.name)
        return len(states) / (ended.timestamp() - due)

    return run


def _bare_pass(run: Run, channel: Any, name: str, traffic: Traffic) -> Pass:
    states, documents = traffic.next_round()
    ready = shares(bodies(list({document["id"]: document for document in documents}.values())), run.workers)
    work = partial(publish, _parameters(run.rabbitmq), name)

    def once() -> float:
        span = together(work, ready)
        _check(states, channel, name)
        return len(states) / (span.ended - span.began)

    return once


def _connector_pass(run: Run, destination: Destination, channel: Any, traffic: Traffic) -> Pass:
    """What the engine asks its connector for, in as many processes as there are workers."""
    states, documents = traffic.next_round()
    last = {document["id"]: document for document in documents}
    ready = [Delivery(payload, f"{n}:1") for n, payload in enumerate(payloads(list(last.values())))]
    work = partial(_push, destination)

    def once() -> float:
        span = together(work, shares(ready, run.workers))
        _check(states, channel, destination.name)
        return len(states) / (span.ended - span.began)

    return once


def _push(destination: Destination, deliveries: Sequence[Delivery], begin: Callable[[], object]) -> None:
    """Raises RuntimeError where the broker does not confirm all."""
    connector = registry.get("rabbitmq")
    with connector.open(destination.credentials, destination.settings, runtime(destination)) as session:
        session.check()
        begin()
        for start in range(0, len(deliveries), connector.batch_size):
            outcomes = session.push(deliveries[start : start + connector.batch_size])
            if not all(isinstance(outcome, Accepted) for outcome in outcomes):
                raise RuntimeError("the broker did not confirm every message")


def _check(states: States, channel: Any, name: str) -> None:
    """Empty the queue. Raises CannotMeasureError where not every profile's last state was in it."""
    found: dict[str, int] = {}
    for method, _, body in channel.consume(name, auto_ack=True, inactivity_timeout=SILENCE):
        if method is None:
            break
        payload = json.loads(body)
        found[payload["id"]] = payload["n"]
        if len(found) == len(states) and found == states:
            break
    channel.cancel()
    if missing := sum(found.get(id) != n for id, n in states.items()):
        raise CannotMeasureError(f"the last state of {missing} of {len(states)} profiles is not in the queue")
