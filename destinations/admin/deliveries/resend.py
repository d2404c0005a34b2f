"""Sending again what was chosen in a list: first a page that says what it would mean, then a question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from destinations.admin.base.links import link, may_see_names
from destinations.admin.base.object_actions import ActingAdmin
from destinations.admin.deliveries import resend_preview
from destinations.models import Replay
from destinations.operations import replay as replays
from destinations.operations import selection
from destinations.operations.selection import Choice, InvalidChoice
from profiles import personal
from tracsync.common.numbers import grouped

PAGING = ("p", "o", "e", "all")
Parameters = dict[str, str]
BY_NAME = "by_name"  # of a choice: its search means names and e-mail addresses, too


class Resend:
    """Sending again what was chosen in one list: its actions `retry` and `replay`, and the page they lead to.

    `of`: what the list's rows are called in a choice. `bounded(parameters)` narrows a choice of all rows, so
    that what comes in while somebody reads the page is not chosen unseen.
    """

    def __init__(self, of: str, bounded: Callable[[Parameters], Parameters] = dict) -> None:
        self.of, self.bounded = of, bounded

    @admin.action(
        description=gettext_lazy("Retry: send as they are now, unless unchanged…"), permissions=["act"]
    )
    def retry(self, model_admin: ActingAdmin, request: HttpRequest, _rows: QuerySet[Any]) -> HttpResponse:
        return redirect(resend_url(model_admin, "retry", self._chosen(request)))

    @admin.action(
        description=gettext_lazy("Replay: send as they are now, even if unchanged…"), permissions=["act"]
    )
    def replay(self, model_admin: ActingAdmin, request: HttpRequest, _rows: QuerySet[Any]) -> HttpResponse:
        return redirect(resend_url(model_admin, "replay", self._chosen(request)))

    def _chosen(self, request: HttpRequest) -> Parameters:
        """All that match the filters, or those that were ticked."""
        if request.POST.get("select_across") != "1":
            return {"ids": ",".join(request.POST.getlist(ACTION_CHECKBOX_NAME))}
        chosen = {name: request.GET.get(name, "") for name in request.GET if name not in PAGING}
        by_name = {BY_NAME: "yes"} if chosen.get("q") and may_see_names(request) else {}
        return self.bounded({**chosen, **by_name})

    def page(self, request: HttpRequest, model_admin: ActingAdmin, how: str) -> HttpResponse:
        if not (may_send(request) and model_admin.has_view_or_change_permission(request)):
            raise PermissionDenied
        if how not in Replay.Kind.values:
            raise Http404
        if BY_NAME in request.GET and not may_see_names(request):
            raise PermissionDenied
        try:
            choice = selection.read({**request.GET.dict(), "of": self.of})
        except InvalidChoice as error:
            text = _("Nothing was chosen, because a filter is not understood. %(problem)s")
            model_admin.say(request, text % {"problem": error}, warning=True)
            return redirect(f"admin:{model_admin.url_name('changelist')}")
        if request.method != "POST":
            return _question(request, model_admin, choice, how)
        asked = replays.request(choice, how, request.user.get_username())
        tell(request, model_admin, asked.count, how, asked.jobs)
        return redirect(_list_url(model_admin, choice))


def may_send(request: HttpRequest) -> bool:
    """Who may have profiles sent now or again."""
    return request.user.has_perm("destinations.change_profilesync")


def resend_url(model_admin: ActingAdmin, how: str, parameters: Parameters) -> str:
    url = reverse(f"admin:{model_admin.url_name('again')}", args=[how])
    return f"{url}?{urlencode(parameters)}"


def tell(
    request: HttpRequest, model_admin: ActingAdmin, count: int, how: str, jobs: Sequence[Replay] = ()
) -> None:
    """What was asked for: `count` rows, and the jobs that hand them over where they are many."""
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
    model_admin.say(request, said, warning=not count)


def _question(request: HttpRequest, model_admin: ActingAdmin, choice: Choice, how: str) -> HttpResponse:
    may_see = personal.may_view(request.user) and request.user.has_perm("destinations.view_destination")
    sampled = resend_preview.sample(choice) if may_see else []
    title = _("Retry: what would happen") if how == "retry" else _("Replay: what would happen")
    other = "replay" if how == "retry" else "retry"
    return model_admin.page(
        request,
        "deliveries/resend.html",
        title,
        how=how,
        foresight=resend_preview.foresee(choice),
        sampled=sampled,
        kinds=resend_preview.kinds(sampled),
        may_see=may_see,
        list_url=_list_url(model_admin, choice),
        other_url=resend_url(model_admin, other, choice.parameters),
    )


def _list_url(model_admin: ActingAdmin, choice: Choice) -> str:
    filters = {name: value for name, value in choice.parameters.items() if name not in ("ids", BY_NAME)}
    url = reverse(f"admin:{model_admin.url_name('changelist')}")
    return f"{url}?{urlencode(filters)}"
