"""The other side of `prove`: the receiver, and one destination for each of its places."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import requests

from destinations.models import Destination
from tracsync.processes import launch
from tracsync.prove import environments, ledger
from tracsync.prove.plan import Plan


class Places:
    """A context, in which the receiver answers."""

    def __init__(self, plan: Plan) -> None:
        self._server = launch.server("tracsync.prove.receiver", str(plan.seed))
        self._replayed_at = 0.0

    def __enter__(self) -> Self:
        self._url = self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.__exit__(kind, error, trace)

    def install(self) -> None:
        """Make the destinations."""
        environments.install(self._url)

    def interfere(self) -> None:
        """Half-way: change a mapping, and have the profiles of another destination sent again."""
        environments.edit()
        self._replayed_at = self._replayed_at or time.time()
        environments.replay()

    def mend(self) -> None:
        """As the people do who run the other side, when they are told."""
        if names := environments.noticed():
            requests.post(f"{self._url}/mend", json=names, timeout=10).raise_for_status()

    def calm(self) -> None:
        """Nothing fails any more."""
        requests.post(f"{self._url}/calm", timeout=10).raise_for_status()

    def arrivals(self) -> list[ledger.Arrival]:
        return [ledger.Arrival(*one) for one in requests.get(f"{self._url}/arrivals", timeout=60).json()]

    def rows(self, documents: Mapping[str, dict[str, Any]], kills: Sequence[float]) -> list[ledger.Row]:
        """`documents`: the last of each profile that is there. `kills`: when something was done to it."""
        by_place: dict[str, list[ledger.Arrival]] = defaultdict(list)
        for arrival in self.arrivals():
            by_place[arrival.place].append(arrival)
        return [
            ledger.row(
                destination.name,
                ledger.expected(destination, documents.values()),
                by_place[destination.name],
                ledger.troubles(destination),
                [*kills, self._replayed_at] if destination.name == environments.REPLAYED else kills,
                removes=destination.on_delete == Destination.Leaving.REMOVE,
            )
            for destination in Destination.objects.order_by("pk")
        ]
