"""Home: is it working? Every destination's health at a glance, what is wrong, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from destinations.admin.base.destination_status import Status, status
from destinations.admin.base.links import listing
from destinations.admin.dashboard import charts, first_steps, worker_status
from destinations.admin.dashboard.charts import Chart
from destinations.admin.dashboard.reasons import failed_attempts
from destinations.admin.jobs.base import unfinished_jobs
from destinations.insight import destination_status, statistics
from destinations.insight.destination_status import MOST_WAITING, Kind
from destinations.insight.statistics import PERIODS, Figures
from destinations.models import Destination, ProfileSync
from tracsync.common import times
from tracsync.common.times import at
from tracsync.common.translation import translated

MOST_SHOWN = 50
MOST_PROBLEMS = 10
MOST_JOBS = 6
PROBLEM_AGE = timedelta(days=1)
State = ProfileSync.State


@dataclass(frozen=True, slots=True)
class Row:
    """One destination."""

    destination: Any
    status: Status
    waiting: str
    oldest: str
    rejected: str
    delay: str
    charts: list[Chart]
    url: str
    funnel_url: str
    waiting_url: str
    rejected_url: str


@dataclass(frozen=True, slots=True)
class Problem:
    at: datetime
    when: str
    name: str
    url: str
    kind: str
    text: str


def context(request: HttpRequest) -> dict[str, Any]:
    """Health is for those who may look at destinations, work under way for whoever may see it."""
    user, now = request.user, timezone.now()
    jobs = unfinished_jobs(request)
    work = {"jobs": jobs[:MOST_JOBS], "more_jobs": max(0, len(jobs) - MOST_JOBS)}
    if not any(user.has_perm(f"destinations.{verb}_destination") for verb in ("view", "change")):
        return work
    return work | _health(request, now)


def _health(request: HttpRequest, now: datetime) -> dict[str, Any]:
    user = request.user
    destinations = list(_destinations())
    rows = sorted(_rows(destinations, now), key=lambda row: row.status.is_well)
    sees_attempts = user.has_perm("destinations.view_deliveryattempt")
    problems = _problems(destinations, sees_attempts, now)
    return {
        "liveness": worker_status.look(now),
        "steps": first_steps.steps(request),
        "verdict": _verdict(rows),
        "is_well": all(row.status.is_well for row in rows),
        "rows": rows[:MOST_SHOWN],
        "left_out": max(0, len(rows) - MOST_SHOWN),
        "problems": sorted(problems, key=lambda one: one.at, reverse=True)[:MOST_PROBLEMS],
        "sees_syncs": user.has_perm("destinations.view_profilesync"),
        "since": at(now),
    }


def _destinations() -> QuerySet[Any]:
    """Each with what waits for it and since when, and its last failure: one look into an index for each."""
    failed = failed_attempts().filter(destination=OuterRef("pk")).order_by("-at")
    rejected = ProfileSync.objects.filter(destination=OuterRef("pk"), state=State.REJECTED).order_by()
    rows = Destination.objects.select_related("resource", "health").prefetch_related("resource__accounts")
    counted = destination_status.with_waiting(rows)
    return counted.annotate(
        rejected=destination_status.CountUpTo(rejected.values("pk")[: MOST_WAITING + 1]),
        failed_at=Subquery(failed.values("at")[:1]),
        failed_reason=Subquery(failed.values("reason")[:1]),
    ).defer("mapping", "prerequisites", "settings", "resource__production", "resource__test")


def _rows(destinations: Iterable[Any], now: datetime) -> Iterator[Row]:
    counted = {period: statistics.by_destination(period, now) for period in PERIODS.values()}
    for one in destinations:
        mine = {period: counted[period].get(one.pk, Figures()) for period in counted}
        yield Row(
            one,
            status(one, now, one.oldest_change),
            str(destination_status.counted(one.waiting)),
            _waiting(one, now),
            str(destination_status.counted(one.rejected)),
            charts.delay(mine[statistics.HOUR]),
            [charts.chart(f"d{one.pk}", period, found, now) for period, found in mine.items()],
            reverse("admin:destinations_destination_change", args=[one.pk]),
            reverse("admin:destinations_destination_funnel", args=[one.pk]),
            listing("profilesync", one, owed="yes"),
            listing("profilesync", one, state__exact=State.REJECTED),
        )


def _waiting(destination: Any, now: datetime) -> str:
    """Since when the one that waits longest is due."""
    dues = [due for due in (destination.oldest_change, destination.oldest_bulk) if due]
    if not dues:
        return ""
    if min(dues) > now:
        return _("the next is due at %(time)s") % {"time": times.told(min(dues), now)}
    text = _("the oldest is due since %(time)s (%(duration)s)")
    return text % {"time": at(min(dues)), "duration": times.duration(now - min(dues))}


def _verdict(rows: list[Row]) -> str:
    if not rows:
        return _("There is no destination yet.")
    unwell = sum(not row.status.is_well for row in rows)
    if not unwell:
        text = ngettext("The destination is well.", "All %(count)s destinations are well.", len(rows))
        return text % {"count": len(rows)}
    text = ngettext(
        "%(unwell)s of %(count)s destinations is not sending as usual.",
        "%(unwell)s of %(count)s destinations are not sending as usual.",
        unwell,
    )
    return text % {"unwell": unwell, "count": len(rows)}


def _problems(destinations: Iterable[Any], sees_attempts: bool, now: datetime) -> Iterator[Problem]:
    for one in destinations:
        kinds = {
            Kind.STOPPED: _("is stopped"),
            Kind.REFUSING: _("refuses what is sent"),
            Kind.BROKEN: _("a person has to mend this"),
            Kind.RESTING: _("rests"),
        }
        for found in destination_status.conditions(one, now):
            if found.kind in kinds and found.since:
                yield _problem(one, found.since, kinds[found.kind], found.reason)
        if sees_attempts and one.failed_at and one.failed_at > now - PROBLEM_AGE:
            reason = one.failed_reason or _("no reason was given")
            yield _problem(one, one.failed_at, _("last failed attempt"), reason)


def _problem(destination: Destination, moment: datetime, kind: str, text: str) -> Problem:
    url = reverse("admin:destinations_destination_change", args=[destination.pk])
    return Problem(moment, times.shown(moment), destination.name, url, kind, translated(text))
