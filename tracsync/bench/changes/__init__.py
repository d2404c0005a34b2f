"""What the marks of a change cost: saves, bulk writes and settling, against a model that has none."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from tracsync.bench.arguments import positive
from tracsync.bench.inside import in_scratch
from tracsync.bench.report import Report

HELP = "saves, bulk writes and settling, against a plain model with the same document"
OPTIONS = ("profiles", "saves", "repetitions")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--profiles", type=positive, default=100_000, help="how many are written in bulk and settled (100000)"
    )
    parser.add_argument("--saves", type=positive, default=20, help="how many are saved one by one (20)")
    parser.add_argument(
        "--repetitions", type=positive, default=101, help="how often each is saved one by one (101)"
    )


def run(options: dict[str, Any], progress: Callable[[str], None]) -> Report:
    """In a scratch installation. Raises CannotMeasureError."""
    return in_scratch("changes", {name: options[name] for name in OPTIONS})


def measure(options: dict[str, Any], progress: Callable[[str], None]) -> Report:
    """Here, which must be a scratch installation."""
    from tracsync.bench import plain
    from tracsync.prove.scratch import installation

    from . import bulk, saves

    report = Report("changes")
    with plain.table():
        progress("saves")
        report.sections.append(saves.measure(options["saves"], options["repetitions"]))
        progress("bulk writes and settling")
        report.sections += bulk.measure(options["profiles"])
    for section in report.sections:
        section.note = "; ".join(filter(None, (section.note, installation())))
    return report
