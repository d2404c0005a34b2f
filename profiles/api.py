"""Profiles over HTTP: the document is the body, and its ETag stands for its version."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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

from profiles import bulk, changes, documents, personal, request_stream
from profiles.changes import Change, Written
from profiles.models import Profile, ProfileConflict
from profiles.search import finding
from tracsync.common.rest.filters import Moment, StrictFilters, TrueFalse
from tracsync.common.rest.preconditions import (
    IF_MATCH,
    IF_NONE_MATCH,
    PreconditionFailed,
    etag,
    expected,
    failed,
)
from tracsync.common.rest.problem import ProblemSerializer
from tracsync.common.rest.scopes import (
    NOT_ABOUT_DESTINATIONS,
    PROFILES,
    OfArea,
    may_read_profiles,
    own_source,
)

HIDDEN = "The owner of this token may not see personal data"
RESERVED = ("bulk", "bulk/delete")
ID_SCHEMA = {"type": "string", "minLength": 1, "maxLength": documents.MAX_ID_LENGTH}
ID = r"(?P<id>(?:.|\n)+?)"  # any text: an id may hold slashes, blanks and line ends


class ProfileFilters(StrictFilters):
    id = django_filters.CharFilter(method="begins_with", label="What the id begins with")
    search = django_filters.CharFilter(
        method="found",
        label="What words of the name, the e-mail address or the id begin with, whatever case and accents;"
        f" by name and e-mail the first {finding.MOST_LISTED:,}",
    )
    email = django_filters.CharFilter(
        method="reached_by", label="The whole e-mail address, whatever its case; at most the first 1,000"
    )
    changed_since = Moment(field_name="changed_at", lookup_expr="gte", label="Changed then or later")
    unsettled = TrueFalse(
        field_name="first_changed_at",
        lookup_expr="isnull",
        exclude=True,
        label="Whether the profile is still changing: its changes wait to be handed to the destinations",
    )

    source = django_filters.CharFilter(method="from_source", label="The source that it was made by")

    def begins_with(self, profiles: QuerySet[Profile], name: str, value: str) -> QuerySet[Profile]:
        # The first condition finds them by an index, the second one minds the letter case everywhere.
        return profiles.filter(id__startswith=value).filter(Exact(Left("id", len(value)), value))

    def from_source(self, profiles: Any, name: str, value: str) -> QuerySet[Profile]:
        found: QuerySet[Profile] = profiles.of_source(value)
        return found

    def reached_by(self, profiles: QuerySet[Profile], name: str, value: str) -> QuerySet[Profile]:
        if not personal.may_see(self.request.user):
            raise exceptions.PermissionDenied(HIDDEN)
        return profiles.filter(
            pk__among=finding.with_email(value, finding.MOST_LISTED, own_source(self.request))
        )

    def found(self, profiles: QuerySet[Profile], name: str, value: str) -> QuerySet[Profile]:
        by_name = personal.may_see(self.request.user)
        return profiles.filter(
            finding.matching(value, profiles.db, own_source(self.request), by_name=by_name)
        )


class DocumentSerializer(serializers.Serializer[Profile]):
    """The document itself, whatever is in it."""

    def to_representation(self, instance: Profile) -> Any:
        return (
            instance.document
            if personal.may_see(_user(self))
            else personal.masked_document(instance.document)
        )


def _user(serializer: serializers.Serializer[Profile]) -> Any:
    return serializer.context["request"].user


class DocumentSchema(OpenApiSerializerExtension):
    target_class = DocumentSerializer

    def get_name(self, auto_schema: Any, direction: Any) -> str:
        return "Profile"

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return {"type": "object", "properties": {"id": ID_SCHEMA}, "additionalProperties": {}}


id_parameter = OpenApiParameter(
    "id", str, OpenApiParameter.PATH, description="The profile's id, URL-encoded."
)


class ProfileList(OfArea, generics.ListAPIView[Profile]):
    area = PROFILES
    ingests = ("POST",)
    of_destination = NOT_ABOUT_DESTINATIONS
    serializer_class = DocumentSerializer
    filterset_class = ProfileFilters
    orderings = ("id", "changed_at")
    needs_body = True  # in the description: without one there is nothing to write
    minds_source = True

    def get_queryset(self) -> QuerySet[Profile]:
        return Profile.objects.of_source(own_source(self.request)).only("id", "document")

    @extend_schema(request=DocumentSerializer, responses={201: DocumentSerializer})
    def post(self, request: Request) -> Response:
        """Create a profile; its id is generated where the document has none."""
        document = documents.with_id(_body(request))
        id = document["id"]
        if id in RESERVED or id.endswith(("/sync", "/syncs")):
            raise exceptions.ValidationError({"id": [f"{id} is a reserved path: choose another id"]})
        change = Change(id, "put", document, expects=lambda tag: not tag)
        [written] = changes.write([change], source=own_source(request))
        if written.conflict:
            hint = "PUT to its address replaces it, PATCH merges into it"
            raise ProfileConflict(f"A profile with this id exists: {hint}")
        response = _answer(written, request)
        response["Location"] = request.build_absolute_uri(f"{reverse('profiles')}{quote(id, safe='')}/")
        return response


class ProfileDetail(OfArea, APIView):
    area = PROFILES
    ingests = ("PUT", "PATCH")
    of_destination = NOT_ABOUT_DESTINATIONS
    minds_source = True
    needs_body = True

    @extend_schema(responses=DocumentSerializer, parameters=[id_parameter], operation_id="profiles_retrieve")
    def get(self, request: Request, id: str) -> Response:
        """The document. ETag stands for its version, Last-Modified the time of its last change."""
        profile = get_object_or_404(Profile.objects.of_source(own_source(request)), pk=documents.check_id(id))
        tag = changes.tag(profile.version, profile.created_at)
        headers = {"ETag": etag(tag), "Last-Modified": http_date(profile.changed_at.timestamp())}
        if expected(request)(tag):
            return Response(DocumentSerializer(profile, context={"request": request}).data, headers=headers)
        if "If-Match" in request.headers:
            raise PreconditionFailed
        return Response(status=304, headers=headers)

    @extend_schema(
        request=DocumentSerializer,
        responses={200: DocumentSerializer, 201: DocumentSerializer},
        parameters=[id_parameter, IF_MATCH, IF_NONE_MATCH],
    )
    def put(self, request: Request, id: str) -> Response:
        """Replace the document, or create it."""
        change = Change(documents.check_id(id), "put", _body(request), expects=expected(request))
        return self._write(request, change)

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
            expects=lambda tag: bool(tag) and is_expected(tag),
        )
        return self._write(request, change, is_patch=True)

    @extend_schema(responses={204: None}, parameters=[id_parameter, IF_MATCH])
    def delete(self, request: Request, id: str) -> Response:
        """Delete the profile. Destinations remove or erase it where they say so (`on_delete`)."""
        is_expected = expected(request)
        with transaction.atomic():
            profiles = Profile.objects.of_source(own_source(request)).select_for_update()
            profiles = profiles.only("id", "version", "created_at")
            profile = get_object_or_404(profiles, pk=documents.check_id(id))
            if not is_expected(changes.tag(profile.version, profile.created_at)):
                raise PreconditionFailed
            profiles.filter(pk=profile.pk).delete(by=_("API token %s") % request.user)
        return Response(status=204)

    def _write(self, request: Request, change: Change, is_patch: bool = False) -> Response:
        [written] = changes.write([change], source=own_source(request))
        if is_patch and (written.is_foreign or (written.conflict and not written.version)):
            raise exceptions.NotFound("There is no such profile: PUT creates it")
        if written.conflict:
            raise failed(request)
        return _answer(written, request)


class LinesParser(parsers.BaseParser):
    """Only says that NDJSON is welcome: the view reads the body itself."""

    media_type = "application/x-ndjson"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        raise AssertionError("a bulk body is read as a stream")


class TextParser(LinesParser):
    media_type = "text/plain"


class ArrayParser(LinesParser):
    media_type = "application/json"


ID_OBJECT = {
    "type": "object",
    "properties": {"id": ID_SCHEMA},
    "required": ["id"],
    "additionalProperties": False,
}

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


class TooManyRecordsSerializer(ProblemSerializer):
    """`counts` says what became of those before the limit."""

    counts = bulk_answer


deleted_answer = inline_serializer(
    "BulkDeletedAnswer",
    {
        "deleted": serializers.IntegerField(),
        "missing": serializers.IntegerField(help_text="So many ids had no profile."),
        "failed": serializers.IntegerField(),
        "errors": bulk_error,
    },
)


class TooManyIdsSerializer(ProblemSerializer):
    """`counts` says what became of those before the limit."""

    counts = deleted_answer


class TooManyRecords(exceptions.APIException):
    status_code = 413
    default_code = "too_many_records"

    def __init__(self, most: int, counts: bulk.Refused) -> None:
        more = f"send those from line {most + 1} on in another one"
        super().__init__(f"One request has at most {most:,} records: {more}")
        self.members = {"counts": counts.as_dict()}


Work = Callable[[Iterator[request_stream.Item]], bulk.Refused]


class BulkView(OfArea, APIView):
    """Reads the records of a body, of whatever size, one by one."""

    area = PROFILES
    minds_source = True
    parser_classes = (ArrayParser, LinesParser, TextParser)
    needs_body = True

    def answer(
        self, request: Request, work: Callable[[Iterator[request_stream.Item]], bulk.Refused]
    ) -> Response:
        parser = self.get_content_negotiator().select_parser(request, self.get_parsers())
        if parser is None:
            accepted = "Send application/x-ndjson, text/plain or application/json"
            raise exceptions.UnsupportedMediaType(request.content_type, accepted)
        is_array = parser.media_type == ArrayParser.media_type
        split = request_stream.elements if is_array else request_stream.lines
        try:
            return Response(work(split(request_stream.chunks(request._request))).as_dict())
        except bulk.TooManyRecords as error:
            raise TooManyRecords(settings.TRACSYNC_MAX_BULK_RECORDS, error.counts) from None

    def http_method_not_allowed(self, request: HttpRequest | Request, *args: Any, **kwargs: Any) -> Response:
        path = request.path.rstrip("/").rpartition("profiles/")[2]
        raise exceptions.MethodNotAllowed(
            request.method or "", f"“{path}” is no profile but where many are written or deleted: POST"
        )


class ProfileBulk(BulkView):
    ingests = ("POST",)

    @extend_schema(
        operation_id="profiles_bulk",
        request={
            "application/x-ndjson": OpenApiTypes.STR,
            "application/json": {"type": "array", "items": {"type": "object", "additionalProperties": {}}},
        },
        responses={200: bulk_answer, 413: TooManyRecordsSerializer},
    )
    def post(self, request: Request) -> Response:
        """Write many profiles: documents, or `{"id": ..., "set": {...}}` to merge into them."""
        return self.answer(request, lambda records: bulk.load(records, own_source(request)))


class ProfileBulkDelete(BulkView):
    @extend_schema(
        operation_id="profiles_bulk_delete",
        request={
            "application/x-ndjson": OpenApiTypes.STR,
            "application/json": {"type": "array", "items": {"oneOf": [ID_SCHEMA, ID_OBJECT]}},
        },
        responses={200: deleted_answer, 413: TooManyIdsSerializer},
    )
    def post(self, request: Request) -> Response:
        """Delete many profiles by their ids, as texts or as `{"id": ...}`. Destinations are told as ever."""
        by = _("API token %s") % request.user
        among = Profile.objects.of_source(own_source(request))
        return self.answer(request, lambda records: bulk.delete(records, by, among))


def _answer(written: Written, request: Request) -> Response:
    """The document, for who may read it."""
    if written.is_foreign:
        raise exceptions.PermissionDenied("A profile with this id exists, and is not of this token's source")
    if written.error:
        raise documents.InvalidDocument(written.error)
    headers = {"ETag": etag(written.tag)}
    shown = written.document if may_read_profiles(request) else {"id": written.id}
    if not personal.may_see(request.user):
        shown = personal.masked_document(shown)
    return Response(shown, status=201 if written.created else 200, headers=headers)


def _body(request: Request) -> Any:
    if not int(request.META.get("CONTENT_LENGTH") or 0):
        raise exceptions.ParseError("The body is empty: send a JSON object, and its length in Content-Length")
    return request.data


urlpatterns = [
    path("profiles/", ProfileList.as_view(), name="profiles"),
    re_path(r"^profiles/bulk/delete/?\Z", ProfileBulkDelete.as_view(), name="profiles-bulk-delete"),
    re_path(r"^profiles/bulk/?\Z", ProfileBulk.as_view(), name="profiles-bulk"),
    re_path(rf"^profiles/{ID}/?\Z", ProfileDetail.as_view(), name="profile"),
]
