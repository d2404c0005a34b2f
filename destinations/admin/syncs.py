"""Profile syncs: the state of one profile at one destination, in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _

from destinations.admin.pages import (
    HEAVY,
    ActingAdmin,
    Button,
    DestinationFilter,
    Link,
    ReadOnly,
    link,
    profile_link,
    search_profiles,
    this_pair,
)
from destinations.admin.replays import chosen_in_list
from destinations.models import ProfileSync
from destinations.sync import explain, operations, replays
from destinations.sync.choices import InvalidChoice
from profiles.large_tables import BoundedAdmin, NullFilter

SEARCH_HELP = "The beginning of a profile's ID, or =ID for exactly that one."


class OwedFilter(NullFilter):
    title = "owed"
    parameter_name = "owed"
    field = "due_at"
    answers = {"yes": ("Something is owed", False), "no": ("Nothing is owed", True)}


class SendsAgain(ActingAdmin):
    """Who may have profiles sent now or again."""

    def has_act_permission(self, request: Any, obj: Any = None) -> bool:
        return request.user.has_perm("destinations.change_profilesync")

    def sync_rows(self, request: Any, rows: QuerySet[ProfileSync]) -> None:
        count = operations.sync_rows_now(rows)
        self.say(request, f"Sync now: {count:,} profile syncs are due. What is unchanged is not sent again.")

    def replay_rows(self, request: Any, rows: QuerySet[ProfileSync]) -> None:
        """Those that were ticked, or all of the list: many of them become jobs."""
        if request.POST.get("select_across") == "1":
            self._replay_list(request)
            return
        count = operations.replay(rows)
        self.say(request, f"Replay: {count:,} profile syncs are sent again, even what is unchanged.")

    def _replay_list(self, request: Any) -> None:
        who = request.user.get_username()
        try:
            asked = [replays.request(choice, asked_by=who) for choice in chosen_in_list(request)]
        except InvalidChoice as error:
            self.say(request, f"{error}.", warning=True)
            return
        count = f"{sum(one.count for one in asked):,}"
        jobs = [(link(job),) for one in asked for job in one.jobs]
        text = _("Replay: %(count)s profile syncs are sent again, even what is unchanged.") % {"count": count}
        if not jobs:
            self.say(request, text)
            return
        how = _("They are handed over a batch at a time, and can be paused and cancelled:")
        self.say(request, format_html("{} {} {}", text, how, format_html_join(", ", "{}", jobs)))


@admin.register(ProfileSync)
class ProfileSyncAdmin(SendsAgain, ReadOnly, BoundedAdmin):
    list_display = (
        "profile_id",
        "at_destination",
        "state",
        "explanation",
        "due",
        "attempts",
        "synced_version",
    )
    list_filter = (DestinationFilter, "state", OwedFilter)
    search_fields = ("profile_id",)
    search_help_text = SEARCH_HELP
    actions = ("sync_now", "replay")
    acts = ("sync_now", "replay")
    fieldsets = (
        (None, {"fields": ("of_profile", "at_destination", "state", "explanation")}),
        ("What the destination knows", {"fields": ("synced_version", "accepted", "remote_id")}),
        (
            "What it is owed",
            {"fields": ("version", "due", "owed_since", "attempts", "last_error", "by_person")},
        ),
    )

    def get_queryset(self, request: Any) -> Any:
        """With all that the explanation reads, and nothing that is heavy."""
        rows = super().get_queryset(request)
        related = ("profile", "destination__resource", "destination__health")
        return rows.select_related(*related).defer("profile__document", *HEAVY)

    def get_ordering(self, request: Any) -> tuple[str, ...]:
        """By what an index finds the first hundred with, however few there are among millions.

        Each destination's rows are spread evenly over the profiles, unlike over the ids.
        """
        is_owed = request.GET.get(OwedFilter.parameter_name) == "yes"
        return ("destination_id", "bulk", "due_at") if is_owed else ("profile_id",)

    def get_search_results(self, request: Any, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return search_profiles(queryset, search_term), False

    @admin.display(description="destination")
    def at_destination(self, sync: ProfileSync) -> str:
        return link(sync.destination)

    @admin.display(description="profile")
    def of_profile(self, sync: ProfileSync) -> str:
        return profile_link(sync.profile_id)

    @admin.display(description="in words")
    def explanation(self, sync: ProfileSync) -> str:
        return explain.sentence(sync)

    @admin.display(description="due")
    def due(self, sync: ProfileSync) -> str:
        return explain.at(sync.due_at) if sync.due_at else "nothing owed"

    @admin.display(description="asked for")
    def by_person(self, sync: ProfileSync) -> str:
        if sync.resend:
            return "by a person, and even if nothing has changed"
        return "by a person, without waiting for the changes to end" if sync.asked else "by a change"

    @admin.display(description="last accepted")
    def accepted(self, sync: ProfileSync) -> str:
        return explain.at(sync.synced_at) if sync.synced_at else "never"

    @admin.display(description="first change owed")
    def owed_since(self, sync: ProfileSync) -> str:
        return explain.at(sync.first_changed_at) if sync.first_changed_at else "nothing owed"

    @admin.action(description="Sync now, whatever the quiet period", permissions=["act"])
    def sync_now(self, request: Any, queryset: Any) -> None:
        self.sync_rows(request, queryset)

    @admin.action(description="Replay: send again, even what is unchanged", permissions=["act"])
    def replay(self, request: Any, queryset: Any) -> None:
        self.replay_rows(request, queryset)

    def buttons(self, request: Any, obj: ProfileSync) -> Iterable[Button]:
        yield Button("Sync now", self.url("sync_now", obj), "Send it now, unless nothing has changed.")
        yield Button("Replay", self.url("replay", obj), "Send it again now, even if nothing has changed.")

    def panel(self, request: Any, obj: ProfileSync) -> dict[str, Any]:
        return {"subtitle": f"{obj.profile_id} → {obj.destination}"}

    def links(self, request: Any, obj: ProfileSync) -> Iterable[Link]:
        yield Link("Attempts", this_pair("deliveryattempt", obj.profile_id, obj.destination_id))

    def act_sync_now(self, request: Any, sync: ProfileSync) -> None:
        self.sync_rows(request, ProfileSync.objects.filter(pk=sync.pk))

    def act_replay(self, request: Any, sync: ProfileSync) -> None:
        self.replay_rows(request, ProfileSync.objects.filter(pk=sync.pk))
