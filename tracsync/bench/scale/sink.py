"""A destination's other side that costs nothing: it accepts whatever comes, and forgets it soon."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, ClassVar

from destinations.connectors import registry
from destinations.connectors.base import Delivery
from destinations.connectors.testing import RecordingConnector

SLUG = "sink"


class Sink(RecordingConnector):
    """Takes `seconds` for each push, one at a time as most connectors do."""

    slug = SLUG
    name = "Sink"
    description = "Accepts everything and keeps nothing; for measurements."
    batch_size = 1
    seconds: ClassVar[float] = 0.0
    pushed: ClassVar[int] = 0
    arrivals: ClassVar[dict[Any, float]] = {}  # when each of those in `awaited` came
    awaited: ClassVar[set[Any]] = set()

    @classmethod
    def reset(cls) -> None:
        super().reset()
        cls.during_push = cls._take

    @classmethod
    def _take(cls, deliveries: Sequence[Delivery]) -> None:
        cls.pushed += len(deliveries)
        cls.deliveries.clear()  # what it keeps would be counted as memory of the engine
        cls.batches.clear()
        for delivery in deliveries if cls.awaited else ():
            if (id := delivery.payload["id"]) in cls.awaited:
                cls.arrivals.setdefault(id, time.perf_counter())
        if cls.seconds:
            time.sleep(cls.seconds * len(deliveries))


def install() -> None:
    """In the catalogue of this process, beside the connectors of installed packages."""
    registry.add(SLUG, f"{__name__}:{Sink.__name__}")
