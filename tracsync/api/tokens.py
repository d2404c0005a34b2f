"""Signing in to the API with `Authorization: Bearer <token>`."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.db import OperationalError
from django.db.models import Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied, Throttled
from rest_framework.filters import BaseFilterBackend
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tracsync import rights
from tracsync.api import callers, rate_limit
from tracsync.common.rest import scopes
from tracsync.models import ApiToken, keyed_digest, prefix_of

MOST_WRONG = 20
MOST_WRONG_OF_ADDRESS = 100
WRONG_SECONDS = 60.0
NOTE_USE_EVERY = timedelta(minutes=1)


class BearerAuthentication(BaseAuthentication):
    """A token made with `create_token`; what it may do is asked by `InScope`."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[ApiToken, ApiToken] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        if len(words) != 2:
            raise AuthenticationFailed("Write the header as: Authorization: Bearer <token>")
        text = words[1].decode("latin-1")
        tries = _Tries(request, text)
        tries.check()
        token = _find(text)
        if token is None:
            tries.count()
            raise AuthenticationFailed("The token is unknown or has expired; create_token makes one")
        rate_limit.count(request, token.pk)
        if token.owner is not None and not token.owner.is_active:
            raise PermissionDenied("The owner of this token may no longer sign in")
        try:
            _note_use(token, text)
        except OperationalError:  # somebody holds the database: whoever only reads can do so all the same
            if request.method not in scopes.SAFE:
                raise
        return token, token

    def authenticate_header(self, request: Request) -> str:
        return self.keyword


class InScope(BasePermission):
    """Whether the token has a scope of each kind that the operation needs, and its owner may do as much.

    What has not said its area is refused to everybody. A token for one destination gets at what says how it
    is kept to it; its lists are filtered by `OwnDestination`. One for one source gets at what minds sources.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        token = request.auth
        if not isinstance(token, ApiToken):
            return False
        needs = scopes.needs(view, request.method or "")
        if needs is None:
            raise PermissionDenied("No token may do this: it says no scope")
        for one_of in needs:
            self._check(token, one_of)
        if token.destination_id is not None:
            self._check_destination(request, view)
        if token.source and not getattr(view, "minds_source", False):
            raise PermissionDenied("This token is for one source, and this is not about its profiles alone")
        return True

    def _check(self, token: ApiToken, one_of: tuple[str, ...]) -> None:
        had = [scope for scope in one_of if scope in token.allowed]
        if not had:
            raise PermissionDenied(f"This token does not have the scope {' or '.join(one_of)}")
        if token.owner is not None and not any(rights.covers(token.owner, scope) for scope in had):
            raise PermissionDenied(f"The owner of this token may no longer do this: {had[0]}")

    def _check_destination(self, request: Request, view: Any) -> None:
        makes = request.method not in scopes.SAFE and not view.kwargs
        if getattr(view, "of_destination", None) is None or (makes and not getattr(view, "narrows", False)):
            raise PermissionDenied("This token is for one destination, and this is not about that one alone")


class OwnDestination(BaseFilterBackend):
    """Rows of other destinations are not there for a token of one."""

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        only, lookup = scopes.own_destination(request), getattr(view, "of_destination", None)
        return queryset.filter(**{lookup: only}) if only is not None and lookup else queryset


class _Tries:
    """Wrong tokens, by their prefix and whence they come, and all that come from there.

    A right one from elsewhere never waits, others from there only where many kinds of wrong ones came.

    Each web process counts for itself: this need cost nothing where tokens are right.
    """

    def __init__(self, request: Request, text: str) -> None:
        prefix = keyed_digest(prefix_of(text))
        address = callers.counted(request)
        self._limits = {f"tracsync.wrong_tokens.{prefix}.{address}": MOST_WRONG}
        if address is not None:  # else it would be everybody's
            self._limits[f"tracsync.wrong_tokens.{address}"] = MOST_WRONG_OF_ADDRESS

    def check(self) -> None:
        """Raises Throttled."""
        now = time.time()
        kept = cache.get_many(self._limits)
        full = [ends for key, (count, ends) in kept.items() if count >= self._limits[key]]
        if full:
            raise Throttled(max(1.0, max(full) - now))

    def count(self) -> None:
        now = time.time()
        for key in self._limits:
            count, ends = cache.get(key) or (0, now + WRONG_SECONDS)
            cache.set(key, (count + 1, ends), max(0.0, ends - now))


def _find(text: str) -> ApiToken | None:
    now, prefix = timezone.now(), prefix_of(text)
    if not prefix.isalnum():  # nothing that a database could stumble over
        return None
    alive = Q(expires_at=None) | Q(expires_at__gt=now)
    before = Q(previous_prefix=prefix, previous_ends_at__gt=now)
    found = ApiToken.objects.filter(Q(alive, prefix=prefix) | before)
    token = found.select_related("owner").first()
    return token if token is not None and token.matches(text) else None


def _note_use(token: ApiToken, text: str) -> None:
    """To the minute: it tells what is in use, and need not cost a write each time."""
    now, used = timezone.now(), ApiToken.objects.filter(pk=token.pk)
    if token.last_used_at is None or now - token.last_used_at > NOTE_USE_EVERY:
        token.remember(text)
        hashes = {name: getattr(token, name) for name in ("text_hash", "previous_text_hash")}
        used.update(last_used_at=now, **hashes)
    if not token.is_confirmed and prefix_of(text) == token.prefix:
        used.filter(prefix=token.prefix).update(is_confirmed=True)
