"""Backfills: how far each one is. They are begun at a destination and worked off by the clock."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.html import format_html

from destinations.admin.pages import HEAVY, DestinationFilter, ReadOnly, link
from destinations.models import Backfill
from destinations.sync.explain import at
from profiles.large_tables import BoundedAdmin, NullFilter


class FinishedFilter(NullFilter):
    title = "finished"
    parameter_name = "finished"
    field = "finished_at"
    answers = {"no": ("On its way", True), "yes": ("Finished", False)}


@admin.register(Backfill)
class BackfillAdmin(ReadOnly, BoundedAdmin):
    list_display = ("id", "at_destination", "progress", "profiles", "requested", "finished")
    list_filter = (DestinationFilter, FinishedFilter)
    fields = ("at_destination", "progress", "profiles", "cursor", "since", "requested", "finished")

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).select_related("destination__resource").defer(*HEAVY)

    @admin.display(description="destination")
    def at_destination(self, backfill: Backfill) -> str:
        return link(backfill.destination)

    @admin.display(description="progress")
    def progress(self, backfill: Backfill) -> str:
        """New profiles may have come meanwhile, so `done` may pass `total`."""
        percent = 100 if backfill.finished_at else min(99, 100 * backfill.done // max(backfill.total, 1))
        return format_html('<progress max="100" value="{}"></progress> {} %', percent, percent)

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
