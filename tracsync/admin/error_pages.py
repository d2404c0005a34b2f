"""What people see where something goes wrong: what it means, what was not lost, and a way back.

Programs are answered by the API's own errors. Nothing here asks the database, which may be what is wrong;
only of a form that is out of date it has to be known whose it is.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from math import ceil
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import DisallowedHost
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import requires_csrf_token

from tracsync.admin.sessions import kept_forms
from tracsync.api import errors
from tracsync.sign_in import throttle

Sentences = tuple[str, ...]


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if errors.is_api(request):
        return errors.bad_request()
    if isinstance(exception, DisallowedHost):  # the server does not know itself by this name: no links to it
        sentence = _("This installation does not answer to the name that it was asked by.")
        return _page(request, 400, _("The request cannot be read"), (sentence,), links=[])
    said = _("What was sent is too large or broken. Nothing was changed."), _go_back()
    return _page(request, 400, _("The request cannot be read"), said)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    name = request.user.get_username()
    who = _("You are signed in as %(name)s, who has no permission for this.") % {"name": name} if name else ""
    ask = _("Whoever manages the users here can give it to you. Nothing was changed.")
    return _page(request, 403, _("You may not do this"), (who, ask))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form was made before somebody signed in or out in this browser, or cookies are off."""
    if errors.is_api(request):
        return errors.forbidden()
    title = _("This page is out of date, and nothing was saved")
    why = _("It was open while somebody signed in or out in another tab, or your browser keeps no cookies.")
    given_back = kept_forms.out_of_date(request, admin.site, title, why)
    return given_back or _page(request, 403, title, (why, _go_back()))


def too_many_sign_ins(
    request: HttpRequest, answer: HttpResponse, credentials: dict[str, Any] | None
) -> HttpResponse:
    """In place of `answer`: also for the right password, so that it tells nobody which one that is."""
    seconds = ceil(throttle.left(request, credentials).total_seconds())
    minutes = ceil(seconds / 60)
    said = (
        _("There were too many wrong passwords or codes for this name or from your address."),
        ngettext("Try again in %(count)s minute.", "Try again in %(count)s minutes.", minutes)
        % {"count": minutes},
        _("Whoever manages the people here can let you in sooner."),
        _("In a browser in which you have signed in before, wrong tries of others do not keep you out."),
    )
    page = _page(request, 429, _("You cannot sign in now"), said)
    page["Retry-After"] = str(seconds)
    return page


def not_signed_in(request: HttpRequest, sentence: str) -> HttpResponse:
    """By an issuer: it does not say who they are, or nobody here is them."""
    ask = _("Whoever manages the people here can give you access.")
    links = [(_("Back to signing in"), reverse("admin:login"))]
    return _page(request, 403, _("You are not signed in"), (sentence, ask), links=links)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if errors.is_api(request):
        return errors.not_found()
    said = (_("It may have been deleted meanwhile, or the address was mistyped."),)
    return _page(request, 404, _("There is nothing here"), said, links=[*_list(request), *_ways(request)])


@requires_csrf_token
def server_error(request: HttpRequest) -> HttpResponse:
    """The framework asks for this while it handles the error."""
    if isinstance(sys.exception(), OperationalError):
        return _unavailable(request)
    if errors.is_api(request):
        return errors.server_error()
    moment = f"{timezone.now():%Y-%m-%d %H:%M:%S} UTC"
    said = (
        _("Something went wrong on our side. Whether it was done cannot be told: look before you repeat it."),
        _("The log of %(moment)s says why: tell whoever runs this installation.") % {"moment": moment},
    )
    return _page(request, 500, _("The server failed"), said, links=[*_again(request), *_ways(request)])


def _unavailable(request: HttpRequest) -> HttpResponse:
    if errors.is_api(request):
        return errors.unavailable()
    said = (
        _("Nothing was changed. Try again in a moment; if it stays like this, /readyz says what is wrong."),
    )
    links = [*_again(request), *_ways(request)]
    answer = _page(request, 503, _("The database does not answer now"), said, links=links)
    answer["Retry-After"] = str(errors.TRY_AGAIN_AFTER)
    return answer


def _go_back() -> str:
    """Not every browser has what was typed, as our pages are not to be kept by any."""
    return _("Go back with your browser, which may still have what you typed, and try once more.")


def _page(
    request: HttpRequest, status: int, title: str, sentences: Sentences, links: list[Any] | None = None
) -> HttpResponse:
    context = {
        "title": title,
        "status": status,
        "sentences": list(filter(None, sentences)),
        "links": _ways(request) if links is None else links,
        "has_search": status in (403, 404) and _is_of_somebody(request),
    }
    return HttpResponse(loader.render_to_string("error.html", context), status=status)


def _is_of_somebody(request: HttpRequest) -> bool:
    """Whether it is a page of the admin for who has signed in lately, as far as their browser says."""
    is_ours = request.path_info.startswith(reverse("admin:index"))
    return is_ours and settings.SESSION_COOKIE_NAME in request.COOKIES


def _ways(request: HttpRequest) -> list[tuple[str, str]]:
    """Back to the page that led here, and Home."""
    ways = [(_("Home"), reverse("admin:index"))]
    with suppress(DisallowedHost):
        before = request.headers.get("Referer", "")
        is_ours = url_has_allowed_host_and_scheme(before, {request.get_host()})
        if is_ours and urlsplit(before).path != request.path:
            ways.insert(0, (_("Back to where you were"), before))
    return ways


def _again(request: HttpRequest) -> list[tuple[str, str]]:
    return [(_("Try again"), request.get_full_path())] if request.method == "GET" else []


def _list(request: HttpRequest) -> list[tuple[str, str]]:
    """The list that what is missing would be in, for an address below one of a list."""
    home = reverse("admin:index")
    parts = request.path_info.removeprefix(home).split("/")
    if not request.path_info.startswith(home) or len(parts) < 3:
        return []
    address = f"{home}{parts[0]}/{parts[1]}/"
    with suppress(Resolver404):
        if (resolve(address).url_name or "").endswith("_changelist"):
            return [(_("The list that it would be in"), address)]
    return []
