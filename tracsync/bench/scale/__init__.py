"""How what the engine does again and again, and what people look at, fares when the tables are large.

Everything happens in a scratch database on the installation's own server, in a process of its own.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

from django.conf import settings
from django.db import connection

from tracsync.bench.arguments import positive
from tracsync.bench.inside import CannotMeasureError, in_scratch
from tracsync.bench.report import Report, Section

HELP = "claims, settling, backfills, lists and a worker's memory with a million profiles"
DEFAULTS = {
    "postgresql": {"profiles": 1_000_000, "pushes": 100_000},
    "sqlite": {"profiles": 100_000, "pushes": 20_000},
}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--profiles",
        type=positive,
        help="how many; three destinations know each of them (1,000,000, with SQLite 100,000)",
    )
    parser.add_argument("--owed", type=positive, help="how many of them wait for the first destination (all)")
    parser.add_argument(
        "--few", type=positive, help="how many wait for the second one (a hundredth of the profiles)"
    )
    parser.add_argument("--attempts", type=positive, help="how many there are (as many as profiles)")
    parser.add_argument(
        "--pushes", type=positive, help="how many one process makes (100,000, with SQLite 20,000)"
    )
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="how long live changes meet a backfill (20)"
    )
    parser.add_argument("--repetitions", type=positive, default=21, help="how often each is measured (21)")


def run(options: dict[str, Any], progress: Callable[[str], None]) -> Report:
    """In a scratch installation. Raises CannotMeasureError."""
    return in_scratch("scale", _complete(options))


def measure(options: dict[str, Any], progress: Callable[[str], None]) -> Report:
    """Here, which must be a scratch installation; in an order in which nothing is in another's way."""
    from . import engine, fill, pages, push, sink
    from .sizes import sizes

    sink.install()
    profiles, repetitions = options["profiles"], options["repetitions"]
    progress(f"nothing yet: writing {profiles:,} profiles and {3 * profiles:,} profile syncs")
    started = perf_counter()
    filled = fill.Sizes(profiles, options["owed"], options["few"], options["attempts"])
    crm, shop, mail = destinations = fill.fill(filled)
    tables = sizes(f"written in {perf_counter() - started:,.0f} s")

    progress("pages")
    lists = pages.pages(destinations, profiles)
    progress("claims")
    batch = int(settings.TRACSYNC_BATCH_SIZE)
    note = f"{options['few']:,} and {options['owed']:,} waiting, {3 * profiles:,} rows; a batch of {batch}"
    claims = Section("claiming a batch", engine.CLAIM_COLUMNS, note=note)
    claims.rows.append(engine.claims("as filled", shop, crm, repetitions))
    memory = push.memory(crm, min(options["pushes"], options["owed"] // 2 or 1), progress)
    pushed = f"after {memory.rows[-1][0]:,} pushes, not vacuumed by us"
    claims.rows.append(engine.claims(pushed, shop, crm, repetitions))
    progress("backfills and settling")
    batches = max(1, repetitions // 4)
    asking = engine.requesting(mail)
    advancing = engine.backfilling(mail, profiles, batches)
    settling = engine.settling(profiles, batches)
    progress("live changes during a backfill")
    delay = push.delay(mail, profiles, options["seconds"], each=0.05)
    measured = [claims, settling, asking, advancing, delay, memory, *lists, tables]
    return Report("scale", [_aims(claims, memory, lists[0]), *measured])


def _aims(claims: Section, memory: Section, admin: Section) -> Section:
    ratio, pages = max(_numbers(claims, 3)), _numbers(admin, 2)
    slowest, usual = max(pages), median(pages)
    sizes = _numbers(memory, 1)
    grown = sizes[-1] - sizes[0]
    section = Section("aims", ("what", "aim", "measured", "met"))
    for what, aim, value, met in (
        ("claiming out of many, times out of few", "2 at most", ratio, ratio <= 2),
        ("the slowest page of the admin, seconds", "less than 1", slowest, slowest < 1),
        ("the median page of the admin, seconds", "less than 0.15", usual, usual < 0.15),
        ("memory that the pushes added, MB", "less than 10", grown, grown < 10),
    ):
        section.rows.append((what, aim, value, "yes" if met else "no"))
    return section


def _numbers(section: Section, column: int) -> list[float]:
    return [float(row[column] or 0) for row in section.rows]


def _complete(options: dict[str, Any]) -> dict[str, Any]:
    chosen = {**DEFAULTS.get(connection.vendor, {}), **{k: v for k, v in options.items() if v is not None}}
    profiles = chosen["profiles"]
    for name, default in (("owed", profiles), ("few", max(1, profiles // 100)), ("attempts", profiles)):
        chosen.setdefault(name, default)
    for name in ("owed", "few"):
        if chosen[name] > profiles:
            raise CannotMeasureError(f"--{name} is more than --profiles")
    names = ("profiles", "owed", "few", "attempts", "pushes", "seconds", "repetitions")
    return {name: chosen[name] for name in names}
