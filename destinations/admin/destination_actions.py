"""What people do with destinations: pause, resume, switch on and off, bring up to date."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect

from destinations.admin.pages import ActingAdmin
from destinations.models import Backfill, Destination
from destinations.sync import backfill, operations
from profiles.models import Profile


class DestinationActions(ActingAdmin):
    actions = ("pause", "resume", "enable", "disable", "bring_up_to_date")

    @admin.action(description="Pause: send nothing, go on recording what is owed", permissions=["change"])
    def pause(self, request: Any, queryset: Any) -> None:
        self._each(request, queryset, operations.pause, "Paused")

    @admin.action(description="Resume: send what has become owed", permissions=["change"])
    def resume(self, request: Any, queryset: Any) -> None:
        self._each(request, queryset, operations.resume, "Resumed")

    @admin.action(description="Enable", permissions=["change"])
    def enable(self, request: Any, queryset: Any) -> None:
        self._each(request, queryset.filter(enabled=False), _enable, "Enabled")

    @admin.action(description="Disable: keep what is owed until enabled again", permissions=["change"])
    def disable(self, request: Any, queryset: Any) -> None:
        self._each(request, queryset.filter(enabled=True), _disable, "Disabled")

    @admin.action(description="Backfill: bring all profiles up to date", permissions=["change"])
    def bring_up_to_date(self, request: Any, queryset: Any) -> None:
        for destination in queryset:
            self._begin_backfill(request, destination)

    def act_pause(self, request: Any, destination: Destination) -> None:
        self._each(request, [destination], operations.pause, "Paused")

    def act_resume(self, request: Any, destination: Destination) -> None:
        self._each(request, [destination], operations.resume, "Resumed")

    def view_backfill(self, request: Any, destination: Destination) -> Any:
        """Asks first: it may send every profile there is."""
        if not self.has_change_permission(request, destination):
            raise PermissionDenied
        if request.method == "POST":
            self._begin_backfill(request, destination)
            return redirect(self.url("change", destination))
        return self.page(
            request,
            "backfill.html",
            "Backfill",
            destination,
            profiles=Profile.objects.count(),
            unfinished=Backfill.objects.filter(destination=destination, finished_at=None).first(),
        )

    def _begin_backfill(self, request: Any, destination: Destination) -> None:
        begun = backfill.request(destination, asked_by=request.user.get_username())
        self.log_change(request, destination, f"Backfill of {begun.total} profiles requested.")
        note = "" if destination.enabled else " It begins when the destination is enabled."
        self.say(request, f"{destination}: a backfill of {begun.total:,} profiles was requested.{note}")

    def _each(self, request: Any, destinations: Any, act: Any, done: str) -> None:
        names = []
        for destination in destinations:
            act(destination)
            self.log_change(request, destination, f"{done}.")
            names.append(destination.name)
        self.say(request, f"{done}: {', '.join(names) or 'none, all were already'}.")


def _enable(destination: Destination) -> None:
    destination.enabled = True
    destination.save()


def _disable(destination: Destination) -> None:
    destination.enabled = False
    destination.save()
