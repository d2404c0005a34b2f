"""A receiver that answers at once: the engine beside what requests alone can do, and a task per save."""

from __future__ import annotations

from functools import partial

from tracsync.bench import plain
from tracsync.bench.report import Section

from . import bare, engine
from .naive import naive_pass
from .passes import able, bare_pass, engine_pass, in_turns, rows
from .shared import Run
from .traffic import Traffic

BARE, ENGINE, NAIVE = "bare requests.Session", "engine, end to end", "a task per save"
NAIVE_SHARE = 10  # the naive peer gets one profile for so many of the others', or it would take minutes


def measure(run: Run) -> Section:
    quiet = engine.quiet_period(run.profiles)
    engine.only([engine.destination("fast", run.receiver.path("fast"))], quiet)
    post = partial(bare.post, run.receiver.path("bare"), processes=run.workers)
    naive_count = max(1, run.profiles // NAIVE_SHARE)
    with plain.table():
        ways = {
            BARE: bare_pass(run.receiver, Traffic("bare", run.profiles), post),
            ENGINE: engine_pass(run.receiver, Traffic("fast", run.profiles), quiet),
            NAIVE: naive_pass(run.receiver, naive_count),
        }
        found = in_turns(ways, run.repetitions)
        most = able(run.receiver, ways[BARE], run.profiles)
    return Section(
        "a receiver that answers at once: deliveries per second",
        ("way", "median", "least", "most", "× bare", "× naive"),  # noqa: RUF001
        list(rows(found, (BARE, NAIVE))),
        f"{run.profiles:,} profiles ({naive_count:,} one by one), {run.workers} workers, {run.workers} bare"
        f" processes; the receiver takes {most:,.0f}/s of a processor; {run.installation}",
    )
