"""How what the engine does again and again, and what people look at, fares when the tables are large.

Everything happens in a scratch database on the installation's own server, in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError, connection

from tracsync.bench.report import Report, Section
from tracsync.prove import scratch

HELP = "claims, settling, backfills, lists and a worker's memory with a million profiles"
DEFAULTS = {
    "postgresql": {"profiles": 1_000_000, "pushes": 100_000},
    "sqlite": {"profiles": 100_000, "pushes": 20_000},
}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--profiles",
        type=_positive,
        help="how many; three destinations know each of them (1,000,000, with SQLite 100,000)",
    )
    parser.add_argument("--owed", type=_positive, help="how many of them the first destination is owed (all)")
    parser.add_argument(
        "--few", type=_positive, help="how many the second one is owed (a hundredth of the profiles)"
    )
    parser.add_argument("--attempts", type=_positive, help="how many there are (as many as profiles)")
    parser.add_argument(
        "--pushes", type=_positive, help="how many one process makes (100,000, with SQLite 20,000)"
    )
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="how long live changes meet a backfill (20)"
    )
    parser.add_argument("--repetitions", type=_positive, default=21, help="how often each is measured (21)")


def run(options: dict[str, Any], progress: Callable[[str], None]) -> Report:
    if connection.vendor not in DEFAULTS:
        raise CommandError("bench scale knows SQLite and PostgreSQL.")
    chosen = _complete(options)
    try:
        with scratch.environment() as (_, environment):
            sections = _measure(chosen, environment, progress)
    except DatabaseError as error:
        raise CommandError(f"No scratch database: {str(error).splitlines()[0]}") from None
    except KeyboardInterrupt:
        raise CommandError("Interrupted; everything is cleaned up.", returncode=130) from None
    return Report("scale", sections)


def _complete(options: dict[str, Any]) -> dict[str, Any]:
    chosen = {**DEFAULTS[connection.vendor], **{k: v for k, v in options.items() if v is not None}}
    profiles = chosen["profiles"]
    for name, default in (("owed", profiles), ("few", max(1, profiles // 100)), ("attempts", profiles)):
        chosen.setdefault(name, default)
    for name in ("owed", "few"):
        if chosen[name] > profiles:
            raise CommandError(f"--{name} is more than --profiles")
    names = ("profiles", "owed", "few", "attempts", "pushes", "seconds", "repetitions")
    return {name: chosen[name] for name in names}


def _measure(
    chosen: dict[str, Any], environment: dict[str, str], progress: Callable[[str], None]
) -> list[Section]:
    """In a session of its own: Ctrl-C reaches this process, which ends the other in order."""
    command = [sys.executable, "-m", "tracsync.bench.scale_run", json.dumps(chosen)]
    with subprocess.Popen(  # noqa: S603
        command,
        cwd=settings.BASE_DIR,
        env=environment,
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            sections = _read(process, progress)
        finally:
            process.terminate()
    if sections is None:
        raise CommandError("The measurement ended early; what went wrong is above.")
    return sections


def _read(process: subprocess.Popen[str], progress: Callable[[str], None]) -> list[Section] | None:
    """Its lines are JSON: what it measures now, and at last everything it has measured."""
    assert process.stdout is not None
    for line in process.stdout:
        said = json.loads(line)
        if "sections" in said:
            return [
                Section(one["title"], tuple(one["columns"]), list(map(tuple, one["rows"])), one["note"])
                for one in said["sections"]
            ]
        progress(said["measuring"])
    return None


def _positive(text: str) -> int:
    value = int(text)
    if value <= 0:
        raise ArgumentTypeError("must be more than 0")
    return value


_positive.__name__ = "whole number"  # argparse names the type in its message
