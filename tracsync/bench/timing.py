"""Timing several ways of doing the same, so that a busy machine is unfair to all of them alike.

Processor time is measured where nothing else is asked for: waiting for a processor that others use is no
work. The ways take turns within
each repetition, in an order that changes, and medians are compared: what slows one repetition down slows all
ways in it. Each goes over its inputs once unmeasured, so that what ran before it does not decide whether it
finds them in the processor's caches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from statistics import median
from time import thread_time
from typing import Any

Way = Callable[[Any], object]
Clock = Callable[[], float]


def rates(
    ways: Mapping[str, Way],
    inputs: Sequence[Any],
    repetitions: int,
    budget: float,
    clock: Clock = thread_time,
) -> dict[str, float]:
    """Calls of each way over its inputs, per second of the clock.

    A pass of one way takes about `budget` seconds at most: slow ways get fewer inputs.
    """
    counts = {name: _count(way, inputs, budget, clock) for name, way in ways.items()}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    order, shuffle = list(ways), Random(1).shuffle  # noqa: S311 - nothing secret
    for _ in range(repetitions):
        shuffle(order)
        for name in order:
            few = inputs[: counts[name]]
            _pass(ways[name], few, clock)
            seconds[name].append(_pass(ways[name], few, clock) / counts[name])
    return {name: 1 / median(taken) for name, taken in seconds.items()}


def _count(way: Way, inputs: Sequence[Any], budget: float, clock: Clock) -> int:
    """As many inputs as fit in the budget, judged by the first few (which warm everything up, too)."""
    few = inputs[:20]
    each = _pass(way, few, clock) / len(few)
    return max(1, min(len(inputs), int(budget / each)))


def _pass(way: Way, inputs: Iterable[Any], clock: Clock) -> float:
    started = clock()
    for one in inputs:
        way(one)
    return clock() - started
