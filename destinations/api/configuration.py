"""The configuration as one document: exported, planned and applied."""

from __future__ import annotations

from typing import Any

from django import forms
from django_filters.utils import translate_validation
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from destinations.api.destination_serializers import author
from destinations.api.fields import Flag, Object, StrictSerializer, Text, checked
from destinations.config_files import exporting, importing
from destinations.config_files.documents import MOST_BYTES, Document, check_depth, gathered
from destinations.config_files.importing import Options, Outdated
from destinations.config_files.plan import Plan
from destinations.config_files.references import Secrets
from tracsync.common.rest.filters import StrictForm
from tracsync.common.rest.scopes import CONFIGURATION, OfArea


class ConfigurationSerializer(serializers.Serializer[Any]):
    """As config_export writes it: by slugs, with references in the place of secrets."""

    tracsync = serializers.IntegerField(help_text="1, the version of this format.")
    resources = Object(required=False)
    destinations = Object(required=False)


class ImportSerializer(StrictSerializer):
    configuration = Object(help_text="As GET answers it; a kind that is left out stays as it is.")
    secrets = serializers.DictField(
        child=Text(),
        required=False,
        help_text="What the references stand for, by name; the server's environment is not read.",
    )
    keep_secrets = Flag(default=False, help_text="References without a secret keep what is stored.")
    prune = Flag(default=False, help_text="Delete what the configuration does not have.")

    def check_storable(self, data: dict[str, Any]) -> None:
        """Of the configuration each resource and destination is, for itself, when it is read."""
        super().check_storable({name: value for name, value in data.items() if name != "configuration"})


class ApplySerializer(ImportSerializer):
    fingerprint = Text(
        required=False, help_text="Of a plan: 409, and nothing is changed, where it is another one by now."
    )


class ChangedFieldSerializer(serializers.Serializer[Any]):
    path = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)
    secret = serializers.BooleanField(help_text="Whether there is more to it than is shown.")


class NumberSerializer(serializers.Serializer[Any]):
    """Of profiles; `low` and `high` are its margins where it is estimated."""

    about = serializers.IntegerField()
    low = serializers.IntegerField()
    high = serializers.IntegerField()


class ReachSerializer(serializers.Serializer[Any]):
    """`numbers`: how many profiles `meet`, `start` or `stop` meeting the prerequisites, would be `sent` or
    `removed` by a backfill, are `refused`, or are `left` in the other system."""

    destination = serializers.CharField()
    numbers = serializers.DictField(child=NumberSerializer())
    unknown = serializers.CharField(help_text="Why there are none.")


class StepSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField(help_text="resources or destinations")
    slug = serializers.CharField()
    name = serializers.CharField()
    action = serializers.ChoiceField(["create", "change", "delete"])
    revision = serializers.IntegerField(help_text="That was compared; 0: it is new.")
    differences = ChangedFieldSerializer(many=True)
    reshapes = serializers.BooleanField(help_text="Whether profiles are sent otherwise: backfill.")
    reach = ReachSerializer(many=True, help_text="Only of a plan.")


class PlanSerializer(serializers.Serializer[Any]):
    """What would be changed, or was."""

    fingerprint = serializers.CharField()
    unchanged = serializers.IntegerField()
    installs = serializers.ListField(child=serializers.CharField(), help_text="Extensions.")
    changes = StepSerializer(many=True)


class OtherPlan(exceptions.APIException):
    status_code = 409
    default_code = "outdated"


class ExportFilters(StrictForm):
    secrets = forms.ChoiceField(choices=[("references", "references"), ("none", "none")], required=False)


class ExportView(OfArea, APIView):
    area = CONFIGURATION

    @extend_schema(
        operation_id="configuration_export",
        parameters=[OpenApiParameter("secrets", str, enum=["references", "none"], default="references")],
        responses=ConfigurationSerializer,
    )
    def get(self, request: Request) -> Response:
        """All resources and destinations as one document, as config_export writes it. No secret is in it."""
        asked = ExportFilters(request.query_params)
        if not asked.is_valid():
            raise translate_validation(asked.errors)
        return Response(exporting.configuration(references=asked.cleaned_data["secrets"] != "none"))


class PlanView(OfArea, APIView):
    area = CONFIGURATION
    unique_keys = True  # of the JSON that is sent
    most_bytes = MOST_BYTES

    @extend_schema(operation_id="configuration_plan", request=ImportSerializer, responses=PlanSerializer)
    def post(self, request: Request) -> Response:
        """What applying it would change, field by field, and how many profiles that reaches."""
        asked = checked(ImportSerializer, request)
        return _answer(lambda wanted, options: importing.plan(wanted, options), asked)


class ApplyView(OfArea, APIView):
    area = CONFIGURATION
    unique_keys = True
    most_bytes = MOST_BYTES

    @extend_schema(operation_id="configuration_apply", request=ApplySerializer, responses=PlanSerializer)
    def post(self, request: Request) -> Response:
        """Change it, all of it or nothing, and say what was changed; nothing the second time."""
        asked = checked(ApplySerializer, request)
        by = author(request)
        return _answer(lambda wanted, options: importing.apply(wanted, options, by), asked)


def _answer(run: Any, asked: dict[str, Any]) -> Response:
    secrets = Secrets(asked.get("secrets", {}), keep=asked["keep_secrets"], told="in secrets")
    options = Options(secrets, prune=asked["prune"], expected=asked.get("fingerprint"))
    document = Document("", asked["configuration"])
    try:
        check_depth(document)
        plan: Plan = run(gathered([document]), options)
    except Outdated as error:
        raise OtherPlan(str(error)) from None
    return Response(PlanSerializer(plan.as_json()).data)
