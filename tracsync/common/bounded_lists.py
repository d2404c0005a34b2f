"""Admin pages over tables of millions of rows: nothing is counted, searched or listed without a bound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.paginator import Paginator
from django.db import DataError, connections
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext as _

from tracsync.common.numbers import grouped
from tracsync.common.times import midnight
from tracsync.common.trail.pages import Trailed

MOST_COUNTED = 10_000
MOST_DELETED = 1_000


class AtLeast(int):
    """A number of rows at which counting was stopped."""

    def __str__(self) -> str:
        return f"{grouped(int(self))}+"


class Grouped(int):
    """A number that is written in groups of three digits."""

    def __str__(self) -> str:
        return grouped(int(self))


def count(rows: QuerySet[Any], most: int = MOST_COUNTED) -> int:
    """How many rows, looking at no more than `most`."""
    found = rows.order_by().select_related(None).values("pk")[: most + 1].count()
    return AtLeast(most) if found > most else found


def id_matches(term: str, using: str = "default", field: str = "pk") -> Q:
    """Ids that begin with the term, or, for a term such as =abc, the id abc; an index answers either."""
    if term.startswith("="):
        return Q(**{field: term[1:]})
    if connections[using].vendor == "postgresql":
        return Q(**{f"{field}__startswith": term})
    return Q(**{f"{field}__gte": term, f"{field}__lt": f"{term}\U0010ffff"})


class BoundedPaginator(Paginator):
    """Counts to a limit; what lies beyond is reached by searching and filtering."""

    @cached_property
    def count(self) -> int:
        return count(self.object_list)  # type: ignore[arg-type]


class NullFilter(admin.SimpleListFilter):
    """Yes or no, told by whether a column is null. `answers`: value -> label, and whether it is."""

    field = ""
    answers: Mapping[str, tuple[str | Promise, bool]] = {}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(value, label) for value, (label, _null) in self.answers.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        answer = self.answers.get(self.value() or "")
        return queryset.filter(**{f"{self.field}__isnull": answer[1]}) if answer else queryset


class BetweenDates(admin.FieldListFilter):
    """From one day to another, both included, in the zone of the reader; either may be left out."""

    template = "admin/tracsync/base/between_dates.html"

    def __init__(self, *args: Any, **named: Any) -> None:
        self.names = [f"{named['field_path']}_{end}" for end in ("from", "to")]
        super().__init__(*args, **named)
        self.days = [self._day(name) for name in self.names]

    def _day(self, name: str) -> date | None:
        """Raises IncorrectLookupParameters: a filter that is ignored would list more than was asked for."""
        given: Any = self.used_parameters.get(name) or [""]
        text = given[-1]
        try:
            return date.fromisoformat(text) if text else None
        except ValueError as error:
            raise IncorrectLookupParameters(error) from None

    def expected_parameters(self) -> list[str | None]:
        return [*self.names]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """What the template makes a form of: the rest of the address stays."""
        params = changelist.get_filters_params()
        rest = [(name, value) for name in params for value in params[name] if name not in self.names]
        if changelist.query:
            rest.append((SEARCH_VAR, changelist.query))
        values = [day.isoformat() if day else "" for day in self.days]
        cleared = changelist.get_query_string(remove=self.names) if any(self.days) else ""
        yield {"names": self.names, "values": values, "rest": rest, "cleared": cleared}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first, last = self.days
        if first:
            queryset = queryset.filter(**{f"{self.field_path}__gte": midnight(first)})
        if last:
            queryset = queryset.filter(**{f"{self.field_path}__lt": midnight(last + timedelta(days=1))})
        return queryset


class LeanChangeList(ChangeList):
    """Reads no more of each row than the list shows."""

    def get_results(self, request: HttpRequest) -> None:
        """A number or a moment that no database can hold is a filter that makes no sense."""
        try:
            super().get_results(request)
        except (OverflowError, DataError) as error:
            raise IncorrectLookupParameters(error) from None

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        admin: Any = self.model_admin
        return admin.for_list(super().get_queryset(request, exclude_parameters))


class LeanAdmin(Trailed):
    """Its `for_list` says what a list reads; object pages read everything.

    `goes_with`: what is deleted along with one of them, by its model's label: in words for one and many, as
    `ngettext_lazy` has them, or blank where nobody has to know. `delete_note` stands below it.
    """

    show_facets = admin.ShowFacets.NEVER
    goes_with: Mapping[str, Any] = {}
    delete_note: str | Promise = ""

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Without windows of Django: what is chosen in a form is made and changed on its own page."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """In plain words: names, and sentences in place of Django's names of tables."""
        chosen = list(objs)
        _all, counts, missing, protected = super().get_deleted_objects(chosen, request)
        labels = {
            str(model._meta.verbose_name_plural): model._meta.label
            for model in apps.get_models(include_auto_created=True)
        }
        said: dict[str, int] = {}
        for name, count in counts.items():
            label = labels.get(name, name)
            if label != self.opts.label and (words := self._in_words(label, count)):
                said[words] = count
        return [self.named_in_question(one, request) for one in chosen], said, missing, protected

    def _in_words(self, label: str, count: int) -> str:
        words = self.goes_with.get(label, _("%(name)s: %(count)s"))
        shown = count if isinstance(count, AtLeast) else Grouped(count)
        return str(words % {"count": shown, "name": apps.get_model(label)._meta.verbose_name_plural})

    def named_in_question(self, obj: Any, request: HttpRequest) -> str:
        return self.title_of(obj)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return LeanChangeList

    def for_list(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows


class BoundedAdmin(LeanAdmin):
    """For tables that grow with the number of profiles."""

    paginator = BoundedPaginator
    show_full_result_count = False
    sortable_by = ()


class ShortDeletion(admin.ModelAdmin):
    """Asks before deleting, with counts instead of thousands of names.

    What hangs on the object goes with it, so the right to delete the object is enough.
    """

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *args: Any) -> Any:
        """“Select all” may mean millions, and those are not deleted in one request."""
        asked = (request.POST.get("action"), request.POST.get("select_across"))
        if asked == ("delete_selected", "1") and count(queryset, MOST_DELETED + 1) > MOST_DELETED:
            text = _("At most %(most)s are deleted at once. Nothing was deleted.")
            self.message_user(request, text % {"most": grouped(MOST_DELETED)}, messages.WARNING)
            return redirect(request.get_full_path())
        return super().response_action(request, queryset, *args)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        counts: dict[str, int] = {}
        for relation in self.opts.related_objects:
            if relation.one_to_one or relation.many_to_many:  # a part of the object itself, or it stays
                continue
            rows = relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": objs})
            if found := count(rows):
                counts[relation.related_model._meta.label] = found
        return [], counts, set(), []
