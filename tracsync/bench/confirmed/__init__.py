"""Connectors alone, until the other side has confirmed, beside the bare client libraries in the same run.

A module for each has `measured(url)`, a context manager around a Subject: an open session of the connector,
and what the client library does with the same bodies, made beforehand.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from time import perf_counter
from typing import Any, Final

from destinations.connectors.base import Accepted, ConnectorError, Delivery
from tracsync.bench.inside import CannotMeasureError
from tracsync.bench.report import Section
from tracsync.bench.timing import rates

from .subject import Subject

PEERS: Final = {  # modules, and where the other side is
    "kafka": "mock (librdkafka's own cluster, in this process), or HOST:PORT of one where topics can be made",
    "nats": "nats://...",
    "mqtt": "mqtt://...",
    "postgresql": "postgres://...",
    "mysql": "mysql://...",
}


def add_arguments(parser: ArgumentParser) -> None:
    for name, url in PEERS.items():
        parser.add_argument(f"--{name}", default="", metavar="URL", help=f"measure this, too: {url}")


def measure(
    options: dict[str, Any], deliveries: Sequence[Delivery], progress: Callable[[str], None]
) -> list[Section]:
    """A section for each that has an address in the options. Raises CannotMeasureError."""
    sections = []
    for name in PEERS:
        if options[name]:
            progress(name)
            sections.append(_section(name, options, deliveries))
    return sections


def _section(module: str, options: dict[str, Any], deliveries: Sequence[Delivery]) -> Section:
    try:
        with import_module(f"{__name__}.{module}").measured(options[module]) as subject:
            calls = [deliveries[at : at + subject.batch] for at in range(0, len(deliveries), subject.batch)]
            ways = {subject.bare_name: subject.bare, "the connector": partial(_push, subject)}
            found = rates(ways, calls, options["repetitions"], options["budget"], perf_counter)
    except ConnectorError as error:
        raise CannotMeasureError(f"--{module}: {error}") from None
    section = Section(subject.title, ("way", "per second", "× bare"))  # noqa: RUF001
    each = len(deliveries) / len(calls)
    for name, rate in found.items():
        section.rows.append((name, rate * each, rate / found[subject.bare_name]))
    section.note = f"up to {subject.batch} at once, one after the other, one connection; {subject.note}"
    return section


def _push(subject: Subject, deliveries: Sequence[Delivery]) -> None:
    outcomes = subject.session.push(deliveries)
    if not all(isinstance(one, Accepted) for one in outcomes):
        raise CannotMeasureError(f"{subject.title}: the connector does not deliver everything")
