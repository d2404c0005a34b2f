"""A form knows the newest edit that the trail has of its object: it can tell who was faster, and when."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from tracsync.common.times import told
from tracsync.common.trail.models import TrailEntry
from tracsync.common.trail.words import Action

SEEN = "tracsync_seen"
EDITS = (Action.CHANGED, Action.ROLES)


def edits_of(row: Model) -> QuerySet[TrailEntry]:
    """The newest first."""
    return TrailEntry.objects.filter(
        kind=row._meta.label_lower, object_id=str(row.pk), action__in=EDITS
    ).order_by("-pk")


class SaysWhoWasFaster(admin.ModelAdmin):
    """For what is watched and has no revisions. What was typed stays, and may be saved after that."""

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        seen = request.POST.get(SEEN, "")
        if obj is None or not (seen.isascii() and seen.isdecimal() and len(seen) < 19):
            return form
        return type(form)(
            form.__name__, (_RefusedOnce, form), {"meanwhile": edits_of(obj).filter(pk__gt=int(seen))}
        )

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        if (obj := kwargs.get("obj")) is not None:
            newest = edits_of(obj).values_list("pk", flat=True).first()
            context |= {"revision_name": SEEN, "revision": newest or 0}
        return super().render_change_form(request, context, *args, **kwargs)


class _RefusedOnce:
    """The form that is shown again has seen what it was refused for."""

    meanwhile: QuerySet[TrailEntry]

    def clean(self) -> Any:
        cleaned = super().clean()  # type: ignore[misc]
        if edit := self.meanwhile.first():
            text = _(
                "%(who)s has saved this since you opened it, at %(time)s; “History” says what. Nothing was"
                " saved and what you typed is below. Look at what is stored (open this page in another tab),"
                " then save again to replace that."
            )
            said = {"who": edit.actor or _("Somebody"), "time": told(edit.at)}
            raise ValidationError(text % said, code="conflict")
        return cleaned
