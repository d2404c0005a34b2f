"""Audits: what each has found, and holding it up or ending it. They begin at a destination."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from destinations.admin.base.links import called_each, pair_url
from destinations.admin.jobs.backfills import AtDestination
from destinations.models import Audit
from profiles import personal
from tracsync.common.translation import translated

COUNTS = {
    "equal": gettext_lazy("equal"),
    "differs": gettext_lazy("differ"),
    "missing": gettext_lazy("are missing"),
    "extra": gettext_lazy("should not be there"),
    "unknown": gettext_lazy("could not be read"),
    "left_out": gettext_lazy("left out: on their way, rejected, or not wanted there"),
}
MOST_SHOWN = 100


@admin.register(Audit)
class AuditAdmin(AtDestination):
    about = gettext_lazy(
        "An audit compares what a system holds with what the mapping makes now. It begins on the page"
        " of a destination."
    )
    panel_template = "admin/tracsync/jobs/audit_panel.html"
    list_display = ("id", "at_destination", "state", "progress", "count", "wrong", "heals", "requested")
    fields = ("at_destination", "summary", "heals", "sent_again", "why", "requested", "finished")
    pause_help = gettext_lazy("Read nothing more until it is resumed.")
    cancel_note = gettext_lazy("What was found so far stays; what is sent again already is still sent.")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("chosen")

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As for everything else that is done with a destination."""
        names = ("destinations.operate_destination", "destinations.change_destination")
        return any(map(request.user.has_perm, names))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) or self.has_act_permission(request, obj)

    def cancel_title(self, count: int) -> str:
        return ngettext("Cancel this audit?", "Cancel these %(count)s audits?", count) % {"count": count}

    def title_of(self, job: Audit) -> str:
        return _("Audit of %(destination)s") % {"destination": job.destination}

    def panel(self, request: HttpRequest, obj: Audit) -> dict[str, Any]:
        """Whose data differs is for those who may see profiles."""
        may_see = personal.may_view(request.user)
        found = list(obj.findings.all()[: MOST_SHOWN + 1]) if may_see else []
        named = called_each([one.profile_id for one in found], request)
        return {
            **super().panel(request, obj),
            "counts": [(label, getattr(obj, name)) for name, label in COUNTS.items()],
            "findings": [
                (
                    one,
                    named.get(one.profile_id, one.profile_id),
                    pair_url(one.profile_id, obj.destination_id),
                    translated(one.reason),
                )
                for one in found[:MOST_SHOWN]
            ],
            "more": len(found) > MOST_SHOWN,
            "may_see": may_see,
        }

    @admin.display(description=gettext_lazy("not as it should be"))
    def wrong(self, audit: Audit) -> int:
        return audit.differs + audit.missing + audit.extra

    @admin.display(description=gettext_lazy("sends again"), boolean=True)
    def heals(self, audit: Audit) -> bool:
        return audit.heal

    @admin.display(description=gettext_lazy("sent again"))
    def sent_again(self, audit: Audit) -> int:
        return audit.healed

    @admin.display(description=gettext_lazy("why it waits"))
    def why(self, audit: Audit) -> str:
        return translated(audit.problem) or "-"
