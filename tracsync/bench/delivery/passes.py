"""Passes: one way of delivering a number of profiles, timed and checked; several ways in turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median

from tracsync.bench.report import Cell

from . import engine
from .receiving import Receiver, States, completed
from .traffic import Traffic, bodies

Pass = Callable[[], float]  # deliveries per second


def in_turns(ways: Mapping[str, Pass], repetitions: int) -> dict[str, list[float]]:
    """What each way reached in each repetition; who begins changes."""
    names, found = list(ways), dict[str, list[float]]()
    for repetition in range(repetitions):
        first = repetition % len(names)
        for name in names[first:] + names[:first]:
            found.setdefault(name, []).append(ways[name]())
    return {name: found[name] for name in names}


def rows(found: Mapping[str, Sequence[float]], peers: Sequence[str]) -> list[tuple[Cell, ...]]:
    """Median, least and most of each way, and its median as a multiple of others'."""
    medians = {name: median(rates) for name, rates in found.items()}
    return [
        (name, medians[name], min(rates), max(rates), *(medians[name] / medians[peer] for peer in peers))
        for name, rates in found.items()
    ]


def engine_pass(receiver: Receiver, traffic: Traffic, quiet_period: float) -> Pass:
    """Bulk changes, from the moment the first is due until the last has arrived with its last state."""

    def run() -> float:
        receiver.forget()
        states, documents = traffic.next_round()
        due = engine.write(documents).timestamp() + quiet_period
        rate = _rate(receiver, states, due)
        engine.wait_until_recorded()
        return rate

    return run


def bare_pass(receiver: Receiver, traffic: Traffic, post: Callable[[Sequence[bytes]], float]) -> Pass:
    """The same bodies from something bare; `post` sends them and says when it began."""
    states, documents = traffic.next_round()
    ready = bodies(list({document["id"]: document for document in documents}.values()))

    def run() -> float:
        receiver.forget()
        return _rate(receiver, states, post(ready))

    return run


def able(receiver: Receiver, bare: Pass, count: int) -> float:
    """What the receiver can take: requests per second of its processor time, when `bare` sends so many."""
    before = receiver.used()
    bare()
    return count / (receiver.used() - before)


def _rate(receiver: Receiver, states: States, began: float) -> float:
    arrivals = receiver.wait_for(states)
    return len(states) / (max(completed(states, arrivals).values()) - began)
