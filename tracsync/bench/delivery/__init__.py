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
SECTIONS = {  # module and function
    "throughput": ("throughput", "measure"),
    "slow": ("slow", "measure"),
    "rabbitmq": ("rabbit", "measure"),
    "lag": ("delay", "measure"),
    "many": ("delay", "measure_many"),
    "fair": ("fair", "measure"),
}
TRICKLE = "trickle"  # has workers of its own
NAMES = (*SECTIONS, TRICKLE)
OPTIONS = ("only", "profiles", "workers", "repetitions", "seconds", "rabbitmq", "redis")
LOG_LINES = 20  # of the workers, shown when something is wrong


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--only", type=_sections, metavar="SECTION,...", help=f"of {', '.join(NAMES)} (all that can be)"
    )
    parser.add_argument("--profiles", type=positive, default=4_000, help="how many change at once (4000)")
    parser.add_argument("--workers", type=positive, default=2, help="how many workers run (2)")
    parser.add_argument("--repetitions", type=positive, default=3, help="how often each is measured (3)")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long profiles change steadily (10)")
    parser.add_argument("--rabbitmq", default="", metavar="URI", help="a broker to measure with: amqp://...")
    parser.add_argument(
        "--redis", default="", metavar="URL", help="for the Celery beside trickle (REDIS_URL): redis://..."
    )


def run(options: dict[str, Any], progress: Callable[[str], None]) -> Report:
    """In a scratch installation. Raises CannotMeasureError."""
    from django.conf import settings

    from . import rabbit

    uri = options["rabbitmq"]
    options["redis"] = options["redis"] or settings.REDIS_URL
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

    from . import engine, trickle
    from .receiving import receiver
    from .shared import Run

    report = Report("delivery")
    shared = {name: options[name] for name in OPTIONS[1:]}
    names = options["only"] or [one for one in NAMES if one != "rabbitmq" or options["rabbitmq"]]
    with log_path.open("wb") as log, receiver() as other_side:
        everything = Run(receiver=other_side, installation=installation(), **shared)
        if sections := [name for name in names if name in SECTIONS]:
            with Workers(shared["workers"], log, ["tracsync.bench.naive_worker"]) as running:
                progress("nothing yet: the workers start")
                engine.warm_up(other_side)
                for name in sections:
                    progress(name)
                    module, function = SECTIONS[name]
                    measured = getattr(import_module(f".{module}", __name__), function)(everything)
                    report.sections.append(measured)
                running.stop()
        if TRICKLE in names:
            progress(TRICKLE)
            report.sections += trickle.measure(everything, log)
    return report


def _sections(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in NAMES:
            raise argparse.ArgumentTypeError(f"{name} is no section: there are {', '.join(NAMES)}")
    return names
