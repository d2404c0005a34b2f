"""Counting what happens at a destination, five minutes at a time and in all, in the transactions in which it
happens.

These rows are the last locks that a transaction takes: whoever has them waits for nobody else, so recording
and settling may both write them and never wait in a circle. Both write those of several destinations in one
statement, in their order.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import connection
from django.utils import timezone

from destinations.connectors.base import Accepted, Hold, Rejected, Retry, Stop, Unknown
from destinations.models import Tally
from destinations.sync.decide import Refuse, Skip, Unchanged
from destinations.sync.entries import Entry

NAMES: dict[type, str] = {
    Skip: "skipped",
    Refuse: "refused",
    Unchanged: "unchanged",
    Accepted: "accepted",
    Retry: "retry",
    Rejected: "rejected",
    Unknown: "unknown",
    Hold: "rejected",
    Stop: "rejected",
}


def slot(moment: datetime) -> int:
    return int(moment.timestamp() // Tally.SLOT.total_seconds())


def recorded(entries: Iterable[Entry]) -> None:
    """Count what became of pushes. What waits for its changes to end is counted when that is over."""
    counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for entry in entries:
        count = counts[entry.sync.destination_id]
        if name := NAMES.get(type(entry.result)):
            count[name] += 1
            if name == "accepted" and entry.removes:
                count["removed"] += 1
        if entry.attempt and entry.attempt.lag is not None:
            count[Tally.LAGS[bisect_left(Tally.LAG_BOUNDS, entry.attempt.lag)]] += 1
    _add({pk: count for pk, count in counts.items() if count})


def settled(by_destination: Mapping[int, int]) -> None:
    """Count profiles that were handed over: how many, by the destination's id."""
    _add({pk: {"settled": count} for pk, count in by_destination.items() if count})


def forget(before: datetime) -> None:
    """What is older, but for the totals."""
    Tally.objects.filter(slot__lt=slot(before)).delete()


def _add(counts: Mapping[int, Mapping[str, int]]) -> None:
    """Each destination's counts to its total and to the five minutes that are now, in one statement."""
    now = slot(timezone.now())
    names = [name for name in Tally.COUNTS if any(name in one for one in counts.values())]
    if not names:
        return
    by_pk = [(pk, [counts[pk].get(name, 0) for name in names]) for pk in sorted(counts)]
    rows = [(at, pk, *values) for at in (Tally.TOTAL, now) for pk, values in by_pk]
    row = f"({', '.join(['%s'] * len(rows[0]))})"
    sql = f"""
        INSERT INTO destinations_tally AS tally (slot, destination_id, {", ".join(names)})
        VALUES {", ".join([row] * len(rows))} ON CONFLICT (slot, destination_id) DO UPDATE
        SET {", ".join(f"{name} = tally.{name} + excluded.{name}" for name in names)}"""  # noqa: S608 - names are ours
    with connection.cursor() as cursor:
        cursor.execute(sql, [value for values in rows for value in values])
