"""The log of deliveries."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers, viewsets

from destinations.api.fields import Said
from destinations.insight.payloads.masking import masked
from destinations.models import DeliveryAttempt, Operation
from profiles import personal
from tracsync.common.rest.filters import IdOrSlug, Moment, StrictFilters, Whole
from tracsync.common.rest.scopes import DELIVERIES, OfArea


class AttemptSerializer(serializers.ModelSerializer[DeliveryAttempt]):
    reason = Said()
    remote_id = Said()

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

    def to_representation(self, instance: DeliveryAttempt) -> dict[str, Any]:
        """For whoever may not see personal data it is how it is built, and no value of it."""
        shown: dict[str, Any] = super().to_representation(instance)
        if personal.may_see(self.context["request"].user):
            return shown
        return {**shown, **{name: shown[name] and masked(shown[name]) for name in ("request", "response")}}

    class Meta(AttemptSerializer.Meta):
        fields = (*AttemptSerializer.Meta.fields, "request", "response")
        read_only_fields = fields


class AttemptFilters(StrictFilters):
    profile = django_filters.CharFilter(label="The id of a profile")
    destination = IdOrSlug(label="The id or the slug of a destination")
    operation = django_filters.ChoiceFilter(choices=Operation.choices)
    outcome = django_filters.ChoiceFilter(choices=DeliveryAttempt.Outcome.choices)
    code = django_filters.CharFilter(label="The kind of the outcome, such as invalid_field")
    field = django_filters.CharFilter(label="What the outcome is about")
    status_code = Whole()
    after = Moment(field_name="at", lookup_expr="gte")
    before = Moment(field_name="at", lookup_expr="lt")


class AttemptViews(OfArea, viewsets.ReadOnlyModelViewSet[DeliveryAttempt]):
    area = DELIVERIES
    of_destination = "destination"
    queryset = DeliveryAttempt.objects.all()
    filterset_class = AttemptFilters
    ordering = ("-at", "-id")
    orderings = ("at",)

    def get_queryset(self) -> QuerySet[DeliveryAttempt]:
        attempts = super().get_queryset()
        return attempts.defer("request", "response") if self.action == "list" else attempts

    def get_serializer_class(self) -> Any:
        return AttemptSerializer if self.action == "list" else FullAttemptSerializer
