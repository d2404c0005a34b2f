"""How far a backfill is, how fast, and how long it will take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from destinations.models import Backfill
from destinations.sync import explain
from profiles.moments import duration
from profiles.numbers import grouped

State = Backfill.State


@dataclass(frozen=True, slots=True)
class Progress:
    """`rate` in profiles a second and `left` are None while nobody can know them."""

    percent: int
    rate: float | None
    left: timedelta | None
    summary: str


def of(backfill: Backfill, now: datetime | None = None) -> Progress:
    """Reads `backfill.destination` with its resource and health: select them with the rows."""
    obstacle = explain.obstacle(backfill.destination, now or timezone.now())
    runs = backfill.state == State.RUNNING and not obstacle
    rate = _rate(backfill)
    left = timedelta(seconds=round(_rest(backfill) / rate)) if runs and rate else None
    return Progress(_percent(backfill), rate, left, _summary(backfill, obstacle, left))


def _rest(backfill: Backfill) -> int:
    """New profiles may have come meanwhile, so `done` may pass `total`."""
    return max(0, backfill.total - backfill.done)


def _percent(backfill: Backfill) -> int:
    if backfill.state == State.FINISHED:
        return 100
    return min(99, 100 * backfill.done // max(backfill.total, 1))


def _rate(backfill: Backfill) -> float | None:
    since, until = backfill.rated_since, backfill.advanced_at
    if since is None or until is None or until <= since:
        return None
    return (backfill.done - backfill.rated_from) / (until - since).total_seconds()


def _summary(backfill: Backfill, obstacle: str, left: timedelta | None) -> str:
    said = {"done": grouped(backfill.done), "total": grouped(backfill.total), "obstacle": obstacle}
    if backfill.finished_at is not None:
        said |= {"state": State(backfill.state).label.lower(), "time": explain.at(backfill.finished_at)}
        return _("%(state)s at %(time)s, %(done)s of %(total)s handed over") % said
    if backfill.paused_at is not None:
        said["time"] = explain.at(backfill.paused_at)
        return _("paused since %(time)s, %(done)s of %(total)s handed over") % said
    if obstacle:
        return _("waits: %(obstacle)s; %(done)s of %(total)s handed over") % said
    if left is None:
        return _("%(done)s of %(total)s handed over, just begun") % said
    said["left"] = duration(left)
    return _("%(done)s of %(total)s handed over, about %(left)s left") % said
