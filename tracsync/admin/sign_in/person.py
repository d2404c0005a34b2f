"""What those who see to people do for one of them on their page, beside its form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from tracsync.models import SecondFactor
from tracsync.sign_in import oidc, second_factor, throttle

Act = Callable[[HttpRequest, User], tuple[str, str]]


def context(person: User) -> dict[str, Any]:
    """What the page says of how they sign in."""
    factor = SecondFactor.objects.filter(pk=person.pk).defer("seed").first()
    return {
        "is_locked": throttle.is_locked(person.get_username()),
        "second_factor": factor,
        "is_linked": oidc.is_on() and person.identities.filter(issuer=settings.TRACSYNC_OIDC_ISSUER).exists(),
        "lacks_second_factor": factor is None and second_factor.is_required(person),
    }


def _unlock(request: HttpRequest, person: User) -> tuple[str, str]:
    throttle.unlock(person.get_username())
    return gettext_noop("Unlocked after wrong passwords."), _("%(name)s can sign in again.")


def _reset_second_factor(request: HttpRequest, person: User) -> tuple[str, str]:
    """Of somebody else: to turn one's own off takes a code of it."""
    if request.user.pk == person.pk:
        raise PermissionDenied
    second_factor.remove(person)
    said = _("%(name)s has no second factor any more, and signs in with the password alone.")
    return gettext_noop("Reset the second factor."), said


def _unlink(request: HttpRequest, person: User) -> tuple[str, str]:
    """For who has another account there by now, and the same e-mail address."""
    person.identities.all().delete()
    said = _("%(name)s is found by e-mail address at the next sign-in.")
    return gettext_noop("Unlinked from the issuer."), said


ACTS: dict[str, Act] = {"unlock": _unlock, "reset-second-factor": _reset_second_factor, "unlink": _unlink}


def urls(model_admin: Any) -> list[URLPattern]:
    """Each takes a POST of who may change this person, and has the address `<id>/act/<name>/`."""

    def view(request: HttpRequest, object_id: str, act: str) -> HttpResponse:
        person = model_admin.get_object(request, unquote(object_id))
        if person is None or act not in ACTS:
            raise Http404
        if not model_admin.has_change_permission(request, person):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        noted, said = ACTS[act](request, person)
        model_admin.log_change(request, person, noted)
        name = person.get_full_name() or person.get_username()
        model_admin.message_user(request, said % {"name": name}, messages.SUCCESS)
        return redirect("admin:auth_user_change", object_id)

    wrapped = model_admin.admin_site.admin_view(view)
    return [path("<path:object_id>/act/<slug:act>/", wrapped, name="auth_user_act")]
