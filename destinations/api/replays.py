"""Replays over HTTP: sending what is chosen again, and how far that is."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from destinations.api.fields import Object, StrictSerializer, checked
from destinations.api.jobs import PACE, TIMES, JobSerializer, JobViews
from destinations.models import Replay
from destinations.operations import replay, selection


class ReplaySerializer(JobSerializer):
    choice = serializers.SerializerMethodField(
        help_text="As it is asked for. What was ticked in the admin is there as ids: `syncs` or `attempts`."
    )

    def get_choice(self, job: Replay) -> dict[str, Any]:
        return selection.said(job.choice)

    class Meta:
        model = Replay
        fields = ("id", "destination", "kind", "choice", *PACE, *TIMES)
        read_only_fields = fields


class AskReplaySerializer(StrictSerializer):
    choice = Object(
        help_text="Which profile syncs: by some of destination, profile, profile_begins, state and owed; or"
        " those of which an attempt matches some of destination, profile, profile_begins, outcome, status"
        " (422, 4xx, none), at_from, at_to, took_ms and reason. All that is said must hold."
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
    def create(self, request: Request) -> Response:
        """Send all that is chosen again: a few now, many by one replay per destination."""
        asked = checked(AskReplaySerializer, request)
        requested = replay.request(selection.read_request(asked["choice"]), asked["kind"])
        jobs = ReplaySerializer(requested.jobs, many=True).data
        return Response({"replayed": requested.count, "replays": jobs}, status=202)
