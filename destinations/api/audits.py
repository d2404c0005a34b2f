"""Audits over HTTP. They begin at a destination."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from destinations.api.fields import Said, StrictSerializer
from destinations.api.jobs import PACE, TIMES, JobSerializer, JobViews
from destinations.models import Audit, AuditFinding
from destinations.operations import audit


class AskAuditSerializer(StrictSerializer):
    sample = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=audit.MOST_CHOSEN,
        help_text="Only so many profiles, at random.",
    )
    heal = serializers.BooleanField(default=False, help_text="Send again what differs or is missing.")


class AuditSerializer(JobSerializer):
    problem = Said()

    class Meta:
        model = Audit
        fields = ("id", "destination", "heal", *Audit.COUNTS, "healed", "problem", *PACE, *TIMES)
        read_only_fields = fields


class AuditFindingSerializer(serializers.ModelSerializer[AuditFinding]):
    reason = Said()

    class Meta:
        model = AuditFinding
        fields = ("profile", "kind", "fields", "reason")
        read_only_fields = fields


class AuditViews(JobViews):
    queryset = Audit.objects.defer("chosen")
    serializer_class = AuditSerializer

    @extend_schema(responses=AuditFindingSerializer(many=True), filters=False)
    @action(detail=True, filterset_class=None, ordering=("pk",), orderings=())
    def findings(self, request: Request, pk: str) -> Response:
        """The first thousand profiles that are not there as they should be, and the fields that differ.

        No values are kept: `/destinations/{id}/read/` compares one profile now.
        """
        found: Any = self.get_object().findings.all()
        page: Any = self.paginate_queryset(found)
        return self.get_paginated_response(AuditFindingSerializer(page, many=True).data)
