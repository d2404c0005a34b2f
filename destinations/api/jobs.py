"""What backfills and replays have in common over HTTP: how far each is, and holding it up or ending it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from destinations.insight.explain import HEAVY
from destinations.operations import progress
from tracsync.common.jobs import Job
from tracsync.common.rest.filters import Contains, IdOrSlug, StrictFilters
from tracsync.common.rest.scopes import OPERATIONS, OfArea

State = Job.State
PACE = ("state", "summary", "total", "done", "percent", "rate", "seconds_left")
TIMES = ("created_at", "paused_at", "cancelled_at", "finished_at")


class JobSerializer(serializers.ModelSerializer[Any]):
    state = serializers.ChoiceField(State.choices, read_only=True)
    percent = serializers.SerializerMethodField()
    rate = serializers.SerializerMethodField(help_text="Profiles a second; null while it is not known.")
    seconds_left = serializers.SerializerMethodField(help_text="About; null while it is not known.")
    summary = serializers.SerializerMethodField(help_text="How far it is, and what it waits for.")

    def get_percent(self, job: Any) -> int:
        return progress.measure(job).percent

    def get_rate(self, job: Any) -> float | None:
        return progress.measure(job).rate

    def get_seconds_left(self, job: Any) -> int | None:
        left = progress.measure(job).left
        return None if left is None else int(left.total_seconds())

    def get_summary(self, job: Any) -> str:
        return progress.measure(job).summary


class JobFilters(StrictFilters):
    destination = IdOrSlug(label="The id or the slug of a destination")
    search = Contains("destination__name", label="What the destination's name contains, whatever its case")
    state = django_filters.ChoiceFilter(choices=State.choices, method="in_state")

    def in_state(self, jobs: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        ended = value in (State.FINISHED, State.CANCELLED)
        column = "cancelled_at" if ended else "paused_at"
        is_null = value in (State.FINISHED, State.RUNNING)
        return jobs.filter(**{"finished_at__isnull": not ended, f"{column}__isnull": is_null})


class JobViews(OfArea, viewsets.ReadOnlyModelViewSet[Any]):
    area = OPERATIONS
    of_destination = "destination"
    filterset_class = JobFilters
    ordering = ("-pk",)
    orderings = ("id", "created_at")

    def get_queryset(self) -> QuerySet[Any]:
        jobs: QuerySet[Any] = super().get_queryset()
        related = jobs.select_related("destination__resource", "destination__health").defer(*HEAVY)
        return related.prefetch_related("destination__resource__accounts")

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Hand no more profiles over until it is resumed."""
        return self._done(Job.pause)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Go on where it was paused."""
        return self._done(Job.resume)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """End it. What was handed over already, a few thousand profiles at most, is still sent."""
        return self._done(Job.cancel)

    def _done(self, do: Callable[[Job], None]) -> Response:
        chosen = self.get_object()
        do(chosen)
        return Response(self.get_serializer(chosen).data)
