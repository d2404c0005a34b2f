"""A destination's funnel: how many profiles changed, what became of them on the way, and why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from destinations.admin import charts, reasons
from destinations.admin.funnel_stages import stages
from destinations.admin.pages import ActingAdmin
from destinations.models import Destination
from destinations.sync import figures
from destinations.sync.figures import DAY, HOUR, PERIODS
from profiles.moments import told

LISTED = ("profilesync", "deliveryattempt")


class DestinationFunnel(ActingAdmin):
    def view_funnel(self, request: Any, destination: Destination) -> Any:
        period = PERIODS.get(request.GET.get("period", ""), DAY)
        now = timezone.now()
        found, since = figures.of(destination, period, now), period.since(now)
        listed = [name for name in LISTED if request.user.has_perm(f"destinations.view_{name}")]
        return self.page(
            request,
            "funnel.html",
            _("Funnel"),
            destination,
            stages=stages(destination, found, since, listed),
            chart=charts.chart("funnel", period, found, now),
            lag=charts.lag(found),
            period=period.name,
            periods=charts.titles().items(),
            since=told(since, now),
            rankings=_rankings(destination, since, listed),
        )

    def lately(self, destination: Destination) -> dict[str, Any]:
        """For the destination's own page."""
        now = timezone.now()
        found = {period: figures.of(destination, period, now) for period in PERIODS.values()}
        return {
            "charts": [charts.chart("lately", period, mine, now) for period, mine in found.items()],
            "lag": charts.lag(found[HOUR]),
            "funnel_url": self.url("funnel", destination),
        }


def _rankings(destination: Destination, since: datetime, listed: list[str]) -> Iterator[reasons.Ranking]:
    """Of what this person may look at."""
    if "profilesync" in listed:
        yield from reasons.standing(destination)
    if "deliveryattempt" in listed:
        yield reasons.failed(destination, since)
