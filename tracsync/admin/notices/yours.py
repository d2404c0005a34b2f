"""What each person wants to be told of by e-mail, and what Home says of notices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from destinations.admin.base.links import Link
from destinations.admin.dashboard.needs import Need
from tracsync.admin.notices.channels import EventsField
from tracsync.models import Incident, NoticeChannel
from tracsync.notices import channels, outbox

TEST = "test"  # the name of the button


class YourNoticesForm(forms.ModelForm):
    events = EventsField()

    class Meta:
        model = NoticeChannel
        fields = ("enabled", "events", "destinations")
        widgets = {"destinations": forms.CheckboxSelectMultiple}


def view(request: HttpRequest, **context: Any) -> HttpResponse:
    """The page on which people choose; each one their own."""
    user: Any = request.user
    obstacle = _obstacle(user)
    form = None
    if not obstacle:
        channel = channels.personal(user)
        if request.method == "POST" and TEST in request.POST:
            _send_test(request, channel)
            return redirect("admin:your_notices")
        form = YourNoticesForm(request.POST or None, instance=channel)
        if request.method == "POST" and form.is_valid():
            with transaction.atomic():
                form.save()
            messages.success(request, _("Your notices are saved."))
            return redirect("admin:your_notices")
    return TemplateResponse(
        request,
        "admin/tracsync/site/your_notices.html",
        {**context, "title": _("Your notices"), "form": form, "obstacle": obstacle, "address": user.email},
    )


def _obstacle(user: Any) -> str:
    if not channels.has_email():
        return _("E-mail is off in this installation: whoever runs it sets EMAIL_URL.")
    if not user.email:
        return _("Your account has no e-mail address: whoever manages the users enters it.")
    if not any(user.has_perm(f"destinations.{verb}_destination") for verb in ("view", "change")):
        return _("You may not look at destinations, and notices are about these.")
    return ""


def _send_test(request: HttpRequest, channel: NoticeChannel) -> None:
    if problem := outbox.send_test(channel):
        messages.warning(request, _("The test could not be sent: %(reason)s") % {"reason": problem})
    else:
        messages.success(request, _("The test was sent."))


def needs(request: HttpRequest) -> Iterator[Need]:
    """Incidents that nobody takes care of, and that nobody would be told of any."""
    user = request.user
    if any(user.has_perm(f"tracsync.{verb}_incident") for verb in ("view", "change")):
        opened = Incident.objects.filter(closed_at=None, told_at__isnull=False, acknowledged_at=None).count()
        if opened:
            yield _opened(opened)
    if (
        user.has_perm("tracsync.add_noticechannel")
        and not NoticeChannel.objects.filter(enabled=True).exists()
    ):
        has_email = channels.has_email()
        how = _("Enter the e-mail addresses of your users, or add a notice channel.")
        is_off = _("E-mail is off until EMAIL_URL is set.")
        link = Link(_("Add a notice channel"), reverse("admin:tracsync_noticechannel_add"))
        text = _("Nobody is told when a destination breaks.")
        yield Need("off", _("Silent"), text, how if has_email else is_off, link)


def _opened(count: int) -> Need:
    text = ngettext(
        "%(count)s incident is open, and nobody has acknowledged it.",
        "%(count)s incidents are open, and nobody has acknowledged them.",
        count,
    )
    url = f"{reverse('admin:tracsync_incident_changelist')}?open=yes"
    return Need("needs", _("Incident"), text % {"count": count}, link=Link(_("Take care of it"), url))
