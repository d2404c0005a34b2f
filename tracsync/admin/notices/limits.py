"""From when on a destination's rejections and delays are told."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from tracsync.common.bounded_lists import LeanAdmin
from tracsync.common.trail.edit_conflicts import SaysWhoWasFaster
from tracsync.models import NoticeLimits


@admin.register(NoticeLimits)
class NoticeLimitsAdmin(SaysWhoWasFaster, LeanAdmin):
    list_display = ("name", "rejected_count", "rejected_percent", "rejected_minutes", "waiting_minutes")
    fields = ("destination", "rejected_count", "rejected_percent", "rejected_minutes", "waiting_minutes")
    search_fields = ("destination__name", "destination__slug")
    search_help_text = gettext_lazy("A part of the destination's name or slug.")
    list_select_related = ("destination",)

    def get_readonly_fields(self, request: HttpRequest, obj: NoticeLimits | None = None) -> Any:
        return () if obj is None else ("destination",)

    @admin.display(description=gettext_lazy("destination"), ordering="destination__name")
    def name(self, limits: NoticeLimits) -> str:
        return limits.destination.name
