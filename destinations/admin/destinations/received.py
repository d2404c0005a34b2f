"""The receiver page: what somebody has sent to it to try a destination out."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from destinations.admin.base.object_actions import ActingAdmin
from destinations.admin.base.preview_display import readable_request
from destinations.admin.destinations.preview import need_reader
from destinations.operations import receiver

FORGET = "forget"


def page(request: HttpRequest, model_admin: ActingAdmin) -> HttpResponse:
    """Everybody sees what they have sent themselves."""
    need_reader(request, model_admin)
    user = str(request.user.pk)
    if request.method == "POST" and FORGET in request.POST:
        receiver.forget(user)
        return redirect(request.path)
    arrivals = [
        {
            "at": one.at,
            "pk": one.pk,
            "about": one.content,
            "preview": readable_request(one.content["request"]),
        }
        for one in receiver.recent(user)
    ]
    return model_admin.page(
        request,
        "destinations/received.html",
        _("What arrived at the receiver page"),
        arrivals=arrivals,
        forget=FORGET,
        minutes=int(receiver.KEPT.total_seconds() // 60),
        most=receiver.MOST,
    )
