"""Replays: sending what was chosen again. Few rows are sent at once, many become jobs, one per destination.

A job goes through what was chosen step by step: each is sent again once, whatever becomes of it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from destinations.models import Destination, ProfileSync, Replay
from destinations.operations import actions, batches, selection
from destinations.operations.selection import Choice, InvalidChoice
from tracsync.common import trail
from tracsync.common.trail import Action

logger = logging.getLogger(__name__)
Kind = Replay.Kind
TOLD = ("destination", "state__exact", "outcome__exact")  # of a choice, in the trail


@dataclass(frozen=True, slots=True)
class Requested:
    """How many rows are sent again, and by which jobs; without any, they are due already."""

    count: int
    jobs: tuple[Replay, ...] = ()


@transaction.atomic
def request(
    choice: Choice, kind: str = Kind.REPLAY, asked_by: str = "", over: timedelta | None = None
) -> Requested:
    """Send all that are chosen again; `over`: spread evenly over that time."""
    totals = selection.totals(choice)
    if over is None and sum(totals.values()) <= actions.AT_ONCE:
        rows = ProfileSync.objects.filter(pk__among=selection.all_rows(choice))
        _note(choice, kind, sum(totals.values()))
        return Requested(actions.send_again(rows, kind))
    jobs = [
        Replay(
            destination_id=pk,
            choice=choice.as_dict(),
            kind=kind,
            asked_by=asked_by,
            total=count,
            over=over,
        )
        for pk, count in sorted(totals.items())
    ]
    for job in jobs:
        job.save()
    _note(choice, kind, sum(totals.values()))
    return Requested(sum(totals.values()), tuple(jobs))


def _note(choice: Choice, kind: str, count: int) -> None:
    """What was chosen may name profiles, by what somebody has searched for: only how much it was is kept."""
    chosen = {name: [None, value] for name, value in choice.parameters.items() if name in TOLD}
    action = Action.REPLAYED if kind == Kind.REPLAY else Action.SENT
    trail.note(action, of=ProfileSync._meta.label_lower, changes={"profiles": [None, count], **chosen})


def advance(now: datetime) -> int:
    """Go on with every running replay by one batch, unless enough waits there; how many went on."""
    return batches.advance(Replay, _hand_over, now, lambda replay: replay.share(now) != 0)


def _hand_over(replay: Replay, destination: Destination, now: datetime) -> tuple[int, Any]:
    try:
        chosen = selection.read(replay.choice).at(replay.destination_id)
    except InvalidChoice as error:  # a filter that this version does not know any more
        logger.error("replay %d ends: %s", replay.pk, error)
        return 0, None
    ids, after = selection.next_rows(chosen, replay.after, replay.share(now))
    rows = ProfileSync.objects.filter(pk__among=ids)
    return actions.send_again(rows, replay.kind, bulk=True), after
