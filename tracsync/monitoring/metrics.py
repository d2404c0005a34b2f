"""Metrics for Prometheus, read from the tables when asked: right whatever process answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import accumulate

from django.db.models import Count, Min, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from destinations.insight import statistics
from destinations.insight.destination_status import Kind, conditions
from destinations.models import DeliveryAttempt, Destination, Heartbeat, ProfileSync, Tally
from destinations.scheduler.loop import ALIVE
from destinations.sync.turns import health_of
from profiles.models import Profile
from tracsync.common.rest.scopes import OPERATIONS, OfArea

DELAY_WINDOW = timedelta(minutes=5)
MOST_DELAYS = 10_000
Metrics = Iterator[Metric]


class TablesCollector(Collector):
    """A fixed number of queries, however many destinations and profiles there are."""

    def describe(self) -> Metrics:
        """Nothing beforehand: only a scrape asks the database."""
        return iter(())

    def collect(self) -> Metrics:
        now = timezone.now()
        yield from _destinations(now)
        yield from _totals()
        yield from _attempts(now)
        yield from _delays(now)
        yield GaugeMetricFamily(
            "tracsync_profiles_unsettled",
            "Profiles that are still changing: their changes have not been handed to the destinations yet.",
            Profile.objects.filter(first_changed_at__isnull=False).count(),
        )
        yield GaugeMetricFamily(
            "tracsync_clocks_alive",
            "Schedulers that have shown themselves lately; without one nothing is sent.",
            Heartbeat.objects.filter(at__gt=now - ALIVE).count(),
        )


def _destinations(now: datetime) -> Metrics:
    waiting = _waiting()
    rows = Destination.objects.order_by("pk").select_related("resource", "health")
    lean = rows.defer("prerequisites", "mapping", "settings", "resource__production", "resource__test")
    lean = lean.prefetch_related("resource__accounts")
    found = {one: {condition.kind for condition in conditions(one, now)} for one in lean}
    counts = {one: waiting[one.pk][0] if one.pk in waiting else 0 for one in found}
    yield _family("syncs_owed", "Profiles that are waiting for the destination.", counts)
    since = {one: waiting[one.pk][1] if one.pk in waiting else now for one in found}
    ages = {one: max(0.0, (now - oldest).total_seconds()) for one, oldest in since.items()}
    yield _family("syncs_oldest_owed_seconds", "For how long the one that waits longest has been due.", ages)
    rejected = _rejected()
    yield _family(
        "syncs_rejected",
        "Profiles that the destination refused, until they change or somebody sends them again.",
        {one: rejected.get(one.pk, 0) for one in found},
    )
    for name, (help_text, kind, is_so) in _KINDS.items():
        yield _family(name, help_text, {one: (kind in kinds) is is_so for one, kinds in found.items()})
    for name, (help_text, attribute) in _IN_A_ROW.items():
        yield _family(name, help_text, {one: getattr(health_of(one), attribute, 0) for one in found})


def _family(name: str, help_text: str, values: Mapping[Destination, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"tracsync_{name}", help_text, labels=("destination", "name"))
    for destination, value in values.items():
        family.add_metric((str(destination.pk), destination.name), value)
    return family


def _waiting() -> dict[int, tuple[int, datetime]]:
    """How many and since when, by destination: apart from those, so that only the index of it is read."""
    waiting = ProfileSync.objects.filter(due_at__isnull=False).order_by().values_list("destination")
    counted = waiting.annotate(rows=Count("*"), oldest=Min("due_at"))
    return {destination: (count, oldest) for destination, count, oldest in counted}


def _rejected() -> dict[int, int]:
    """By destination, each counted for itself: by an index of a destination's states."""
    rejected = ProfileSync.objects.filter(destination=OuterRef("pk"), state=ProfileSync.State.REJECTED)
    counted = rejected.order_by().values("destination").annotate(rows=Count("*")).values("rows")
    return dict(Destination.objects.order_by().values_list("pk", Coalesce(Subquery(counted), 0)))


# What is told of each destination, and whether it is 1 where that is so or where it is not.
_KINDS = {
    "destination_enabled": ("1 where the destination is on.", Kind.OFF, False),
    "destination_paused": ("1 where somebody has paused it.", Kind.PAUSED, True),
    "destination_held": ("1 where it rests after failures or because it asked to wait.", Kind.RESTING, True),
    "destination_refusing": ("1 where the last pushes were refused, for its own fault.", Kind.REFUSING, True),
    "destination_stopped": ("1 where it wants nothing any more.", Kind.STOPPED, True),
    "destination_broken": ("1 where a person has to mend something of it.", Kind.BROKEN, True),
}
_IN_A_ROW = {
    "destination_failures": ("Failures in a row; from the fifth on it rests.", "failures"),
    "destination_refusals": ("Refusals in a row that say the same.", "refusals"),
}


def _totals() -> Metrics:
    """Counters that only grow: `rate()` and `increase()` of any span are right."""
    rows = list(Tally.totals.order_by("destination").select_related("destination"))
    labels = ("destination", "name", "outcome")
    attempts = CounterMetricFamily("tracsync_attempts", "Tries to push, by what came of them.", labels=labels)
    decisions = CounterMetricFamily(
        "tracsync_decisions", "Changes that were not sent, by what was decided instead.", labels=labels
    )
    delays = HistogramMetricFamily(
        "tracsync_delay_seconds", "How long after their due time pushes were sent.", labels=labels[:2]
    )
    bounds = [*map(str, Tally.LAG_BOUNDS), "+Inf"]
    for row in rows:
        named = (str(row.destination_id), row.destination.name)
        for family, outcomes in ((attempts, Tally.OUTCOMES), (decisions, Tally.DECISIONS)):
            for outcome in outcomes:
                family.add_metric((*named, outcome), getattr(row, outcome))
        reached = accumulate(getattr(row, name) for name in Tally.LAGS)
        delays.add_metric(named, list(zip(bounds, reached, strict=True)), sum_value=None)
    yield from (attempts, decisions, delays)


def _attempts(now: datetime) -> Metrics:
    family = GaugeMetricFamily(
        "tracsync_attempts_last_hour", "Tries to push in the last hour.", labels=("destination", "outcome")
    )
    for destination, figures in sorted(statistics.by_destination(statistics.HOUR, now).items()):
        for outcome in Tally.OUTCOMES:
            if count := figures.counts[outcome]:
                family.add_metric((str(destination), outcome), count)
    yield family


def _delays(now: datetime) -> Metrics:
    """Each push counts from when it was due, so that quiet periods are no part of it."""
    family = GaugeMetricFamily(
        "tracsync_lag_seconds",
        "The delay from due to sent, of the pushes of the last five minutes (the latest 10,000).",
        labels=("destination", "quantile"),
    )
    lately = DeliveryAttempt.objects.filter(at__gt=now - DELAY_WINDOW, lag__isnull=False).order_by("-at")
    delays: dict[int, list[float]] = {}
    for destination, delay in lately.values_list("destination_id", "lag")[:MOST_DELAYS]:
        delays.setdefault(destination, []).append(delay or 0.0)
    for destination, found in sorted(delays.items()):
        found.sort()
        for quantile in (0.5, 0.95, 0.99):
            value = found[min(len(found) - 1, int(quantile * len(found)))]
            family.add_metric((str(destination), str(quantile)), value)
    yield family


class AnyFormat(BaseContentNegotiation):
    """What Prometheus accepts is chosen by its own library."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, first.media_type


class MetricsView(OfArea, APIView):
    area = OPERATIONS
    content_negotiation_class = AnyFormat

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        registry = CollectorRegistry()
        registry.register(TablesCollector())
        encode, content_type = choose_encoder(request.META.get("HTTP_ACCEPT", ""))
        return HttpResponse(encode(registry), content_type=content_type)
