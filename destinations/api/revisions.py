"""What people edit has a revision: the ETag of its answers, and what If-Match is compared with."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any, TypeVar

from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request

from destinations.api.fields import is_number
from destinations.configuration import revisions
from destinations.models import Destination, Resource
from tracsync.common.rest.editing import EditedViews, preconditions
from tracsync.common.rest.preconditions import PreconditionFailed, etag
from tracsync.common.rest.problem import ProblemSerializer
from tracsync.common.rest.scopes import CONFIGURATION, OfArea

ID_OR_SLUG = OpenApiParameter(
    "id",
    {"oneOf": [{"type": "integer"}, {"type": "string"}]},
    OpenApiParameter.PATH,
    description="The id, or the slug.",
)

NAMED = ("id", "name", "slug", "created_at", "updated_at")  # what lists are ordered by

_NUMBER = re.compile(r"\d{1,9}", re.ASCII)

Row = TypeVar("Row", Destination, Resource)
Views = TypeVar("Views")


class EditSerializer(serializers.Serializer[Any]):
    by = serializers.CharField(help_text="A user, an API token or the command line.")
    at = serializers.DateTimeField()
    changes = serializers.ListField(
        child=serializers.CharField(), help_text="A sentence for each; no secrets."
    )


class StaleProblemSerializer(ProblemSerializer):
    """It has another revision than If-Match names, and nothing was changed."""

    revision = serializers.IntegerField(help_text="What it is at now.")
    edits = EditSerializer(many=True, help_text="What others have edited since, oldest first.")


class StaleRevision(PreconditionFailed):
    def __init__(self, row: Destination | Resource, tags: str) -> None:
        super().__init__()
        numbers = [tag.removeprefix("W/").strip('"') for tag in parse_etags(tags)]
        named = [int(number) for number in numbers if _NUMBER.fullmatch(number)]
        edits = revisions.edits_since(row, max(named)) if named else []
        told = [dataclasses.asdict(edit) for edit in edits]
        self.members = {"revision": row.revision, "edits": EditSerializer(told, many=True).data}


class RevisionedViews(OfArea, EditedViews[Row]):
    area = CONFIGURATION

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self._find_by_slug()

    def _find_by_slug(self) -> None:
        """Addresses take a slug in place of an id."""
        views: Any = self
        asked = self.kwargs.get("pk", "0")
        if not is_number(asked):
            found = views.queryset.model.objects.filter(slug=asked.replace("\0", ""))
            self.kwargs["pk"] = str(found.values_list("pk", flat=True).first() or 0)

    def tag(self, row: Row) -> str:
        return str(row.revision)

    def stale(self, row: Row) -> PreconditionFailed:
        return StaleRevision(row, self.request.headers.get("If-Match", ""))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Acts answer with the row, too; a change that is refused with the revision of now."""
        response = super().finalize_response(request, response, *args, **kwargs)
        if isinstance(response.data, dict) and "revision" in response.data:
            response["ETag"] = etag(response.data["revision"])
        return response


def described(serializer: type[serializers.BaseSerializer[Any]]) -> Callable[[Views], Views]:
    """For views that answer with this serializer: their preconditions in the description of the API."""
    described = preconditions(serializer, StaleProblemSerializer)

    def decorate(views: Any) -> Any:
        acts = [act.__name__ for act in views.get_extra_actions() if act.detail]
        of_one = [name for name in described if name != "create"]
        named = dict.fromkeys((*of_one, *acts), extend_schema(parameters=[ID_OR_SLUG]))
        return extend_schema_view(**named)(extend_schema_view(**described)(views))

    return decorate
