"""Home: is it working, what needs a person, what is under way, and how each destination does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from destinations.admin.base.links import listing
from destinations.admin.dashboard import charts, first_steps, needs
from destinations.admin.dashboard.charts import Chart
from destinations.admin.dashboard.needs import BADGES, Need
from destinations.admin.dashboard.reasons import failed_attempts
from destinations.admin.jobs.base import ShownJob, unfinished_jobs
from destinations.connectors import introduction, registry
from destinations.insight import destination_status, statistics, status_words
from destinations.insight.destination_status import Kind
from destinations.insight.statistics import Figures, Period
from destinations.insight.status_words import Status, status
from destinations.models import Destination, ProfileSync
from destinations.scheduler import worker_status
from tracsync.common import times
from tracsync.common.numbers import grouped
from tracsync.common.times import at

MOST_SHOWN = 50
MOST_NEEDS = 10
MOST_PROBLEMS = 8
MOST_JOBS = 6
PROBLEM_AGE = timedelta(days=1)
State = ProfileSync.State


@dataclass(frozen=True, slots=True)
class Card:
    """One destination over the chosen span; addresses are "" for those who may not look there."""

    destination: Any
    icon: SafeString
    status: Status
    badge: str
    label: str
    said: str
    accepted: str
    rejected: str
    delay: str
    waiting: str
    oldest: str
    chart: Chart
    url: str
    funnel_url: str
    waiting_url: str
    rejected_url: str


def context(request: HttpRequest, others: Iterable[Need] = ()) -> dict[str, Any]:
    """Health is for those who may look at destinations, work under way for whoever may see it.

    `others`: what else needs a person. `span` of the address says over which time is counted, also next time.
    """
    user, now = request.user, timezone.now()
    jobs = unfinished_jobs(request)
    found = [*needs.of_jobs(jobs), *others]
    moving = [job for job in jobs if not job.next_url]  # the others need somebody, and are said to
    shown = {"jobs": moving[:MOST_JOBS], "more_jobs": max(0, len(moving) - MOST_JOBS), "title": _("Home")}
    if not any(user.has_perm(f"destinations.{verb}_destination") for verb in ("view", "change")):
        return {**shown, **_needs(found)}
    return {**shown, **_health(request, found, jobs, now)}


def _health(request: HttpRequest, found: list[Need], jobs: list[ShownJob], now: datetime) -> dict[str, Any]:
    user = request.user
    period = charts.chosen(request, "span")
    destinations = list(_destinations())
    counted = statistics.by_destination(period, now)
    sees_syncs = user.has_perm("destinations.view_profilesync")
    cards = sorted(_cards(destinations, counted, period, now, sees_syncs), key=lambda one: one.status.is_well)
    liveness = worker_status.look(now)
    steps = first_steps.steps(request)
    of_engine = () if steps else needs.of_engine(liveness)  # the steps say how to start it
    of_destinations = (need for one in destinations for need in needs.of_destination(one, now, request))
    found = [*of_engine, *of_destinations, *found]
    sees_attempts = user.has_perm("destinations.view_deliveryattempt")
    since = now - PROBLEM_AGE
    return {
        **_needs(found),
        "title": _title(found, liveness.ok, bool(steps)),
        "lead": _lead(counted.values(), period),
        "verdict": status_words.verdict([card.status.is_well for card in cards]),
        "liveness": liveness,
        "steps": steps,
        "spans": [(name, label, name == period.name) for name, label in charts.titles().items()],
        "cards": cards[:MOST_SHOWN],
        "left_out": max(0, len(cards) - MOST_SHOWN),
        "problems": needs.latest(destinations, since, MOST_PROBLEMS, request) if sees_attempts else [],
        "may_add": user.has_perm("destinations.add_destination"),
        "since": at(now),
    }


def _needs(found: list[Need]) -> dict[str, Any]:
    """What weighs most first."""
    order = ("stopped", "needs", "working", "off")
    ranked = sorted(found, key=lambda one: order.index(one.badge))
    return {"needs": ranked[:MOST_NEEDS], "more_needs": max(0, len(ranked) - MOST_NEEDS)}


def _title(found: list[Need], is_alive: bool, is_beginning: bool) -> str:
    if is_beginning:
        return _("Home")
    if not is_alive:
        return _("Nothing is sent at present")
    if not found:
        return _("Everything is running")
    return ngettext("%(count)s thing needs you", "%(count)s things need you", len(found)) % {
        "count": grouped(len(found))
    }


def _lead(figures: Iterable[Figures], period: Period) -> str:
    """What was sent to all destinations together over the span, and how soon."""
    whole = Figures()
    for one in figures:
        whole.counts.update(one.counts)
    spans = {"hour": _("in the last hour"), "day": _("in the last day"), "week": _("in the last week")}
    when = spans[period.name]
    if not whole.sent:
        return _("Nothing was sent %(span)s.") % {"span": when}
    text = ngettext(
        "%(accepted)s of %(count)s push was accepted %(span)s, half %(half)s.",
        "%(accepted)s of %(count)s pushes were accepted %(span)s, half %(half)s.",
        whole.sent,
    )
    return text % {
        "accepted": grouped(whole.counts["accepted"]),
        "count": grouped(whole.sent),
        "span": when,
        "half": charts.half_within(whole) or _("at once"),
    }


def _destinations() -> QuerySet[Any]:
    """Each with what waits for it and since when, and its last failure: one look into an index for each."""
    failed = failed_attempts().filter(destination=OuterRef("pk")).order_by("-at")
    rows = Destination.objects.select_related("resource__type", "health").prefetch_related(
        "resource__accounts"
    )
    counted = destination_status.with_waiting(rows)
    return counted.annotate(
        failed_pk=Subquery(failed.values("pk")[:1]),
    ).defer("mapping", "prerequisites", "settings", "resource__production", "resource__test")


def _cards(
    destinations: Iterable[Any], counted: dict[int, Figures], period: Period, now: datetime, sees_syncs: bool
) -> Iterator[Card]:
    for one in destinations:
        mine = counted.get(one.pk, Figures())
        found = status(one, now, one.oldest_change, one.rejected)
        yield Card(
            destination=one,
            icon=_icon(one.resource.type_id),
            status=found,
            badge=BADGES[Kind(found.kind)],
            label=found.label[:1].upper() + found.label[1:],
            said=found.told or _accepted(one, now),
            accepted=grouped(mine.counts["accepted"]),
            rejected=str(destination_status.counted(one.rejected)),
            delay=charts.half_within(mine),
            waiting=str(destination_status.counted(one.waiting)),
            oldest=_waiting(one, now),
            chart=charts.chart(f"d{one.pk}", period, mine, now),
            url=reverse("admin:destinations_destination_change", args=[one.pk]),
            funnel_url=reverse("admin:destinations_destination_funnel", args=[one.pk]),
            waiting_url=listing("profilesync", one, owed="yes") if sees_syncs else "",
            rejected_url=listing("profilesync", one, state__exact=State.REJECTED) if sees_syncs else "",
        )


def _accepted(destination: Any, now: datetime) -> str:
    """When it took something last, of one that runs as usual."""
    health = getattr(destination, "health", None)
    if health is None or health.last_accepted_at is None:
        return ""
    return _("Last accepted %(ago)s") % {"ago": times.relative(health.last_accepted_at, now)}


def _icon(slug: str) -> SafeString:
    return mark_safe(introduction.icon_of(registry.find(slug)))  # noqa: S308 - plain shapes and nothing else


def _waiting(destination: Any, now: datetime) -> str:
    """Since when the one that waits longest is due."""
    dues = [due for due in (destination.oldest_change, destination.oldest_bulk) if due]
    if not dues:
        return ""
    if min(dues) > now:
        return _("the next is due at %(time)s") % {"time": times.told(min(dues), now)}
    return status_words.oldest(min(dues), now)
