"""Several processes that begin the same moment."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from threading import BrokenBarrierError
from typing import Any, NamedTuple

from django.db import connections

from tracsync.bench.inside import CannotMeasureError

START_WITHIN = 60.0  # seconds

_fork = multiprocessing.get_context("fork")

Work = Callable[[Any, Callable[[], object]], object]


class Span(NamedTuple):
    began: float
    ended: float


def together(work: Work, shares: Sequence[Any]) -> Span:
    """Do `work(share, begin)` in a process for each share; from when they began until the last was done.

    Each prepares, calls `begin`, which waits for the others, and works. Raises CannotMeasureError.
    """
    connections.close_all()  # a connection must not be shared across a fork
    gate = _fork.Barrier(len(shares) + 1)
    spans = [_fork.RawArray("d", 2) for _ in shares]
    processes = [
        _fork.Process(target=_work, args=(work, share, gate, span), daemon=True)
        for share, span in zip(shares, spans, strict=True)
    ]
    for process in processes:
        process.start()
    try:
        gate.wait(START_WITHIN)
    except BrokenBarrierError:
        raise CannotMeasureError("a process to compare with could not begin, see above") from None
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise CannotMeasureError("a process to compare with has failed, see above")
    return Span(min(span[0] for span in spans), max(span[1] for span in spans))


def _work(work: Work, share: Any, gate: Any, span: Any) -> None:
    def begin() -> None:
        gate.wait()
        span[0] = time.time()

    work(share, begin)
    span[1] = time.time()


def shares(things: Sequence[Any], count: int) -> list[Sequence[Any]]:
    """Dealt out evenly."""
    return [things[start::count] for start in range(count)]
