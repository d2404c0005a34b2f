"""Whether the engine runs: schedulers, workers, the queue between them, and what to do when it does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Min, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext
from django_q.models import OrmQ

from destinations.insight import statistics
from destinations.models import Heartbeat, ProfileSync
from destinations.scheduler.loop import ALIVE
from profiles.models import Profile
from tracsync.common.bounded_lists import count
from tracsync.common.installation import command
from tracsync.common.numbers import grouped
from tracsync.common.times import told

LATE = timedelta(seconds=30)  # due for so long without anybody who takes it
MOST_CHANGING = 1000
BROKER_TIMEOUT = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class Liveness:
    """`advice` is what a person should do, and `command` with what; "" where nothing is."""

    ok: bool
    verdict: str
    advice: str
    command: str
    facts: list[tuple[str, str]]


def look(now: datetime) -> Liveness:
    schedulers = list(Heartbeat.objects.order_by("-at"))
    alive = [one for one in schedulers if one.at > now - ALIVE]
    waits = Q(started_at=None)  # for a worker; the others are being pushed
    batches = ProfileSync.objects.filter(claimed_until__gt=now).aggregate(
        pushed=Count("claim_token", distinct=True, filter=~waits),
        waiting=Count("claim_token", distinct=True, filter=waits),
        oldest=Min("due_at", filter=waits),
    )
    in_flight = _("%(pushed)s being pushed, %(waiting)s waiting for a worker") % batches
    facts = [
        (_("Schedulers"), _schedulers(alive)),
        (_("Batches"), in_flight),
        (pgettext("tasks", "Queue"), _queue(now)),
        (_("Profiles still changing"), _changing()),
    ]
    if not alive:
        advice = _("Start a worker. What is waiting is sent then. The command is")
        return Liveness(False, _nothing_runs(schedulers), advice, command("worker"), facts)
    if stuck_since := _stuck_since(batches, now):
        verdict = _(
            "A scheduler is alive, but no worker takes what it hands out; the oldest is due since %(time)s."
        )
        advice = _(
            "The worker restarts what hangs by itself. If this is still so in a minute, look into its log"
            " and restart it."
        )
        return Liveness(False, verdict % {"time": told(stuck_since)}, advice, "", facts)
    return Liveness(True, _("Schedulers and workers are running."), "", "", facts)


def _stuck_since(batches: dict[str, Any], now: datetime) -> datetime | None:
    """Since when nobody takes what schedulers hand out; a worker that has just come back is not stuck."""
    oldest: datetime | None = batches["oldest"]
    if batches["pushed"] or oldest is None or oldest > now - LATE:
        return None
    return oldest if statistics.is_idle(now) else None


def _nothing_runs(schedulers: list[Heartbeat]) -> str:
    if not schedulers:
        return _("Nothing is running: changes are recorded, and not sent.")
    text = _("Nothing is running since %(time)s: changes are recorded, and not sent.")
    return text % {"time": told(schedulers[0].at)}


def _schedulers(alive: list[Heartbeat]) -> str:
    if not alive:
        return _("none is alive")
    text = ngettext("%(count)s is alive: %(names)s", "%(count)s are alive: %(names)s", len(alive))
    names = ", ".join(one.name for one in alive[:5])
    return text % {"count": len(alive), "names": names if len(alive) <= 5 else f"{names} …"}


def _queue(now: datetime) -> str:
    name = settings.Q_CLUSTER["name"]
    rows = OrmQ.objects.filter(key=name, lock__lte=now)
    size = _tasks_in_redis(name) if settings.REDIS_URL else rows.count()
    if size is None:
        return _("Redis does not answer: check REDIS_URL")
    return ngettext("%(count)s task", "%(count)s tasks", size) % {"count": grouped(size)}


def _tasks_in_redis(name: str) -> int | None:
    """Asked for here, and not by django-q2, whose connection would be waited for without an end."""
    import redis  # an extra: only there where it is configured

    timeouts = {"socket_timeout": BROKER_TIMEOUT, "socket_connect_timeout": BROKER_TIMEOUT}
    try:
        with redis.from_url(settings.REDIS_URL, **timeouts) as connection:
            return int(connection.llen(f"django_q:{name}:q"))
    except redis.RedisError:
        return None


def _changing() -> str:
    rows = Profile.objects.filter(first_changed_at__isnull=False)
    oldest = rows.order_by("first_changed_at").values_list("first_changed_at", flat=True).first()
    if oldest is None:
        return pgettext("of several", "none")
    text = _("%(count)s, the oldest changed at %(time)s")
    return text % {"count": count(rows, MOST_CHANGING), "time": told(oldest)}
