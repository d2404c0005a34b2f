"""The language and the time zone that a person reads the admin in; everything else speaks English.

And for whom it is: what other systems say is shown as far as the reader may see personal data.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from profiles import personal
from tracsync.common.translation import read_by
from tracsync.models import Preferences


class PreferencesMiddleware:
    """Puts all of it in force while an answer is made, and takes it back whatever happens.

    The API, probes and metrics are for programs: they stay English, and in the zone of the installation.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        def may_see() -> bool:  # the API gets to know its caller later
            return personal.may_see(request.user)

        if not request.path_info.startswith(reverse("admin:index")):
            with translation.override(settings.LANGUAGE_CODE), read_by(may_see):
                return self.get_response(request)
        language, zone = in_force(request, _chosen(request))
        with translation.override(language), timezone.override(zone), read_by(may_see):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ("Accept-Language",))
        return response


def in_force(request: HttpRequest, chosen: Preferences) -> tuple[str, tzinfo]:
    """What was chosen; otherwise the browser's language and the zone of the installation."""
    asked = translation.get_language_from_request(request)
    known = chosen.language in dict(settings.LANGUAGES)
    has_zone = chosen.time_zone in _zones()
    zone = ZoneInfo(chosen.time_zone) if has_zone else timezone.get_default_timezone()
    return chosen.language if known else asked, zone


def _chosen(request: HttpRequest) -> Preferences:
    if request.user.pk is None:
        return Preferences()
    chosen: Preferences | None = getattr(request.user, "preferences", None)
    return chosen or Preferences(user_id=request.user.pk)


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones() - {"localtime"}))


def _zone_choices() -> list[tuple[str, Any]]:
    default = _("That of the installation (%(zone)s)") % {"zone": timezone.get_default_timezone_name()}
    return [("", default), *((name, name.replace("_", " ")) for name in _zones())]


class PreferencesForm(forms.ModelForm):
    language = forms.ChoiceField(
        required=False,
        choices=lambda: [("", _("As the browser asks for")), *settings.LANGUAGES],
        label=gettext_lazy("Language"),
        help_text=gettext_lazy(
            "Of all pages for you. What other systems have answered stays in their language."
        ),
    )
    time_zone = forms.ChoiceField(
        required=False,
        choices=_zone_choices,
        label=gettext_lazy("Time zone"),
        help_text=gettext_lazy("Of all times that you see and type."),
    )

    class Meta:
        model = Preferences
        fields = ("language", "time_zone")


def view(request: HttpRequest, **context: Any) -> HttpResponse:
    """The page on which people choose; each one their own."""
    form = PreferencesForm(request.POST or None, instance=_chosen(request))
    if request.method == "POST" and form.is_valid():
        form.save()
        with translation.override(in_force(request, form.instance)[0]):
            messages.success(request, _("Your preferences are saved."))
        return redirect("admin:preferences")
    return TemplateResponse(
        request,
        "admin/tracsync/site/preferences.html",
        {**context, "title": _("Your preferences"), "form": form},
    )
