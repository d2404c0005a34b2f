"""Audits: comparing what a system holds with what the mapping makes now, and sending again what differs.

The scheduler only says whose turn it is: reading takes as long as the system takes, and is the work of a task
(see `audit_steps`).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django_q.tasks import async_task

from destinations.insight import explain
from destinations.insight.payloads import held
from destinations.models import Audit, Destination, Replay
from destinations.operations import batches, selection
from profiles import random_rows
from profiles.models import Profile
from tracsync.common import trail
from tracsync.common.jobs import take_turns
from tracsync.common.messages import message
from tracsync.common.trail import Action

MOST_CHOSEN = 10_000  # of a sample
LEASE = timedelta(minutes=10)  # of whoever reads


class NotReadable(ValueError):
    """The system cannot be asked what it holds; the message says what to do instead."""


def request(
    destination: Destination, sample: int | None = None, heal: bool = False, asked_by: str = ""
) -> Audit:
    """Have a worker compare all profiles, or so many at random. Raises NotReadable."""
    if not held.offered(destination):
        raise NotReadable(
            message(
                "This destination cannot be asked what it holds; what can be done is to send everything"
                " again, over a time"
            )
        )
    chosen = None if sample is None else random_rows.pick(min(sample, MOST_CHOSEN))
    total = Profile.objects.count() if chosen is None else len(chosen)
    audit = Audit(destination=destination, heal=heal, chosen=chosen, total=total, asked_by=asked_by)
    with transaction.atomic():
        audit.save()
        trail.note(Action.AUDITED, destination, changes={"profiles": [None, total], "heal": [None, heal]})
    return audit


def send_everything(destination: Destination, over: timedelta, asked_by: str = "") -> Replay:
    """What can be done where nothing can be read: send all that was handed over again, evenly over a time."""
    choice = selection.read({"of": "syncs", "destination": destination.pk})
    job = Replay(destination=destination, choice=choice.as_dict(), over=over, asked_by=asked_by)
    job.total = sum(selection.totals(choice).values())
    with transaction.atomic():
        job.save()
        trail.note(Action.REPLAYED, destination, changes={"profiles": [None, job.total]})
    return job


def advance(now: datetime) -> int:
    """Wake a worker for each audit that may go on; for how many."""
    return take_turns(_ready(now), lambda audit: _begin_step(audit, now))


def _ready(now: datetime) -> list[Audit]:
    idle = Q(reading_until=None) | Q(reading_until__lt=now)
    due = Q(not_before=None) | Q(not_before__lte=now)
    running = Audit.objects.filter(idle, due, finished_at=None, paused_at=None, destination__enabled=True)
    related = running.select_related("destination__resource", "destination__health").defer(*explain.HEAVY)
    return list(related.prefetch_related("destination__resource__accounts").defer("chosen"))


def _begin_step(audit: Audit, now: datetime) -> bool:
    """Not while the destination rests, or has enough to do: what is to be read is still on its way."""
    if explain.obstacle(audit.destination, now) or batches.has_enough_to_do(audit.destination, now):
        return False
    mine = Audit.objects.filter(pk=audit.pk, reading_until=audit.reading_until)
    if not mine.update(reading_until=now + LEASE):
        return False
    async_task("destinations.operations.audit_steps.step", audit.pk)
    return True
