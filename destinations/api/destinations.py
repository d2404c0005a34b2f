"""Destinations: what gets sent, when, and what would be."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import exceptions, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from destinations.api.audits import AskAuditSerializer, AuditSerializer
from destinations.api.backfills import BackfillSerializer
from destinations.api.destination_serializers import (
    DestinationSerializer,
    VersionSerializer,
    WarningSerializer,
    author,
)
from destinations.api.fields import Said, StrictSerializer, checked
from destinations.api.revisions import NAMED, RevisionedViews, described
from destinations.configuration import target_fields
from destinations.connectors.base import ConnectorError
from destinations.insight import preview, reasons
from destinations.insight.payloads import held
from destinations.models import Destination
from destinations.notation import NotationError
from destinations.operations import actions, audit, backfill
from profiles import documents, personal
from profiles.models import Profile
from tracsync.common import trail
from tracsync.common.rest.filters import Contains, IdOrSlug, StrictFilters, TrueFalse
from tracsync.common.rest.scopes import DELIVERIES, OPERATIONS, PROFILES
from tracsync.common.trail import Action


class DestinationFilters(StrictFilters):
    name = django_filters.CharFilter(label="The whole name")
    slug = django_filters.CharFilter()
    search = Contains("name", "slug", label="What the name or the slug contains, whatever its case")
    resource = IdOrSlug(label="The id or the slug of a resource")
    enabled = TrueFalse()
    paused = TrueFalse(field_name="paused_at", lookup_expr="isnull", exclude=True)


def _need_to_see(request: Request) -> None:
    """Raises PermissionDenied for whoever may not know what profiles say."""
    if not personal.may_see(request.user):
        raise exceptions.PermissionDenied("The owner of this token may not see personal data")


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "object", "additionalProperties": {}}]})
class AnyProfile(serializers.Field[Any, Any, Any, Any]):
    """A document, or the id of a stored one."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            return documents.with_id(data)
        if not isinstance(data, str):
            raise serializers.ValidationError("Send the id of a profile, or a document.")
        _need_to_see(self.context["request"])
        profile = Profile.objects.filter(pk=documents.check_id(data)).first()
        if profile is None:
            raise serializers.ValidationError("There is no profile with this id.")
        return profile.document


class TryProfileSerializer(StrictSerializer):
    profile = AnyProfile(write_only=True)


class PreviewSerializer(serializers.Serializer[Any]):
    """`met` and `payload` are null where `errors` say why they could not be found out."""

    met = serializers.BooleanField(allow_null=True)
    explanation = serializers.JSONField(allow_null=True)
    summary = serializers.CharField()
    payload = serializers.JSONField(allow_null=True)
    request = serializers.JSONField(allow_null=True)
    errors = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]
    places = serializers.JSONField(help_text="Where each value of the payload comes from.")
    missing = serializers.ListField(child=serializers.CharField(), help_text="References that led nowhere.")
    operation = serializers.CharField(
        allow_null=True, help_text="upsert, remove or erase; null: nothing would be asked for."
    )
    warnings = WarningSerializer(many=True)


class TrialSerializer(serializers.Serializer[Any]):
    accepted = serializers.BooleanField()
    outcome = serializers.CharField(help_text="accepted, retry, rejected, unknown, pending or not_sent")
    detail = Said()
    status = serializers.IntegerField(allow_null=True)
    request = serializers.CharField()
    response = serializers.CharField()
    duration = serializers.FloatField(help_text="Seconds.")


READS_PROFILES = (f"{PROFILES}:read",)
NOT_SENT = preview.Trial(False, "not_sent", "", None, "", "", 0.0)


class AskBackfillSerializer(StrictSerializer):
    changed_since = serializers.DateTimeField(
        required=False, allow_null=True, help_text="Only profiles that changed then or later; blank: all."
    )


class WhyNotSerializer(StrictSerializer):
    state = serializers.ChoiceField(
        reasons.NOT_THERE, default="rejected", help_text="Of the profiles in this state."
    )


class SampleSerializer(serializers.Serializer[Any]):
    sync = serializers.IntegerField(source="pk")
    profile = serializers.CharField()


class ReasonSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(help_text='Such as invalid_field; "" where there is none.')
    field = serializers.CharField(help_text="What it is about.")
    reason = Said(source="text", help_text="What was said of one of them.")
    count = serializers.IntegerField()
    samples = SampleSerializer(many=True)


class FieldSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="As the mapping has it.")
    title = serializers.CharField()
    type = serializers.CharField(help_text="The other system's own word.")
    unique = serializers.BooleanField()
    read_only = serializers.BooleanField()  # type: ignore[assignment]
    choices = serializers.ListField(child=serializers.CharField(), help_text="Empty: any value.")


class FieldsSerializer(serializers.Serializer[Any]):
    """`problem`: why the last try to fetch them failed; what was known before is kept."""

    offered = serializers.BooleanField(help_text="Whether the connector can tell them.")
    fetched_at = serializers.DateTimeField(allow_null=True)
    problem = Said()
    fields = FieldSerializer(many=True)  # type: ignore[assignment]


class StoredProfileSerializer(StrictSerializer):
    profile = serializers.CharField(help_text="The id of a stored profile.")


class DifferenceSerializer(serializers.Serializer[Any]):
    field = serializers.CharField(help_text="A dotted path in the payload.")
    held = serializers.JSONField(allow_null=True)
    made = serializers.JSONField(allow_null=True)


class HeldSerializer(serializers.Serializer[Any]):
    """`there` is null where `problem` says why it cannot be told."""

    there = serializers.BooleanField(allow_null=True)
    problem = Said()
    held = serializers.JSONField(allow_null=True, help_text="What the other system holds now.")
    made = serializers.JSONField(allow_null=True, help_text="What the mapping makes of the profile now.")
    differences = DifferenceSerializer(many=True)


class RankingSerializer(serializers.Serializer[Any]):
    reasons = ReasonSerializer(many=True, help_text="The most frequent first, ten at most.")
    read = serializers.IntegerField(help_text="How many profiles were looked at.")
    is_all = serializers.BooleanField(help_text="Whether there are no others.")
    more = serializers.IntegerField(help_text="How many further, rarer reasons there are.")


@described(DestinationSerializer)
class DestinationViews(RevisionedViews[Destination]):
    queryset = Destination.objects.select_related("resource", "health").prefetch_related(
        "resource__accounts", "resource__known_fields"
    )
    serializer_class = DestinationSerializer
    filterset_class = DestinationFilters
    ordering = ("pk",)
    orderings = NAMED
    of_destination = "pk"

    @extend_schema(request=TryProfileSerializer, responses=PreviewSerializer)
    @action(detail=True, methods=["post"], also=READS_PROFILES)
    def preview(self, request: Request, pk: str) -> Response:
        """What would be sent for a profile, and why or why not. Sends nothing."""
        destination = self.get_object()
        document = checked(TryProfileSerializer, request)["profile"]
        return Response(dataclasses.asdict(preview.preview(destination, document)))

    @extend_schema(request=TryProfileSerializer, responses=TrialSerializer)
    @action(detail=True, methods=["post"], also=READS_PROFILES)
    def test(self, request: Request, pk: str) -> Response:
        """Send a profile for real with the test credentials, whatever the prerequisites say."""
        destination = self.get_object()
        document = checked(TryProfileSerializer, request)["profile"]
        trail.note(Action.TESTED, destination)
        try:
            trial = preview.send_test(destination, document, f"test:{uuid.uuid4()}")
        except (ConnectorError, NotationError) as error:
            trial = dataclasses.replace(NOT_SENT, detail=str(error))
        except Exception as error:  # a connector's own mistake
            detail = f"The connector failed with {type(error).__name__}"
            trial = dataclasses.replace(NOT_SENT, outcome="unknown", detail=detail)
        return Response(dataclasses.asdict(trial))

    @extend_schema(request=AskBackfillSerializer, responses={202: BackfillSerializer})
    @action(detail=True, methods=["post"], area=OPERATIONS)
    def backfill(self, request: Request, pk: str) -> Response:
        """Bring all profiles, or those changed since a moment, up to date."""
        destination = self.get_object()
        asked = backfill.request(destination, checked(AskBackfillSerializer, request).get("changed_since"))
        return Response(BackfillSerializer(asked).data, status=202)

    @extend_schema(request=AskAuditSerializer, responses={202: AuditSerializer})
    @action(detail=True, methods=["post"], area=OPERATIONS)
    def audit(self, request: Request, pk: str) -> Response:
        """Compare what the other system holds with what the mapping makes now, and send again what differs.

        Where it cannot be asked, a replay with `over` sends everything again, evenly over a time.
        """
        destination, asked = self.get_object(), checked(AskAuditSerializer, request)
        try:
            begun = audit.request(destination, asked.get("sample"), asked["heal"])
        except audit.NotReadable as error:
            raise serializers.ValidationError({"detail": str(error)}) from None
        return Response(AuditSerializer(begun).data, status=202)

    @extend_schema(responses=BackfillSerializer(many=True), filters=False)
    @action(detail=True, filterset_class=None, ordering=("-pk",), orderings=(), area=OPERATIONS)
    def backfills(self, request: Request, pk: str) -> Response:
        """Its backfills and how far they are, newest first."""
        backfills: Any = self.get_object().backfills.all()
        page: Any = self.paginate_queryset(backfills)
        return self.get_paginated_response(BackfillSerializer(page, many=True).data)

    @extend_schema(responses=VersionSerializer(many=True), filters=False)
    @action(detail=True, filterset_class=None, ordering=("-pk",), orderings=())
    def versions(self, request: Request, pk: str) -> Response:
        """What it was from each change on, and who changed it; newest first."""
        found: Any = self.get_object().versions.all()
        page: Any = self.paginate_queryset(found)
        return self.get_paginated_response(VersionSerializer(page, many=True).data)

    @extend_schema(parameters=[WhyNotSerializer], responses=RankingSerializer, filters=False)
    @action(detail=True, filterset_class=None, area=DELIVERIES)
    def reasons(self, request: Request, pk: str) -> Response:
        """Why profiles are not there as of now: reasons by code and field, the most frequent first."""
        asked = WhyNotSerializer(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        found = reasons.as_of_now(self.get_object(), asked.validated_data["state"])
        return Response(RankingSerializer(found).data)

    @extend_schema(responses=FieldsSerializer, filters=False)
    @action(detail=True, filterset_class=None)
    def fields(self, request: Request, pk: str) -> Response:
        """The fields of the other system, as they were fetched last."""
        return Response(_fields(self.get_object()))

    @extend_schema(request=None, responses=FieldsSerializer)
    @fields.mapping.post
    def fetch_fields(self, request: Request, pk: str) -> Response:
        """Fetch the fields of the other system now. Nothing is changed there."""
        destination = self.get_object()
        try:
            target_fields.refresh(destination)
        except ConnectorError as error:
            raise serializers.ValidationError({"detail": str(error)}) from None
        return Response(_fields(destination))

    @extend_schema(request=StoredProfileSerializer, responses=HeldSerializer)
    @action(detail=True, methods=["post"], area=DELIVERIES, also=READS_PROFILES)
    def read(self, request: Request, pk: str) -> Response:
        """Ask the other system what it holds of a profile now. Nothing is changed there."""
        destination = self.get_object()
        _need_to_see(request)
        asked = documents.check_id(checked(StoredProfileSerializer, request)["profile"])
        profile = Profile.objects.filter(pk=asked).first()
        if profile is None:
            raise serializers.ValidationError({"profile": ["There is no profile with this id."]})
        return Response(HeldSerializer(held.look(destination, profile)).data)

    @extend_schema(request=None, responses=DestinationSerializer)
    @action(detail=True, methods=["post"], area=OPERATIONS)
    def pause(self, request: Request, pk: str) -> Response:
        """Send nothing until it is resumed; what is waiting is kept."""
        destination = self.get_object()
        actions.pause(destination, by=author(request))
        return Response(self.get_serializer(destination).data)

    @extend_schema(request=None, responses=DestinationSerializer)
    @action(detail=True, methods=["post"], area=OPERATIONS)
    def resume(self, request: Request, pk: str) -> Response:
        """Send what is waiting by now."""
        actions.resume(self.get_object(), by=author(request))
        return Response(self.get_serializer(self.get_object()).data)


def _fields(destination: Destination) -> dict[str, Any]:
    row = target_fields.stored(Destination.objects.select_related("resource").get(pk=destination.pk))
    return {
        "offered": target_fields.offers(destination),
        "fetched_at": row.fetched_at if row else None,
        "problem": str(row.problem) if row else "",
        "fields": row.fields if row else [],
    }
