"""Whoever asks for something is who does what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django_guid import get_guid

from tracsync.api import callers
from tracsync.common.trail import Actor, Face, Kind, Occasion, acting
from tracsync.models import ApiToken


class TrailMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_admin = request.path_info.startswith(reverse("admin:index"))
        occasion = Occasion(
            Face.ADMIN if is_admin else Face.API,
            partial(actor_of, request),
            callers.address(request),
            get_guid() or "",
        )
        with acting(occasion):
            return self.get_response(request)


def actor_of(request: HttpRequest) -> Actor:
    """The framework of the API puts the token where Django has the user."""
    user = getattr(request, "user", None)
    if isinstance(user, ApiToken):
        return Actor(Kind.TOKEN, user.name, str(user.pk))
    if user is not None and user.is_authenticated:
        return Actor(Kind.PERSON, user.get_username(), str(user.pk))
    return Actor(Kind.NOBODY, "")
