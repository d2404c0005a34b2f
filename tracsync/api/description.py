"""The OpenAPI description: names by resource, and every error of every operation."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework.serializers import ModelSerializer

from destinations.api.fields import StrictMixin
from tracsync.api import idempotency, problems
from tracsync.common.rest import scopes
from tracsync.common.rest.filters import NOT_BLANK
from tracsync.common.rest.problem import ProblemSerializer
from tracsync.models import MOST_KEY

Operation = dict[str, Any]

ROUTINE = {"list", "retrieve", "create", "update", "partial_update", "destroy"}
EVERYWHERE = {"400", "401", "403", "406", "429", "503"}
OF_CHANGES = {"409"}
OF_BODIES = {"413", "415"}
OF_KEYS = {"422"}
OTHERS = "default"
MEANINGS = {
    "400": "Something in the request is wrong.",
    "401": "There is no valid token.",
    "403": "The token does not have the scope that this needs, or its owner may no longer do as much.",
    "404": "There is nothing at this address.",
    "406": "The answer would be JSON, which the request does not accept.",
    "409": "It is used by something else, or was changed by somebody else meanwhile.",
    "412": "It has changed since it was read.",
    "413": "The body is too large.",
    "415": "The body is of a type that is not read.",
    "422": "Another request was sent with this Idempotency-Key.",
    "429": "There were too many requests of this token, or wrong tokens: repeat it after Retry-After.",
    "503": "The database does not answer now: repeat it after Retry-After.",
    OTHERS: "Any other problem.",
}

IDEMPOTENCY_KEY = {
    "in": "header",
    "name": idempotency.HEADER,
    "schema": {"type": "string", "pattern": f"^[!-~]{{1,{MOST_KEY}}}$"},
    "description": "The same request with the same key is done once, and answered as it was.",
}

ANY_TEXT = {"type": "string"}


def versioned_only(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """Every address once: those without a version are the same."""
    return [endpoint for endpoint in endpoints if "/v1/" in endpoint[0]]


class Description(AutoSchema):
    def get_operation_id(self) -> str:
        """`destinations_pause`, not `destinations_pause_create`."""
        action = getattr(self.view, "action", None)
        if action in ROUTINE or action is None:
            return super().get_operation_id()
        return f"{self._tokenize_path()[0].replace('-', '_')}_{action}"

    def get_operation(self, *args: Any, **options: Any) -> Operation | None:
        operation: Operation | None = super().get_operation(*args, **options)
        if operation is not None and operation.get("security"):
            self._describe_scopes(operation)
            if "requestBody" in operation and getattr(self.view, "needs_body", False):
                operation["requestBody"]["required"] = True
            if self.method == "POST":
                operation["parameters"] = [*operation.get("parameters", ()), IDEMPOTENCY_KEY]
            for parameter in operation.get("parameters", ()):
                if (parameter["in"], parameter["schema"]) == ("query", ANY_TEXT):
                    parameter["schema"] = NOT_BLANK
            self._describe_problems(operation)
        return operation

    def _describe_scopes(self, operation: Operation) -> None:
        """Groups of which a token needs one scope each; OpenAPI 3.0 has no place for those of a bearer."""
        needs = scopes.needs(self.view, self.method) or ()
        operation["x-scopes"] = [list(one_of) for one_of in needs]
        said = " and ".join(" or ".join(f"`{scope}`" for scope in one_of) for one_of in needs)
        told = f"Needs the scope {said}." if needs else "Any token may."
        operation["description"] = "\n\n".join(filter(None, [operation.get("description"), told]))

    def _get_request_for_media_type(self, serializer: Any, direction: str = "request") -> tuple[Any, bool]:
        """A body of which any property may be missing can be needed all the same."""
        schema, is_required = super()._get_request_for_media_type(serializer, direction)
        return schema, is_required or getattr(serializer, "needs_some", False)

    def _map_basic_serializer(self, serializer: Any, direction: str) -> Operation:
        """What is answered of a row has all of its fields, also those that need not be sent; what is sent has
        no others.
        """
        schema: Operation = super()._map_basic_serializer(serializer, direction)
        if direction == "request" and isinstance(serializer, StrictMixin):
            schema["additionalProperties"] = False
            if serializer.needs_some:
                schema["minProperties"] = 1
        if direction == "response" and isinstance(serializer, ModelSerializer):
            schema["required"] = sorted(schema["properties"])
        return schema

    def _describe_problems(self, operation: Operation) -> None:
        responses = operation["responses"]
        schema = self.resolve_serializer(ProblemSerializer, "response").ref
        for status in sorted({*self._possible(operation)} - {*responses}):
            responses[status] = {"content": {problems.MEDIA_TYPE: {"schema": schema}}}
        for status, response in responses.items():
            if status in MEANINGS:
                response["description"] = response.get("description") or MEANINGS[status]
                [media] = response["content"].values()
                response["content"] = {problems.MEDIA_TYPE: media}

    def _possible(self, operation: Operation) -> set[str]:
        found = {*EVERYWHERE, OTHERS}
        if self.method != "GET":
            found |= OF_CHANGES
        if self.method == "POST":
            found |= OF_KEYS
        if "requestBody" in operation:
            found |= OF_BODIES
        if "{" in self.path:
            found.add("404")
        if any(one["name"] == "If-Match" for one in operation.get("parameters", ())):
            found.add("412")
        return found


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "tracsync.api.tokens.BearerAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
