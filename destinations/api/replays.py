"""Replays over HTTP: sending what is chosen again, and how far that is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from destinations.api.fields import Object, StrictSerializer, checked
from destinations.api.jobs import PACE, TIMES, JobSerializer, JobViews
from destinations.models import Replay
from destinations.operations import replay, selection
from tracsync.common.rest.scopes import ANOTHER, own_destination


class ReplaySerializer(JobSerializer):
    over = serializers.SerializerMethodField(
        help_text="Seconds that it is spread over; null: as fast as the destination takes it."
    )
    choice = serializers.SerializerMethodField(
        help_text="As it is asked for. What was ticked in the admin is there as ids: `syncs` or `attempts`."
    )

    def get_over(self, job: Replay) -> float | None:
        return None if job.over is None else job.over.total_seconds()

    def get_choice(self, job: Replay) -> dict[str, Any]:
        return selection.said(job.choice)

    class Meta:
        model = Replay
        fields = ("id", "destination", "kind", "choice", "over", *PACE, *TIMES)
        read_only_fields = fields


class AskReplaySerializer(StrictSerializer):
    choice = Object(
        help_text="Which profile syncs: by some of destination (id or slug), profile, profile_begins, state,"
        " since_from, since_to (of the state) and owed; or those of which an attempt matches some of"
        " destination, profile, profile_begins, outcome, status (422, 4xx, none), at_from, at_to, took_ms"
        " and reason. All that is said must hold."
    )
    kind = serializers.ChoiceField(
        Replay.Kind.choices,
        default=Replay.Kind.REPLAY,
        help_text="A replay sends even what was accepted as it is; a retry does not.",
    )
    over = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=366 * 24 * 3600,
        help_text="Seconds to spread it over, evenly; without, as fast as the destination takes it.",
    )


class ReplayViews(JobViews):
    queryset = Replay.objects.all()
    serializer_class = ReplaySerializer
    narrows = True

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
        over = timedelta(seconds=asked["over"]) if "over" in asked else None
        choice = selection.read_request(asked["choice"])
        if (only := own_destination(request)) is not None:
            choice = _kept_to(only, choice)
        requested = replay.request(choice, asked["kind"], over=over)
        jobs = ReplaySerializer(requested.jobs, many=True).data
        return Response({"replayed": requested.count, "replays": jobs}, status=202)


def _kept_to(destination_id: int, choice: selection.Choice) -> selection.Choice:
    """Of what is chosen, what is at one destination; raises PermissionDenied where another one is named."""
    named = choice.parameters.get("destination", str(destination_id))
    if named != str(destination_id):
        raise PermissionDenied(ANOTHER)
    return choice.at(destination_id)
