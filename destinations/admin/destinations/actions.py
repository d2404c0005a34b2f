"""What people do with destinations: pause, resume, switch on and off, bring up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from destinations.admin.base.links import link
from destinations.admin.base.object_actions import Act, ActingAdmin, Question
from destinations.admin.destinations.backfill_estimate import expected
from destinations.configuration.history import Author
from destinations.models import Backfill, Destination
from destinations.operations import actions as operations
from destinations.operations import backfill
from profiles.models import Profile
from tracsync.common.messages import message
from tracsync.common.numbers import grouped
from tracsync.common.translation import translated


@admin.action(
    description=gettext_lazy("Pause: send nothing, go on recording what changes"), permissions=["act"]
)
def pause(model_admin: ActingAdmin, request: HttpRequest, queryset: QuerySet[Destination]) -> None:
    _each(model_admin, request, queryset, operations.pause, message("Paused."))


@admin.action(description=gettext_lazy("Resume: send what is waiting"), permissions=["act"])
def resume(model_admin: ActingAdmin, request: HttpRequest, queryset: QuerySet[Destination]) -> None:
    _each(model_admin, request, queryset, operations.resume, message("Resumed."))


@admin.action(description=gettext_lazy("Enable"), permissions=["change"])
def enable(model_admin: ActingAdmin, request: HttpRequest, queryset: QuerySet[Destination]) -> None:
    off = queryset.filter(enabled=False)
    _each(model_admin, request, off, operations.enable, message("Enabled."))


@admin.action(
    description=gettext_lazy("Disable: keep what is waiting until enabled again"), permissions=["change"]
)
def disable(model_admin: ActingAdmin, request: HttpRequest, queryset: QuerySet[Destination]) -> None:
    on = queryset.filter(enabled=True)
    _each(model_admin, request, on, operations.disable, message("Disabled."))


@admin.action(description=gettext_lazy("Backfill: bring all profiles up to date"), permissions=["act"])
def bring_up_to_date(
    model_admin: ActingAdmin, request: HttpRequest, queryset: QuerySet[Destination]
) -> HttpResponse | None:
    asked = model_admin.ask_first(request, BACKFILL, list(queryset))
    if asked is None:
        for destination in queryset:
            begin_backfill(request, model_admin, destination)
    return asked


def begin_backfill(request: HttpRequest, model_admin: ActingAdmin, destination: Destination) -> None:
    begun = backfill.request(destination, asked_by=request.user.get_username())
    said = ngettext(
        "%(destination)s: a backfill of %(count)s profile was requested.",
        "%(destination)s: a backfill of %(count)s profiles was requested.",
        begun.total,
    ) % {"destination": destination, "count": grouped(begun.total)}
    waits = "" if destination.enabled else _("It begins when the destination is enabled.")
    model_admin.say(request, format_html("{} {} {}", said, link(begun, _("Follow it")), waits))


def before_backfill(
    _request: HttpRequest, _model_admin: ActingAdmin, chosen: Sequence[Destination]
) -> Question:
    return Question(
        _("Bring all profiles up to date?"),
        (
            _("At: %s.") % ", ".join(str(one) for one in chosen),
            _("Each profile is checked, and pushed if it differs from what was accepted last."),
            _("What has been pushed cannot be called back; each backfill can be paused and cancelled."),
        ),
        _("Yes, start"),
    )


def _one(
    request: HttpRequest,
    model_admin: ActingAdmin,
    destination: Destination,
    *,
    act: Callable[..., Any],
    done: str,
) -> None:
    _each(model_admin, request, [destination], act, done)


def _each(
    model_admin: ActingAdmin,
    request: HttpRequest,
    destinations: Iterable[Destination],
    act: Callable[..., Any],
    done: str,
) -> None:
    names = []
    for destination in destinations:
        act(destination, by=Author.from_user(request.user))
        names.append(destination.name)
    named = ", ".join(names) or _("none, all were already")
    said = {"done": translated(done).removesuffix("."), "names": named}
    model_admin.say(request, _("%(done)s: %(names)s.") % said)


PAUSE = Act(partial(_one, act=operations.pause, done=message("Paused.")))
RESUME = Act(partial(_one, act=operations.resume, done=message("Resumed.")))
BACKFILL = Act(begin_backfill, before_backfill)


def backfill_page(request: HttpRequest, model_admin: ActingAdmin, destination: Destination) -> HttpResponse:
    """Asks first: it may send every profile there is."""
    if not model_admin.has_act_permission(request, destination):
        raise PermissionDenied
    if request.method == "POST":
        begin_backfill(request, model_admin, destination)
        return redirect(model_admin.url("change", destination))
    return model_admin.page(
        request,
        "destinations/backfill.html",
        _("Backfill"),
        destination,
        profiles=Profile.objects.count(),
        expected=expected(None, destination),
        unfinished=Backfill.objects.filter(destination=destination, finished_at=None).first(),
    )
