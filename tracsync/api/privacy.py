"""Erasing people, and all that is known of one, over HTTP."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView

from destinations.api.destination_serializers import author
from destinations.api.fields import StrictSerializer, Text, checked
from profiles import documents, personal
from profiles.models import Profile
from tracsync.api.tokens import InScope
from tracsync.common.rest.filters import StrictFilters, TrueFalse
from tracsync.common.rest.scopes import PRIVACY, OfArea
from tracsync.models import Erasure
from tracsync.privacy import erasing, steps
from tracsync.privacy.archive import FILE_NAME, archive


class OwnerMay(BasePermission):
    """Whether the owner of the token may do what the view `needs`; what nobody owns may do everything."""

    def has_permission(self, request: Request, view: Any) -> bool:
        token: Any = request.user
        return token.owner is None or token.owner.has_perm(view.needs)


class AskedSerializer(StrictSerializer):
    profile = Text(max_length=documents.MAX_ID_LENGTH, help_text="The id of the profile; deleted ones count.")


class ErasureStepSerializer(serializers.Serializer[Any]):
    destination = serializers.IntegerField()
    name = serializers.CharField()
    state = serializers.ChoiceField(steps.State.choices)
    operation = serializers.CharField(
        help_text="erase or remove: what it was asked for last; blank: nothing."
    )
    code = serializers.CharField(help_text="Of what kind its answer was, where it was no success.")
    status = serializers.IntegerField(allow_null=True, help_text="Of the last HTTP answer.")
    at = serializers.DateTimeField()
    to_do = serializers.SerializerMethodField(help_text="What somebody has to do; blank: nothing.")

    def get_to_do(self, step: dict[str, Any]) -> str:
        return steps.what_to_do(step, self.context["remote_ids"].get(step["destination"], ""))


class ErasureSerializer(serializers.ModelSerializer[Erasure]):
    """A receipt. `came_back`: the profile was made again before all destinations were done."""

    steps = serializers.SerializerMethodField()

    class Meta:
        model = Erasure
        fields = (
            "id",
            "asked_at",
            "asked_by",
            "finished_at",
            "closed_by",
            "was_deleted",
            "came_back",
            "steps",
        )
        read_only_fields = fields

    @extend_schema_field(ErasureStepSerializer(many=True))
    def get_steps(self, erasure: Erasure) -> Any:
        context = {"remote_ids": steps.remote_ids(erasure.profile_id)}
        return ErasureStepSerializer(erasure.steps, many=True, context=context).data


class ErasureFilters(StrictFilters):
    finished = TrueFalse(field_name="finished_at", lookup_expr="isnull", exclude=True)


class ErasureViews(
    OfArea, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Erasure]
):
    area = PRIVACY
    permission_classes = (InScope, OwnerMay)
    needs = "tracsync.erase_person"
    queryset = Erasure.objects.all()
    serializer_class = ErasureSerializer
    filterset_class = ErasureFilters
    orderings = ("asked_at",)
    ordering = ("-asked_at", "-pk")
    lookup_value_converter = "uuid"

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The newest of those under way are brought up to date first; all of them every ten minutes."""
        erasing.look_at_newest()
        return super().list(request, *args, **kwargs)

    def get_object(self) -> Erasure:
        return erasing.look(super().get_object())

    @extend_schema(request=AskedSerializer, responses={202: ErasureSerializer})
    def create(self, request: Request) -> Response:
        """Erase a person, here and at all destinations. It cannot be undone."""
        profile_id = documents.check_id(checked(AskedSerializer, request)["profile"])
        try:
            erasure = erasing.request(profile_id, author(request).name)
        except erasing.CannotErase as error:
            raise serializers.ValidationError({"profile": [str(error)]}) from None
        return Response(self.get_serializer(erasure).data, status=202)

    @extend_schema(request=None, responses=ErasureSerializer)
    @action(detail=True, methods=["post"])
    def finish(self, request: Request, pk: str) -> Response:
        """Say that what is not done was done there by hand: nothing more is asked of the destinations."""
        try:
            erasure = erasing.finish(self.get_object(), author(request).name)
        except erasing.CannotErase as error:
            raise serializers.ValidationError({"detail": str(error)}) from None
        return Response(self.get_serializer(erasure).data)


class PersonExport(OfArea, APIView):
    area = PRIVACY
    permission_classes = (InScope, OwnerMay)
    needs = "tracsync.export_person"

    @extend_schema(
        operation_id="person_export_retrieve",
        parameters=[OpenApiParameter("profile", str, required=True, description="The id of the profile.")],
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request) -> HttpResponse:
        """All that is known of one person, as a ZIP of JSON files."""
        if not personal.may_see(request.user):
            raise PermissionDenied("The owner of this token may not see personal data")
        id = request.query_params.get("profile", "")
        profile = Profile.with_deleted.filter(pk=documents.check_id(id)).first()
        if profile is None:
            raise serializers.ValidationError({"profile": ["there is no such profile"]})
        headers = {"Content-Disposition": f'attachment; filename="{FILE_NAME}"', "Cache-Control": "no-store"}
        return HttpResponse(archive(profile), content_type="application/zip", headers=headers)


router = SimpleRouter()
router.register("erasures", ErasureViews, basename="erasure")
urlpatterns = [*router.urls, path("person-export/", PersonExport.as_view(), name="person-export")]
