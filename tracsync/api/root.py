"""The root of the REST API, its description and the page that shows it."""

from __future__ import annotations

from csp.constants import UNSAFE_INLINE
from csp.decorators import csp_update
from django.utils.decorators import method_decorator
from drf_spectacular.utils import extend_schema, inline_serializer
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from tracsync.api import callers
from tracsync.api.tokens import BearerAuthentication
from tracsync.common.rest.scopes import ANY, NOT_ABOUT_DESTINATIONS, OfArea

PARTS = {
    "profiles": "profiles",
    "extensions": "extension-list",
    "resources": "resource-list",
    "destinations": "destination-list",
    "configuration": "configuration",
    "backfills": "backfill-list",
    "replays": "replay-list",
    "syncs": "sync-list",
    "attempts": "attempt-list",
    "erasures": "erasure-list",
    "incidents": "incident-list",
    "notice-channels": "notice-channel-list",
    "notice-limits": "notice-limits-list",
    "tokens": "token-list",
    "trail": "trail-list",
    "schema": "schema",
    "docs": "docs",
}


class Root(OfArea, APIView):
    area = ANY
    of_destination = NOT_ABOUT_DESTINATIONS
    minds_source = True

    @extend_schema(
        operation_id="root",
        tags=["api"],
        responses=inline_serializer("Root", {name: serializers.URLField() for name in PARTS}),
    )
    def get(self, request: Request) -> Response:
        """Where everything is."""
        return Response({part: reverse(name, request=request) for part, name in PARTS.items()})


class LocalOrSignedIn(BasePermission):
    """Whoever has a token, is signed in to the admin, or asks on this machine."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.user.is_authenticated or callers.is_local(request)


class Schema(SpectacularAPIView):
    """The OpenAPI description: nothing of what is stored, but what there is to be tried."""

    authentication_classes = (BearerAuthentication, SessionAuthentication)
    permission_classes = (LocalOrSignedIn,)


# The page lays itself out with a style element and style attributes; scripts stay as strict as anywhere.
@method_decorator(csp_update({"style-src": [UNSAFE_INLINE]}), name="dispatch")
class Docs(SpectacularSwaggerSplitView):
    authentication_classes = (BearerAuthentication, SessionAuthentication)
    permission_classes = (LocalOrSignedIn,)
