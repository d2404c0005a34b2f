"""Filters of a list that a person has given a name.

Their addresses are those of the list: one can be sent to whoever may see it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.admin.views.main import ALL_VAR, ERROR_FLAG, PAGE_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from tracsync.admin.lists.exports import page_of
from tracsync.models import SavedFilter

MOST = 30  # of one person in one list
PASSING = (PAGE_VAR, ALL_VAR, ERROR_FLAG, "_changelist_filters")


@dataclass(frozen=True, slots=True)
class Shown:
    """Those of a person in a list; `query` is what is filtered now, `current` the saved one that it is."""

    saved: list[SavedFilter]
    query: str
    current: SavedFilter | None
    list_name: tuple[str, str]


class SaveForm(forms.ModelForm):
    class Meta:
        model = SavedFilter
        fields = ("name", "query")

    def clean_query(self) -> str:
        return normal(self.cleaned_data["query"])


def normal(query: str) -> str:
    """The same filters are the same text, whatever page of the list they were seen on."""
    given = (pair for pair in parse_qsl(query, max_num_fields=50) if pair[0] not in PASSING)
    return urlencode(sorted(given))


def shown(request: HttpRequest, changelist: Any) -> Shown:
    app, model = changelist.opts.app_label, changelist.opts.model_name
    query = normal(request.META.get("QUERY_STRING", ""))
    saved = list(SavedFilter.objects.filter(user=request.user.pk, of_list=f"{app}.{model}"))
    current = next((one for one in saved if one.query == query), None)
    return Shown(saved, query, current, (app, model))


def view(request: HttpRequest, site: AdminSite, app: str, model: str) -> HttpResponse:
    """Saves what is filtered under a name, renames it or forgets it; all lead back to the list as it was."""
    if not page_of(site, app, model).has_view_or_change_permission(request):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    user: Any = request.user
    mine = SavedFilter.objects.filter(user=user, of_list=f"{app}.{model}")
    form = SaveForm(request.POST)
    if "forget" in request.POST:
        mine.filter(name=request.POST.get("name", "")).delete()
    elif not form.is_valid():
        messages.warning(request, _("It was not saved: a name has 1 to 60 characters."))
    elif "renamed" in request.POST:
        _rename(request, mine, request.POST["renamed"], form.cleaned_data["name"])
    elif mine.exclude(name=form.cleaned_data["name"]).count() >= MOST:
        messages.warning(
            request, _("You have saved %(most)s filters here. Forget one first.") % {"most": MOST}
        )
    else:
        given = {"query": form.cleaned_data["query"]}
        mine.update_or_create(
            user=user, of_list=f"{app}.{model}", name=form.cleaned_data["name"], defaults=given
        )
    query = normal(request.POST.get("query", "")[: SavedFilter.MOST_QUERY])
    response = redirect(f"{site.name}:{app}_{model}_changelist")
    response["Location"] += f"?{query}" if query else ""
    return response


def _rename(request: HttpRequest, mine: QuerySet[SavedFilter], old: str, new: str) -> None:
    if mine.exclude(name=old).filter(name=new).exists():
        messages.warning(request, _("Another of your filters here is called “%(name)s”.") % {"name": new})
    else:
        mine.filter(name=old).update(name=new)
