"""External systems and how to sign in there. Credentials go in and never come out."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import django_filters
from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from destinations import configuration
from destinations.api.destination_serializers import author
from destinations.api.fields import Object, Said, StrictModelSerializer, StrictSerializer, Tags, checked
from destinations.api.revisions import NAMED, RevisionedViews, described
from destinations.configuration import validation
from destinations.connectors import registry, schemas
from destinations.connectors.base import ConfigurationError, ConnectorError
from destinations.insight import preview
from destinations.models import TODAYS, Extension, Resource, ResourceVersion
from destinations.sync.tokens import state as token_state
from destinations.sync.tokens.state import State
from tracsync.common import trail
from tracsync.common.encryption import UndecryptableValue, get_readable
from tracsync.common.places import PlacedError
from tracsync.common.rest.filters import Contains, StrictFilters, TrueFalse
from tracsync.common.trail import Action

SETS = ("production", "test")


class CredentialsSerializer(StrictSerializer):
    production = Object(required=False)
    test = Object(required=False)


class CredentialsSetSerializer(serializers.Serializer[Any]):
    """The names of the fields that hold something."""

    production = serializers.ListField(child=serializers.CharField())
    test = serializers.ListField(child=serializers.CharField())


class ResourceSerializer(StrictModelSerializer):
    type = serializers.SlugRelatedField(
        slug_field="slug",
        queryset=Extension.objects.all(),
        error_messages={"does_not_exist": "There is no such extension; GET /api/v1/extensions/ lists them."},
    )
    credentials = CredentialsSerializer(
        write_only=True,
        required=False,
        help_text="PUT replaces each set that is sent, PATCH merges into it; null removes a field.",
    )
    credentials_set = serializers.SerializerMethodField()
    tags = Tags(required=False)

    class Meta:
        model = Resource
        fields = (
            *("id", "slug", "name", "type", "credentials", "credentials_set"),
            *("concurrency", "rate_limit", "rate_period"),
            *("test_concurrency", "test_rate_limit", "test_rate_period"),
            *("enabled", "tags", "revision", "created_at", "updated_at"),
        )

    @extend_schema_field(CredentialsSetSerializer)
    def get_credentials_set(self, resource: Resource) -> dict[str, list[str]]:
        with suppress(ConfigurationError):
            resource.bring_up_to_date()
        blank: tuple[Any, ...] = ("", None, [], {})
        stored = {name: getattr(resource, name) for name in SETS}
        return {name: [key for key in of if of[key] not in blank] for name, of in stored.items()}

    def validate_type(self, type: Extension) -> Extension:
        resource = self.instance
        if resource is not None and resource.type_id != type.pk and resource.destinations.exists():
            raise serializers.ValidationError("Destinations use this resource: its type cannot change.")
        return type

    def create(self, validated_data: dict[str, Any]) -> Resource:
        return self._store(Resource(), validated_data)

    def update(self, instance: Resource, validated_data: dict[str, Any]) -> Resource:
        return self._store(instance, validated_data)

    def _store(self, resource: Resource, data: dict[str, Any]) -> Resource:
        credentials = data.pop("credentials", {})
        with suppress(ConfigurationError):
            resource.bring_up_to_date()
        for name, value in data.items():
            setattr(resource, name, value)
        if credentials:
            resource.credentials_version = TODAYS
        for name, fields in credentials.items():
            setattr(resource, name, self._credentials(resource, getattr(resource, name), fields))
        try:
            validation.check_resource(resource, entered=credentials)
        except ValidationError as error:
            raise _as_sent(error) from None
        configuration.save(resource, by=author(self.context["request"]))
        return resource

    def _credentials(self, resource: Resource, stored: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        connector = registry.find(resource.type_id)
        sent = schemas.unmask(connector.credentials_schema, new, stored) if connector else new
        kept = stored if self.partial else {}
        return {name: value for name, value in {**kept, **sent}.items() if value is not None}


def _as_sent(error: ValidationError) -> ValidationError:
    """The two sets are one field here."""
    by_field: dict[str, Any] = {**error.error_dict}
    in_sets: list[Any] = []
    for name in SETS:
        for one in by_field.pop(name, ()):
            path = one.path if isinstance(one, PlacedError) else (name,)
            in_sets += [PlacedError(sentence, ("credentials", *path)) for sentence in one.messages]
    return ValidationError({**by_field, **({"credentials": in_sets} if in_sets else {})})


class ResourceFilters(StrictFilters):
    name = django_filters.CharFilter(label="The whole name")
    slug = django_filters.CharFilter()
    search = Contains("name", "slug", label="What the name or the slug contains, whatever its case")
    type = django_filters.CharFilter(label="The slug of an extension")
    enabled = TrueFalse()


class WhichCredentialsSerializer(StrictSerializer):
    credentials = serializers.ChoiceField(SETS, default="production")


class TokenStateSerializer(serializers.Serializer[Any]):
    """What is known of an access token; never the token."""

    state = serializers.ChoiceField(
        list(State), help_text="not_needed; missing: a person authorises it first; given; ended: again."
    )
    asks = serializers.BooleanField(help_text="Whether a person authorises it, on its page in the admin.")
    since = serializers.DateTimeField(allow_null=True, help_text="When a person authorised it.")
    by = serializers.CharField(help_text="Who did.")
    renewed_at = serializers.DateTimeField(allow_null=True, help_text="When the last token came.")
    expires_at = serializers.DateTimeField(allow_null=True, help_text="Until when it is used.")
    renews = serializers.BooleanField(help_text="Whether a refresh token is kept.")
    scope = serializers.CharField()
    reason = Said(help_text="Why it is missing or ended.")
    ended_at = serializers.DateTimeField(allow_null=True)


class AuthorisationSerializer(serializers.Serializer[Any]):
    production = TokenStateSerializer()
    test = TokenStateSerializer()


class ResourceVersionSerializer(serializers.ModelSerializer[ResourceVersion]):
    """`by`: a user's name or what else changed it. `content` holds no credentials but the names of those that
    were set."""

    content = serializers.SerializerMethodField()

    class Meta:
        model = ResourceVersion
        fields = ("number", "at", "by", "content", "secrets_changed")
        read_only_fields = fields

    @extend_schema_field({"type": "object", "additionalProperties": {}})
    def get_content(self, version: ResourceVersion) -> dict[str, Any]:
        blank: tuple[Any, ...] = ("", None, [], {})
        content = dict(version.content)
        sets = {name: content.pop(name) for name in SETS}
        named = {name: [key for key in of if of[key] not in blank] for name, of in sets.items()}
        return {**content, "credentials_set": named}


class ConnectionSerializer(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    message = Said(help_text="What happened, in words.")


@described(ResourceSerializer)
class ResourceViews(RevisionedViews[Resource]):
    queryset = Resource.objects.select_related("type")
    serializer_class = ResourceSerializer
    filterset_class = ResourceFilters
    ordering = ("pk",)
    orderings = NAMED

    def get_object(self) -> Resource:
        """Credentials that no key opens any more are empty: they can be sent again."""
        try:
            return super().get_object()
        except UndecryptableValue:
            return self.as_expected(get_readable(self.get_queryset(), pk=self.kwargs["pk"])[0])

    @extend_schema(responses=AuthorisationSerializer)
    @action(detail=True, filterset_class=None)
    def authorisation(self, request: Request, pk: str) -> Response:
        """Whether its access tokens can be renewed, or a person has to authorise it."""
        resource = self.get_object()
        known = {name: token_state.read(resource, name == "test") for name in SETS}
        return Response(AuthorisationSerializer(known).data)

    @extend_schema(responses=ResourceVersionSerializer(many=True), filters=False)
    @action(detail=True, filterset_class=None, ordering=("-pk",), orderings=())
    def versions(self, request: Request, pk: str) -> Response:
        """What it was from each change on, and who changed it; newest first."""
        found: Any = self.get_object().versions.all()
        page: Any = self.paginate_queryset(found)
        return self.get_paginated_response(ResourceVersionSerializer(page, many=True).data)

    @extend_schema(request=WhichCredentialsSerializer, responses=ConnectionSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Try the connection and say what happened; nothing is changed there."""
        resource = self.get_object()
        use_test = checked(WhichCredentialsSerializer, request)["credentials"] == "test"
        if use_test and not resource.test:
            return Response({"ok": False, "message": "There are no test credentials"})
        trail.note(Action.TESTED, resource)
        try:
            return Response({"ok": True, "message": preview.check(resource, use_test)})
        except ConnectorError as error:
            return Response({"ok": False, "message": str(error)})
        except Exception as error:  # a connector's own mistake
            return Response({"ok": False, "message": f"The connector failed with {type(error).__name__}"})
