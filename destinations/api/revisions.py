"""What people edit has a revision: the ETag of its answers, and what If-Match is compared with."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import transaction
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from destinations.configuration import revisions
from destinations.models import Destination, Resource
from tracsync.common.preconditions import IF_MATCH, PreconditionFailed, etag, expected

ETAG = OpenApiParameter(
    "ETag", str, OpenApiParameter.HEADER, description="The revision, for If-Match.", response=True
)

_NUMBER = re.compile(r"\d{1,9}", re.ASCII)

Row = TypeVar("Row", Destination, Resource)
Views = TypeVar("Views")


class EditSerializer(serializers.Serializer[Any]):
    by = serializers.CharField(help_text="A user, an API token or the command line.")
    at = serializers.DateTimeField()
    changes = serializers.ListField(
        child=serializers.CharField(), help_text="A sentence for each; no secrets."
    )


class StaleSerializer(serializers.Serializer[Any]):
    """It has another revision than If-Match names, and nothing was changed."""

    detail = serializers.CharField()
    revision = serializers.IntegerField(help_text="What it is at now.")
    edits = EditSerializer(many=True, help_text="What others have edited since, oldest first.")


class StaleRevision(PreconditionFailed):
    def __init__(self, row: Destination | Resource, tags: str) -> None:
        super().__init__()
        numbers = [tag.removeprefix("W/").strip('"') for tag in parse_etags(tags)]
        named = [int(number) for number in numbers if _NUMBER.fullmatch(number)]
        edits = revisions.edits_since(row, max(named)) if named else []
        told = [dataclasses.asdict(edit) for edit in edits]
        said = {"detail": self.default_detail, "revision": row.revision, "edits": told}
        self.detail = StaleSerializer(said).data


class RevisionedViews(viewsets.ModelViewSet[Row]):
    """Changes are made under a lock: who edits or pauses it meanwhile is not overruled."""

    unique_keys = True  # of the JSON that is sent

    def get_object(self) -> Row:
        row: Row = self.as_expected(super().get_object())
        return row

    def as_expected(self, row: Any) -> Any:
        """Raises StaleRevision for a change that is meant for another revision."""
        is_change = self.request.method in ("PUT", "PATCH", "DELETE")
        if is_change and not expected(self.request)(row.revision):
            raise StaleRevision(row, self.request.headers.get("If-Match", ""))
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

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if isinstance(response.data, dict) and "revision" in response.data:
            response["ETag"] = etag(response.data["revision"])
        return response


def described(serializer: type[serializers.BaseSerializer[Any]]) -> Callable[[Views], Views]:
    """For views that answer with this serializer: their preconditions in the description of the API."""
    change = extend_schema(parameters=[IF_MATCH, ETAG], responses={200: serializer, 412: StaleSerializer})
    decorate: Any = extend_schema_view(
        retrieve=extend_schema(parameters=[ETAG]),
        update=change,
        partial_update=change,
        destroy=extend_schema(parameters=[IF_MATCH], responses={204: None, 412: StaleSerializer}),
    )
    return decorate
