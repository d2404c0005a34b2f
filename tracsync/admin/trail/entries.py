"""The list of entries, its filters, and the page of one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from destinations.admin.base.links import Link
from destinations.admin.base.object_actions import ActingAdmin, ReadOnly
from tracsync.admin.recent_changes import url_of
from tracsync.common import times
from tracsync.common.bounded_lists import BetweenDates, BoundedAdmin
from tracsync.common.trail.models import TrailEntry
from tracsync.common.trail.words import Action, Kind
from tracsync.common.translation import translated


def kind_words(kind: str) -> str:
    """What people call a kind, such as Destination for destinations.destination."""
    try:
        return str(capfirst(apps.get_model(kind)._meta.verbose_name))
    except (LookupError, ValueError):
        return kind


class ActionFilter(admin.SimpleListFilter):
    """Of what was done."""

    title = gettext_lazy("what was done")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        done = set(TrailEntry.objects.order_by().values_list("action", flat=True).distinct())
        return [(value, label) for value, label in Action.choices if value in done]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(action=self.value()) if self.value() else queryset


class KindFilter(admin.SimpleListFilter):
    """Of the kinds that there are entries of."""

    title = gettext_lazy("kind of object")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        kinds = TrailEntry.objects.order_by().exclude(kind="").values_list("kind", flat=True).distinct()
        return sorted(((kind, kind_words(kind)) for kind in kinds), key=lambda pair: pair[1])

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(TrailEntry)
class TrailEntryAdmin(ActingAdmin, ReadOnly, BoundedAdmin):
    panel_template = "admin/tracsync/trail/entry.html"
    list_display = ("when", "who", "did", "what", "way")
    list_filter = (ActionFilter, KindFilter, "actor_kind", "face", ("at", BetweenDates))
    search_fields = ("actor", "object", "object_id", "address", "request_id")
    search_help_text = gettext_lazy("A part of who did it, of what it was done to, or of the address.")
    actions = None

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("when", "who", "did", "kind_of_object", "what", "way", "address", "request_id", "note")

    get_readonly_fields = get_fields

    def export_display(self, request: HttpRequest) -> tuple[str, ...]:
        who = ("at", "actor_kind", "actor", "face", "address", "request_id")
        return (*who, "action", "kind", "object_id", "object", "note", "differences")

    def links(self, request: HttpRequest, obj: TrailEntry) -> Iterable[Link]:
        url = reverse("admin:tracsync_trailentry_changelist")
        if obj.object_id:
            same = urlencode({"kind": obj.kind, "object_id": obj.object_id})
            yield Link(_("All entries of the same object"), f"{url}?{same}")
        if obj.actor_id:
            same = urlencode({"actor_kind": obj.actor_kind, "actor_id": obj.actor_id})
            yield Link(_("All that the same one did"), f"{url}?{same}")

    def panel(self, request: HttpRequest, obj: TrailEntry) -> dict[str, Any]:
        return {"changes": list(shown(obj)), "object_url": url_of(obj)}

    @admin.display(description=gettext_lazy("when"), ordering="at")
    def when(self, entry: TrailEntry) -> str:
        return times.shown(entry.at)

    @admin.display(description=gettext_lazy("who"))
    def who(self, entry: TrailEntry) -> str:
        name = entry.actor or _("unknown")
        if entry.actor_kind == Kind.PERSON:
            return name
        return format_html('{} <small class="t-quiet">{}</small>', name, entry.get_actor_kind_display())

    @admin.display(description=gettext_lazy("what was done"))
    def did(self, entry: TrailEntry) -> str:
        return str(capfirst(entry.action_words))

    @admin.display(description=gettext_lazy("to what"))
    def what(self, entry: TrailEntry) -> str:
        if not entry.kind:  # a command, and what it was given
            return " ".join(filter(None, (translated(entry.said), entry.object))) or "-"
        named = entry.object or entry.object_id
        return format_html('{} <small class="t-quiet">{}</small>', named or "-", kind_words(entry.kind))

    @admin.display(description=gettext_lazy("kind"))
    def kind_of_object(self, entry: TrailEntry) -> str:
        return kind_words(entry.kind) if entry.kind else "-"

    @admin.display(description=gettext_lazy("way"))
    def way(self, entry: TrailEntry) -> str:
        return str(entry.get_face_display())

    @admin.display(description=gettext_lazy("note"))
    def note(self, entry: TrailEntry) -> str:
        return translated(entry.said) or "-"

    @admin.display(description=gettext_lazy("before and after"))
    def differences(self, entry: TrailEntry) -> str:
        return json.dumps(entry.changes, ensure_ascii=False) if entry.changes else ""


def shown(entry: TrailEntry) -> Iterable[tuple[str, str, str]]:
    """Field, before and after, as texts; "" is nothing."""
    for path, (before, after) in entry.changes.items():
        yield path, _words(before), _words(after)


def _words(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(value)
