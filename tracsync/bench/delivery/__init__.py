"""The engine end to end against bare loops and a task per save: how fast, how punctual, how fair."""

from __future__ import annotations

import argparse
from argparse import ArgumentParser
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from tracsync.bench.arguments import positive
from tracsync.bench.inside import CannotMeasureError, in_scratch
from tracsync.bench.report import Report

HELP = "pushes per second, delay and fairness of the engine, against bare requests and a task per save"
SECTIONS = {"throughput": "throughput", "slow": "slow", "rabbitmq": "rabbit", "lag": "delay", "fair": "fair"}
OPTIONS = ("only", "profiles", "workers", "repetitions", "seconds", "rabbitmq")
LOG_LINES = 20  # of the workers, shown when something is wrong


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--only", type=_sections, metavar="SECTION,...", help=f"of {', '.join(SECTIONS)} (all that can be)"
    )
    parser.add_argument("--profiles", type=positive, default=4_000, help="how many change at once (4000)")
    parser.add_argument("--workers", type=positive, default=2, help="how many workers run (2)")
    parser.add_argument("--repetitions", type=positive, default=3, help="how often each is measured (3)")
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="how long profiles change steadily for lag and fair (10)"
    )
    parser.add_argument("--rabbitmq", default="", metavar="URI", help="a broker to measure with: amqp://...")


def run(options: dict[str, Any], progress: Callable[[str], None]) -> Report:
    """In a scratch installation. Raises CannotMeasureError."""
    from . import rabbit

    uri = options["rabbitmq"]
    if "rabbitmq" in (options["only"] or ()) and not uri:
        raise CannotMeasureError("the section rabbitmq needs --rabbitmq with the address of a broker")
    reachable = [rabbit.reachable_host(uri)] if uri else []
    return in_scratch("delivery", {name: options[name] for name in OPTIONS}, reachable)


def measure(options: dict[str, Any], progress: Callable[[str], None]) -> Report:
    """Here, which must be a scratch installation. Raises CannotMeasureError."""
    import sys

    from django.conf import settings

    log_path = Path(settings.DATA_DIR) / "workers.log"
    try:
        return _measure(options, progress, log_path)
    except CannotMeasureError:
        sys.stderr.writelines(log_path.read_text(errors="replace").splitlines(True)[-LOG_LINES:])
        raise


def _measure(options: dict[str, Any], progress: Callable[[str], None], log_path: Path) -> Report:
    from tracsync.prove.scratch import installation
    from tracsync.prove.worker_processes import Workers

    from . import engine
    from .receiving import receiver
    from .shared import Run

    report = Report("delivery")
    shared = {name: options[name] for name in OPTIONS[1:]}
    workers = shared["workers"]
    with (
        log_path.open("wb") as log,
        receiver() as other_side,
        Workers(workers, log, ["tracsync.bench.naive_worker"]) as running,
    ):
        everything = Run(receiver=other_side, installation=installation(), **shared)
        progress("nothing yet: the workers start")
        engine.warm_up(other_side)
        for name in options["only"] or [one for one in SECTIONS if one != "rabbitmq" or options["rabbitmq"]]:
            progress(name)
            report.sections.append(import_module(f".{SECTIONS[name]}", __name__).measure(everything))
        running.stop()
    return report


def _sections(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in SECTIONS:
            raise argparse.ArgumentTypeError(f"{name} is no section: there are {', '.join(SECTIONS)}")
    return names
