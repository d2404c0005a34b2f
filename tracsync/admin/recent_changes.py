"""What people did lately, as far as the reader may see what they did it to."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from django.apps import apps
from django.contrib.admin import AdminSite
from django.contrib.admin.utils import quote
from django.core.exceptions import FieldDoesNotExist
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from tracsync.common import times
from tracsync.common.trail.words import GONE
from tracsync.models import TrailEntry

REACH = 200  # of the newest entries that are looked through
MOST_SHOWN = 8
MOST_FIELDS = 5


@dataclass(frozen=True, slots=True)
class Change:
    who: str
    what: str
    url: str
    said: str
    when: str


def changes(request: HttpRequest, site: AdminSite) -> list[Change]:
    """The newest ones, in one statement, however long the trail is."""
    visible = {
        model._meta.label_lower for model, page in site._registry.items() if page.has_view_permission(request)
    }
    newest = TrailEntry.objects.order_by("-pk")[:REACH]
    shown = (one for one in newest if one.kind in visible and one.object_id)
    return [_change(entry) for entry in islice(shown, MOST_SHOWN)]


def _change(entry: TrailEntry) -> Change:
    said = str(capfirst(entry.action_words))
    if entry.changes and entry.action == "changed":
        fields = [_field_name(entry.kind, name) for name in entry.changes]
        more = "…" if len(fields) > MOST_FIELDS else ""
        said = f"{said}: {', '.join(fields[:MOST_FIELDS])}{more}"
    who = entry.actor or _("unknown")
    return Change(who, entry.object, url_of(entry), said, times.shown(entry.at))


def _field_name(kind: str, name: str) -> str:
    """In the reader's language; what is no field of the model is told as it is recorded."""
    try:
        return str(getattr(apps.get_model(kind)._meta.get_field(name), "verbose_name", name))
    except (LookupError, ValueError, FieldDoesNotExist):
        return name


def url_of(entry: TrailEntry) -> str:
    """Of the page of what it was done to; "" where there is none any more."""
    if entry.action in GONE or not entry.object_id:
        return ""
    try:
        return reverse(f"admin:{entry.kind.replace('.', '_')}_change", args=[quote(entry.object_id)])
    except NoReverseMatch:
        return ""
