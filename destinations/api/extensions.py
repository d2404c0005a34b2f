"""The catalogue of extensions."""

from __future__ import annotations

from typing import Any

import django_filters
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from destinations.configuration import catalogue
from destinations.connectors import capabilities, introduction, registry
from destinations.models import Extension
from tracsync.common.rest.filters import Contains, StrictFilters, TrueFalse
from tracsync.common.rest.scopes import CONFIGURATION, OfArea


@extend_schema_field({"type": "object", "nullable": True, "additionalProperties": {}})
class OfConnector(serializers.ReadOnlyField):
    """What the connector has under the name of the field."""

    def __init__(self) -> None:
        super().__init__(source="slug")

    def to_representation(self, value: str) -> Any:
        return getattr(registry.find(value), str(self.field_name), None)


class PresetSerializer(serializers.Serializer[Any]):
    """A common shape to begin a destination with: its fields as a destination has them."""

    name = serializers.CharField()
    description = serializers.CharField()
    prerequisites = serializers.CharField()
    mapping = serializers.JSONField()
    settings = serializers.DictField()


class ExtensionSerializer(serializers.ModelSerializer[Extension]):
    """What an extension is, and the JSON Schemas of what it needs; null where its package is missing."""

    installed = serializers.BooleanField(read_only=True)
    icon = serializers.SerializerMethodField(help_text="The text of an SVG element.")
    kind = serializers.SerializerMethodField(
        help_text="What kind of system it is, such as crm; other where it says none or is missing."
    )
    can = serializers.SerializerMethodField(
        help_text="What it can at most: updates, sends, removes, batches, reads."
    )
    credentials_schema = OfConnector()
    settings_schema = OfConnector()
    payload_schema = OfConnector()
    version = serializers.SerializerMethodField(help_text="Of the form of its credentials and settings.")
    presets = serializers.SerializerMethodField()
    release = serializers.SerializerMethodField(
        help_text="The version of its file or package; blank where it is missing."
    )
    origin = serializers.SerializerMethodField(
        help_text="tracsync, package or folder: where it is from; blank where it is missing."
    )
    where = serializers.SerializerMethodField(help_text="The name of the package, or of the folder's file.")
    problem = serializers.SerializerMethodField(help_text="Why it cannot be used; blank where it can.")

    class Meta:
        model = Extension
        fields = (
            *("slug", "name", "description", "type", "installed", "icon", "kind", "can"),
            *("credentials_schema", "settings_schema", "payload_schema"),
            *("version", "presets"),
            *("release", "origin", "where", "problem"),
        )
        read_only_fields = fields

    def get_icon(self, extension: Extension) -> str | None:
        return getattr(registry.find(extension.slug), "icon", None)

    def get_kind(self, extension: Extension) -> str:
        return introduction.kind_of(registry.find(extension.slug))

    def get_can(self, extension: Extension) -> list[str]:
        connector = registry.find(extension.slug)
        return [] if connector is None else [*introduction.can(connector)]

    def get_version(self, extension: Extension) -> int | None:
        connector = registry.find(extension.slug)
        return None if connector is None else capabilities.version(connector)

    @extend_schema_field(PresetSerializer(many=True, allow_null=True))
    def get_presets(self, extension: Extension) -> Any:
        connector = registry.find(extension.slug)
        if connector is None:
            return None
        return PresetSerializer(capabilities.presets(connector), many=True).data

    def get_release(self, extension: Extension) -> str:
        return found.release if (found := registry.origin(extension.slug)) else ""

    def get_origin(self, extension: Extension) -> str:
        return found.kind if (found := registry.origin(extension.slug)) else ""

    def get_where(self, extension: Extension) -> str:
        return found.where if (found := registry.origin(extension.slug)) else ""

    def get_problem(self, extension: Extension) -> str:
        return registry.problem(extension.slug)


class ExtensionFilters(StrictFilters):
    search = Contains("name", "slug", label="What the name or the slug contains, whatever its case")
    type = django_filters.CharFilter(label="destination")
    installed = TrueFalse(field_name="installed_at", lookup_expr="isnull", exclude=True)


class ExtensionViews(OfArea, viewsets.ReadOnlyModelViewSet[Extension]):
    area = CONFIGURATION
    queryset = Extension.objects.all()
    serializer_class = ExtensionSerializer
    filterset_class = ExtensionFilters
    orderings = ("slug", "name")
    lookup_value_regex = r"[-\w]+"

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        catalogue.keep_up()  # files come and go
        return super().list(request, *args, **kwargs)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        catalogue.keep_up()
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(request=None, responses=ExtensionSerializer)
    @action(detail=True, methods=["post"])
    def install(self, request: Request, pk: str) -> Response:
        """Let resources use it."""
        return self._answer(catalogue.install, pk)

    @extend_schema(request=None, responses=ExtensionSerializer)
    @action(detail=True, methods=["post"])
    def uninstall(self, request: Request, pk: str) -> Response:
        """Take it away; refused while resources use it."""
        return self._answer(catalogue.uninstall, pk)

    def _answer(self, change: Any, slug: str) -> Response:
        try:
            return Response(self.get_serializer(change(slug)).data)
        except Extension.DoesNotExist:
            raise Http404("No extension has this name; GET /api/v1/extensions/ lists them") from None
