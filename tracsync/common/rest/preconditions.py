"""If-Match and If-None-Match (RFC 9110 13.1): changes only of what the client has seen."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions
from rest_framework.request import Request

IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The ETag that the change is made for."
)

IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="`*`: create it, and replace nothing."
)


class PreconditionFailed(exceptions.APIException):
    status_code = 412
    default_detail = "It has changed since you read it: read it again and repeat your change"
    default_code = "precondition_failed"


def failed(request: Request) -> PreconditionFailed:
    is_to_be_new = "If-Match" not in request.headers and request.headers.get("If-None-Match") == "*"
    return PreconditionFailed("It is there already") if is_to_be_new else PreconditionFailed()


def etag(tag: str | int) -> str:
    return f'"{tag}"'


def expected(request: Request) -> Callable[[str], bool]:
    """Whether a tag, "" for what does not exist, is one that the request is meant for.

    A weak tag counts as well: proxies that compress answers make one of ours.
    """
    match, none_match = (request.headers.get(name) for name in ("If-Match", "If-None-Match"))

    def holds(tag: str) -> bool:
        is_excluded = none_match is not None and _has(none_match, tag)
        return (match is None or _has(match, tag)) and not is_excluded

    return holds


def _has(tags: str, tag: str) -> bool:
    known = parse_etags(tags)
    return bool(tag) and (known == ["*"] or etag(tag) in [one.removeprefix("W/") for one in known])
