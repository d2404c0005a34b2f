"""How far a backfill is, how fast, and how long it will take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from destinations.models import Backfill
from destinations.sync import explain

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


def duration(value: timedelta) -> str:
    """Of two units at most: 45 s, 12 min, 3 h 20 min, 2 d 4 h."""
    seconds = round(value.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if hours == 0:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if days == 0 else f"{days} d {hours % 24} h"


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
    done = f"{backfill.done:,} of {backfill.total:,}"
    if backfill.finished_at is not None:
        return f"{backfill.state} at {explain.at(backfill.finished_at)}, {done} handed over"
    if backfill.paused_at is not None:
        return f"paused since {explain.at(backfill.paused_at)}, {done} handed over"
    if obstacle:
        return f"waits: {obstacle}; {done} handed over"
    return f"{done} handed over, " + (f"about {duration(left)} left" if left is not None else "just begun")
