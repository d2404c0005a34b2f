"""Metrics for Prometheus, read from the tables when asked: right whatever process answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.views import APIView

from destinations.models import DeliveryAttempt, Destination, Heartbeat, ProfileSync
from destinations.scheduler.loop import ALIVE
from profiles.models import Profile

LAG_WINDOW = timedelta(minutes=5)
MOST_LAGS = 10_000
Metrics = Iterator[GaugeMetricFamily]


class TablesCollector(Collector):
    """A fixed number of queries, however many destinations and profiles there are."""

    def describe(self) -> Metrics:
        """Nothing beforehand: only a scrape asks the database."""
        return iter(())

    def collect(self) -> Metrics:
        now = timezone.now()
        yield from _destinations(now)
        yield from _attempts(now)
        yield from _lags(now)
        yield GaugeMetricFamily(
            "tracsync_profiles_unsettled",
            "Profiles whose changes have not been handed to the destinations yet.",
            Profile.objects.filter(first_changed_at__isnull=False).count(),
        )
        yield GaugeMetricFamily(
            "tracsync_clocks_alive",
            "Clocks that have shown themselves lately; without one nothing is sent.",
            Heartbeat.objects.filter(at__gt=now - ALIVE).count(),
        )


def _destinations(now: datetime) -> Metrics:
    owed = _owed()
    columns = ("pk", "name", "enabled", "paused_at", "health__held_until")
    rows = [
        {**row, **owed.get(row["pk"], {"owed": 0, "oldest": None})}
        for row in Destination.objects.order_by("pk").values(*columns)
    ]
    for name, (help_text, value) in _PER_DESTINATION.items():
        family = GaugeMetricFamily(f"tracsync_{name}", help_text, labels=("destination", "name"))
        for row in rows:
            family.add_metric((str(row["pk"]), row["name"]), value(row, now))
        yield family


def _owed() -> dict[int, dict[str, Any]]:
    """By destination: apart from the destinations, so that only the index of what is owed is read."""
    owed = ProfileSync.objects.filter(due_at__isnull=False).order_by().values_list("destination")
    counted = owed.annotate(rows=Count("*"), oldest=Min("due_at"))
    return {destination: {"owed": count, "oldest": oldest} for destination, count, oldest in counted}


def _age(row: dict[str, Any], now: datetime) -> float:
    return max(0.0, (now - row["oldest"]).total_seconds()) if row["oldest"] else 0.0


_PER_DESTINATION: dict[str, tuple[str, Any]] = {
    "syncs_owed": ("Profiles that the destination is owed.", lambda row, now: row["owed"]),
    "syncs_oldest_owed_seconds": ("For how long the one that waits longest has been due.", _age),
    "destination_enabled": ("1 where the destination is on.", lambda row, now: row["enabled"]),
    "destination_paused": ("1 where somebody has paused it.", lambda row, now: row["paused_at"] is not None),
    "destination_held": (
        "1 where it rests after failures or because it asked to wait.",
        lambda row, now: row["health__held_until"] is not None and row["health__held_until"] > now,
    ),
}


def _attempts(now: datetime) -> Metrics:
    family = GaugeMetricFamily(
        "tracsync_attempts_last_hour", "Tries to push in the last hour.", labels=("destination", "outcome")
    )
    lately = DeliveryAttempt.objects.filter(at__gt=now - timedelta(hours=1)).order_by()
    counts = lately.values_list("destination_id", "outcome").annotate(n=Count("pk"))
    for destination, outcome, count in counts:
        family.add_metric((str(destination), outcome), count)
    yield family


def _lags(now: datetime) -> Metrics:
    """Each push counts from when it was due, so that quiet periods are no part of it."""
    family = GaugeMetricFamily(
        "tracsync_lag_seconds",
        "From due to sent, of the pushes of the last five minutes (the latest 10,000).",
        labels=("destination", "quantile"),
    )
    lately = DeliveryAttempt.objects.filter(at__gt=now - LAG_WINDOW, lag__isnull=False).order_by("-at")
    lags: dict[int, list[float]] = {}
    for destination, lag in lately.values_list("destination_id", "lag")[:MOST_LAGS]:
        lags.setdefault(destination, []).append(lag or 0.0)
    for destination, found in sorted(lags.items()):
        found.sort()
        for quantile in (0.5, 0.95, 0.99):
            value = found[min(len(found) - 1, int(quantile * len(found)))]
            family.add_metric((str(destination), str(quantile)), value)
    yield family


class AnyFormat(BaseContentNegotiation):
    """What Prometheus accepts is chosen by its own library."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class MetricsView(APIView):
    content_negotiation_class = AnyFormat

    @extend_schema(exclude=True)
    def get(self, request: Any) -> HttpResponse:
        registry = CollectorRegistry()
        registry.register(TablesCollector())
        encode, content_type = choose_encoder(request.META.get("HTTP_ACCEPT", ""))
        return HttpResponse(encode(registry), content_type=content_type)
