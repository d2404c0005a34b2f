"""Asking for an audit, or, where the system cannot be asked, for everything to be sent again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminIntegerFieldWidget
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from destinations.admin.base.object_actions import ActingAdmin
from destinations.insight.payloads import held
from destinations.models import Audit, Destination
from destinations.operations import audit
from profiles.models import Profile
from tracsync.common.numbers import grouped


class AuditForm(forms.Form):
    sample = forms.IntegerField(
        label=gettext_lazy("How many profiles"),
        required=False,
        min_value=1,
        max_value=audit.MOST_CHOSEN,
        widget=AdminIntegerFieldWidget,
        help_text=gettext_lazy("At random; blank: all of them."),
    )
    heal = forms.BooleanField(label=gettext_lazy("Send again what differs or is missing"), required=False)


class ResendForm(forms.Form):
    hours = forms.FloatField(
        label=gettext_lazy("Within how many hours"),
        initial=24,
        min_value=0.1,
        max_value=24 * 366,
        widget=AdminIntegerFieldWidget,
    )


def audit_page(request: HttpRequest, model_admin: ActingAdmin, destination: Destination) -> HttpResponse:
    """Asks first: it calls the system once for each profile, and may send some again."""
    if not model_admin.has_act_permission(request, destination):
        raise PermissionDenied
    can_read = held.offered(destination)
    form: Any = (AuditForm if can_read else ResendForm)(request.POST or None)
    if request.method == "POST" and form.is_valid():
        begin = _begin if can_read else _send_everything
        return redirect(begin(request, model_admin, destination, form.cleaned_data))
    return model_admin.page(
        request,
        "destinations/audit.html",
        _("Audit"),
        destination,
        form=form,
        can_read=can_read,
        profiles=Profile.objects.count(),
        unfinished=Audit.objects.filter(destination=destination, finished_at=None).first(),
    )


def _begin(
    request: HttpRequest, model_admin: ActingAdmin, destination: Destination, asked: dict[str, Any]
) -> str:
    by = request.user.get_username()
    begun = audit.request(destination, asked["sample"], asked["heal"], by)
    return reverse("admin:destinations_audit_change", args=[begun.pk])


def _send_everything(
    request: HttpRequest, model_admin: ActingAdmin, destination: Destination, asked: dict[str, Any]
) -> str:
    over = timedelta(hours=asked["hours"])
    begun = audit.send_everything(destination, over, request.user.get_username())
    said = ngettext(
        "%(destination)s: %(count)s profile is sent again.",
        "%(destination)s: %(count)s profiles are sent again.",
        begun.total,
    ) % {"destination": destination, "count": grouped(begun.total)}
    model_admin.say(request, said)
    return reverse("admin:destinations_replay_change", args=[begun.pk])
