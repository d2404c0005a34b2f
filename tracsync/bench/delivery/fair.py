"""Whether six destinations notice that a seventh, which was as healthy as they are, times out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from destinations.models import Destination, ProfileSync
from tracsync.bench.report import Section

from . import engine
from .delay import QUIET, delays_of, percentiles, save_steadily
from .receiving import Receiver, completed, wait_until
from .shared import Run
from .traffic import Traffic

HEALTHY = 6
TIMEOUT = 2.0  # seconds; the sick one is waited for so long
PER_SECOND = 15  # saves; a push to each destination follows
SHARE = 10  # profiles in a burst: one for so many of the fast receiver's; each goes to all destinations
SICK_CALMS_DOWN_WITHIN = 120.0  # seconds


@dataclass(frozen=True, slots=True)
class Reached:
    """By the healthy ones together; `delay` is the 95th percentile, in seconds."""

    throughput: float
    delay: float


def measure(run: Run) -> Section:
    """Seven healthy ones and six beside a sick one in turns, each from scratch: failures are forgotten."""
    names = [f"healthy-{number}" for number in range(HEALTHY)]
    healthy = [engine.destination(name, run.receiver.path(name)) for name in names]
    seventh = engine.destination("seventh", run.receiver.path("seventh"))
    sick = engine.destination("sick", run.receiver.path("sick", "never"), settings={"timeout": TIMEOUT})
    found: dict[bool, list[Reached]] = {False: [], True: []}
    for repetition in range(run.repetitions):
        for with_sick in (False, True) if repetition % 2 else (True, False):
            engine.only([*healthy, sick if with_sick else seventh], QUIET)
            found[with_sick].append(_reached(run, healthy, f"fair-{repetition}-{with_sick}"))
            _calm(sick)
    throughput = [median(one.throughput for one in found[key]) for key in (False, True)]
    delay = [1000 * median(one.delay for one in found[key]) for key in (False, True)]
    return Section(
        f"{HEALTHY} healthy destinations beside a seventh that is healthy, too, and one that times out",
        ("of the six", "healthy", "times out", "times out / healthy"),
        [
            ("deliveries per second, a burst", *throughput, throughput[1] / throughput[0]),
            (f"p95 delay in ms, {PER_SECOND} saves per second", *delay, delay[1] / delay[0]),
        ],
        f"timeout {TIMEOUT:g} s; {run.workers} workers; {run.installation}",
    )


def _reached(run: Run, healthy: Sequence[Destination], name: str) -> Reached:
    """A steady stream first, in which the sick one meets its timeouts; then a burst."""
    paths = [f"/0/{destination.name}" for destination in healthy]
    stream = Traffic(f"{name}-stream", max(2, round(PER_SECOND * run.seconds)))
    run.receiver.forget()
    due, _ = save_steadily(stream, PER_SECOND)
    states = dict.fromkeys(due, 1)
    arrivals = [one for one in run.receiver.wait_for(states, paths) if one.path in paths]
    delay = percentiles(delays_of(due, states, arrivals))[1]
    burst = Traffic(f"{name}-burst", max(1, run.profiles // SHARE))
    return Reached(_burst(run.receiver, burst, paths), delay)


def _burst(receiver: Receiver, traffic: Traffic, paths: Sequence[str]) -> float:
    receiver.forget()
    states, documents = traffic.next_round()
    due = engine.write(documents).timestamp() + QUIET
    moments = completed(states, receiver.wait_for(states, paths))
    last = max(at for (path, _), at in moments.items() if path in paths)
    return len(states) * len(paths) / (last - due)


def _calm(sick: Destination) -> None:
    """Until no worker waits for the sick one any more."""
    Destination.objects.filter(pk=sick.pk).update(enabled=False)
    engine.wait_until_recorded()
    in_flight = ProfileSync.objects.filter(destination=sick, claim_token__isnull=False)
    wait_until(lambda: not in_flight.exists(), "the sick destination's last request", SICK_CALMS_DOWN_WITHIN)
