"""Notice channels, the limits from which on something is told, and incidents over HTTP."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import django_filters
from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from destinations.api.destination_serializers import author
from destinations.api.fields import Number, StrictModelSerializer, StrictSerializer, Text, checked
from tracsync.common.encryption import UndecryptableValue
from tracsync.common.rest.editing import EditedViews, preconditions
from tracsync.common.rest.filters import Contains, IdOrSlug, StrictFilters, TrueFalse
from tracsync.common.rest.scopes import CONFIGURATION, OPERATIONS, OfArea
from tracsync.models import Event, Incident, NoticeChannel, NoticeLimits, keyed_digest
from tracsync.notices import checking, incidents, outbox

SECRETS = ("url", "signing_secret")
MOST_MINUTES = 366 * 24 * 60


class ChannelSerializer(StrictModelSerializer):
    url = Text(
        write_only=True, required=False, help_text="Of all but e-mail: where notices are posted to. Secret."
    )
    signing_secret = Text(
        write_only=True, required=False, help_text="Of a webhook: whsec_ and at least 16 bytes in base64."
    )
    secrets_set = serializers.SerializerMethodField(help_text="Which of url and signing_secret it has.")
    recipients = serializers.ListField(
        child=Text(), required=False, help_text="E-mail addresses; empty for a person's own channel."
    )
    events = serializers.ListField(child=serializers.ChoiceField(Event.choices), required=False)
    user = serializers.SerializerMethodField(help_text="Whose own channel it is; null: nobody's.")
    problem = serializers.CharField(read_only=True, help_text="Why the last try failed.")

    class Meta:
        model = NoticeChannel
        fields = (
            *("id", "name", "kind", "user", "recipients", "url", "signing_secret", "secrets_set"),
            *("language", "events", "destinations", "enabled", "muted_until"),
            *("sent_at", "problem", "problem_at", "created_at"),
        )
        read_only_fields = ("sent_at", "problem_at", "created_at")

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_secrets_set(self, channel: NoticeChannel) -> list[str]:
        try:
            return [name for name in SECRETS if channel.secrets.get(name)]
        except UndecryptableValue:
            return []

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_user(self, channel: NoticeChannel) -> str | None:
        return channel.user.get_username() if channel.user else None

    def validate_kind(self, kind: str) -> str:
        if self.instance is not None and self.instance.kind != kind:
            raise serializers.ValidationError("The kind of a channel cannot change: make another one.")
        return kind

    def create(self, validated_data: dict[str, Any]) -> NoticeChannel:
        return self._store(NoticeChannel(), validated_data)

    def update(self, instance: NoticeChannel, validated_data: dict[str, Any]) -> NoticeChannel:
        return self._store(instance, validated_data)

    @transaction.atomic
    def _store(self, channel: NoticeChannel, data: dict[str, Any]) -> NoticeChannel:
        chosen = data.pop("destinations", None)
        given = {name: data.pop(name) for name in SECRETS if name in data}
        if given:
            channel.secrets = {**self._kept(channel), **given}
        for name, value in data.items():
            setattr(channel, name, value)
        checking.check(channel)
        channel.save()
        if chosen is not None:
            channel.destinations.set(chosen)
        return channel

    @staticmethod
    def _kept(channel: NoticeChannel) -> dict[str, Any]:
        try:
            return channel.secrets
        except UndecryptableValue:  # they are entered again
            return {}


class ChannelFilters(StrictFilters):
    name = django_filters.CharFilter(label="The whole name")
    search = Contains("name", label="What the name contains, whatever its case")
    kind = django_filters.ChoiceFilter(choices=NoticeChannel.Kind.choices)
    enabled = TrueFalse()


class TestSerializer(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    message = serializers.CharField(help_text="What happened, in words.")


class TaggedViews(OfArea, EditedViews[Any]):
    """The ETag is made of what people decide, secrets as well; they cannot be guessed from it."""

    area = CONFIGURATION

    def tag(self, row: Any) -> str:
        shown: Any = self.get_serializer(row)
        decided = {name: value for name, value in shown.data.items() if not shown.fields[name].read_only}
        return keyed_digest(json.dumps([decided, self.secrets(row)], sort_keys=True, default=str))[:32]

    def secrets(self, row: Any) -> Any:
        return None


@extend_schema_view(**preconditions(ChannelSerializer))
class ChannelViews(TaggedViews):
    queryset = NoticeChannel.objects.select_related("user").prefetch_related("destinations").defer("secrets")
    serializer_class = ChannelSerializer
    filterset_class = ChannelFilters
    orderings = ("id", "name", "created_at")

    def secrets(self, row: NoticeChannel) -> Any:
        try:
            return row.secrets
        except UndecryptableValue:
            return None

    def perform_destroy(self, instance: NoticeChannel) -> None:
        if instance.user_id is not None:
            problem = "A person's own channel would be made anew: set enabled to false instead."
            raise serializers.ValidationError({"detail": problem})
        instance.delete()

    @extend_schema(request=None, responses=TestSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Send a message that says that it is a test, and answer what came of it."""
        try:
            problem = outbox.send_test(self.get_object())
        except UndecryptableValue as error:
            problem = str(error)
        return Response({"ok": not problem, "message": problem or "The test was sent"})


class LimitsSerializer(StrictModelSerializer):
    class Meta:
        model = NoticeLimits
        fields = (
            *("id", "destination"),
            *("rejected_count", "rejected_percent", "rejected_minutes", "waiting_minutes"),
        )

    @transaction.atomic
    def create(self, validated_data: dict[str, Any]) -> Any:
        return super().create(validated_data)

    def update(self, instance: NoticeLimits, validated_data: dict[str, Any]) -> NoticeLimits:
        if validated_data.pop("destination", instance.destination) != instance.destination:
            problem = "Limits stay with their destination: make others."
            raise serializers.ValidationError({"destination": [problem]})
        limits: NoticeLimits = super().update(instance, validated_data)
        return limits


class LimitsFilters(StrictFilters):
    destination = IdOrSlug(label="The id or the slug of a destination")


@extend_schema_view(**preconditions(LimitsSerializer))
class LimitsViews(TaggedViews):
    """From when on a destination's rejections and delays are told; `null` is as for all, 0 is never."""

    of_destination = "destination"
    narrows = True
    queryset = NoticeLimits.objects.select_related("destination").defer("destination__settings")
    serializer_class = LimitsSerializer
    filterset_class = LimitsFilters


class IncidentSerializer(serializers.ModelSerializer[Incident]):
    sentence = serializers.SerializerMethodField()

    class Meta:
        model = Incident
        fields = (
            *("id", "event", "destination", "sentence", "opened_at", "closed_at", "told_at"),
            *("acknowledged_at", "acknowledged_by", "muted_until", "muted_by"),
        )
        read_only_fields = fields

    def get_sentence(self, incident: Incident) -> str:
        return str(incident)


class IncidentFilters(StrictFilters):
    event = django_filters.ChoiceFilter(choices=Event.choices)
    destination = IdOrSlug(label="The id or the slug of a destination")
    open = TrueFalse(field_name="closed_at", lookup_expr="isnull")


class MuteSerializer(StrictSerializer):
    minutes = Number(
        min_value=1,
        max_value=MOST_MINUTES,
        allow_null=True,
        help_text="Nothing is sent of it, nor of the same again, for so long; null ends that.",
    )


class IncidentViews(OfArea, viewsets.ReadOnlyModelViewSet[Incident]):
    area = OPERATIONS
    of_destination = "destination"
    queryset = Incident.objects.all()
    serializer_class = IncidentSerializer
    filterset_class = IncidentFilters
    orderings = ("opened_at",)
    ordering = ("-opened_at", "-pk")

    @extend_schema(request=None, responses=IncidentSerializer)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, pk: str) -> Response:
        """Say that somebody takes care of it."""
        incident = self.get_object()
        incidents.acknowledge(incident, author(request).name)
        return Response(IncidentSerializer(incident).data)

    @extend_schema(request=MuteSerializer, responses=IncidentSerializer)
    @action(detail=True, methods=["post"])
    def mute(self, request: Request, pk: str) -> Response:
        """Send nothing of it for a while."""
        incident = self.get_object()
        minutes = checked(MuteSerializer, request)["minutes"]
        until = timezone.now() + timedelta(minutes=minutes) if minutes else None
        incidents.mute(incident, until, author(request).name)
        return Response(IncidentSerializer(incident).data)


router = SimpleRouter()
router.register("notice-channels", ChannelViews, basename="notice-channel")
router.register("notice-limits", LimitsViews, basename="notice-limits")
router.register("incidents", IncidentViews, basename="incident")
urlpatterns = router.urls
