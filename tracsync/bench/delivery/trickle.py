"""Everyday traffic, changes evenly spread: what a push costs the worker, and how late it is.

Beside a bare `requests.Session`, and a Celery task per save that decides and records nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import IO, Any

import requests

from tracsync.bench.inside import CannotMeasureError
from tracsync.bench.report import Section
from tracsync.prove.worker_processes import Workers

from . import bare, engine
from .delay import QUIET, delays_of, percentiles, save_steadily
from .receiving import completed, wait_until
from .shared import Run
from .traffic import Traffic, bodies, payloads

PUSHES_PER_SECOND = (20, 60, 200)
MANY = 40  # destinations that all get each change; then there are as many fewer changes
MOST_PER_SECOND = 800  # that a Celery on two cores cannot do: the engine alone
BARE_PER_SECOND = 100
CELERY = ("celery", "--app", "tracsync.bench.celery_worker", "worker", "--loglevel", "WARNING")


@dataclass(frozen=True, slots=True)
class Reached:
    """`pushes` per second; what each took of a processor, in seconds; its delay: p50, p95 and p99."""

    pushes: float
    cost: float
    delay: tuple[float, float, float]


LEAST = 1e-6  # seconds; the processor's time is counted in hundredths


def measure(run: Run, log: IO[bytes]) -> list[Section]:
    """With one worker, and a Celery with as many processes, which run one after the other."""
    cases = [(pace, count) for pace in PUSHES_PER_SECOND for count in (1, MANY)]
    bare_cost = _bare_cost(run)
    with Workers(1, log) as workers:
        destinations = [
            engine.destination(f"trickle-{n}", run.receiver.path(f"trickle-{n}")) for n in range(MANY)
        ]
        engine.warm_up(run.receiver)
        reached = {
            case: _engine(run, workers, destinations[: case[1]], case[0])
            for case in [*cases, (MOST_PER_SECOND, 1)]
        }
        idle = _idle(workers, run.seconds)
        workers.stop()
    celery = _celery_cases(run, log, cases) if run.redis else {}
    note = (
        f"{run.seconds:.0f} s each, a quiet period of {QUIET:.0f} s; one worker of {_processes()} processes;"
        f" bare: {bare_cost * 1000:.2f} ms; {run.installation}"
    )
    return [
        Section(
            "everyday traffic: processor time of the whole worker for each push, in ms",
            ("pushes/s × destinations", "reached/s", "engine", "× bare", "Celery", "engine / Celery"),  # noqa: RUF001
            [_row(case, one, bare_cost, celery.get(case)) for case, one in reached.items()],
            note,
        ),
        Section(
            "everyday traffic: from due until arrived, in ms",
            ("pushes/s × destinations", "p50", "p95", "p99", "Celery p50", "Celery p99"),  # noqa: RUF001
            [_delays(case, one, celery.get(case)) for case, one in reached.items()],
        ),
        Section("an idle worker: processor time", ("of one core", "%"), [("all its processes", idle * 100)]),
    ]


def _name(case: tuple[int, int]) -> str:
    pace, destinations = case
    return f"{pace} × {destinations}"  # noqa: RUF001


def _row(
    case: tuple[int, int], reached: Reached, bare_cost: float, celery: Reached | None
) -> tuple[str | float | None, ...]:
    beside = (None, None) if celery is None else (celery.cost * 1000, reached.cost / (celery.cost or LEAST))
    return _name(case), reached.pushes, reached.cost * 1000, reached.cost / bare_cost, *beside


def _delays(
    case: tuple[int, int], reached: Reached, celery: Reached | None
) -> tuple[str | float | None, ...]:
    beside = (None, None) if celery is None else (celery.delay[0] * 1000, celery.delay[2] * 1000)
    return _name(case), *(one * 1000 for one in reached.delay), *beside


def _processes() -> int:
    from django.conf import settings

    return int(settings.TRACSYNC_WORKERS)


def _engine(run: Run, workers: Workers, destinations: Sequence[Any], pace: int) -> Reached:
    """Every change goes to all of these destinations."""
    engine.only(destinations, QUIET)
    paths = [f"/0/{one.name}" for one in destinations]
    traffic = _traffic(run, f"engine-{pace}-{len(paths)}", pace / len(paths))
    run.receiver.forget()
    before = workers.used()
    due, reached = save_steadily(traffic, pace / len(paths))
    states = dict.fromkeys(due, 1)
    arrivals = run.receiver.wait_for(states, paths)
    engine.wait_until_recorded()
    used = workers.used() - before
    delays = delays_of(due, states, arrivals)
    return Reached(reached * len(paths), used / len(delays), percentiles(delays))


def _traffic(run: Run, name: str, per_second: float) -> Traffic:
    return Traffic(name, max(2, round(per_second * run.seconds)))


def _idle(workers: Workers, seconds: float) -> float:
    """Of one core, with many destinations and nothing to do."""
    before, began = workers.used(), time.monotonic()
    time.sleep(seconds)
    return (workers.used() - before) / (time.monotonic() - began)


def _bare_cost(run: Run) -> float:
    """Seconds of a processor for each request of a loop that sends them evenly spread."""
    traffic = _traffic(run, "bare", BARE_PER_SECOND)
    ready = bodies(traffic.next_round()[1][: len(traffic.ids)])
    with requests.Session() as session:

        def post(number: int) -> None:
            url = run.receiver.path("bare")
            session.post(url, data=ready[number], headers=bare.HEADERS, timeout=10).raise_for_status()

        before = time.thread_time()
        _steadily(len(ready), BARE_PER_SECOND, post)
        return (time.thread_time() - before) / len(ready)


def _steadily(count: int, per_second: float, do: Callable[[int], None]) -> float:
    """Do it so often, at this pace; the pace reached."""
    began = time.time()
    for number in range(count):
        time.sleep(max(0.0, began + number / per_second - time.time()))
        do(number)
    return count / (time.time() - began)


def _celery_cases(run: Run, log: IO[bytes], cases: Sequence[tuple[int, int]]) -> dict[Any, Reached]:
    with _celery(run, log) as (app, workers):
        return {case: _celery_pass(run, app, workers, *case) for case in cases}


@contextmanager
def _celery(run: Run, log: IO[bytes]) -> Iterator[tuple[Any, Workers]]:
    """A Celery that has taken tasks already; its keys in Redis are gone afterwards.

    Raises CannotMeasureError.
    """
    if find_spec("celery") is None:
        raise CannotMeasureError("Celery is not installed: pip install 'tracsync[bench]'")
    import redis

    from tracsync.bench import celery_worker

    os.environ[celery_worker.BROKER] = run.redis
    celery_worker.app.conf.broker_url = run.redis
    command = (*CELERY, "--concurrency", str(_processes()))
    try:
        with Workers(1, log, command) as workers:
            for number in range(2 * _processes()):
                celery_worker.deliver.delay(run.receiver.path("celery"), {"id": f"celery-{number}", "n": 1})
            run.receiver.forget()
            wait_until(lambda: run.receiver.count() >= 2 * _processes(), "the first tasks of Celery")
            yield celery_worker, workers
            workers.stop()
    finally:
        prefix = celery_worker.app.conf.broker_transport_options["global_keyprefix"]
        with redis.Redis.from_url(run.redis) as keys:
            for key in keys.scan_iter(f"{prefix}*"):
                keys.delete(key)


def _celery_pass(run: Run, app: Any, workers: Workers, pace: int, destinations: int) -> Reached:
    """As the engine's: a task for each save and destination."""
    paths = [f"celery-{n}" for n in range(destinations)]
    traffic = _traffic(run, f"celery-{pace}-{destinations}", pace / destinations)
    ready = list(payloads(traffic.next_round()[1][: len(traffic.ids)]))
    saved: dict[str, float] = {}

    def save(number: int) -> None:
        saved[traffic.ids[number]] = time.time()
        for path in paths:
            app.deliver.delay(run.receiver.path(path), ready[number])

    run.receiver.forget()
    before = workers.used()
    reached = _steadily(len(ready), pace / destinations, save)
    states = dict.fromkeys(saved, 1)
    arrivals = run.receiver.wait_for(states, [f"/0/{path}" for path in paths])
    used = workers.used() - before
    delays = [at - saved[id] for (_, id), at in completed(states, arrivals).items()]
    return Reached(reached * destinations, used / len(delays), percentiles(delays))
