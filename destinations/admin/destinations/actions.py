"""What people do with destinations: pause, resume, switch on and off, bring up to date."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from destinations.admin.base.object_actions import ActingAdmin, Question, in_english
from destinations.admin.destinations.backfill_estimate import expected
from destinations.configuration.history import Author
from destinations.models import Backfill, Destination
from destinations.operations import actions as operations
from destinations.operations import backfill
from profiles.models import Profile
from tracsync.common.numbers import grouped


class DestinationActions(ActingAdmin):
    actions = ("pause", "resume", "enable", "disable", "bring_up_to_date")

    def has_operate_permission(self, request: Any, obj: Any = None) -> bool:
        """Who may change a destination may also operate it."""
        may: bool = request.user.has_perm("destinations.operate_destination")
        return may or self.has_change_permission(request, obj)

    def has_act_permission(self, request: Any, obj: Any = None) -> bool:
        return self.has_operate_permission(request, obj)

    @admin.action(
        description=gettext_lazy("Pause: send nothing, go on recording what changes"), permissions=["operate"]
    )
    def pause(self, request: Any, queryset: Any) -> None:
        self._each(request, queryset, operations.pause, gettext_lazy("Paused"))

    @admin.action(description=gettext_lazy("Resume: send what is waiting"), permissions=["operate"])
    def resume(self, request: Any, queryset: Any) -> None:
        self._each(request, queryset, operations.resume, gettext_lazy("Resumed"))

    @admin.action(description=gettext_lazy("Enable"), permissions=["change"])
    def enable(self, request: Any, queryset: Any) -> None:
        self._each(request, queryset.filter(enabled=False), operations.enable, gettext_lazy("Enabled"))

    @admin.action(
        description=gettext_lazy("Disable: keep what is waiting until enabled again"), permissions=["change"]
    )
    def disable(self, request: Any, queryset: Any) -> None:
        self._each(request, queryset.filter(enabled=True), operations.disable, gettext_lazy("Disabled"))

    @admin.action(
        description=gettext_lazy("Backfill: bring all profiles up to date"), permissions=["operate"]
    )
    def bring_up_to_date(self, request: Any, queryset: Any) -> HttpResponse | None:
        asked = self.asked_first(request, "bring_up_to_date", list(queryset))
        if asked is None:
            for destination in queryset:
                self.begin_backfill(request, destination)
        return asked

    def question_before(self, request: Any, name: str, chosen: Sequence[Any]) -> Question | None:
        if name != "bring_up_to_date":
            return super().question_before(request, name, chosen)
        return Question(
            _("Bring all profiles up to date?"),
            (
                _("At: %s.") % ", ".join(str(one) for one in chosen),
                _("Each profile is checked, and pushed if it differs from what was accepted last."),
                _("What has been pushed cannot be called back; each backfill can be paused and cancelled."),
            ),
            _("Yes, start"),
        )

    def act_pause(self, request: Any, destination: Destination) -> None:
        self._each(request, [destination], operations.pause, gettext_lazy("Paused"))

    def act_resume(self, request: Any, destination: Destination) -> None:
        self._each(request, [destination], operations.resume, gettext_lazy("Resumed"))

    def view_backfill(self, request: Any, destination: Destination) -> Any:
        """Asks first: it may send every profile there is."""
        if not self.has_operate_permission(request, destination):
            raise PermissionDenied
        if request.method == "POST":
            self.begin_backfill(request, destination)
            return redirect(self.url("change", destination))
        return self.page(
            request,
            "destinations/backfill.html",
            _("Backfill"),
            destination,
            profiles=Profile.objects.count(),
            expected=expected(None, destination),
            unfinished=Backfill.objects.filter(destination=destination, finished_at=None).first(),
        )

    def begin_backfill(self, request: Any, destination: Destination) -> None:
        begun = backfill.request(destination, asked_by=request.user.get_username())
        self.log_change(request, destination, f"Backfill of {begun.total:,} profiles requested.")
        said = ngettext(
            "%(destination)s: a backfill of %(count)s profile was requested.",
            "%(destination)s: a backfill of %(count)s profiles was requested.",
            begun.total,
        ) % {"destination": destination, "count": grouped(begun.total)}
        waits = "" if destination.enabled else _("It begins when the destination is enabled.")
        self.say(request, f"{said} {waits}".strip())

    def _each(self, request: Any, destinations: Any, act: Any, done: Any) -> None:
        names = []
        for destination in destinations:
            act(destination, by=Author.from_user(request.user))
            self.log_change(request, destination, in_english(done))
            names.append(destination.name)
        said = {"done": done, "names": ", ".join(names) or _("none, all were already")}
        self.say(request, _("%(done)s: %(names)s.") % said)
