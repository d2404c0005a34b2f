"""Indexing: names and e-mail addresses of all profiles, after it was set where they are."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from destinations.admin.base.links import may_see_names
from destinations.admin.jobs.base import ASKED_BETWEEN, FinishedFilter, JobAdmin
from profiles.search.models import IndexJob
from tracsync.common import jobs


@admin.register(IndexJob)
class IndexJobAdmin(JobAdmin):
    list_display = ("id", "state", "progress", "count", "rate", "left", "requested")
    list_filter = (FinishedFilter, ASKED_BETWEEN)
    fields = ("summary", "cursor", "requested", "finished")
    about = gettext_lazy(
        "Names and e-mail addresses of all profiles are read anew, so that they are shown and found. It"
        " begins by itself when tracsync starts with other paths for them."
    )
    cancel_note = gettext_lazy("Profiles that were not reached are indexed when they are saved.")

    def has_act_permission(self, request: HttpRequest, obj: IndexJob | None = None) -> bool:
        """It writes to profiles, if only what they are found by."""
        return request.user.has_perm("profiles.change_profile")

    def has_view_permission(self, request: HttpRequest, obj: IndexJob | None = None) -> bool:
        return super().has_view_permission(request, obj) or may_see_names(request)

    def progress_of(self, job: IndexJob) -> jobs.Progress:
        return jobs.progress(job)

    def title_of(self, job: IndexJob) -> str:
        return str(job)

    def cancel_title(self, count: int) -> str:
        return ngettext("Cancel this indexing?", "Cancel these %(count)s?", count) % {"count": count}

    @admin.display(description=gettext_lazy("goes on after profile"))
    def cursor(self, job: IndexJob) -> str:
        return job.after or _("the beginning")
