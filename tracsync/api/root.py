"""The root of the REST API, its description and the page that shows it."""

from __future__ import annotations

from typing import Any

from csp.constants import UNSAFE_INLINE
from csp.decorators import csp_update
from django.utils.decorators import method_decorator
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import extend_schema, inline_serializer
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

PARTS = {
    "profiles": "profiles",
    "extensions": "extension-list",
    "resources": "resource-list",
    "destinations": "destination-list",
    "backfills": "backfill-list",
    "replays": "replay-list",
    "syncs": "sync-list",
    "attempts": "attempt-list",
    "schema": "schema",
    "docs": "docs",
}


class Root(APIView):
    @extend_schema(
        operation_id="root",
        responses=inline_serializer("Root", {name: serializers.URLField() for name in PARTS}),
    )
    def get(self, request: Request) -> Response:
        """Where everything is."""
        return Response({part: reverse(name, request=request) for part, name in PARTS.items()})


class Schema(SpectacularAPIView):
    """The OpenAPI description; it tells nothing about this installation, so anybody may read it."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


# The page lays itself out with a style element and style attributes; scripts stay as strict as anywhere.
@method_decorator(csp_update({"style-src": [UNSAFE_INLINE]}), name="dispatch")
class Docs(SpectacularSwaggerSplitView):
    authentication_classes = ()
    permission_classes = (AllowAny,)


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "tracsync.api.tokens.BearerAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
