"""Views of what people edit: a change is made under a lock, and only of what `If-Match` names."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models, transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from tracsync.common.rest.preconditions import IF_MATCH, PreconditionFailed, etag, expected
from tracsync.common.rest.problem import ProblemSerializer

ETAG = OpenApiParameter(
    "ETag", str, OpenApiParameter.HEADER, description="Of what it is now, for If-Match.", response=True
)
SHOWN = ("retrieve", "create", "update", "partial_update")

Row = TypeVar("Row", bound=models.Model)


class EditedViews(viewsets.ModelViewSet[Row]):
    """Who edits or pauses it meanwhile is not overruled."""

    unique_keys = True  # of the JSON that is sent
    row: Row | None = None  # that is answered

    def tag(self, row: Row) -> str:
        """What tells an edit of a row from the others."""
        raise NotImplementedError

    def stale(self, row: Row) -> PreconditionFailed:
        """What is said to a change that is meant for another edit than the row has."""
        return PreconditionFailed()

    def get_object(self) -> Row:
        row: Row = self.as_expected(super().get_object())
        return row

    def as_expected(self, row: Row) -> Row:
        """Raises PreconditionFailed for a change that is meant for something else than it is now."""
        is_change = self.request.method in ("PUT", "PATCH", "DELETE")
        if is_change and not expected(self.request)(self.tag(row)):
            raise self.stale(row)
        self.row = row
        return row

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with transaction.atomic():
            self._lock()
            return super().update(request, *args, **kwargs)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with transaction.atomic():
            self._lock()
            return super().destroy(request, *args, **kwargs)

    def _lock(self) -> None:
        views: Any = self
        views.queryset = views.queryset.select_for_update(of=("self",))

    def perform_create(self, serializer: serializers.BaseSerializer[Row]) -> None:
        self.row = serializer.save()

    def perform_update(self, serializer: serializers.BaseSerializer[Row]) -> None:
        self.row = serializer.save()

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.row is not None and self.action in SHOWN and response.status_code < 300:
            response["ETag"] = etag(self.tag(self.row))
        return response


def preconditions(
    serializer: type[serializers.BaseSerializer[Any]],
    problem: type[ProblemSerializer] = ProblemSerializer,
) -> dict[str, Any]:
    """For `extend_schema_view` of views that answer with a serializer, and what is stale with a problem."""
    change = extend_schema(parameters=[IF_MATCH, ETAG], responses={200: serializer, 412: problem})
    return {
        "create": extend_schema(parameters=[ETAG]),
        "retrieve": extend_schema(parameters=[ETAG]),
        "update": change,
        "partial_update": change,
        "destroy": extend_schema(parameters=[IF_MATCH], responses={204: None, 412: problem}),
    }
