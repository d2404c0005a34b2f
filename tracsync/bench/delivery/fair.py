"""Whether healthy destinations notice that others, which might as well be paused, drip, hang or time out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from django.utils import timezone

from destinations.models import Destination, Health, ProfileSync
from tracsync.bench.report import Section

from . import engine
from .delay import QUIET, delays_of, percentiles, save_steadily
from .receiving import Receiver, completed, wait_until
from .shared import Run
from .traffic import Traffic

PER_SECOND = 15  # saves; a push to each destination follows
SHARE = 2  # profiles in a burst: one for so many of the fast receiver's; each goes to all destinations
SICK_CALM_DOWN_WITHIN = 120.0  # seconds


@dataclass(frozen=True, slots=True)
class Case:
    """So many healthy ones beside so many sick ones, which answer in this manner."""

    name: str
    healthy: int
    sick: int
    manner: str
    settings: dict[str, Any] = field(default_factory=dict)


CASES = (
    Case("6 beside one that times out after 2 s", 6, 1, "never", {"timeout": 2.0}),
    Case("1 beside 4 that drip", 1, 4, "drip"),
    Case("1 beside 20 that drip", 1, 20, "drip"),
    Case("1 beside 20 that hang", 1, 20, "never"),
)


@dataclass(frozen=True, slots=True)
class Reached:
    """By the healthy ones together; `delay` is the 95th percentile, in seconds."""

    throughput: float
    delay: float


def measure(run: Run) -> Section:
    return Section(
        "healthy destinations beside sick ones, and beside the same ones paused",
        ("healthy ones", "rate: paused", "rate: sick", "sick / paused", "p95 ms: paused", "p95 ms: sick"),
        [_row(run, number, case) for number, case in enumerate(CASES)],
        f"a burst, and the delay at {PER_SECOND} saves per second; {run.workers} workers; {run.installation}",
    )


def _row(run: Run, number: int, case: Case) -> tuple[str | float, ...]:
    """With paused ones and with sick ones in turns, each from scratch: nothing is known of the sick."""
    healthy = [
        engine.destination(f"healthy-{number}-{n}", run.receiver.path(f"healthy-{number}-{n}"))
        for n in range(case.healthy)
    ]
    sick = [
        engine.destination(
            f"sick-{number}-{n}", run.receiver.path(f"sick-{number}-{n}", case.manner), settings=case.settings
        )
        for n in range(case.sick)
    ]
    found: dict[bool, list[Reached]] = {False: [], True: []}
    for repetition in range(run.repetitions):
        for is_sick in (False, True) if repetition % 2 else (True, False):
            engine.only([*healthy, *sick], QUIET)
            with _sick(run.receiver, sick) if is_sick else _paused(sick):
                found[is_sick].append(_reached(run, healthy, f"fair-{number}-{repetition}-{is_sick}"))
    paused, beside = (median(one.throughput for one in found[key]) for key in (False, True))
    delays = [1000 * median(one.delay for one in found[key]) for key in (False, True)]
    return case.name, paused, beside, beside / paused, *delays


def _reached(run: Run, healthy: Sequence[Destination], name: str) -> Reached:
    """A steady stream first, in which the sick ones begin to be waited for; then a burst."""
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
    quiet = engine.quiet_period(len(documents))  # else the first would be pushed while others are written
    Destination.objects.filter(enabled=True).update(quiet_period=quiet)
    due = engine.write(documents).timestamp() + quiet
    moments = completed(states, receiver.wait_for(states, paths))
    last = max(at for (path, _), at in moments.items() if path in paths)
    return len(states) * len(paths) / (last - due)


@contextmanager
def _paused(destinations: Sequence[Destination]) -> Iterator[None]:
    rows = Destination.objects.filter(pk__in=[one.pk for one in destinations])
    rows.update(paused_at=timezone.now())
    yield
    _forget(destinations)
    rows.update(paused_at=None)


@contextmanager
def _sick(receiver: Receiver, destinations: Sequence[Destination]) -> Iterator[None]:
    """Afterwards no worker waits for them any more."""
    yield
    _forget(destinations)
    in_flight = ProfileSync.objects.filter(destination__in=destinations, claim_token__isnull=False)

    def none_is_waited_for() -> bool:
        receiver.release()
        return not in_flight.exists()

    wait_until(none_is_waited_for, "the last requests of the sick destinations", SICK_CALM_DOWN_WITHIN)
    Health.objects.filter(destination__in=destinations).delete()


def _forget(destinations: Sequence[Destination]) -> None:
    """Nothing is waiting for them any more."""
    Destination.objects.filter(pk__in=[one.pk for one in destinations]).update(enabled=False)
    engine.wait_until_recorded()
    rows = ProfileSync.objects.filter(destination__in=destinations)
    rows.filter(claim_token__isnull=True).update(due_at=None)
