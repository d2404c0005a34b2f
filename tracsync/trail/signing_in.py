"""Who signed in and out, and who was refused: an entry for itself, since nothing else is written."""

from __future__ import annotations

from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from tracsync.common import trail
from tracsync.common.messages import message
from tracsync.common.trail import Action, Actor, Kind

UNKNOWN = message("with a name that nobody has")


def connect() -> None:
    user_logged_in.connect(_signed_in, dispatch_uid="tracsync.trail.signed_in")
    user_logged_out.connect(_signed_out, dispatch_uid="tracsync.trail.signed_out")
    user_login_failed.connect(_refused, dispatch_uid="tracsync.trail.refused")


def _signed_in(user: Any, **_: Any) -> None:
    trail.note(Action.SIGNED_IN, user, by=_person(user))


def _signed_out(user: Any, **_: Any) -> None:
    if user is not None:  # whoever was not signed in did nothing
        trail.note(Action.SIGNED_OUT, user, by=_person(user))


def _refused(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """Some type their password where the name belongs: only names that are known are kept.

    Whoever has to wait leaves no more entries: nobody fills the trail without a password.
    """
    if trail.current() is None or not AxesProxyHandler.is_allowed(request, credentials):
        return
    model: Any = get_user_model()
    user = model.objects.filter(username=str(credentials.get("username", "")).replace("\0", "")).first()
    by = Actor(Kind.NOBODY, "") if user is None else Actor(Kind.NOBODY, user.get_username(), str(user.pk))
    trail.note(Action.REFUSED, user, by=by, said="" if user else UNKNOWN)


def _person(user: Any) -> Actor:
    return Actor(Kind.PERSON, user.get_username(), str(user.pk))
