"""How the API answers what goes wrong: always a problem (RFC 9457), always with a sentence to act on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS
from django.core.exceptions import PermissionDenied as Forbidden
from django.core.exceptions import ValidationError as ModelError
from django.db import IntegrityError, OperationalError
from django.db.models import ProtectedError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError
from django.urls import resolve, reverse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from destinations.config_files.places import InvalidConfiguration
from destinations.configuration.catalogue import ExtensionInUse
from destinations.connectors.base import ConnectorError
from destinations.operations.selection import InvalidChoice
from profiles.documents import InvalidDocument
from profiles.models import ProfileConflict
from tracsync.api import problems
from tracsync.api.problems import Mistake
from tracsync.common.encryption import UndecryptableValue
from tracsync.common.installation import command
from tracsync.common.jobs import JobEnded
from tracsync.common.places import PlacedError

MOST_NAMED = 10
TRY_AGAIN_AFTER = 2  # seconds
SAFE = ("GET", "HEAD", "OPTIONS")


class Conflict(exceptions.APIException):
    status_code = 409
    default_code = "conflict"


class Unavailable(exceptions.APIException):
    status_code = 503
    default_detail = "The database does not answer now: repeat the request in a moment"
    default_code = "unavailable"
    wait = TRY_AGAIN_AFTER  # for the framework, which makes Retry-After of it


def handle(error: Exception, context: Any) -> Response | None:
    """Any error as a problem; None for what is a fault of ours, which `server_error` answers.

    An error may have `members`: what the problem tells beside code and sentence.
    """
    error = _translated(error)
    response = exception_handler(error, context)
    if response is None or not isinstance(error, exceptions.APIException):
        return None
    members: dict[str, Any] = dict(getattr(error, "members", {}))
    if isinstance(error, exceptions.ValidationError):
        found = list(error.mistakes if isinstance(error, _Placed) else problems.mistakes(error.detail))
        said, code = problems.invalid(found, in_body=context["request"].method not in SAFE), "invalid"
    else:
        detail: Any = error.detail
        said, code = {"detail": str(detail)}, getattr(detail, "code", error.default_code)
    response.data = problems.problem(response.status_code, code, **said, **members)
    response.content_type = problems.MEDIA_TYPE
    return response


def _translated(error: Exception) -> Exception:
    """Our own errors, and Django's, as those of the framework."""
    match error:
        case Http404():
            # Django would name a class of ours.
            said = [one for one in error.args if not str(one).endswith("matches the given query.")]
            return exceptions.NotFound(*said or ["There is nothing with this id here"])
        case Forbidden():
            return exceptions.PermissionDenied(*error.args)
        case exceptions.NotAuthenticated():
            error.detail = exceptions.ErrorDetail(
                f"Send a token: Authorization: Bearer <token>; {command('create_token')} makes one",
                error.default_code,
            )
        case InvalidDocument() | InvalidChoice():
            return exceptions.ValidationError({"detail": str(error)})
        case InvalidConfiguration():
            places = [("configuration", *one.path) if one.path else () for one in error.problems]
            said = [one.sentence for one in error.problems]
            return _Placed(Mistake(text, "invalid", at) for text, at in zip(said, places, strict=True))
        case ModelError():
            return _Placed(_of_model(error))
        case ProfileConflict():
            return Conflict(str(error), "exists")
        case JobEnded():
            return Conflict(str(error), "ended")
        case ExtensionInUse():
            return Conflict(str(error), "in_use")
        case ConnectorError():
            return Conflict(str(error))
        case ProtectedError():
            return Conflict(_users(error), "in_use")
        case IntegrityError():
            return Conflict("Somebody else has changed the same meanwhile: read it again and repeat")
        case OperationalError():
            return Unavailable()
        case UnreadablePostError():
            return exceptions.ParseError("The connection broke before the body had ended")
        case UndecryptableValue():
            return Unavailable(str(error))
    return error


class _Placed(exceptions.ValidationError):
    """Mistakes whose places are known already."""

    def __init__(self, mistakes: Iterator[Mistake]) -> None:
        self.mistakes = list(mistakes)
        super().__init__([one.detail for one in self.mistakes])


def _of_model(error: ModelError) -> Iterator[Mistake]:
    whole = not hasattr(error, "error_dict")
    by_field: dict[str, Any] = {NON_FIELD_ERRORS: error.error_list} if whole else error.error_dict
    for field, errors in by_field.items():
        start = () if field == NON_FIELD_ERRORS else (field,)
        for one in errors:
            path = one.path if isinstance(one, PlacedError) else start
            for sentence in one.messages:
                yield Mistake(sentence, one.code or "invalid", path)


def _users(error: ProtectedError) -> str:
    users = sorted(error.protected_objects, key=str)
    kind = users[0]._meta.verbose_name_plural
    names = ", ".join(map(str, users[:MOST_NAMED])) + (" and others" if len(users) > MOST_NAMED else "")
    return f"It is used by the {kind} {names}: change or delete them first"


@csrf_exempt  # as all views of the API are
def elsewhere(request: HttpRequest) -> HttpResponseBase:
    """What nothing else of the API answers: an address without its last slash, or a wrong one."""
    match = resolve(f"{request.path_info}/")
    if request.path_info.endswith("/") or match.func == elsewhere:
        return not_found()
    return match.func(request, *match.args, **match.kwargs)


def not_found() -> HttpResponse:
    said = f"There is nothing at this address; GET {reverse('api')} lists what there is"
    return problems.respond(404, "not_found", said)


def bad_request() -> HttpResponse:
    return problems.respond(400, "bad_request", "The request cannot be read")


def forbidden() -> HttpResponse:
    return problems.respond(403, "permission_denied", "You may not do this")


def server_error() -> HttpResponse:
    return problems.respond(500, "server_error", "The server failed; its log says why")


def unavailable() -> HttpResponse:
    headers = {"Retry-After": str(TRY_AGAIN_AFTER)}
    return problems.respond(503, Unavailable.default_code, Unavailable.default_detail, headers)


def is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith(reverse("unversioned:api"))
