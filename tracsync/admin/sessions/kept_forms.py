"""Forms that come from nobody, because a session has ended, that are out of date, or come while the database
does not answer: they are given back, to be sent again.

Where scripts run, session.js asks before it sends. Where they do not, the form is put into the page that says
so, encrypted, for the same browser and a day. Once somebody is signed in, it is a form again, which is sent
when they say so. Nothing is kept here.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _

from tracsync.api import errors
from tracsync.common import encryption
from tracsync.common.encryption import UndecryptableValue

FIELD = "tracsync_kept"
COOKIE = "tracsync_kept"
KEPT = timedelta(days=1)
MOST = 1_000_000  # characters
OWN = "csrfmiddlewaretoken"

View = Callable[..., HttpResponseBase]


def giving_back(site: AdminSite, view: View) -> View:
    """A view of the admin that gives back what nobody may send."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        is_form = request.method == "POST" and "text/html" in request.headers.get("Accept", "")
        if is_form and request.user.is_anonymous and (fields := _typed(request)) is not None:
            return _give_back(request, site, fields)
        try:
            return view(request, *args, **kwargs)
        except OperationalError:
            page = _unavailable(request, site) if is_form else None
            if page is None:
                raise
            return page

    return inner


def out_of_date(request: HttpRequest, site: AdminSite, title: str, why: str) -> HttpResponse | None:
    """A form whose token is not right, as somebody has signed in in another tab meanwhile.

    None where that cannot be given back, or another site may have filled it in.
    """
    own = f"{request.scheme}://{request.get_host()}"
    is_ours = request.headers.get("Origin") in (own, *settings.CSRF_TRUSTED_ORIGINS)
    if not is_ours or not site.has_permission(request):
        return None
    return _give_again(request, site, 403, title, why)


def _typed(request: HttpRequest) -> list[tuple[str, str]] | None:
    """What a form says; None where that is too much to be put into a page."""
    fields = [(name, text) for name, texts in request.POST.lists() for text in texts if name != OWN]
    return fields if sum(len(name) + len(text) for name, text in fields) <= MOST else None


def view(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """What was given back, to be sent by who is signed in; what the page has of it is all there is."""
    sealed = request.POST.get(FIELD, "")
    kept = _opened(request, sealed)
    if kept is None:
        text = _("What you typed cannot be brought back: it is of another browser, or older than a day.")
        messages.warning(request, text)
        return redirect("admin:index")
    if not site.has_permission(request):
        return _signed_out(request, site, sealed, kept["files"])
    return _page(request, site, "send_kept", _("Send what you typed?"), kept)


def _unavailable(request: HttpRequest, site: AdminSite) -> HttpResponse | None:
    """Where the database does not answer, or somebody holds it."""
    text = _("Nothing was changed. Try again in a moment; if it stays like this, /readyz says what is wrong.")
    page = _give_again(request, site, 503, _("The database does not answer now"), text)
    if page is not None:
        page["Retry-After"] = str(errors.TRY_AGAIN_AFTER)
    return page


def _give_again(
    request: HttpRequest, site: AdminSite, status: int, title: str, why: str
) -> HttpResponse | None:
    """To who is signed in. None for what is not to be put into a page."""
    fields = _typed(request)
    if fields is None or any("password" in name for name, _text in fields):
        return None
    kept = {"address": request.get_full_path(), "fields": fields, "files": _files(request), "why": why}
    page = _page(request, site, "send_kept", title, kept)
    page.status_code = status
    add_never_cache_headers(page)
    return page


def _files(request: HttpRequest) -> list[str]:
    return [str(file.name) for files in request.FILES.lists() for file in files[1]]


def _give_back(request: HttpRequest, site: AdminSite, fields: list[tuple[str, str]]) -> HttpResponse:
    browser = request.COOKIES.get(COOKIE) or secrets.token_urlsafe(16)
    files = _files(request)
    content = {"browser": browser, "at": timezone.now().isoformat(), "address": request.get_full_path()}
    sealed = encryption.encrypt({**content, "fields": fields, "files": files})
    page = _signed_out(request, site, sealed, files)
    page.status_code = 403
    page.set_cookie(
        COOKIE,
        browser,
        max_age=KEPT,
        path=reverse("admin:index"),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )
    return page


def _opened(request: HttpRequest, sealed: str) -> dict[str, Any] | None:
    """For the browser that it was typed in, for a day."""
    try:
        kept: Any = encryption.decrypt(sealed)
    except UndecryptableValue:
        return None
    if not isinstance(kept, dict) or "browser" not in kept:
        return None
    is_old = timezone.now() - datetime.fromisoformat(kept["at"]) > KEPT
    is_same = secrets.compare_digest(request.COOKIES.get(COOKIE, "").encode(), kept["browser"].encode())
    return kept if is_same and not is_old else None


def _signed_out(request: HttpRequest, site: AdminSite, sealed: str, files: list[str]) -> TemplateResponse:
    title = _("You are signed out, so nothing was sent")
    return _page(request, site, "signed_out", title, {"sealed": sealed, "files": files})


def _page(
    request: HttpRequest, site: AdminSite, name: str, title: str, context: dict[str, Any]
) -> TemplateResponse:
    context = {**site.each_context(request), "title": title, "field": FIELD, **context}
    return TemplateResponse(request, f"admin/tracsync/site/{name}.html", context)
