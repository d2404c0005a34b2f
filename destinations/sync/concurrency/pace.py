"""How each destination answers, as far as this process knows."""

from __future__ import annotations

import math
import time
from collections import defaultdict

from destinations.connectors.base import Limits
from destinations.sync.concurrency.lanes import new_recent_calls
from destinations.sync.limits import accounts

SLICE = 50  # rows that are read, and recorded, together at first
SLICE_SECONDS = 0.3  # what a slice is made to take, for the pace at which the destination answers


class Pace:
    """How a destination answers.

    `rows` make a slice, by the time that the last one took; `recent_calls` are the seconds of the last calls;
    `told` is what was said of the account's limits, and was noted at `noted_at` (monotonic time).
    """

    def __init__(self) -> None:
        self.rows = SLICE
        self.recent_calls = new_recent_calls()
        self.told: Limits | None = None
        self.noted_at = -math.inf

    def note(self, seconds: float) -> None:
        if seconds < SLICE_SECONDS / 2:
            self.rows *= 2
        elif seconds > SLICE_SECONDS * 2:
            self.rows = max(1, self.rows // 2)

    def hear(self, told: Limits | None) -> None:
        """What a session was told of the account's limits."""
        if told is not None and told != self.told:
            self.told, self.noted_at = told, -math.inf

    def untold(self) -> Limits | None:
        """What has to be noted of it now, the first time and every few minutes."""
        now = time.monotonic()
        if self.told is None or now - self.noted_at < accounts.TELL_EVERY.total_seconds():
            return None
        self.noted_at = now
        return self.told


paces: defaultdict[int, Pace] = defaultdict(Pace)  # by destination
