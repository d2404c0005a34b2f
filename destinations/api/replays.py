"""Replays over HTTP: sending what is chosen again, and how far that is."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.response import Response

from destinations.api.fields import Object, StrictSerializer, checked
from destinations.api.jobs import PACE, TIMES, JobSerializer, JobViews
from destinations.models import Replay
from destinations.sync import replays


class ReplaySerializer(JobSerializer):
    class Meta:
        model = Replay
        fields = ("id", "destination", "kind", "choice", *PACE, *TIMES)
        read_only_fields = fields


class AskReplaySerializer(StrictSerializer):
    choice = Object(
        help_text="Which profile syncs: by some of destination, profile, profile_begins, state, owed, and of"
        " an attempt's outcome, status_code, status, at_from and at_to; all that is said must hold."
    )
    kind = serializers.ChoiceField(
        Replay.Kind.choices,
        default=Replay.Kind.REPLAY,
        help_text="A replay sends even what was accepted as it is; a retry does not.",
    )


class ReplayViews(JobViews):
    queryset = Replay.objects.all()
    serializer_class = ReplaySerializer

    @extend_schema(
        request=AskReplaySerializer,
        responses={
            202: inline_serializer(
                "ReplaysRequested",
                {"replayed": serializers.IntegerField(), "replays": ReplaySerializer(many=True)},
            )
        },
    )
    def create(self, request: Any) -> Response:
        """Send all that is chosen again: a few now, many by one replay per destination."""
        asked = checked(AskReplaySerializer, request)
        requested = replays.request(asked["choice"], asked["kind"])
        jobs = ReplaySerializer(requested.jobs, many=True).data
        return Response({"replayed": requested.count, "replays": jobs}, status=202)
