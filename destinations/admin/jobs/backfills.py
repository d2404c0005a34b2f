"""Backfills: how far each one is, how fast, and holding it up or ending it. They begin at a destination."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from destinations.admin.base.filters import DestinationFilter
from destinations.admin.base.links import link
from destinations.admin.jobs.base import ASKED_BETWEEN, FinishedFilter, JobAdmin
from destinations.insight.explain import HEAVY
from destinations.models import Backfill
from destinations.operations import progress
from tracsync.common.jobs import Progress
from tracsync.common.times import at


class AtDestination(JobAdmin):
    """Jobs that hand something over to a destination."""

    list_filter = (DestinationFilter, FinishedFilter, ASKED_BETWEEN)
    pause_help = gettext_lazy("Hand no more profiles over until it is resumed.")
    cancel_note = gettext_lazy("What was handed over already, a few thousand at most, is still sent.")

    def progress_of(self, job: Any) -> Progress:
        return progress.measure(job)

    def get_queryset(self, request: HttpRequest) -> Any:
        related = ("destination__resource", "destination__health")
        rows = super().get_queryset(request).prefetch_related("destination__resource__accounts")
        return rows.select_related(*related).defer(*HEAVY)

    @admin.display(description=gettext_lazy("destination"))
    def at_destination(self, job: Any) -> str:
        return link(job.destination)

    @admin.display(description=gettext_lazy("finished"))
    def finished(self, job: Any) -> str:
        if job.finished_at or job.destination.enabled:
            return super().finished(job)
        return _("not yet: the destination is off")


@admin.register(Backfill)
class BackfillAdmin(AtDestination):
    about = gettext_lazy(
        "A backfill brings all profiles up to date at a destination. It begins on that one's page."
    )
    list_display = ("id", "at_destination", "state", "progress", "count", "rate", "left", "requested")
    fields = ("at_destination", "summary", "cursor", "since", "requested", "finished")

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As for everything else that is done with a destination."""
        names = ("destinations.operate_destination", "destinations.change_destination")
        return any(map(request.user.has_perm, names))

    def cancel_title(self, count: int) -> str:
        asked = ngettext("Cancel this backfill?", "Cancel these %(count)s backfills?", count)
        return asked % {"count": count}

    def title_of(self, job: Backfill) -> str:
        return _("Backfill of %(destination)s") % {"destination": job.destination}

    @admin.display(description=gettext_lazy("goes on after profile"))
    def cursor(self, backfill: Backfill) -> str:
        return backfill.after or _("the beginning")

    @admin.display(description=gettext_lazy("changed since"))
    def since(self, backfill: Backfill) -> str:
        return at(backfill.changed_since) if backfill.changed_since else _("all profiles")
