"""A destination as JSON."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.reverse import reverse

from destinations import configuration
from destinations.api.fields import Object, Reference, Said, StrictModelSerializer, Tags
from destinations.configuration import validation
from destinations.configuration.history import Author
from destinations.connectors import registry, schemas
from destinations.connectors.base import ConfigurationError
from destinations.insight import checking, pace, path_suggestions
from destinations.insight.destination_status import Kind, find
from destinations.models import TODAYS, Destination, DestinationVersion, Health, Resource
from tracsync.common.rest.scopes import own_destination

RESHAPES = ("prerequisites", "mapping", "settings", "on_leave")


def author(request: Request) -> Author:
    return Author(_("API token %s") % request.user)


class HealthSerializer(serializers.ModelSerializer[Health]):
    """How the destination is doing. `held_until`: nothing is sent before; `held_seconds`: so long it rests,
    also with its whole account; `problem`: a person must act.

    `refusals`: so many pushes in a row were refused for the same reason, `refusal`, since `refused_since`;
    `stopped_at`: it wants nothing any more, until a person resumes it.
    """

    held_seconds = serializers.SerializerMethodField(help_text="How long it still rests; 0: it does not.")
    hold_reason = Said()
    refusal = Said()
    problem = Said()

    class Meta:
        model = Health
        fields = (
            *("failures", "held_until", "held_seconds", "held_since", "hold_reason"),
            *("refusals", "refused_since", "refusal", "stopped_at"),
            *("last_accepted_at", "problem", "problem_at"),
        )
        read_only_fields = fields

    def get_held_seconds(self, health: Health) -> float:
        now = timezone.now()
        rest = find(health.destination, {Kind.RESTING}, now)
        return (rest.until - now).total_seconds() if rest and rest.until else 0.0


class WarningSerializer(serializers.Serializer[Any]):
    """What can be read and is probably not meant; nothing is refused for it."""

    field = serializers.CharField(help_text="prerequisites or mapping")
    message = serializers.CharField()
    hint = serializers.CharField()
    path = serializers.CharField(help_text="The JSON path of the string within the mapping.")
    line = serializers.IntegerField(help_text="Within the condition, or within that string.")
    column = serializers.IntegerField()


class LimitSerializer(serializers.Serializer[Any]):
    """So many calls at once, or so many pushes (`count`) within `seconds`. `shared`: by all destinations of
    the resource with these credentials. `set_by`: destination, resource, connector, installation, or system,
    which has said so in its answers."""

    set_by = serializers.ChoiceField([one.value for one in pace.Source], source="source")
    shared = serializers.BooleanField()
    calls = serializers.IntegerField(allow_null=True)
    count = serializers.IntegerField(source="rate.count", default=None, allow_null=True)
    seconds = serializers.FloatField(source="rate.seconds", default=None, allow_null=True)


class DestinationSerializer(StrictModelSerializer):
    resource = Reference(queryset=Resource.objects.select_related("type"))
    mapping = serializers.JSONField(help_text="How the payload is made of the profile.")
    settings = Object(required=False, help_text="Secrets are masked; a mask that is sent back keeps them.")
    tags = Tags(required=False)
    paused = serializers.SerializerMethodField()
    effective_quiet_period = serializers.SerializerMethodField()
    effective_max_wait = serializers.SerializerMethodField()
    effective_concurrency = serializers.IntegerField(read_only=True)
    limits = serializers.SerializerMethodField(help_text="All that hold, and where they come from.")
    health = serializers.SerializerMethodField()
    backfill_suggested = serializers.SerializerMethodField(
        help_text="Whether this request changed what is sent: profiles that are synced already are not sent"
        " again before they change or a backfill is posted to backfill_url."
    )
    backfill_url = serializers.SerializerMethodField()
    warnings = serializers.SerializerMethodField(
        help_text="What in prerequisites and mapping can be read and is probably not meant."
    )

    class Meta:
        model = Destination
        fields = (
            *("id", "slug", "name", "description", "resource", "prerequisites", "mapping", "settings"),
            *("on_leave", "on_delete"),
            *("quiet_period", "max_wait", "effective_quiet_period", "effective_max_wait"),
            *("concurrency", "effective_concurrency", "rate_limit", "rate_period", "limits"),
            *("use_test_credentials", "enabled", "paused", "paused_at", "tags", "health"),
            *("warnings", "backfill_suggested", "backfill_url", "revision", "created_at", "updated_at"),
        )

    def to_representation(self, instance: Destination) -> dict[str, Any]:
        with suppress(ConfigurationError):
            instance.bring_up_to_date()
        connector = registry.find(instance.resource.type_id)
        shown = super().to_representation(instance)
        shown["settings"] = schemas.mask(connector.settings_schema if connector else {}, instance.settings)
        return shown

    def get_paused(self, destination: Destination) -> bool:
        return find(destination, {Kind.PAUSED}, timezone.now()) is not None

    def get_effective_quiet_period(self, destination: Destination) -> float:
        return destination.effective_quiet_period.total_seconds()

    def get_effective_max_wait(self, destination: Destination) -> float | None:
        wait = destination.effective_max_wait
        return None if wait is None else wait.total_seconds()

    @extend_schema_field(LimitSerializer(many=True))
    def get_limits(self, destination: Destination) -> Any:
        return LimitSerializer(pace.limits(destination, timezone.now()), many=True).data

    @extend_schema_field(HealthSerializer(allow_null=True))
    def get_health(self, destination: Destination) -> Any:
        health = getattr(destination, "health", None)
        gone = registry.problem(destination.resource.type_id)
        if gone and not (health and health.problem):  # nothing was due since
            return {**HealthSerializer(health or Health(destination=destination)).data, "problem": gone}
        return HealthSerializer(health).data if health else None

    @extend_schema_field(WarningSerializer(many=True))
    def get_warnings(self, destination: Destination) -> Any:
        found = checking.warnings(destination, path_suggestions.sample())
        return WarningSerializer(found, many=True).data

    def get_backfill_suggested(self, destination: Destination) -> bool:
        return getattr(self, "is_reshaped", False)

    def get_backfill_url(self, destination: Destination) -> str:
        return reverse("destination-backfill", (destination.pk,), request=self.context.get("request"))

    def validate_resource(self, resource: Resource) -> Resource:
        """Other credentials are what a token for one destination is not for."""
        is_other = self.instance is not None and self.instance.resource_id != resource.pk
        if is_other and own_destination(self.context["request"]) is not None:
            raise PermissionDenied("A token for one destination may not give it another resource")
        return resource

    def create(self, validated_data: dict[str, Any]) -> Destination:
        self.is_reshaped = True
        return self._store(Destination(), validated_data)

    def update(self, instance: Destination, validated_data: dict[str, Any]) -> Destination:
        before = [getattr(instance, name) for name in RESHAPES]
        destination = self._store(instance, validated_data)
        self.is_reshaped = before != [getattr(destination, name) for name in RESHAPES]
        return destination

    def _store(self, destination: Destination, data: dict[str, Any]) -> Destination:
        if destination.pk is not None:
            with suppress(ConfigurationError):
                destination.bring_up_to_date()
        stored = destination.settings
        for name, value in data.items():
            setattr(destination, name, value)
        if "settings" in data:
            destination.settings_version = TODAYS
        connector = registry.find(destination.resource.type_id)
        if connector is not None and "settings" in data:
            destination.settings = schemas.unmask(connector.settings_schema, data["settings"], stored)
        validation.check_destination(destination, entered=data.get("settings"))
        configuration.save(destination, by=author(self.context["request"]))
        return destination


class VersionSerializer(serializers.ModelSerializer[DestinationVersion]):
    """`by`: a user's name or what else changed it. `content` holds no secret."""

    class Meta:
        model = DestinationVersion
        fields = ("number", "at", "by", "content", "secrets_changed")
        read_only_fields = fields
