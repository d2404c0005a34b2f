"""Timing several ways of doing the same, so that a busy machine is unfair to all of them alike.

The ways take turns within each repetition, in an order that changes, and medians are compared: what slows
one repetition down slows all ways in it, and none always finds the data in the processor's caches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

Way = Callable[[Any], object]


def rates(
    ways: Mapping[str, Way],
    inputs: Sequence[Any],
    repetitions: int,
    budget: float,
) -> dict[str, float]:
    """Calls per second of each way over its inputs. A pass of one way takes about `budget` seconds at most:
    slow ways get fewer inputs."""
    counts = {name: _count(way, inputs, budget) for name, way in ways.items()}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    order, shuffle = list(ways), Random(1).shuffle  # noqa: S311 - nothing secret
    for _ in range(repetitions):
        shuffle(order)
        for name in order:
            seconds[name].append(_pass(ways[name], inputs[: counts[name]]) / counts[name])
    return {name: 1 / median(taken) for name, taken in seconds.items()}


def _count(way: Way, inputs: Sequence[Any], budget: float) -> int:
    """As many inputs as fit in the budget, judged by the first few (which warm everything up, too)."""
    few = inputs[:20]
    each = _pass(way, few) / len(few)
    return max(1, min(len(inputs), int(budget / each)))


def _pass(way: Way, inputs: Iterable[Any]) -> float:
    started = perf_counter()
    for one in inputs:
        way(one)
    return perf_counter() - started
