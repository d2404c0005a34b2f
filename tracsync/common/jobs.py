"""Long work that the scheduler goes through a batch at a time: imports, backfills, replays.

A job says where to go on, so that whatever happens in between, a batch is repeated at most. It can be paused,
resumed and cancelled while a scheduler works on it, and tells how far it is and how fast.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import DatabaseError, connection, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tracsync.common import trail
from tracsync.common.times import at, duration
from tracsync.common.trail import Action

logger = logging.getLogger(__name__)

AGAIN_AFTER = 10.0  # seconds until that of which a turn has failed has the next one
STALLED = timedelta(minutes=10)  # without a batch; the rate before it says nothing about the one after
CHANGING = ("done", "rated_since", "rated_from", "advanced_at", "paused_at", "cancelled_at", "finished_at")
NOTED = ("rated_since", "rated_from", "advanced_at", "done", "finished_at")


Row = TypeVar("Row", bound=models.Model)
_resting: dict[Hashable, float] = {}  # until when, by the clock that only goes on


def take_turns(rows: Iterable[Row], go_on: Callable[[Row], int]) -> int:
    """Go on with each job, or whatever a row stands for; what all of them have done. See `attempt`."""
    return sum([attempt((type(row), row.pk), lambda row=row: go_on(row)) for row in rows])  # type: ignore[misc]


def attempt(key: Hashable, go_on: Callable[[], int]) -> int:
    """What a turn has done. One that fails ends itself and no other: it is logged, and tried again a moment
    later; until then nothing is done.

    Raises only where the database is away, which nobody else gets further with.
    """
    if time.monotonic() < _resting.get(key, 0.0):
        return 0
    _resting.pop(key, None)
    try:
        return go_on()
    except Exception as error:
        if isinstance(error, DatabaseError) and not connection.is_usable():
            raise
        # The text of a database error may repeat the values of a row.
        detail = "" if isinstance(error, DatabaseError) else f": {error}"
        logger.error("%s could not go on (%s%s), trying again", _name(key), type(error).__name__, detail)
        _resting[key] = time.monotonic() + AGAIN_AFTER
        return 0


def _name(key: Hashable) -> str:
    if not isinstance(key, tuple):
        return str(key)
    model, pk = key
    return f"{model._meta.model_name} {pk}"


class JobEnded(Exception):
    """It is finished or cancelled, so that it can be neither paused nor resumed nor cancelled."""


class Job(models.Model):
    """Work of a known size. Its rate is that of what was done after the first `rated_from`, from
    `rated_since` to `advanced_at`.
    """

    class State(models.TextChoices):
        RUNNING = "running", gettext_lazy("running")
        PAUSED = "paused", gettext_lazy("paused")
        FINISHED = "finished", gettext_lazy("finished")
        CANCELLED = "cancelled", gettext_lazy("cancelled")

    asked_by = models.CharField(max_length=150, blank=True)  # a user's name; blank: a command or a program
    total = models.PositiveBigIntegerField(default=0)
    done = models.PositiveBigIntegerField(default=0)  # may pass `total`: more may have come meanwhile
    created_at = models.DateTimeField(auto_now_add=True)
    rated_since = models.DateTimeField(null=True)
    rated_from = models.PositiveBigIntegerField(default=0)
    advanced_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)  # or cancelled

    class Meta:
        abstract = True
        ordering = ("-id",)

    @property
    def state(self) -> str:
        if self.finished_at is not None:
            return self.State.FINISHED if self.cancelled_at is None else self.State.CANCELLED
        return self.State.RUNNING if self.paused_at is None else self.State.PAUSED

    @property
    def stage(self) -> str:
        """The state, or which part of the work is being done."""
        return self.state

    @property
    def state_words(self) -> str:
        return str(self.State(self.state).label)

    @property
    def amount(self) -> str:
        """How much is done, in words."""
        raise NotImplementedError

    def pause(self) -> None:
        """Do no further batch until it is resumed. Raises JobEnded."""
        self._change(Action.PAUSED, paused_at=self.paused_at or timezone.now())

    def resume(self) -> None:
        """Go on where it was paused. Raises JobEnded."""
        self._change(Action.RESUMED, paused_at=None, rated_since=None)

    def cancel(self) -> None:
        """Do no further batch, ever. Raises JobEnded."""
        now = timezone.now()
        self._change(Action.CANCELLED, cancelled_at=now, finished_at=now)

    def note(self, count: int, now: datetime) -> None:
        """That a batch was done, and since when it is as fast as it is. Saves nothing: `NOTED` are to be."""
        if self.rated_since is None or self.advanced_at is None or now - self.advanced_at > STALLED:
            self.rated_since, self.rated_from = now, self.done + count
        self.advanced_at = now
        self.done += count

    def _change(self, action: str, **fields: datetime | None) -> None:
        """Only these fields: a scheduler may be doing a batch at the same time."""
        unfinished = type(self)._default_manager.filter(pk=self.pk, finished_at=None)
        with transaction.atomic():
            if changed := unfinished.update(**fields):
                trail.note(action, self)
        self.refresh_from_db(fields=CHANGING)
        if not changed:
            kind, state = self._meta.verbose_name, self.state_words
            raise JobEnded(_("The %(kind)s is %(state)s already") % {"kind": kind, "state": state})


@dataclass(frozen=True, slots=True)
class Progress:
    """`rate` a second and `left` are None while nobody can know them."""

    percent: int
    rate: float | None
    left: timedelta | None
    summary: str


def progress(job: Job, obstacle: str = "") -> Progress:
    """How far a job is; `obstacle` says what it waits for."""
    runs = job.state == job.State.RUNNING and not obstacle
    rate = _rate(job)
    left = timedelta(seconds=round(max(0, job.total - job.done) / rate)) if runs and rate else None
    is_finished = job.state == job.State.FINISHED
    percent = 100 if is_finished else min(99, 100 * job.done // max(job.total, 1))
    return Progress(percent, rate, left, _summary(job, obstacle, left))


def _rate(job: Job) -> float | None:
    since, until = job.rated_since, job.advanced_at
    if since is None or until is None or until <= since or job.done == job.rated_from:
        return None
    return (job.done - job.rated_from) / (until - since).total_seconds()


def _summary(job: Job, obstacle: str, left: timedelta | None) -> str:
    said: dict[str, Any] = {"amount": job.amount, "state": job.state_words, "obstacle": obstacle}
    if job.finished_at is not None:
        return _("%(state)s at %(at)s, %(amount)s") % {**said, "at": at(job.finished_at)}
    if job.paused_at is not None:
        return _("paused since %(at)s, %(amount)s") % {**said, "at": at(job.paused_at)}
    if obstacle:
        return _("waits: %(obstacle)s; %(amount)s") % said
    if left is None:
        return _("%(amount)s, just begun") % said
    return _("%(amount)s, about %(left)s left") % {**said, "left": duration(left)}
