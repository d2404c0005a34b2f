"""A profile's page with its state at every destination, which `profiles` itself knows nothing of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from destinations.admin.base.links import Link, called, link, may_see_names, pair_url, this_pair
from destinations.admin.base.object_actions import ActingAdmin
from destinations.admin.base.preview_display import in_a_word, judged, whole_destination
from destinations.admin.deliveries import resend, why
from destinations.admin.deliveries.syncs import BADGES
from destinations.insight import explain
from destinations.insight.explain import Prospect
from destinations.insight.payloads.diff import Comparison, accepted_request
from destinations.models import Destination, ProfileSync
from profiles import changes, samples
from profiles.admin import ProfileAdmin
from profiles.models import Profile
from tracsync.common import times, trail
from tracsync.common.trail import Action

MOST_COMPARED = 20  # destinations on one page; beyond them “Why?” compares

admin.site.unregister(Profile)


@dataclass(frozen=True, slots=True)
class Row:
    """One profile at one destination. `compared`: what it last accepted with what it would be sent now."""

    destination: Destination
    sync: ProfileSync | None
    prospect: Prospect | None
    now: datetime
    profile_id: str
    is_deleted: bool = False
    compared: Comparison | None = None

    @property
    def link(self) -> str:
        return link(self.destination)

    @property
    def state(self) -> str:
        return link(self.sync, self.sync.get_state_display()) if self.sync else capfirst(_("never sent"))

    @property
    def badge(self) -> str:
        return BADGES[ProfileSync.State(self.sync.state)] if self.sync else "off"

    @property
    def sentence(self) -> str:
        words = explain.sentence(self.sync, self.now) if self.sync else ""
        if self.prospect:
            text = _("new changes: %(text)s") if self.sync else _("not sent yet: %(text)s")
            coming = text % {"text": self.prospect.text}
            return f"{words}; {coming}" if words else coming
        return words or self._never()

    @property
    def next(self) -> str:
        dues = [self.sync.due_at if self.sync else None, self.prospect.due_at if self.prospect else None]
        known = [due for due in dues if due]
        return times.shown(min(known, default=None), _("nothing to send"))

    @property
    def attempts_url(self) -> str:
        return this_pair("deliveryattempt", self.profile_id, self.destination.pk) if self.sync else ""

    @property
    def why_url(self) -> str:
        return pair_url(self.profile_id, self.destination.pk)

    @property
    def accepted(self) -> str:
        """The version, and when."""
        if self.sync is None or self.sync.synced_version is None:
            return _("never")
        version = _("version %(version)s") % {"version": self.sync.synced_version}
        if self.sync.synced_at is None:
            return version
        return format_html("{}, {}", version, times.shown(self.sync.synced_at))

    @property
    def compared_in_a_word(self) -> str:
        return in_a_word(self.compared) if self.compared else ""

    @property
    def obstacle(self) -> str:
        """Where the sentence does not say it already."""
        found = explain.obstacle(self.destination, self.now)
        return "" if found in self.sentence else found

    def _never(self) -> str:
        if self.is_deleted:
            return _("nothing is to be removed there")
        if not self.destination.enabled:
            return _("the destination is off")
        return _("has not changed since the destination was added; a backfill or “sync now” sends it")


@admin.register(Profile)
class ProfileAtDestinationsAdmin(ActingAdmin, ProfileAdmin):
    change_list_template = "admin/tracsync/deliveries/profile_list.html"
    panel_template = "admin/tracsync/deliveries/profile_panel.html"
    acts = {"sync_now": why.SYNC_NOW, "replay": why.REPLAY}

    def get_urls(self) -> list[URLPattern]:
        own = self.route("<path:object_id>/why/<int:destination_id>/", why.why_page, "why")
        return [self.route("samples/", add_samples, "samples"), own, *super().get_urls()]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            found.is_named = found.is_masked or may_see_names(request)
        return found

    def save_model(self, request: HttpRequest, obj: Profile, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        obj.is_named = may_see_names(request)

    def named_in_question(self, obj: Profile, request: HttpRequest) -> str:
        return called(obj, by_name=may_see_names(request))

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return resend.may_send(request) and not (obj and obj.is_deleted)

    def live(self, obj: Profile) -> int:
        return 5

    def links(self, request: HttpRequest, obj: Profile) -> Iterable[Link]:
        query = urlencode({"profile": obj.pk})
        if request.user.has_perm("tracsync.export_person"):
            yield Link(
                _("Download all that is known"), f"{reverse('admin:tracsync_erasure_download')}?{query}"
            )
        if request.user.has_perm("tracsync.erase_person"):
            yield Link(_("Erase everywhere"), f"{reverse('admin:tracsync_erasure_add')}?{query}")

    def panel(self, request: HttpRequest, obj: Profile) -> dict[str, Any]:
        found = rows(obj) if why.may_look(request) else []
        # It shows what the destination makes of the profile.
        if not obj.is_deleted and request.user.has_perm("destinations.view_destination"):
            found = compare(found, obj)
        return {
            "rows": found,
            "may_sync": self.has_act_permission(request, obj),
            "sync_url": self.url("sync_now", obj),
        }


@require_POST
def add_samples(request: HttpRequest, model_admin: ActingAdmin) -> HttpResponse:
    """Invented people to look around with; one whose id is taken stays as it is."""
    if not request.user.has_perms(("profiles.add_profile", "profiles.change_profile")):
        raise PermissionDenied
    documents = {document["id"]: document for document in samples.profiles()}
    known = set(Profile.with_deleted.filter(pk__in=documents).values_list("pk", flat=True))
    new = [changes.Change(id, "put", one) for id, one in documents.items() if id not in known]
    with transaction.atomic():
        changes.write(new)
        trail.note(Action.CREATED, of="profiles.profile", changes={"samples": [None, len(new)]})
    text = ngettext("%(count)s sample profile was added.", "%(count)s sample profiles were added.", len(new))
    url = f"{reverse('admin:profiles_profile_changelist')}?q=demo-"
    said = format_html('{} <a href="{}">{}</a>', text % {"count": len(new)}, url, _("Look at them"))
    model_admin.say(request, said)
    return redirect("admin:index")


def rows(profile: Profile) -> list[Row]:
    """In the order of the destinations' names, whatever their number in four queries."""
    related = ProfileSync.objects.filter(profile=profile)
    syncs = {sync.destination_id: sync for sync in related.defer("payload_hash")}
    coming = {prospect.destination.pk: prospect for prospect in explain.prospects(profile)}
    secrets = ("settings", "mapping", "resource__production", "resource__test")
    destinations = Destination.objects.select_related("resource", "health").defer(*secrets)
    destinations = destinations.prefetch_related("resource__accounts")
    now = timezone.now()
    for destination in destinations:
        if sync := syncs.get(destination.pk):
            sync.profile, sync.destination = profile, destination
    told = now, profile.pk, profile.is_deleted
    return [Row(one, syncs.get(one.pk), coming.get(one.pk), *told) for one in destinations]


def compare(rows: list[Row], profile: Profile) -> list[Row]:
    """The same rows, with what those that have accepted something know and what is different now."""
    if profile.is_masked:
        return rows
    accepted = [row.sync for row in rows if row.sync and row.sync.synced_at][:MOST_COMPARED]
    found = {sync.destination_id: _compared(sync, profile) for sync in accepted}
    return [replace(row, compared=found.get(row.destination.pk)) for row in rows]


def _compared(sync: ProfileSync, profile: Profile) -> Comparison:
    _shown, compared = judged(whole_destination(sync.destination_id), profile)
    if compared is not None:
        return compared
    text = _("What it would be sent now cannot be told: “Why?” says what is wrong.")
    return Comparison(None, text, accepted=accepted_request(sync))
