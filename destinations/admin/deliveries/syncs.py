"""Profile syncs: the state of one profile at one destination, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from destinations.admin.base.filters import DestinationFilter, search_profiles
from destinations.admin.base.links import Link, called, link, may_see_names, pair_url, profile_link, this_pair
from destinations.admin.base.object_actions import (
    Act,
    ActingAdmin,
    Button,
    Question,
    ReadOnly,
    before_sending,
)
from destinations.admin.deliveries import resend
from destinations.insight import explain
from destinations.models import ProfileSync
from destinations.operations import actions as operations
from profiles import personal
from tracsync.common import times
from tracsync.common.bounded_lists import BetweenDates, BoundedAdmin, NullFilter
from tracsync.common.parts import badge
from tracsync.common.translation import seen, translated

SEARCH_HELP = gettext_lazy(
    "The beginning of a name, an e-mail address or an ID, or =ID for exactly that one."
)


BADGES = {
    ProfileSync.State.PENDING: "working",
    ProfileSync.State.CLAIMED: "working",
    ProfileSync.State.SYNCED: "fine",
    ProfileSync.State.SKIPPED: "off",
    ProfileSync.State.RETRYING: "working",
    ProfileSync.State.REJECTED: "needs",
    ProfileSync.State.REMOVED: "off",
}


class WaitingFilter(NullFilter):
    title = gettext_lazy("waiting")
    parameter_name = "owed"
    field = "due_at"
    answers = {
        "yes": (gettext_lazy("Something is waiting"), False),
        "no": (gettext_lazy("Nothing is waiting"), True),
    }


def sync_now(request: HttpRequest, model_admin: ActingAdmin, sync: ProfileSync) -> None:
    count = operations.send_one(sync)
    resend.tell(request, model_admin, count, "retry")


def replay(request: HttpRequest, model_admin: ActingAdmin, sync: ProfileSync) -> None:
    count = operations.send_one(sync, again=True)
    resend.tell(request, model_admin, count, "replay")


def before_replay(request: HttpRequest, _model_admin: ActingAdmin, chosen: Sequence[ProfileSync]) -> Question:
    [sync] = chosen
    profile = called(sync.profile, by_name=may_see_names(request))
    return before_sending(profile, str(sync.destination))


@admin.register(ProfileSync)
class ProfileSyncAdmin(ActingAdmin, ReadOnly, BoundedAdmin):
    list_display = (*("id_of_profile", "at_destination", "stands", "explanation", "due"),)
    list_filter = (DestinationFilter, "state", WaitingFilter, ("state_since", BetweenDates))
    search_fields = ("profile_id",)
    search_help_text = SEARCH_HELP
    again = resend.Resend("syncs")
    actions = (again.retry, again.replay)
    acts = {"sync_now": Act(sync_now), "replay": Act(replay, before_replay)}
    fieldsets = (
        (None, {"fields": ("of_profile", "at_destination", "state", "explanation")}),
        (
            gettext_lazy("What the destination knows"),
            {"fields": ("synced_version", "accepted", "removed", "their_id")},
        ),
        (
            gettext_lazy("What is waiting"),
            {
                "fields": (
                    "version",
                    "due",
                    "owed_since",
                    "attempts",
                    "last_problem",
                    "code",
                    "field",
                    "by_person",
                )
            },
        ),
    )

    def get_urls(self) -> list[URLPattern]:
        return [self.route("again/<slug:how>/", self.again.page, "again"), *super().get_urls()]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            found.profile.is_named = may_see_names(request)
        return found

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return resend.may_send(request)

    def get_queryset(self, request: HttpRequest) -> Any:
        """With all that the explanation reads, and nothing that is heavy."""
        rows = super().get_queryset(request)
        related = ("profile", "destination__resource", "destination__health")
        rows = rows.prefetch_related("destination__resource__accounts")
        return rows.select_related(*related).defer("profile__document", *explain.HEAVY)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """By what an index finds the first hundred with, however few there are among millions.

        Each destination's rows are spread evenly over the profiles, unlike over the ids.
        """
        is_waiting = request.GET.get(WaitingFilter.parameter_name) == "yes"
        return ("destination_id", "bulk", "due_at") if is_waiting else ("profile_id",)

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        first, *rest = self.list_display
        return ("name_of_profile" if may_see_names(request) else first, *rest)

    def export_display(self, request: HttpRequest) -> tuple[str, ...]:
        named = ("profile__name", "profile__email") if may_see_names(request) else ()
        about = ("destination", "state", "explanation", "due_at", "attempts", "synced_at", "synced_version")
        return ("profile_id", *named, *about)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if not may_see_names(request):
            return self.fieldsets
        (title, about), *rest = self.fieldsets
        return [(title, {"fields": ("of_named_profile", *about["fields"][1:])}), *rest]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return search_profiles(queryset, search_term, by_name=may_see_names(request)), False

    @admin.display(description=gettext_lazy("destination"))
    def at_destination(self, sync: ProfileSync) -> str:
        return link(sync.destination)

    @admin.display(description=gettext_lazy("profile"), ordering="profile_id")
    def id_of_profile(self, sync: ProfileSync) -> str:
        return sync.profile_id

    @admin.display(description=gettext_lazy("profile"), ordering="profile_id")
    def name_of_profile(self, sync: ProfileSync) -> str:
        if not sync.profile.name:
            return sync.profile_id
        return format_html('{} <small class="tracsync-id">{}</small>', sync.profile.name, sync.profile_id)

    @admin.display(description=gettext_lazy("profile"))
    def of_profile(self, sync: ProfileSync) -> str:
        return profile_link(sync.profile_id)

    @admin.display(description=gettext_lazy("profile"))
    def of_named_profile(self, sync: ProfileSync) -> str:
        return profile_link(sync.profile_id, sync.profile.name)

    @admin.display(description=gettext_lazy("state"))
    def stands(self, sync: ProfileSync) -> str:
        return badge(BADGES[ProfileSync.State(sync.state)], sync.get_state_display())

    @admin.display(description=gettext_lazy("in words"))
    def explanation(self, sync: ProfileSync) -> str:
        return explain.sentence(sync)

    @admin.display(description=gettext_lazy("due"))
    def due(self, sync: ProfileSync) -> str:
        return times.shown(sync.due_at, _("nothing is waiting"))

    @admin.display(description=gettext_lazy("remote ID"))
    def their_id(self, sync: ProfileSync) -> str:
        return seen(sync.remote_id) or "-"

    @admin.display(description=gettext_lazy("last error"))
    def last_problem(self, sync: ProfileSync) -> str:
        return translated(sync.last_error) or "-"

    @admin.display(description=gettext_lazy("asked for"))
    def by_person(self, sync: ProfileSync) -> str:
        if sync.resend:
            return _("by a person, and even if nothing has changed")
        if sync.asked:
            return _("by a person, without waiting for the changes to end")
        return _("by a change")

    @admin.display(description=gettext_lazy("last accepted"))
    def accepted(self, sync: ProfileSync) -> str:
        return times.shown(sync.synced_at, _("never"))

    @admin.display(description=gettext_lazy("removed"))
    def removed(self, sync: ProfileSync) -> str:
        return times.shown(sync.removed_at, _("never"))

    @admin.display(description=gettext_lazy("first change that waits"))
    def owed_since(self, sync: ProfileSync) -> str:
        return times.shown(sync.first_changed_at, _("nothing is waiting"))

    def buttons(self, request: HttpRequest, obj: ProfileSync) -> Iterable[Button]:
        sync_help = _("Send it now, unless nothing has changed.")
        yield Button(_("Sync now"), self.url("sync_now", obj), sync_help)
        replay_help = _("Send it again now, even if nothing has changed.")
        yield Button(_("Replay…"), self.url("replay", obj), replay_help)

    def title_of(self, obj: ProfileSync) -> str:
        return f"{obj.profile} → {obj.destination}"

    def links(self, request: HttpRequest, obj: ProfileSync) -> Iterable[Link]:
        if personal.may_view(request.user):
            yield Link(_("Why?"), pair_url(obj.profile_id, obj.destination_id))
        yield Link(_("Attempts"), this_pair("deliveryattempt", obj.profile_id, obj.destination_id))
