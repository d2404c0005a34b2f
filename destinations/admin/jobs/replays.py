"""Replays of many rows: how far each one is. They begin at lists of profile syncs and attempts."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from destinations.admin.jobs.backfills import AtDestination
from destinations.models import Replay
from destinations.operations import selection
from destinations.operations.selection import InvalidChoice


@admin.register(Replay)
class ReplayAdmin(AtDestination):
    about = gettext_lazy(
        "A replay of many profiles sends them again. It begins in the lists of profile syncs and delivery"
        " attempts: filter, select all, and choose Replay."
    )
    list_display = (
        *("id", "at_destination", "kind", "chosen", "state"),
        *("progress", "count", "rate", "left", "requested"),
    )
    fields = ("at_destination", "kind", "chosen", "summary", "requested", "finished")

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As for sending a single one again."""
        return request.user.has_perm("destinations.change_profilesync")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) or self.has_act_permission(request, obj)

    def cancel_title(self, count: int) -> str:
        return ngettext("Cancel this replay?", "Cancel these %(count)s replays?", count) % {"count": count}

    def title_of(self, job: Replay) -> str:
        return _("Replay at %(destination)s") % {"destination": job.destination}

    @admin.display(description=gettext_lazy("which"))
    def chosen(self, replay: Replay) -> str:
        try:
            # Its destination has a column of its own, and would be looked up for each row.
            said = selection.read({**replay.choice, "destination": ""}).words()
        except InvalidChoice as error:
            return str(error)
        return format_html_join(", ", "{}: {}", said) or _("all of this destination")
