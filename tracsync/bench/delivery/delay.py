"""How punctual: the time between due and arrived, net of the quiet period.

Of changes that come steadily, and of one that many destinations get.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from statistics import median, quantiles

from profiles.models import Profile
from tracsync.bench.report import Section

from . import bare, engine
from .receiving import Arrival, States, completed
from .shared import Run
from .traffic import Traffic, bodies

PER_SECOND = 100  # saves, one by one
WARM_UP = 3.0  # seconds of such saves before: each process of a worker does what it does but once
QUIET = 1.0  # seconds
MANY = 200  # destinations of one profile
BARE, ENGINE = "as many bare requests, one process", "engine"


def measure(run: Run) -> Section:
    engine.only([engine.destination("punctual", run.receiver.path("punctual"))], QUIET)
    unmeasured = Traffic("punctual-warm-up", max(2, round(PER_SECOND * min(WARM_UP, run.seconds))))
    warm_up, _ = save_steadily(unmeasured, PER_SECOND)
    run.receiver.wait_for(dict.fromkeys(warm_up, 1))
    traffic = Traffic("punctual", max(2, round(PER_SECOND * run.seconds)))
    run.receiver.forget()
    due, pace = save_steadily(traffic, PER_SECOND)
    states = dict.fromkeys(due, 1)
    delays = delays_of(due, states, run.receiver.wait_for(states))
    engine.wait_until_recorded()
    p50, p95, p99 = percentiles(delays)
    return Section(
        "delay between due and arrived, in milliseconds",
        ("saves per second", "p50", "p95", "p99", "most"),
        [(f"{pace:.0f}", p50 * 1000, p95 * 1000, p99 * 1000, max(delays) * 1000)],
        f"{len(delays):,} saves one by one, {run.workers} workers; {run.installation}",
    )


def measure_many(run: Run) -> Section:
    """Seconds from the moment that one profile is due until the last of many destinations has it."""
    paths = [f"/0/many-{number}" for number in range(MANY)]
    many = [engine.destination(path[3:], run.receiver.path(path[3:])) for path in paths]
    engine.only(many, QUIET)
    ready = bodies(Traffic("many", MANY).next_round()[1][:MANY])
    found: dict[str, list[float]] = {BARE: [], ENGINE: []}
    for repetition in range(run.repetitions):
        run.receiver.forget()
        began = bare.post(run.receiver.path("bare"), ready, 1)
        found[BARE].append(max(arrival.at for arrival in run.receiver.arrivals()) - began)
        run.receiver.forget()
        due, _ = save_steadily(Traffic(f"many-{repetition}", 1), PER_SECOND)
        arrivals = run.receiver.wait_for(dict.fromkeys(due, 1), paths)
        found[ENGINE].append(max(arrival.at for arrival in arrivals) - max(due.values()))
        engine.wait_until_recorded()
    return Section(
        f"one profile that goes to {MANY} destinations: seconds until the last has it",
        ("way", "median", "least", "most"),
        [(way, median(seconds), min(seconds), max(seconds)) for way, seconds in found.items()],
        f"{run.workers} workers; {run.installation}",
    )


def save_steadily(traffic: Traffic, per_second: float) -> tuple[dict[str, float], float]:
    """Save each profile once, at this pace: the end of each one's quiet period, and the pace reached."""
    _, documents = traffic.next_round()
    documents, began = documents[: len(traffic.ids)], time.time()
    due = {}
    for number, document in enumerate(documents):
        time.sleep(max(0.0, began + number / per_second - time.time()))
        profile = Profile(document=document)
        profile.save()
        due[profile.pk] = profile.changed_at.timestamp() + QUIET
    return due, len(documents) / (time.time() - began)


def delays_of(due: dict[str, float], states: States, arrivals: Iterable[Arrival]) -> list[float]:
    """Seconds, of every pair of profile and path."""
    return [at - due[id] for (_, id), at in completed(states, list(arrivals)).items()]


def percentiles(delays: Sequence[float]) -> tuple[float, float, float]:
    """p50, p95 and p99."""
    cuts = quantiles(delays, n=100, method="inclusive")
    return cuts[49], cuts[94], cuts[98]
