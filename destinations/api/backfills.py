"""Backfills over HTTP. They begin at a destination."""

from __future__ import annotations

from destinations.api.jobs import PACE, TIMES, JobSerializer, JobViews
from destinations.models import Backfill


class BackfillSerializer(JobSerializer):
    class Meta:
        model = Backfill
        fields = ("id", "destination", "changed_since", *PACE, *TIMES)
        read_only_fields = fields


class BackfillViews(JobViews):
    queryset = Backfill.objects.all()
    serializer_class = BackfillSerializer
