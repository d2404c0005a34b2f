"""Signing in by an issuer: there and back, and what is said where it does not work."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import login
from django.contrib.auth.models import AbstractBaseUser, User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from tracsync.admin import error_pages
from tracsync.sign_in import oidc, people, second_factor

logger = logging.getLogger(__name__)

BACKEND = "django.contrib.auth.backends.ModelBackend"
NEXT = "tracsync_oidc_next"  # in the session
WAITS_FOR = timedelta(minutes=15)  # a session of somebody who went to the issuer
LASTS = timedelta(hours=12)  # one that began there: whoever is let go there is out here by then


class SignInForm(AdminAuthenticationForm):
    """By password; where an issuer signs people in, perhaps for superusers only."""

    def clean_username(self) -> str:
        """Who was invited signs in with their address, in whatever case they type it."""
        typed: str = self.cleaned_data["username"]
        if "@" not in typed or User.objects.filter(username=typed).exists():
            return typed
        alike = list(User.objects.filter(username__iexact=typed).values_list("username", flat=True)[:2])
        return alike[0] if len(alike) == 1 else typed

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        super().confirm_login_allowed(user)  # type: ignore[arg-type]
        if is_only_for_superusers() and not getattr(user, "is_superuser", False):
            raise self.get_invalid_login_error()  # it says nothing of a password that is right


def is_only_for_superusers() -> bool:
    return bool(settings.TRACSYNC_LOCAL_SIGN_IN == "superusers")


@never_cache
@require_GET
def begin(request: HttpRequest) -> HttpResponse:
    if not oidc.is_on():
        raise Http404
    request.session.set_expiry(WAITS_FOR)
    request.session[NEXT] = request.GET.get("next", "")
    try:
        return oidc.begin(request, request.build_absolute_uri(reverse("admin:oidc_back")))
    except oidc.IssuerFailed as failed:
        return _refused(request, failed)


@never_cache
@require_GET
def back(request: HttpRequest) -> HttpResponse:
    if not oidc.is_on():
        raise Http404
    wanted = request.session.get(NEXT, "")
    try:
        claims = oidc.finish(request)
        person = people.find(claims)
    except oidc.IssuerFailed as failed:
        return _refused(request, failed)
    except people.NotHere as refused:
        logger.warning("Somebody whom the issuer knows was not let in")
        return error_pages.not_signed_in(request, str(refused))
    given, taken = people.give_roles(person, claims)
    request.session.pop(NEXT, None)
    login(request, person, backend=BACKEND)
    request.session.set_expiry(LASTS)
    if _has_second_factor(claims):
        request.session[second_factor.AT_ISSUER] = True
    else:
        request.session.pop(second_factor.AT_ISSUER, None)
    if given or taken:
        changes = ", ".join([*(f"+{name}" for name in given), *(f"-{name}" for name in taken)])
        admin.site.get_model_admin(User).log_change(request, person, f"Roles by sign-in: {changes}")
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
    return redirect(wanted if is_ours else "admin:index")


def _has_second_factor(claims: oidc.Claims) -> bool:
    """Whether the issuer asked for one: it says so (RFC 8176), or the installation is sure of it."""
    methods = claims.get("amr")
    return settings.TRACSYNC_OIDC_SECOND_FACTOR == "issuer" or "mfa" in (methods or [])


def _refused(request: HttpRequest, failed: oidc.IssuerFailed) -> HttpResponse:
    logger.warning("Signing in by the issuer failed: %s", failed)
    name = settings.TRACSYNC_OIDC_NAME
    return error_pages.not_signed_in(
        request, _("%(issuer)s did not say who you are. Try again; the log says why.") % {"issuer": name}
    )
