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


class PreconditionFailed(exceptions.APIException):
    status_code = 412
    default_detail = "It has changed since you read it: read it again and repeat your change"
    default_code = "precondition_failed"


def etag(version: int) -> str:
    return f'"{version}"'


def expected(request: Request) -> Callable[[int], bool]:
    """Whether a version, 0 for what does not exist, is one that the request is meant for.

    A weak tag counts as well: proxies that compress answers make one of ours.
    """
    match, none_match = (request.headers.get(name) for name in ("If-Match", "If-None-Match"))

    def holds(version: int) -> bool:
        is_excluded = none_match is not None and _has(none_match, version)
        return (match is None or _has(match, version)) and not is_excluded

    return holds


def _has(tags: str, version: int) -> bool:
    known = parse_etags(tags)
    return version > 0 and (known == ["*"] or etag(version) in [tag.removeprefix("W/") for tag in known])
