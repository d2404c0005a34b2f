"""Profiles over HTTP: the document is the body, and its version is the ETag."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import django_filters
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Left
from django.db.models.lookups import Exact
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import path, re_path, reverse
from django.utils.http import http_date
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import exceptions, generics, parsers, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from profiles import bulk, changes, documents, request_stream
from profiles.changes import Change, Written
from profiles.models import Profile, ProfileConflict
from tracsync.common.filters import Moment, StrictFilters, TrueFalse
from tracsync.common.preconditions import IF_MATCH, PreconditionFailed, etag, expected

RESERVED = "bulk"
ID = r"(?P<id>(?:.|\n)+?)"  # any text: an id may hold slashes, blanks and line ends


class ProfileFilters(StrictFilters):
    id = django_filters.CharFilter(method="begins_with", label="What the id begins with")
    changed_since = Moment(field_name="changed_at", lookup_expr="gte", label="Changed then or later")
    unsettled = TrueFalse(
        field_name="first_changed_at",
        lookup_expr="isnull",
        exclude=True,
        label="Whether the profile is still changing: its changes wait to be handed to the destinations",
    )

    def begins_with(self, profiles: QuerySet[Profile], name: str, value: str) -> QuerySet[Profile]:
        # The first condition finds them by an index, the second one minds the letter case everywhere.
        return profiles.filter(id__startswith=value).filter(Exact(Left("id", len(value)), value))


class DocumentSerializer(serializers.Serializer[Profile]):
    """The document itself, whatever is in it."""

    def to_representation(self, instance: Profile) -> Any:
        return instance.document


class DocumentSchema(OpenApiSerializerExtension):
    target_class = DocumentSerializer

    def get_name(self, auto_schema: Any, direction: Any) -> str:
        return "Profile"

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return {"type": "object", "properties": {"id": {"type": "string"}}, "additionalProperties": {}}


id_parameter = OpenApiParameter(
    "id", str, OpenApiParameter.PATH, description="The profile's id, URL-encoded."
)


class ProfileList(generics.ListAPIView[Profile]):
    queryset = Profile.objects.only("id", "document")
    serializer_class = DocumentSerializer
    filterset_class = ProfileFilters

    @extend_schema(request=DocumentSerializer, responses={201: DocumentSerializer})
    def post(self, request: Request) -> Response:
        """Create a profile; its id is generated where the document has none."""
        document = documents.with_id(_body(request))
        id = document["id"]
        if id == RESERVED or id.endswith(("/sync", "/syncs")):
            raise exceptions.ValidationError({"id": [f"{id} is a reserved path: choose another id"]})
        [written] = changes.write([Change(id, "put", document, expects=lambda version: version == 0)])
        if written.conflict:
            hint = "PUT to its address replaces it, PATCH merges into it"
            raise ProfileConflict(f"A profile with this id exists: {hint}")
        response = _answer(written)
        response["Location"] = request.build_absolute_uri(f"{reverse('profiles')}{quote(id, safe='')}/")
        return response


class ProfileDetail(APIView):
    @extend_schema(responses=DocumentSerializer, parameters=[id_parameter], operation_id="profiles_retrieve")
    def get(self, request: Request, id: str) -> Response:
        """The document. ETag is its version, Last-Modified the time of its last change."""
        profile = get_object_or_404(Profile, pk=documents.check_id(id))
        headers = {"ETag": etag(profile.version), "Last-Modified": http_date(profile.changed_at.timestamp())}
        if expected(request)(profile.version):
            return Response(profile.document, headers=headers)
        if "If-Match" in request.headers:
            raise PreconditionFailed
        return Response(status=304, headers=headers)

    @extend_schema(
        request=DocumentSerializer,
        responses={200: DocumentSerializer, 201: DocumentSerializer},
        parameters=[id_parameter, IF_MATCH],
    )
    def put(self, request: Request, id: str) -> Response:
        """Replace the document, or create it."""
        return self._write(Change(documents.check_id(id), "put", _body(request), expects=expected(request)))

    @extend_schema(
        request=DocumentSerializer, responses=DocumentSerializer, parameters=[id_parameter, IF_MATCH]
    )
    def patch(self, request: Request, id: str) -> Response:
        """Merge into the document as RFC 7396 has it: null removes a key."""
        is_expected, patch = expected(request), _body(request)
        change = Change(
            documents.check_id(id),
            "patch",
            patch,
            expects=lambda version: version > 0 and is_expected(version),
        )
        return self._write(change, is_patch=True)

    @extend_schema(responses={204: None}, parameters=[id_parameter, IF_MATCH])
    def delete(self, request: Request, id: str) -> Response:
        """Delete the profile. Destinations remove or erase it where they say so (`on_delete`)."""
        is_expected = expected(request)
        with transaction.atomic():
            profiles = Profile.objects.select_for_update().only("id", "version")
            profile = get_object_or_404(profiles, pk=documents.check_id(id))
            if not is_expected(profile.version):
                raise PreconditionFailed
            profiles.filter(pk=profile.pk).delete(by=_("API token %s") % request.user)
        return Response(status=204)

    def _write(self, change: Change, is_patch: bool = False) -> Response:
        [written] = changes.write([change])
        if written.conflict and is_patch and not written.version:
            raise exceptions.NotFound("There is no such profile: PUT creates it")
        if written.conflict:
            raise PreconditionFailed
        return _answer(written)


class LinesParser(parsers.BaseParser):
    """Only says that NDJSON is welcome: the view reads the body itself."""

    media_type = "application/x-ndjson"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        raise AssertionError("a bulk body is read as a stream")


class TextParser(LinesParser):
    media_type = "text/plain"


class ArrayParser(LinesParser):
    media_type = "application/json"


bulk_error = inline_serializer(
    "BulkError",
    {
        "line": serializers.IntegerField(),
        "id": serializers.CharField(required=False),
        "error": serializers.CharField(),
    },
    many=True,
)
bulk_answer = inline_serializer(
    "BulkAnswer",
    {name: serializers.IntegerField() for name in ("created", "changed", "unchanged", "failed")}
    | {"errors": bulk_error},
)


class ProfileBulk(APIView):
    parser_classes = (ArrayParser, LinesParser, TextParser)

    @extend_schema(
        request={
            "application/x-ndjson": OpenApiTypes.STR,
            "application/json": {"type": "array", "items": {"type": "object", "additionalProperties": {}}},
        },
        responses={200: bulk_answer, 413: bulk_answer},
    )
    def post(self, request: Request) -> Response:
        """Write many profiles: documents, or `{"id": ..., "set": {...}}` to merge into them."""
        parser = self.get_content_negotiator().select_parser(request, self.get_parsers())
        if parser is None:
            accepted = "Send application/x-ndjson, text/plain or application/json"
            raise exceptions.UnsupportedMediaType(request.content_type, accepted)
        is_array = parser.media_type == ArrayParser.media_type
        split = request_stream.elements if is_array else request_stream.lines
        try:
            return Response(bulk.load(split(request_stream.chunks(request._request))).as_dict())
        except bulk.TooManyRecords as error:
            most = settings.TRACSYNC_MAX_BULK_RECORDS
            detail = (
                f"One request has at most {most:,} records: send those from line {most + 1} on in another one"
            )
            return Response({"detail": detail, **error.counts.as_dict()}, status=413)

    def http_method_not_allowed(self, request: HttpRequest | Request, *args: Any, **kwargs: Any) -> Response:
        raise exceptions.MethodNotAllowed(
            request.method or "", f"“{RESERVED}” is no profile but where many are written: POST"
        )


def _answer(written: Written) -> Response:
    if written.error:
        raise documents.InvalidDocument(written.error)
    headers = {"ETag": etag(written.version)}
    return Response(written.document, status=201 if written.created else 200, headers=headers)


def _body(request: Request) -> Any:
    if not int(request.META.get("CONTENT_LENGTH") or 0):
        raise exceptions.ParseError("The body is empty: send a JSON object, and its length in Content-Length")
    return request.data


urlpatterns = [
    path("profiles/", ProfileList.as_view(), name="profiles"),
    re_path(r"^profiles/bulk/?\Z", ProfileBulk.as_view(), name="profiles-bulk"),
    re_path(rf"^profiles/{ID}/?\Z", ProfileDetail.as_view(), name="profile"),
]
