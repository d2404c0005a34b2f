"""POST with an Idempotency-Key: done once, however often it is sent.

A key is one request of one token. The first one is noted, done, and its answer kept if it was done; the same
again is answered with that. Nothing is kept of what was refused: it has changed nothing, and may be mended;
nor of answers with a secret, which say no-store.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework import exceptions

from profiles import request_stream
from tracsync.api import problems
from tracsync.api.errors import is_api
from tracsync.api.tokens import BearerAuthentication
from tracsync.models import MOST_KEY, ApiToken, KeptAnswer

HEADER = "Idempotency-Key"
REPEATED = "Idempotency-Replayed"
LONGEST = timedelta(minutes=10)  # then whoever did it was killed
MOST_BYTES = 2_000_000  # of an answer
IN_MEMORY = 1_000_000  # bytes of a request; more of them wait in a file
HEADERS = ("Content-Type", "ETag", "Location")

_KEY = re.compile(rf"[!-~]{{1,{MOST_KEY}}}")


class IdempotencyMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        key = request.headers.get(HEADER)
        if key is None or request.method != "POST" or not is_api(request):
            return self.get_response(request)
        token = _token(request)
        if token is None:  # the view says so
            return self.get_response(request)
        if not _KEY.fullmatch(key):
            said = f"{HEADER} is 1 to {MOST_KEY} visible ASCII characters, such as a UUID"
            return problems.respond(400, "invalid_idempotency_key", said)
        with SpooledTemporaryFile(IN_MEMORY) as body:
            try:
                fingerprint = _copy(request, body)
            except request_stream.BodyTooLarge as error:
                return problems.respond(error.status_code, error.default_code, str(error.detail))
            kept, is_new = KeptAnswer.objects.get_or_create(
                token=token, key=key, defaults={"fingerprint": fingerprint, "begun_at": timezone.now()}
            )
            return (not is_new and _known(kept, fingerprint)) or self._do(_with(request, body), kept)

    def _do(self, request: HttpRequest, kept: KeptAnswer) -> HttpResponse:
        response = self.get_response(request)
        is_secret = "no-store" in response.get("Cache-Control", "")
        if is_secret or response.status_code >= 400 or len(response.content) > MOST_BYTES:
            kept.delete()
            return response
        headers = {name: response[name] for name in HEADERS if name in response}
        kept.status = response.status_code
        kept.answer = {"headers": headers, "body": response.content.decode()}
        kept.save(update_fields=["status", "answer"])
        return response


def _token(request: HttpRequest) -> ApiToken | None:
    try:
        found = BearerAuthentication().authenticate(cast("Any", request))
    except exceptions.APIException:
        return None
    return found[0] if found else None


def _copy(request: HttpRequest, body: IO[bytes]) -> str:
    """Read the body into this file; what tells the request from others. Raises BodyTooLarge."""
    digest = hashlib.sha256(f"{request.get_full_path()}\n{request.content_type}\n".encode())
    for piece in request_stream.chunks(request):
        digest.update(piece)
        body.write(piece)
    return digest.hexdigest()


def _with(request: HttpRequest, body: IO[bytes]) -> HttpRequest:
    """The same request, whose body has not been read."""
    size = body.tell()
    body.seek(0)
    script = cast("str", request.META.get("SCRIPT_NAME", ""))
    places = {"SCRIPT_NAME": script, "PATH_INFO": request.path_info}  # decoded, and to be decoded once more
    environ = {name: text.encode().decode("latin-1") for name, text in places.items()}
    kind = cast("type[WSGIRequest]", type(request))
    return kind({**request.META, **environ, "wsgi.input": body, "CONTENT_LENGTH": str(size)})


def _known(kept: KeptAnswer, fingerprint: str) -> HttpResponse | None:
    """The answer to a request whose key was there; None where it is to be done again."""
    if kept.fingerprint != fingerprint:
        said = f"Another request was sent with this {HEADER}: each has one of its own"
        return problems.respond(422, "idempotency_key_reused", said)
    if kept.status is None:
        now = timezone.now()
        if kept.begun_at > now - LONGEST or not _take_over(kept, now):
            said = f"The request with this {HEADER} is under way: repeat it in a moment"
            return problems.respond(409, "idempotency_key_in_use", said, headers={"Retry-After": "2"})
        return None
    headers = {**kept.answer["headers"], REPEATED: "true"}
    return HttpResponse(kept.answer["body"], status=kept.status, headers=headers)


def _take_over(kept: KeptAnswer, now: datetime) -> bool:
    given_up = KeptAnswer.objects.filter(pk=kept.pk, begun_at=kept.begun_at, status=None)
    return bool(given_up.update(begun_at=now))
