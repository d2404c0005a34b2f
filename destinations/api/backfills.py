"""Backfills over HTTP: how far each one is, and holding it up or ending it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.response import Response

from destinations.api.destination_serializers import BackfillSerializer
from destinations.models import Backfill
from destinations.sync import backfill
from profiles.filters import StrictFilters, Whole

State = Backfill.State


class BackfillFilters(StrictFilters):
    destination = Whole(label="The id of a destination")
    state = django_filters.ChoiceFilter(choices=State.choices, method="in_state")

    def in_state(self, backfills: QuerySet[Backfill], name: str, value: str) -> QuerySet[Backfill]:
        ended = value in (State.FINISHED, State.CANCELLED)
        column = "cancelled_at" if ended else "paused_at"
        is_null = value in (State.FINISHED, State.RUNNING)
        return backfills.filter(**{"finished_at__isnull": not ended, f"{column}__isnull": is_null})


class BackfillViews(viewsets.ReadOnlyModelViewSet[Backfill]):
    queryset = Backfill.objects.select_related("destination__resource", "destination__health").defer(
        "destination__mapping",
        "destination__settings",
        "destination__resource__production",
        "destination__resource__test",
    )
    serializer_class = BackfillSerializer
    filterset_class = BackfillFilters
    ordering = ("-pk",)

    @extend_schema(request=None, responses=BackfillSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Any, pk: str) -> Response:
        """Hand no more profiles over until it is resumed."""
        return self._done(backfill.pause)

    @extend_schema(request=None, responses=BackfillSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Any, pk: str) -> Response:
        """Go on where it was paused."""
        return self._done(backfill.resume)

    @extend_schema(request=None, responses=BackfillSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Any, pk: str) -> Response:
        """End it. What was handed over already, a few thousand profiles at most, is still sent."""
        return self._done(backfill.cancel)

    def _done(self, do: Callable[[Backfill], None]) -> Response:
        chosen = self.get_object()
        do(chosen)
        return Response(self.get_serializer(chosen).data)
