"""Replays of many rows: how far each one is. They begin at lists of profile syncs and attempts."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from destinations.admin.backfills import AtDestination
from destinations.models import Destination, Replay
from destinations.sync.choices import Choice

# How the lists name what they are filtered by, and what a choice calls it.
FILTERS = {
    "destination": "destination",
    "state__exact": "state",
    "owed": "owed",
    "outcome__exact": "outcome",
    "status": "status",
    "at__gte": "at_from",
    "at__lt": "at_to",
}
PARTS = {
    "profile": gettext_lazy("profile"),
    "profile_begins": gettext_lazy("profiles that begin with"),
    "state": gettext_lazy("state"),
    "owed": gettext_lazy("owed"),
    "outcome": gettext_lazy("outcome"),
    "status_code": gettext_lazy("status"),
    "status": gettext_lazy("status"),
    "at_from": gettext_lazy("tried from"),
    "at_to": gettext_lazy("tried before"),
}


@admin.register(Replay)
class ReplayAdmin(AtDestination):
    about = gettext_lazy(
        "A replay of many profiles sends them again. It begins in the lists of profile syncs and delivery"
        " attempts: filter, select all, and choose Replay."
    )
    list_display = (
        "id",
        "at_destination",
        "kind",
        "chosen",
        "state",
        "progress",
        "count",
        "rate",
        "left",
        "requested",
    )
    fields = ("at_destination", "kind", "chosen", "summary", "requested", "finished")

    def has_act_permission(self, request: Any, obj: Any = None) -> bool:
        """As for sending a single one again."""
        return request.user.has_perm("destinations.change_profilesync")

    def has_view_permission(self, request: Any, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) or self.has_act_permission(request, obj)

    def title_of(self, job: Replay) -> str:
        return _("Replay at %(destination)s") % {"destination": job.destination}

    @admin.display(description=gettext_lazy("which"))
    def chosen(self, replay: Replay) -> str:
        said = [(PARTS[name], value) for name, value in replay.choice.items() if name in PARTS]
        return format_html_join(", ", "{}: {}", said) or _("all of this destination")


def chosen_in_list(request: Any) -> list[Choice]:
    """What a list shows, over all pages, as choices: one per destination where nothing is filtered."""
    said = request.GET
    choice: Choice = {part: said[name] for name, part in FILTERS.items() if said.get(name)}
    if str(choice.get("destination", "")).isdecimal():
        choice["destination"] = int(choice["destination"])
    if "owed" in choice:
        choice["owed"] = choice["owed"] == "yes"
    if term := said.get("q", "").strip():
        is_exact = term.startswith("=")
        choice["profile" if is_exact else "profile_begins"] = term[1:] if is_exact else term
    return (
        [choice]
        if choice
        else [{"destination": pk} for pk in Destination.objects.values_list("pk", flat=True)]
    )
