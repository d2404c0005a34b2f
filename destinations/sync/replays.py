"""Replays: sending what was chosen again. Few rows are sent at once, many become jobs, one per destination.

A job goes through the rows in the order of their ids: each is sent again once, whatever becomes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from destinations.models import Destination, ProfileSync, Replay
from destinations.sync import choices, handing_over, operations
from destinations.sync.choices import Choice
from destinations.sync.handing_over import BATCH_SIZE, LOOKED_THROUGH

Kind = Replay.Kind


@dataclass(frozen=True, slots=True)
class Requested:
    """How many rows are sent again, and by which jobs; without any, they are due already."""

    count: int
    jobs: tuple[Replay, ...] = ()


def request(choice: Choice, kind: str = Kind.REPLAY, asked_by: str = "") -> Requested:
    """Send all that are chosen again. Raises InvalidChoice."""
    choices.check(choice)
    few = list(choices.rows(choice).order_by().values_list("pk", flat=True)[: operations.FEW + 1])
    if len(few) <= operations.FEW:
        return Requested(operations.send_again(ProfileSync.objects.filter(pk__in=few), kind))
    totals = choices.totals(choice)
    jobs = [
        Replay(destination_id=pk, choice=choice, kind=kind, asked_by=asked_by, total=count)
        for pk, count in sorted(totals.items())
    ]
    for job in jobs:
        job.save()
    return Requested(sum(totals.values()), tuple(jobs))


def advance(now: datetime) -> int:
    """Go on with every running replay by one batch, unless enough waits there; how many went on."""
    return handing_over.advance(Replay, _hand_over, now)


def _hand_over(replay: Replay, destination: Destination, now: datetime) -> tuple[int, int | None]:
    ids, after = _next_batch(replay)
    rows = ProfileSync.objects.filter(pk__in=ids)
    return operations.send_again(rows, replay.kind, bulk=True), after


def _next_batch(replay: Replay) -> tuple[list[int], int | None]:
    """The next rows, and the id to go on after; None at the end.

    No more than LOOKED_THROUGH rows are looked at for those that are chosen.
    """
    rest = ProfileSync.objects.filter(pk__gt=replay.after).order_by("pk").values_list("pk", flat=True)
    end = next(iter(rest[LOOKED_THROUGH - 1 : LOOKED_THROUGH]), None)
    window = {"pk__gt": replay.after} if end is None else {"pk__gt": replay.after, "pk__lte": end}
    chosen = choices.rows({**replay.choice, "destination": replay.destination_id}).filter(**window)
    ids = list(chosen.order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE])
    return ids, ids[-1] if len(ids) == BATCH_SIZE else end
