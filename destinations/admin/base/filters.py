"""What lists are filtered and searched by, and the rows that addresses and forms name."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from destinations.insight import attempt_search
from destinations.models import Destination, Resource
from profiles.models import Profile


class ChoiceOfRow(admin.SimpleListFilter):
    """By a related row, reading names only: the rows themselves hold secrets that would be decrypted."""

    model: type[Model]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return list(self.model._default_manager.values_list("pk", "name"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """What is no id chooses nothing: a filter that is ignored would show what nobody asked for."""
        value = self.value()
        return queryset.filter(**{str(self.parameter_name): row_id(value)}) if value else queryset


class DestinationFilter(ChoiceOfRow):
    title = gettext_lazy("destination")
    parameter_name = "destination"
    model = Destination


class ResourceFilter(ChoiceOfRow):
    title = gettext_lazy("resource")
    parameter_name = "resource"
    model = Resource


def row_id(text: str) -> int:
    """The id that an address or a form names; 0, which no row has, where it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


def profile_named(id: str) -> Profile | None:
    """The profile that a form of somebody who may see profiles names.

    PostgreSQL takes no text with a NUL, and no profile has one.
    """
    found = Profile.objects.filter(pk=id).first() if "\0" not in id else None
    if found:
        found.is_named = True
    return found


def search_profiles(rows: QuerySet[Any], term: str, *, by_name: bool) -> QuerySet[Any]:
    """Rows of profiles whose ids, or whose names and e-mail addresses, too, begin with the term.

    They are found through the profiles' own indexes.
    """
    if not (term := term.strip()):
        return rows
    return rows.filter(profile__in=attempt_search.profiles(term, by_name=by_name).values("pk"))
