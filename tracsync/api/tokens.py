"""Signing in to the API with `Authorization: Bearer <token>`."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from tracsync.models import ApiToken

NOTE_USE_EVERY = timedelta(minutes=1)


class BearerAuthentication(BaseAuthentication):
    """A token made with `create_token`; a read-only one may not change anything."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[ApiToken, ApiToken] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        if len(words) != 2:
            raise AuthenticationFailed("Write the header as: Authorization: Bearer <token>")
        token = _find(words[1].decode("latin-1"))
        if token is None:
            raise AuthenticationFailed("The token is unknown or has expired; create_token makes one")
        if token.read_only and request.method not in SAFE_METHODS:
            raise PermissionDenied("This token may only read")
        _note_use(token)
        return token, token

    def authenticate_header(self, request: Request) -> str:
        return self.keyword


def _find(text: str) -> ApiToken | None:
    alive = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    prefix = text.partition(".")[0]
    if not prefix.isalnum():  # nothing that a database could stumble over
        return None
    token = ApiToken.objects.filter(alive, prefix=prefix).first()
    return token if token is not None and token.matches(text) else None


def _note_use(token: ApiToken) -> None:
    """To the minute: it tells what is in use, and need not cost a write each time."""
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > NOTE_USE_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
