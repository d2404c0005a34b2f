"""What each destination knows of each profile, what is waiting for it, and asking for it again."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from destinations.api.fields import Reference, Said, StrictSerializer, Text, checked
from destinations.insight import explain
from destinations.models import Destination, ProfileSync
from destinations.operations import actions, selection
from destinations.operations import replay as replays
from profiles import personal
from profiles.api import id_parameter
from profiles.documents import check_id
from profiles.models import Profile
from profiles.search import finding
from tracsync.common.rest.filters import IdOrSlug, Moment, StrictFilters, TrueFalse
from tracsync.common.rest.scopes import (
    DELIVERIES,
    NOT_ABOUT_DESTINATIONS,
    OfArea,
    may_read_profiles,
    own_destination,
)

# All that the sentence about a row needs.
SYNCS = (
    ProfileSync.objects.select_related("profile", "destination__resource", "destination__health")
    .prefetch_related("destination__resource__accounts")
    .defer("profile__document", *explain.HEAVY)
)


class SyncSerializer(serializers.ModelSerializer[ProfileSync]):
    owed = serializers.BooleanField(read_only=True, help_text="Whether something is waiting to be sent.")
    reason = serializers.SerializerMethodField(help_text="The state, why it is so, and what happens next.")
    last_error = Said()
    remote_id = Said()

    class Meta:
        model = ProfileSync
        fields = (
            *("id", "profile", "destination", "state", "state_since", "reason", "owed", "due_at"),
            *("version", "synced_version", "synced_at", "attempts", "last_error", "code", "field"),
            *("removed_at", "remote_id", "awaited_since"),
        )
        read_only_fields = fields

    def get_reason(self, sync: ProfileSync) -> str:
        return explain.sentence(sync)


class SyncFilters(StrictFilters):
    profile = django_filters.CharFilter(label="The id of a profile")
    search = django_filters.CharFilter(method="found", label="The profile's, as in the list of profiles")
    destination = IdOrSlug(label="The id or the slug of a destination")
    state = django_filters.ChoiceFilter(choices=ProfileSync.State.choices)
    owed = TrueFalse(field_name="due_at", lookup_expr="isnull", exclude=True)
    due_before = Moment(field_name="due_at", lookup_expr="lte")
    code = django_filters.CharFilter(label="The kind of the last error, such as invalid_field")
    field = django_filters.CharFilter(label="What the last error is about")
    has_error = TrueFalse(field_name="last_error", lookup_expr="exact", method="with_error")

    def found(self, syncs: QuerySet[ProfileSync], name: str, value: str) -> QuerySet[ProfileSync]:
        """By name for who may read what profiles say; the others could guess it, letter by letter."""
        by_name = personal.may_see(self.request.user) and may_read_profiles(self.request)
        profiles = Profile.with_deleted.filter(finding.matching(value, syncs.db, by_name=by_name)).order_by()
        return syncs.filter(profile__in=profiles.values("pk"))

    def with_error(self, syncs: QuerySet[ProfileSync], name: str, value: bool) -> QuerySet[ProfileSync]:
        return syncs.exclude(last_error="") if value else syncs.filter(last_error="")


class WhichSyncsSerializer(StrictSerializer):
    """At least one of them, so that nothing is sent everywhere by mistake."""

    needs_some = True
    profile = Text(required=False)
    destination = Reference(queryset=Destination.objects.all(), required=False)
    state = serializers.ChoiceField(ProfileSync.State.choices, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError(
                "Say which: destination, profile or state, for example"
                ' {"destination": 1, "state": "rejected"}'
            )
        return attrs


Replayed = inline_serializer(
    "Replayed",
    {
        "replayed": serializers.IntegerField(help_text="How many are sent again."),
        "replays": serializers.ListField(
            child=serializers.IntegerField(), help_text="The jobs that do it, where there are many."
        ),
    },
)


class SyncViews(OfArea, viewsets.ReadOnlyModelViewSet[ProfileSync]):
    area = DELIVERIES
    of_destination = "destination"
    narrows = True
    queryset = SYNCS
    serializer_class = SyncSerializer
    filterset_class = SyncFilters
    ordering = ("profile_id", "pk")  # a destination's rows are spread evenly over profiles, not over pks
    orderings = ("profile", "id")

    @extend_schema(request=None, responses={202: SyncSerializer})
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: str) -> Response:
        """Send it again now, even if it is unchanged or was rejected."""
        sync = self.get_object()
        actions.send_one(sync, again=True)
        return Response(self.get_serializer(self.get_object()).data, status=202)

    @extend_schema(operation_id="syncs_replay_many", request=WhichSyncsSerializer, responses={202: Replayed})
    @action(detail=False, methods=["post"], url_path="replay", url_name="replay-many")
    def replay_many(self, request: Request) -> Response:
        """Send all that match again: a few now, many by replays that can be watched and held up."""
        which = checked(WhichSyncsSerializer, request)
        chosen = WhichSyncsSerializer(which).data
        if (only := own_destination(request)) is not None:
            chosen["destination"] = only
        asked = replays.request(selection.read_request(chosen))
        return Response({"replayed": asked.count, "replays": [job.pk for job in asked.jobs]}, status=202)


class ProspectSerializer(serializers.Serializer[Any]):
    destination = serializers.IntegerField(source="destination.pk")
    due_at = serializers.DateTimeField()
    reason = serializers.CharField(source="text")


class ProfileSyncs(OfArea, APIView):
    area = DELIVERIES
    of_destination = NOT_ABOUT_DESTINATIONS  # it keeps to one itself

    @extend_schema(
        operation_id="profiles_syncs",
        parameters=[id_parameter],
        responses=inline_serializer(
            "ProfileSyncs",
            {
                "profile": serializers.CharField(),
                "version": serializers.IntegerField(),
                "deleted_at": serializers.DateTimeField(allow_null=True),
                "deleted_by": serializers.CharField(),
                "settled": serializers.BooleanField(),
                "syncs": SyncSerializer(many=True),
                "prospects": ProspectSerializer(many=True),
            },
        ),
    )
    def get(self, request: Request, id: str) -> Response:
        """A profile's state at every destination, and when changes that are not settled will be sent."""
        profile = get_object_or_404(Profile.with_deleted.defer("document"), pk=check_id(id))
        syncs, prospects = SYNCS.filter(profile=profile), explain.prospects(profile)
        if (only := own_destination(request)) is not None:
            syncs = syncs.filter(destination=only)
            prospects = [one for one in prospects if one.destination.pk == only]
        return Response(
            {
                "profile": profile.pk,
                "version": profile.version,
                "deleted_at": profile.deleted_at,
                "deleted_by": profile.deleted_by,
                "settled": profile.is_settled,
                "syncs": SyncSerializer(syncs, many=True).data,
                "prospects": ProspectSerializer(prospects, many=True).data,
            }
        )


class WhereToSerializer(StrictSerializer):
    destination = Reference(queryset=Destination.objects.all(), required=False)


class ProfileSyncNow(OfArea, APIView):
    area = DELIVERIES
    of_destination = NOT_ABOUT_DESTINATIONS  # it keeps to one itself

    @extend_schema(
        operation_id="profiles_sync",
        parameters=[id_parameter],
        request=WhereToSerializer,
        responses={202: inline_serializer("Requested", {"requested": serializers.IntegerField()})},
    )
    def post(self, request: Request, id: str) -> Response:
        """Send a profile now, without waiting for its changes to end: to one destination, or to all."""
        profile = get_object_or_404(Profile, pk=check_id(id))
        destination = checked(WhereToSerializer, request).get("destination")
        enabled = Destination.objects.filter(enabled=True)
        if (only := own_destination(request)) is not None:
            enabled = enabled.filter(pk=only)
        destinations = [destination] if destination else list(enabled)
        return Response({"requested": actions.sync_now(profile, destinations)}, status=202)
