"""Delivery by a plain `qcluster`, without our own clock: once a minute, through a django-q2 schedule."""

from typing import Any

from django_q.models import Schedule

from destinations.scheduler import loop

NAME = "tracsync clock"
MOST_TICKS = 1000


def ensure_schedule(**_: Any) -> None:
    """The schedule exists after every migrate."""
    Schedule.objects.get_or_create(
        name=NAME,
        defaults={
            "func": "destinations.scheduler.qcluster_fallback.run",
            "schedule_type": Schedule.MINUTES,
            "minutes": 1,
        },
    )


def run() -> None:
    """Do what is due now, unless a clock of ours is doing it."""
    if loop.is_alive():
        return
    for _ in range(MOST_TICKS):
        if not loop.tick():
            break
