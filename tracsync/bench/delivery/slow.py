"""A receiver that takes its time: waiting, not work, is what has to be done side by side."""

from __future__ import annotations

from functools import partial

from tracsync.bench.report import Section

from . import bare, engine
from .passes import bare_pass, engine_pass, in_turns, rows
from .shared import Run
from .traffic import Traffic

DELAY = "20"  # ms
THREADS = 32
SHARE = 4  # one profile for so many of the fast receiver's
BARE, ENGINE = f"{THREADS} threads over one bare session", "engine, end to end"


def measure(run: Run) -> Section:
    count = max(1, run.profiles // SHARE)
    slow = engine.destination("slow", run.receiver.path("slow", DELAY), concurrency=THREADS)
    quiet = engine.quiet_period(count)
    engine.only([slow], quiet)
    post = partial(bare.post_in_threads, run.receiver.path("bare", DELAY), threads=THREADS)
    ways = {
        BARE: bare_pass(run.receiver, Traffic("slow-bare", count), post),
        ENGINE: engine_pass(run.receiver, Traffic("slow", count), quiet),
    }
    return Section(
        f"a receiver that answers after {DELAY} ms: deliveries per second",
        ("way", "median", "least", "most", "× bare"),  # noqa: RUF001
        list(rows(in_turns(ways, run.repetitions), (BARE,))),
        f"{count:,} profiles, {run.workers} workers, a concurrency of {THREADS}; {run.installation}",
    )
