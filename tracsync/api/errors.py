"""How the API answers what goes wrong: always JSON, always with a sentence to act on."""

from __future__ import annotations

import sys
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS
from django.core.exceptions import ValidationError as ModelError
from django.db import IntegrityError, OperationalError
from django.db.models import ProtectedError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, UnreadablePostError
from django.template import loader
from django.urls import resolve
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import exception_handler

from destinations.configuration.catalogue import ExtensionInUse
from destinations.connectors.base import ConnectorError
from destinations.operations.selection import InvalidChoice
from profiles.documents import InvalidDocument
from profiles.models import ProfileConflict
from tracsync.common.encryption import UndecryptableValue
from tracsync.common.installation import command
from tracsync.common.jobs import JobEnded

MOST_NAMED = 10
TRY_AGAIN_AFTER = 2  # seconds


class Conflict(exceptions.APIException):
    status_code = 409
    default_code = "conflict"


class Unavailable(exceptions.APIException):
    status_code = 503
    default_detail = "The database does not answer now: repeat the request in a moment"
    default_code = "unavailable"
    wait = TRY_AGAIN_AFTER  # for the framework, which makes Retry-After of it


def handle(error: Exception, context: Any) -> Response | None:
    """Our own errors as those of the framework."""
    return exception_handler(_translated(error), context)


def _translated(error: Exception) -> Exception:
    match error:
        case exceptions.NotAuthenticated():
            error.detail = exceptions.ErrorDetail(
                f"Send a token: Authorization: Bearer <token>; {command('create_token')} makes one"
            )
        case InvalidDocument() | InvalidChoice():
            return exceptions.ValidationError({"detail": str(error)})
        case ModelError():
            return exceptions.ValidationError(_by_field(error))
        case ProfileConflict() | ExtensionInUse() | ConnectorError() | JobEnded():
            return Conflict(str(error))
        case ProtectedError():
            return Conflict(_users(error))
        case IntegrityError():
            return Conflict("Somebody else has changed the same meanwhile: read it again and repeat")
        case OperationalError():
            return Unavailable()
        case UnreadablePostError():
            return exceptions.ParseError("The connection broke before the body had ended")
        case UndecryptableValue():
            return Unavailable(str(error))
    return error


def _by_field(error: ModelError) -> dict[str, Any]:
    if not hasattr(error, "error_dict"):
        return {"detail": error.messages}
    messages = error.message_dict
    if NON_FIELD_ERRORS in messages:
        messages[api_settings.NON_FIELD_ERRORS_KEY] = messages.pop(NON_FIELD_ERRORS)
    return messages


def _users(error: ProtectedError) -> str:
    users = sorted(error.protected_objects, key=str)
    kind = users[0]._meta.verbose_name_plural
    names = ", ".join(map(str, users[:MOST_NAMED])) + (" and others" if len(users) > MOST_NAMED else "")
    return f"It is used by the {kind} {names}: change or delete them first"


@csrf_exempt  # as all views of the API are
def elsewhere(request: HttpRequest) -> HttpResponseBase:
    """What nothing else under /api/ answers: an address without its last slash, or a wrong one."""
    match = resolve(f"{request.path_info}/")
    if request.path_info.endswith("/") or match.func == elsewhere:
        return _nothing_here()
    return match.func(request, *match.args, **match.kwargs)


def _nothing_here() -> HttpResponse:
    return JsonResponse(
        {"detail": "There is nothing at this address; GET /api/ lists what there is"}, status=404
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _nothing_here() if _is_api(request) else defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not _is_api(request):
        return defaults.bad_request(request, exception)
    return JsonResponse({"detail": "The request cannot be read"}, status=400)


def server_error(request: HttpRequest) -> HttpResponse:
    """The framework asks for this while it handles the error."""
    if isinstance(sys.exception(), OperationalError):
        return _unavailable(request)
    if not _is_api(request):
        return defaults.server_error(request)
    return JsonResponse({"detail": "The server failed; its log says why"}, status=500)


def _unavailable(request: HttpRequest) -> HttpResponse:
    headers = {"Retry-After": str(TRY_AGAIN_AFTER)}
    if _is_api(request):
        return JsonResponse({"detail": Unavailable.default_detail}, status=503, headers=headers)
    return HttpResponse(loader.render_to_string("503.html"), status=503, headers=headers)


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")
