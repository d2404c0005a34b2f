"""A destination's funnel: how many profiles changed, what became of them on the way, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from destinations.admin.base.links import called_each
from destinations.admin.base.object_actions import ActingAdmin
from destinations.admin.dashboard import charts, reasons
from destinations.admin.dashboard.funnel_stages import stages
from destinations.insight import statistics
from destinations.insight.statistics import HOUR, PERIODS
from destinations.models import Destination
from tracsync.common.times import told

LISTED = ("profilesync", "deliveryattempt")


def funnel_page(request: HttpRequest, model_admin: ActingAdmin, destination: Destination) -> HttpResponse:
    period = charts.chosen(request, "period")
    now = timezone.now()
    found, since = statistics.for_destination(destination, period, now), period.since(now)
    listed = [name for name in LISTED if request.user.has_perm(f"destinations.view_{name}")]
    return model_admin.page(
        request,
        "destinations/funnel.html",
        _("Funnel"),
        destination,
        stages=stages(destination, found, since, listed),
        chart=charts.chart("funnel", period, found, now),
        delay=charts.delay(found),
        period=period.name,
        periods=charts.titles().items(),
        since=told(since, now),
        rankings=_named(list(_rankings(destination, since, listed)), request),
    )


def lately(destination: Destination) -> dict[str, Any]:
    """For the destination's own page."""
    now = timezone.now()
    found = {period: statistics.for_destination(destination, period, now) for period in PERIODS.values()}
    return {
        "charts": [charts.chart("lately", period, mine, now) for period, mine in found.items()],
        "delay": charts.delay(found[HOUR]),
    }


def _named(shown: list[reasons.Shown], request: HttpRequest) -> list[reasons.Shown]:
    """With the samples' names, read at once for all of them."""
    named = called_each([id for one in shown for id in one.profiles], request)
    return [replace(one, named=named) for one in shown]


def _rankings(destination: Destination, since: datetime, listed: list[str]) -> Iterator[reasons.Shown]:
    """Of what this person may look at."""
    if "profilesync" in listed:
        yield from reasons.as_of_now(destination)
    if "deliveryattempt" in listed:
        yield reasons.failed(destination, since)
