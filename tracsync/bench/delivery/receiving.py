"""What has arrived at the receiver, and whether that is all and the last of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import requests

from tracsync.bench.inside import CannotMeasureError
from tracsync.processes import launch

PATIENCE = 60.0  # seconds without any arrival, before what is missing counts as lost
LOOK_EVERY = 0.1  # seconds

States = Mapping[str, int]  # the number of the last change by profile


class Arrival(NamedTuple):
    at: float
    path: str
    id: str
    n: int


@dataclass(frozen=True, slots=True)
class Receiver:
    url: str

    def path(self, name: str, manner: str = "0") -> str:
        """An address; `manner` is how it answers: after so many ms, or "never", or "drip"."""
        return f"{self.url}/{manner}/{name}"

    def forget(self) -> None:
        requests.post(f"{self.url}/forget", timeout=10).raise_for_status()

    def release(self) -> None:
        """Answer whoever waits without an end."""
        requests.post(f"{self.url}/release", timeout=10).raise_for_status()

    def count(self) -> int:
        return int(self._get("count"))

    def used(self) -> float:
        """The seconds of a processor that it has used."""
        return float(self._get("used"))

    def arrivals(self) -> list[Arrival]:
        """In the order in which they came."""
        return [Arrival(*one) for one in self._get("arrivals")]

    def wait_for(self, states: States, paths: Sequence[str] = ("",)) -> list[Arrival]:
        """All that has arrived, once the last state of every profile did at each of the paths (or at any).

        Raises CannotMeasureError when nothing arrives any more.
        """
        arrivals: list[Arrival] = []
        counted = -1
        while missing := _missing(states, paths, arrivals):
            counted = self._wait_for_more(counted, len(states) * len(paths), missing)
            arrivals = self.arrivals()
        return arrivals

    def _wait_for_more(self, than: int, wanted: int, missing: int) -> int:
        """How many there are: as many as wanted, or else more than before."""
        seen, ends_at = than, time.monotonic() + PATIENCE
        while (count := self.count()) < wanted or count == than:
            if count != seen:
                seen, ends_at = count, time.monotonic() + PATIENCE
            if time.monotonic() > ends_at:
                raise CannotMeasureError(
                    f"nothing has arrived for {PATIENCE:.0f} s, and the last state of {missing} of"
                    f" {wanted} pairs of profile and destination is missing"
                )
            time.sleep(LOOK_EVERY)
        return count

    def _get(self, what: str) -> Any:
        answer = requests.get(f"{self.url}/{what}", timeout=60)
        answer.raise_for_status()
        return answer.json()


def _missing(states: States, paths: Sequence[str], arrivals: Sequence[Arrival]) -> int:
    """How many pairs of profile and path have not got the last state, or got an older one after it."""
    last = {(arrival.path if any(paths) else "", arrival.id): arrival.n for arrival in arrivals}
    return sum(last.get((path, id)) != n for path in paths for id, n in states.items())


def completed(states: States, arrivals: Sequence[Arrival]) -> dict[tuple[str, str], float]:
    """When each pair of path and profile first had the last state."""
    found: dict[tuple[str, str], float] = {}
    for arrival in arrivals:
        if states.get(arrival.id) == arrival.n:
            found.setdefault((arrival.path, arrival.id), arrival.at)
    return found


@contextmanager
def receiver() -> Iterator[Receiver]:
    with launch.server("tracsync.bench.delivery.receiver") as url:
        yield Receiver(url)


def wait_until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Raises CannotMeasureError when it does not come true in time."""
    ends_at = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends_at:
            raise CannotMeasureError(f"not within {seconds:.0f} s: {what}")
        time.sleep(LOOK_EVERY)
