"""Wrong passwords wait, by name and by address; who knows a browser is not kept out of it by others.

django-axes counts. Were a name locked for everybody, anybody could lock out anybody for good, with ten wrong
passwords every quarter of an hour. So a browser in which a person has signed in lately has a cookie that says
so: there the name is counted together with the address, and what others tried elsewhere is no matter.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt
from axes.utils import reset
from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from tracsync.api import callers

KNOWN_COOKIE = "tracsync_known"
KNOWN_FOR = timedelta(days=90)
SALT = "tracsync.sign_in.known"


def counted_by(request: Any, credentials: dict[str, Any] | None = None) -> list[str | list[str]]:
    """What wrong sign-ins are counted by, each for itself."""
    if callers.counted(request) is None:
        return ["username"]
    name = get_client_username(request, credentials)
    return [["username", "ip_address"] if _is_known(request, name) else "username", "ip_address"]


def remember(request: HttpRequest, response: HttpResponse) -> None:
    """That whoever has just signed in did so in this browser."""
    response.set_signed_cookie(
        KNOWN_COOKIE,
        _digest(request.user.get_username()),
        salt=SALT,
        max_age=int(KNOWN_FOR.total_seconds()),
        path=reverse("admin:index"),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _is_known(request: HttpRequest, name: str | None) -> bool:
    kept: str | None = request.get_signed_cookie(
        KNOWN_COOKIE, default="", salt=SALT, max_age=int(KNOWN_FOR.total_seconds())
    )
    return bool(name and kept and constant_time_compare(kept, _digest(name)))


def _digest(name: str | None) -> str:
    """A cookie names nobody."""
    return salted_hmac(SALT, name or "").hexdigest()


def is_waiting(request: HttpRequest, name: str) -> bool:
    """Whether nothing is tried now for this name from there."""
    return not AxesProxyHandler.is_allowed(request, {"username": name})


def refuse(request: HttpRequest, name: str) -> None:
    """Have django-axes answer that it has to wait, in place of the page."""
    request.axes_locked_out = True  # type: ignore[attr-defined]
    request.axes_credentials = {"username": name}  # type: ignore[attr-defined]


def left(request: HttpRequest, credentials: dict[str, Any] | None) -> timedelta:
    """How long whoever was refused has to wait."""
    matching = AxesProxyHandler.get_implementation().get_user_attempts(request, credentials)
    waits = [_left(attempts) for attempts in matching]
    return max(waits, default=timedelta(0)) or settings.AXES_COOLOFF_TIME


def _left(attempts: Iterable[AccessAttempt]) -> timedelta:
    """Until so many have been forgotten that fewer are left than the limit."""
    rows = sorted(attempts, key=lambda one: one.attempt_time)
    count = sum(one.failures_since_start for one in rows)
    ends = timezone.now()
    for row in rows:
        if count < settings.AXES_FAILURE_LIMIT:
            break
        count -= row.failures_since_start
        ends = row.attempt_time + settings.AXES_COOLOFF_TIME
    return max(ends - timezone.now(), timedelta(0))


def is_locked(name: str) -> bool:
    """Whether somebody of this name waits, in browsers that do not know them."""
    since = timezone.now() - settings.AXES_COOLOFF_TIME
    lately = AccessAttempt.objects.filter(username=name, attempt_time__gte=since)
    count = lately.aggregate(count=Sum("failures_since_start"))["count"] or 0
    return bool(count >= settings.AXES_FAILURE_LIMIT)


def unlock(name: str) -> None:
    """Forget all wrong passwords for a name."""
    reset(username=name)
