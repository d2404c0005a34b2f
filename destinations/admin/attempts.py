"""Delivery attempts: each try to push, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.html import format_html

from destinations.admin.pages import (
    HEAVY,
    Button,
    DestinationFilter,
    Link,
    ReadOnly,
    link,
    profile_link,
    search_profiles,
    this_pair,
)
from destinations.admin.syncs import SEARCH_HELP, SendsAgain
from destinations.models import DeliveryAttempt, ProfileSync
from destinations.sync.explain import at
from profiles.large_tables import BoundedAdmin


class StatusFilter(admin.SimpleListFilter):
    """By kind: the codes themselves would have to be looked for in the whole table."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        kinds = [(f"{digit}", f"{digit}00 to {digit}99") for digit in range(1, 6)]
        return [*kinds, ("none", "No status")]

    def queryset(self, request: Any, queryset: Any) -> Any:
        if self.value() == "none":
            return queryset.filter(status_code=None)
        if self.value() in ("1", "2", "3", "4", "5"):
            first = int(self.value() or 0) * 100
            return queryset.filter(status_code__gte=first, status_code__lt=first + 100)
        return queryset


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(SendsAgain, ReadOnly, BoundedAdmin):
    list_display = (
        "began",
        "of_profile",
        "at_destination",
        "outcome",
        "status_code",
        "reason",
        "duration",
        "version",
    )
    list_filter = (DestinationFilter, "outcome", StatusFilter, ("at", admin.DateFieldListFilter))
    ordering = ("-at",)
    search_fields = ("profile_id",)
    search_help_text = SEARCH_HELP
    actions = ("sync_now", "replay")
    acts = ("replay",)
    fieldsets = (
        (None, {"fields": ("began", "of_profile", "at_destination", "version", "idempotency_key")}),
        ("What came of it", {"fields": ("outcome", "reason", "status_code", "remote_id", "duration")}),
        ("What went over the wire", {"fields": ("sent", "answered")}),
    )

    def get_queryset(self, request: Any) -> Any:
        rows = super().get_queryset(request).select_related("destination__resource")
        return rows.defer("destination__prerequisites", *HEAVY)

    def for_list(self, rows: Any) -> Any:
        return rows.defer("request", "response")

    def get_search_results(self, request: Any, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return search_profiles(queryset, search_term), False

    @admin.display(description="at")
    def began(self, attempt: DeliveryAttempt) -> str:
        return at(attempt.at)

    @admin.display(description="profile")
    def of_profile(self, attempt: DeliveryAttempt) -> str:
        return profile_link(attempt.profile_id)

    @admin.display(description="destination")
    def at_destination(self, attempt: DeliveryAttempt) -> str:
        return link(attempt.destination)

    @admin.display(description="took")
    def duration(self, attempt: DeliveryAttempt) -> str:
        return f"{attempt.duration_ms:,} ms"

    @admin.display(description="request")
    def sent(self, attempt: DeliveryAttempt) -> str:
        return _body(attempt.request)

    @admin.display(description="response")
    def answered(self, attempt: DeliveryAttempt) -> str:
        return _body(attempt.response)

    @admin.action(description="Sync these profiles there now", permissions=["act"])
    def sync_now(self, request: Any, queryset: Any) -> None:
        self.sync_rows(request, _syncs(queryset))

    @admin.action(description="Replay: send these profiles there again", permissions=["act"])
    def replay(self, request: Any, queryset: Any) -> None:
        self.replay_rows(request, _syncs(queryset))

    def buttons(self, request: Any, obj: DeliveryAttempt) -> Iterable[Button]:
        yield Button("Replay", self.url("replay", obj), "Send the profile, as it is now, there again.")

    def panel(self, request: Any, obj: DeliveryAttempt) -> dict[str, Any]:
        return {"subtitle": f"{obj.profile_id} → {obj.destination}"}

    def links(self, request: Any, obj: DeliveryAttempt) -> Iterable[Link]:
        yield Link("Profile sync", this_pair("profilesync", obj.profile_id, obj.destination_id))

    def act_replay(self, request: Any, attempt: DeliveryAttempt) -> None:
        self.replay_rows(request, _syncs(DeliveryAttempt.objects.filter(pk=attempt.pk)))


def _syncs(attempts: QuerySet[DeliveryAttempt]) -> QuerySet[ProfileSync]:
    """Those that the attempts were made for."""
    pair = {"profile": OuterRef("profile"), "destination": OuterRef("destination")}
    tried = attempts.order_by().select_related(None).filter(**pair)
    return ProfileSync.objects.filter(Exists(tried))


def _body(text: Any) -> str:
    if text is None:
        return "Not kept: TRACSYNC_ATTEMPT_BODIES says which bodies are."
    return format_html('<pre class="tracsync-code">{}</pre>', text)
