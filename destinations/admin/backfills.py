"""Backfills: how far each one is, how fast, and holding it up or ending it. They begin at a destination."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from destinations.admin.pages import (
    HEAVY,
    ActingAdmin,
    Button,
    DestinationFilter,
    Question,
    ReadOnly,
    link,
)
from destinations.models import Backfill
from destinations.sync import backfill as backfills
from destinations.sync import progress
from destinations.sync.backfill import BackfillEnded
from destinations.sync.explain import at
from profiles.large_tables import BoundedAdmin, NullFilter

State = Backfill.State
BUTTONS = {
    "pause": ("Pause", "Hand no more profiles over until it is resumed."),
    "resume": ("Resume", "Go on where it was paused."),
    "cancel": ("Cancel", "End it. What was handed over already, a few thousand at most, is still sent."),
}
OFFERED = {State.RUNNING: ("pause", "cancel"), State.PAUSED: ("resume", "cancel")}


class FinishedFilter(NullFilter):
    title = "finished"
    parameter_name = "finished"
    field = "finished_at"
    answers = {"no": ("On its way", True), "yes": ("Finished", False)}


@admin.register(Backfill)
class BackfillAdmin(ActingAdmin, ReadOnly, BoundedAdmin):
    list_display = ("id", "at_destination", "state", "progress", "profiles", "rate", "left", "requested")
    list_filter = (DestinationFilter, FinishedFilter)
    fields = (
        "at_destination",
        "summary",
        "progress",
        "profiles",
        "rate",
        "left",
        "cursor",
        "since",
        "requested",
        "finished",
    )
    actions = ("pause", "resume", "cancel")
    acts = ("pause", "resume", "cancel")

    def has_act_permission(self, request: Any, obj: Any = None) -> bool:
        """As for everything else that is done with a destination."""
        names = ("destinations.operate_destination", "destinations.change_destination")
        return any(map(request.user.has_perm, names))

    @admin.action(description="Pause: hand no more profiles over until resumed", permissions=["act"])
    def pause(self, request: Any, queryset: Any) -> None:
        self._each(request, queryset, backfills.pause, "Paused")

    @admin.action(description="Resume", permissions=["act"])
    def resume(self, request: Any, queryset: Any) -> None:
        self._each(request, queryset, backfills.resume, "Resumed")

    @admin.action(description="Cancel", permissions=["act"])
    def cancel(self, request: Any, queryset: Any) -> HttpResponse | None:
        asked = self.asked_first(request, "cancel", list(queryset))
        if asked is None:
            self._each(request, queryset, backfills.cancel, "Cancelled")
        return asked

    def act_pause(self, request: Any, backfill: Backfill) -> None:
        self._each(request, [backfill], backfills.pause, "Paused")

    def act_resume(self, request: Any, backfill: Backfill) -> None:
        self._each(request, [backfill], backfills.resume, "Resumed")

    def act_cancel(self, request: Any, backfill: Backfill) -> None:
        self._each(request, [backfill], backfills.cancel, "Cancelled")

    def question_before(self, request: Any, name: str, chosen: Sequence[Any]) -> Question | None:
        """One that has ended needs no question: it only says so."""
        running = [one for one in chosen if one.finished_at is None]
        if name != "cancel" or not running:
            return None
        sentences = [
            _("%(destination)s: %(progress)s.")
            % {"destination": one.destination, "progress": progress.of(one).summary}
            for one in running
        ]
        return Question(
            ngettext("Cancel this backfill?", "Cancel these backfills?", len(running)),
            (
                *sentences,
                _("What was handed over already, a few thousand profiles at most, is still sent."),
                _("The rest is not. It cannot be resumed: a new backfill begins at the first profile."),
            ),
            _("Yes, cancel"),
        )

    def buttons(self, request: Any, obj: Backfill) -> list[Button]:
        offered = OFFERED.get(State(obj.state), ())
        return [Button(BUTTONS[name][0], self.url(name, obj), BUTTONS[name][1]) for name in offered]

    def panel(self, request: Any, obj: Backfill) -> dict[str, Any]:
        return {"subtitle": str(obj.destination)}

    def _each(self, request: Any, chosen: Iterable[Backfill], act: Any, done: str) -> None:
        names = []
        for backfill in chosen:
            try:
                act(backfill)
                self.log_change(request, backfill, f"{done}.")
                names.append(str(backfill.pk))
            except BackfillEnded as error:
                self.say(request, f"Backfill {backfill.pk}: {error}.", warning=True)
        if names:
            self.say(request, f"{done}: backfill {', '.join(names)}.")

    def get_queryset(self, request: Any) -> Any:
        related = ("destination__resource", "destination__health")
        return super().get_queryset(request).select_related(*related).defer(*HEAVY)

    @admin.display(description="destination")
    def at_destination(self, backfill: Backfill) -> str:
        return link(backfill.destination)

    @admin.display(description="progress")
    def progress(self, backfill: Backfill) -> str:
        percent = progress.of(backfill).percent
        return format_html('<progress max="100" value="{}"></progress> {} %', percent, percent)

    @admin.display(description="how far it is")
    def summary(self, backfill: Backfill) -> str:
        return progress.of(backfill).summary

    @admin.display(description="a second")
    def rate(self, backfill: Backfill) -> str:
        rate = progress.of(backfill).rate
        return "-" if rate is None else f"{rate:,.0f}"

    @admin.display(description="time left")
    def left(self, backfill: Backfill) -> str:
        left = progress.of(backfill).left
        return "-" if left is None else f"about {progress.duration(left)}"

    @admin.display(description="handed over")
    def profiles(self, backfill: Backfill) -> str:
        return f"{backfill.done:,} of {backfill.total:,}"

    @admin.display(description="goes on after profile")
    def cursor(self, backfill: Backfill) -> str:
        return backfill.after or "the beginning"

    @admin.display(description="changed since")
    def since(self, backfill: Backfill) -> str:
        return at(backfill.changed_since) if backfill.changed_since else "all profiles"

    @admin.display(description="requested")
    def requested(self, backfill: Backfill) -> str:
        return at(backfill.created_at)

    @admin.display(description="finished")
    def finished(self, backfill: Backfill) -> str:
        if backfill.finished_at:
            return at(backfill.finished_at)
        return "not yet" if backfill.destination.enabled else "not yet: the destination is off"
