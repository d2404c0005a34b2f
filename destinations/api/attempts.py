"""The log of deliveries."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers, viewsets

from destinations.models import DeliveryAttempt, Operation
from tracsync.common.filters import Moment, StrictFilters, Whole


class AttemptSerializer(serializers.ModelSerializer[DeliveryAttempt]):
    class Meta:
        model = DeliveryAttempt
        fields: tuple[str, ...] = (
            *("id", "profile", "destination", "version", "idempotency_key", "at", "duration_ms"),
            *("operation", "outcome", "code", "field", "status_code", "reason", "remote_id"),
        )
        read_only_fields = fields


class FullAttemptSerializer(AttemptSerializer):
    """With what went over the wire, secrets masked, as far as TRACSYNC_ATTEMPT_BODIES keeps it."""

    request = serializers.CharField(read_only=True, allow_null=True)
    response = serializers.CharField(read_only=True, allow_null=True)

    class Meta(AttemptSerializer.Meta):
        fields = (*AttemptSerializer.Meta.fields, "request", "response")
        read_only_fields = fields


class AttemptFilters(StrictFilters):
    profile = django_filters.CharFilter(label="The id of a profile")
    destination = Whole(label="The id of a destination")
    operation = django_filters.ChoiceFilter(choices=Operation.choices)
    outcome = django_filters.ChoiceFilter(choices=DeliveryAttempt.Outcome.choices)
    code = django_filters.CharFilter(label="The kind of the outcome, such as invalid_field")
    field = django_filters.CharFilter(label="What the outcome is about")
    status_code = Whole()
    after = Moment(field_name="at", lookup_expr="gte")
    before = Moment(field_name="at", lookup_expr="lt")


class AttemptViews(viewsets.ReadOnlyModelViewSet[DeliveryAttempt]):
    queryset = DeliveryAttempt.objects.all()
    filterset_class = AttemptFilters
    ordering = ("-at", "-id")

    def get_queryset(self) -> QuerySet[DeliveryAttempt]:
        attempts = super().get_queryset()
        return attempts.defer("request", "response") if self.action == "list" else attempts

    def get_serializer_class(self) -> Any:
        return AttemptSerializer if self.action == "list" else FullAttemptSerializer
