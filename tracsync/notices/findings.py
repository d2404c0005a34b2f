"""What is so at this moment and worth telling. It only reads; `watch` makes incidents of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext as _

from destinations.insight import destination_status, statistics, status_words
from destinations.insight.destination_status import Condition, Kind
from destinations.models import Audit, Backfill, Destination, Health, Replay, Tally
from destinations.scheduler import loop, worker_status
from destinations.sync import retry
from profiles.imports.models import ImportJob
from profiles.search.models import IndexJob
from tracsync.common.jobs import Job, progress
from tracsync.common.numbers import grouped
from tracsync.models import Event, Incident, NoticeLimits

ENDED_WITHIN = timedelta(hours=1)  # jobs that ended before then are no news
AS_FOR_ALL = NoticeLimits()
HEAVY = ("prerequisites", "mapping", "settings", "resource__production", "resource__test")


@dataclass(frozen=True, slots=True)
class Finding:
    """`key` is the same as long as it is the same thing. `sentence` says it in the language that is active;
    `about` has what its title and figures name.
    """

    key: str
    event: Event
    since: datetime
    sentence: Callable[[], str]
    destination: Destination | None = None
    about: dict[str, Any] = field(default_factory=dict)


def broken(now: datetime) -> Iterator[Finding]:
    """Destinations that are on and take nothing; also while the engine probes one between two rests."""
    sick = (
        Q(failures__gte=retry.BREAKER_FAILURES)
        | Q(refusals__gte=settings.TRACSYNC_EQUAL_REJECTIONS)
        | Q(stopped_at__isnull=False)
        | ~Q(problem="")
    )
    on = {
        "destination__enabled": True,
        "destination__paused_at": None,
        "destination__resource__enabled": True,
    }
    rows = Health.objects.filter(sick, **on).select_related("destination__resource")
    rows = rows.prefetch_related("destination__resource__accounts")
    for health in rows.defer(*(f"destination__{name}" for name in HEAVY)):
        health.destination.health = health
        yield _broken(health, now)


def _broken(health: Health, now: datetime) -> Finding:
    destination = health.destination
    kinds = {Kind.STOPPED, Kind.REFUSING, Kind.RESTING, Kind.BROKEN}
    found = destination_status.find(destination, kinds, now) or Condition(
        Kind.RESTING, health.held_since, health.held_until, health.hold_reason
    )
    return Finding(
        f"broken:{destination.pk}",
        Event.BROKEN,
        min(found.since or now, now),
        lambda: status_words.sentence(destination, found, now),
        destination,
        {"failures": health.failures, "refusals": health.refusals},
    )


def stalled(now: datetime, thoroughly: bool) -> Iterator[Finding]:
    """That nothing runs. `thoroughly`: also whether workers hang, though schedulers are alive."""
    if loop.is_alive(now) and not thoroughly:
        return
    if (liveness := worker_status.look(now)).ok:
        return

    def sentence() -> str:
        now_so = worker_status.look(now)
        advice = f"{now_so.advice} {now_so.command}".rstrip()
        return f"{now_so.verdict} {advice}"

    yield Finding("stalled", Event.STALLED, now, sentence, about={"command": liveness.command})


def rejected(now: datetime) -> Iterator[Finding]:
    """Destinations that have rejected more than their limit within its span."""
    hour = statistics.by_destination(statistics.HOUR, now)
    many = {pk: figures for pk, figures in hour.items() if figures.counts["rejected"]}
    limits = _limits(many)
    rows = Destination.objects.filter(pk__in=many).defer("prerequisites", "mapping", "settings")
    for destination in rows:
        limit = limits.get(destination.pk, AS_FOR_ALL)
        minutes = limit.rejected_minutes or NoticeLimits.REJECTED_MINUTES
        bars = -(-minutes // round(Tally.SLOT.total_seconds() / 60))
        counted = many[destination.pk].bars[-bars:]
        refused = sum(one["rejected"] for one in counted)
        sent = sum(statistics.sent(one) for one in counted)
        if _too_many(refused, sent, limit):
            yield _rejected(destination, refused, sent, minutes, now)


def _limits(destinations: Collection[int]) -> dict[int, NoticeLimits]:
    rows = NoticeLimits.objects.filter(destination__in=destinations) if destinations else ()
    return {one.destination_id: one for one in rows}


def _too_many(refused: int, sent: int, limit: NoticeLimits) -> bool:
    percent = NoticeLimits.REJECTED_PERCENT if limit.rejected_percent is None else limit.rejected_percent
    enough = percent and refused >= NoticeLimits.REJECTED_LEAST
    return bool(
        (limit.rejected_count and refused > limit.rejected_count)
        or (enough and 100 * refused > percent * sent)
    )


def _rejected(destination: Destination, refused: int, sent: int, minutes: int, now: datetime) -> Finding:
    def sentence() -> str:
        text = _("%(rejected)s of %(sent)s pushes were rejected within %(minutes)s minutes.")
        values = {"rejected": grouped(refused), "sent": grouped(sent), "minutes": minutes}
        return text % values

    return Finding(f"rejected:{destination.pk}", Event.REJECTED, now, sentence, destination)


def waiting(now: datetime) -> Iterator[Finding]:
    """Destinations that are on, also paused ones, with a change that is due for longer than their limit."""
    rows = Destination.objects.filter(enabled=True, resource__enabled=True).defer(*HEAVY[:3])
    late = [one for one in destination_status.with_waiting(rows) if one.oldest_change]
    limits = _limits([one.pk for one in late])
    for destination in late:
        limit = limits.get(destination.pk, AS_FOR_ALL)
        minutes = NoticeLimits.WAITING_MINUTES if limit.waiting_minutes is None else limit.waiting_minutes
        if minutes and now - destination.oldest_change > timedelta(minutes=minutes):
            yield _waiting(destination, now)


def _waiting(destination: Any, now: datetime) -> Finding:
    oldest = destination.oldest_change
    return Finding(
        f"waiting:{destination.pk}",
        Event.WAITING,
        now,
        lambda: status_words.oldest(oldest, now) + ".",
        destination,
    )


def ended(now: datetime) -> Iterator[Finding]:
    """Jobs that have ended lately and that no incident tells of yet; with nothing to do they are no news."""
    models: Iterable[Any] = (Audit, Backfill, Replay, ImportJob, IndexJob)
    for model in models:
        lately = model.objects.filter(finished_at__gt=now - ENDED_WITHIN, finished_at__lte=now, total__gt=0)
        keys = {_key(model, pk): pk for pk in lately.values_list("pk", flat=True)}
        known = Incident.objects.filter(key__in=keys).values_list("key", flat=True) if keys else ()
        news = keys.keys() - set(known)
        if news:
            jobs = lately.filter(pk__in=[keys[key] for key in news]).order_by("pk")
            with_destination = hasattr(model, "destination")
            yield from map(_ended, jobs.select_related("destination") if with_destination else jobs)


def _key(model: type[Job], pk: int) -> str:
    return f"ended:{model._meta.model_name}:{pk}"


def _ended(job: Job) -> Finding:
    assert job.finished_at is not None
    counts = ("created", "changed", "unchanged", "refused") if isinstance(job, ImportJob) else ()
    destination = getattr(job, "destination", None)
    return Finding(
        _key(type(job), job.pk),
        Event.ENDED,
        job.finished_at,
        lambda: f"{progress(job).summary}.",
        destination,
        {
            "job": f"{job._meta.app_label}_{job._meta.model_name}",
            "pk": job.pk,
            "name": getattr(job, "name", None) or str(destination or job),
            "counts": {name: getattr(job, name) for name in counts},
        },
    )
