"""Delivery by a plain `qcluster`, without our own scheduler: once a minute, through a django-q2 schedule."""

from typing import Any

from django_q.models import Schedule

from destinations.scheduler import loop

NAME = "tracsync clock"  # as earlier releases called the schedule
FUNCTION = "destinations.scheduler.qcluster_fallback.run"
MOST_TICKS = 1000


def ensure_schedule(**_: Any) -> None:
    """The schedule exists after every migrate, and calls what this release has."""
    Schedule.objects.update_or_create(
        name=NAME,
        defaults={"func": FUNCTION},
        create_defaults={"func": FUNCTION, "schedule_type": Schedule.MINUTES, "minutes": 1},
    )


def run() -> None:
    """Do what is due now, unless a scheduler of ours is doing it."""
    if loop.is_alive():
        return
    for _ in range(MOST_TICKS):
        if not loop.tick():
            break
