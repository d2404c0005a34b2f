"""Sending again what was chosen in a list: first a page that says what it would mean, then a question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from destinations.admin.base.links import link
from destinations.admin.base.object_actions import ActingAdmin
from destinations.admin.deliveries import resend_preview
from destinations.models import ProfileSync, Replay
from destinations.operations import actions as operations
from destinations.operations import replay as replays
from destinations.operations import selection
from destinations.operations.selection import Choice, InvalidChoice
from tracsync.common.numbers import grouped

PAGING = ("p", "o", "e", "all")


class SendsAgain(ActingAdmin):
    """Who may have profiles sent now or again. `chosen_from`: what its rows are called in a choice."""

    actions = ("retry", "replay")
    chosen_from = ""

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.again_view)
        return [path("again/<slug:how>/", view, name=self.url_name("again")), *super().get_urls()]

    def has_act_permission(self, request: Any, obj: Any = None) -> bool:
        return request.user.has_perm("destinations.change_profilesync")

    def again_url(self, how: str, parameters: dict[str, str]) -> str:
        url = reverse(f"admin:{self.url_name('again')}", args=[how])
        return f"{url}?{urlencode(parameters)}"

    @admin.action(
        description=gettext_lazy("Retry: send as they are now, unless unchanged…"), permissions=["act"]
    )
    def retry(self, request: Any, queryset: Any) -> HttpResponse:
        return redirect(self.again_url("retry", self._chosen(request)))

    @admin.action(
        description=gettext_lazy("Replay: send as they are now, even if unchanged…"), permissions=["act"]
    )
    def replay(self, request: Any, queryset: Any) -> HttpResponse:
        return redirect(self.again_url("replay", self._chosen(request)))

    def _chosen(self, request: Any) -> dict[str, str]:
        """All that match the filters, or those that were ticked."""
        if request.POST.get("select_across") != "1":
            return {"ids": ",".join(request.POST.getlist(ACTION_CHECKBOX_NAME))}
        given = {name: value for name, value in request.GET.items() if name not in PAGING}
        return self.bounded(given)

    def bounded(self, parameters: dict[str, str]) -> dict[str, str]:
        """So that what comes in while somebody reads the preview is not chosen unseen."""
        return parameters

    def again_view(self, request: Any, how: str) -> HttpResponse:
        if not (self.has_act_permission(request) and self.has_view_or_change_permission(request)):
            raise PermissionDenied
        if how not in Replay.Kind.values:
            raise Http404
        try:
            choice = selection.read({**request.GET.dict(), "of": self.chosen_from})
        except InvalidChoice as error:
            text = _("Nothing was chosen, because a filter is not understood. %(problem)s")
            self.say(request, text % {"problem": error}, warning=True)
            return redirect(f"admin:{self.url_name('changelist')}")
        return (
            self._sent(request, choice, how)
            if request.method == "POST"
            else self._asked(request, choice, how)
        )

    def _asked(self, request: Any, choice: Choice, how: str) -> HttpResponse:
        may_see = request.user.has_perms(["profiles.view_profile", "destinations.view_destination"])
        sampled = resend_preview.sample(choice) if may_see else []
        title = _("Retry: what would happen") if how == "retry" else _("Replay: what would happen")
        other = "replay" if how == "retry" else "retry"
        return self.page(
            request,
            "deliveries/resend.html",
            title,
            how=how,
            foresight=resend_preview.foresee(choice),
            sampled=sampled,
            kinds=resend_preview.kinds(sampled),
            may_see=may_see,
            list_url=self._list_url(choice),
            other_url=self.again_url(other, choice.parameters),
        )

    def _sent(self, request: Any, choice: Choice, how: str) -> HttpResponse:
        asked = replays.request(choice, how, request.user.get_username())
        self.tell(request, asked.count, how, asked.jobs)
        return redirect(self._list_url(choice))

    def _list_url(self, choice: Choice) -> str:
        filters = {name: value for name, value in choice.parameters.items() if name != "ids"}
        url = reverse(f"admin:{self.url_name('changelist')}")
        return f"{url}?{urlencode(filters)}"

    def tell(self, request: Any, count: int, how: str, jobs: Sequence[Replay] = ()) -> None:
        if how == "retry":
            text = ngettext(
                "%(count)s profile sync is due now. If it is unchanged it is not sent again.",
                "%(count)s profile syncs are due now. What is unchanged is not sent again.",
                count,
            )
        else:
            text = ngettext(
                "Replay: %(count)s profile sync is sent again, even if it is unchanged.",
                "Replay: %(count)s profile syncs are sent again, even what is unchanged.",
                count,
            )
        said = text % {"count": grouped(count)}
        if jobs:
            links = format_html_join(", ", "{}", [(link(job),) for job in jobs])
            how_far = _("They are handed over a batch at a time, and can be paused and cancelled:")
            said = format_html("{} {} {}", said, how_far, links)
        self.say(request, said, warning=not count)

    def sync_rows(self, request: Any, rows: QuerySet[ProfileSync]) -> None:
        self.tell(request, operations.sync_rows_now(rows), "retry")

    def replay_rows(self, request: Any, rows: QuerySet[ProfileSync]) -> None:
        self.tell(request, operations.replay(rows), "replay")


def until_now(parameters: dict[str, str]) -> dict[str, str]:
    """The same choice of attempts, without those that are still to come."""
    return parameters if parameters.get("at__lt") else {**parameters, "at__lt": timezone.now().isoformat()}
