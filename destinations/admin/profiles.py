"""A profile's page with its state at every destination, which `profiles` itself knows nothing of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.utils import timezone

from destinations.admin.pages import ActingAdmin, link, this_pair
from destinations.models import Destination, ProfileSync
from destinations.sync import explain, operations
from destinations.sync.explain import Prospect
from profiles.admin import ProfileAdmin
from profiles.models import Profile

admin.site.unregister(Profile)


@dataclass(frozen=True, slots=True)
class Row:
    """One profile at one destination."""

    destination: Destination
    sync: ProfileSync | None
    prospect: Prospect | None
    now: datetime

    @property
    def link(self) -> str:
        return link(self.destination)

    @property
    def state(self) -> str:
        return self.sync.state if self.sync else "never sent"

    @property
    def sentence(self) -> str:
        words = explain.sentence(self.sync, self.now) if self.sync else ""
        if self.prospect:
            coming = f"{'new changes' if self.sync else 'not sent yet'}: {self.prospect.text}"
            return f"{words}; {coming}" if words else coming
        return words or self._never()

    @property
    def next(self) -> str:
        dues = [self.sync.due_at if self.sync else None, self.prospect.due_at if self.prospect else None]
        known = [due for due in dues if due]
        return explain.at(min(known)) if known else "nothing to send"

    @property
    def attempts_url(self) -> str:
        return (
            this_pair("deliveryattempt", self.sync.profile_id, self.sync.destination_id) if self.sync else ""
        )

    @property
    def sync_link(self) -> str:
        return link(self.sync, self.sync.state) if self.sync else ""

    def _never(self) -> str:
        if not self.destination.enabled:
            return "the destination is off"
        return "has not changed since the destination was added; a backfill or “sync now” sends it"


@admin.register(Profile)
class ProfileAtDestinationsAdmin(ActingAdmin, ProfileAdmin):
    change_list_template = "admin/tracsync/profile_list.html"
    acts = ("sync_now",)
    panel_template = "admin/tracsync/profile_panel.html"

    def has_act_permission(self, request: Any, obj: Any = None) -> bool:
        return request.user.has_perm("destinations.change_profilesync")

    def panel(self, request: Any, obj: Profile) -> dict[str, Any]:
        may_look = request.user.has_perm("destinations.view_profilesync")
        return {
            "rows": rows(obj) if may_look or self.has_act_permission(request) else [],
            "may_look": may_look,
            "may_sync": self.has_act_permission(request),
            "sync_url": self.url("sync_now", obj),
        }

    def act_sync_now(self, request: Any, profile: Profile) -> None:
        """To one destination, or to all that are enabled."""
        chosen = Destination.objects.filter(enabled=True).defer("settings", "mapping")
        wanted = request.POST.get("destination", "")
        if wanted.isdecimal():
            chosen = chosen.filter(pk=wanted)
        count = operations.sync_now(profile, list(chosen))
        self.say(request, f"Sync now: due at {count} destinations.", warning=not count)


def rows(profile: Profile) -> list[Row]:
    """In the order of the destinations' names, whatever their number in three queries."""
    related = ProfileSync.objects.filter(profile=profile)
    syncs = {sync.destination_id: sync for sync in related.defer("payload_hash")}
    coming = {prospect.destination.pk: prospect for prospect in explain.prospects(profile)}
    secrets = ("settings", "mapping", "resource__production", "resource__test")
    destinations = Destination.objects.select_related("resource", "health").defer(*secrets)
    now = timezone.now()
    for destination in destinations:
        if sync := syncs.get(destination.pk):
            sync.profile, sync.destination = profile, destination
    return [Row(one, syncs.get(one.pk), coming.get(one.pk), now) for one in destinations]
