"""Pages of the admin and the trail: what they change leaves entries, and each object shows its own.

Django's log of the admin is not written beside it: there is one truth.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from tracsync.common.trail import recording, watching
from tracsync.common.trail.models import TrailEntry
from tracsync.common.trail.words import Action

MAY_SEE = "tracsync.view_trailentry"
AT_ONCE = 100


class Trailed(admin.ModelAdmin):
    """What is watched has left its entry when it was stored; of all else the page says what it did."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._note(Action.CREATED, [obj])

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        if isinstance(message, str):  # what somebody did, in words; a form's changes are a list
            recording.note(Action.DONE, obj, said=message)
        else:
            self._note(Action.CHANGED, [obj])

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        self._note(Action.DELETED, queryset)

    def _note(self, action: str, rows: Iterable[Model]) -> None:
        for row in () if watching.is_watched(self.model) else rows:
            recording.note(action, row)

    def title_of(self, obj: Any) -> str:
        """What people call it."""
        return str(obj)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        if not self.has_view_or_change_permission(request, obj):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": _("History"),
            "opts": self.opts,
            "object": obj,
            "object_title": self.title_of(obj),
            **entries_of(request, obj),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/tracsync/trail/history.html", context)


def entries_of(request: HttpRequest, row: Model) -> dict[str, Any]:
    """The newest entries of an object, for `admin/tracsync/trail/entries.html`. What it was and is, and from
    where somebody came, only for who may see the trail."""
    kind, may_see = row._meta.label_lower, request.user.has_perm(MAY_SEE)
    found = list(TrailEntry.objects.filter(kind=kind, object_id=str(row.pk))[:AT_ONCE])
    more = f"?{urlencode({'kind': kind, 'object_id': str(row.pk)})}"
    url = reverse("admin:tracsync_trailentry_changelist") + more if may_see else ""
    return {"entries": found, "trail_url": url, "may_see_trail": may_see}
