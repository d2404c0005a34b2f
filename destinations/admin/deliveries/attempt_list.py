"""The list of delivery attempts with its filters: a form above it, what is active, and how far it looked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ALL_VAR, PAGE_VAR
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from destinations.admin.base.links import may_see_names
from destinations.admin.deliveries.resend import BY_NAME
from destinations.insight import attempt_search, reasons
from destinations.insight.attempt_search import ACCEPTED, AttemptFilters
from tracsync.common.bounded_lists import LeanChangeList
from tracsync.common.numbers import grouped
from tracsync.common.times import at
from tracsync.common.translation import translated

MOST_WORDS = 100  # characters of a reason without a code
TIMES = ("at__gte", "at__lt")
RARE = ("operation", "code", "field", "status", "took", "error")  # filters that few need


class AttemptList(LeanChangeList):
    """Filters by `AttemptFilters`; with a mistake in them it lists nothing."""

    def get_filters_params(self, params: Any = None) -> Any:
        """Raises IncorrectLookupParameters: a filter that is ignored would list more than was asked for."""
        rest = super().get_filters_params(params)
        if unknown := set(rest) - set(AttemptFilters.base_fields):
            raise IncorrectLookupParameters(unknown)
        return {}

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        rows = super().get_queryset(request, exclude_parameters)
        self.filters = AttemptFilters({**request.GET.dict(), "by_name": may_see_names(request)})
        self.end: datetime | None = None
        if not self.filters.is_valid():
            return rows.none()
        found, self.end = attempt_search.within_reach(self.filters.cleaned_data)
        self.found = found
        return self._as_listed(found, rows)

    @staticmethod
    def _as_listed(found: Any, rows: Any) -> Any:
        """What was found, in the order and with the columns of the list."""
        found = found.order_by(*rows.query.order_by)
        found.query.select_related = rows.query.select_related
        found.query.deferred_loading = rows.query.deferred_loading
        return found

    @cached_property
    def usual_fields(self) -> list[forms.BoundField]:
        """Those that are asked for often."""
        return [one for one in self.form.visible_fields() if one.name not in RARE]

    @cached_property
    def rare_fields(self) -> list[forms.BoundField]:
        return [one for one in self.form.visible_fields() if one.name in RARE]

    @property
    def is_rare(self) -> bool:
        """Whether one of the others is in force, or mistaken."""
        return any(self.filters.data.get(one.name) or one.errors for one in self.rare_fields)

    @cached_property
    def form(self) -> forms.Form:
        """The filters as they are understood, so that a moment of any shape fills its field."""
        if not self.filters.is_valid():
            return _dressed(self.filters)
        return _dressed(AttemptFilters(initial=self.filters.cleaned_data))

    @property
    def active(self) -> list[dict[str, str]]:
        """Each filter in words, with the address of the list without it."""
        given = [name for name in self.filters.fields if name != BY_NAME and self.filters.data.get(name)]
        return [
            {
                "label": str(self.filters.fields[name].label or _("Selected attempts")),
                "value": self._in_words(name),
                "url": self.get_query_string({name: None}),
            }
            for name in given
        ]

    def _in_words(self, name: str) -> str:
        value = self.filters.cleaned_data.get(name) if self.filters.is_valid() else None
        if isinstance(value, datetime):
            return at(value)
        if isinstance(value, list):
            return str(len(value))
        field = self.filters.fields[name]
        if isinstance(field, forms.ChoiceField) and not isinstance(field, forms.ModelChoiceField):
            words: Any = dict(field.choices)  # type: ignore[arg-type]
            return str(words.get(value, value))
        return str(value if value is not None else self.filters.data[name])[:100]

    @cached_property
    def failures(self) -> list[dict[str, Any]]:
        """Why the newest that were not accepted were not, by code and field; the most frequent first."""
        if not self.filters.is_valid() or self.filters.cleaned_data["outcome__exact"] == ACCEPTED:
            return []
        ranking = reasons.ranked(attempt_search.failed(self.found).order_by("-at"))
        return [self._failure(one) for one in ranking.reasons]

    def _failure(self, reason: reasons.Reason) -> dict[str, Any]:
        kind = ": ".join(filter(None, (reason.code, reason.field)))
        words = " ".join(translated(reason.text).split())
        only = {"outcome__exact": attempt_search.FAILED, "code": reason.code, "field": reason.field or None}
        return {
            "label": kind or Truncator(words).chars(MOST_WORDS) or _("no reason was given"),
            "title": words if kind else "",
            "count": reason.count,
            "url": self.get_query_string({**only, PAGE_VAR: None, ALL_VAR: None}) if reason.code else "",
        }

    @property
    def ranges(self) -> list[dict[str, Any]]:
        """Times that are often wanted; the others of the filters stay."""
        now = timezone.localtime().replace(microsecond=0)
        today = now.replace(hour=0, minute=0, second=0)
        yesterday = today - timedelta(days=1)
        wanted: list[tuple[str, datetime | None, datetime | None]] = [
            (_("Last hour"), now - timedelta(hours=1), None),
            (_("Last 24 hours"), now - timedelta(days=1), None),
            (_("Today"), today, None),
            (_("Yesterday"), yesterday, today),
            (_("Last 7 days"), today - timedelta(days=6), None),
        ]
        return [{"label": label, "url": self._between(*limits)} for label, *limits in wanted]

    @property
    def earlier_url(self) -> str:
        """The list of what lies beyond the end of the search."""
        return self._between(self.filters.cleaned_data["at__gte"], self.end)

    @property
    def end_words(self) -> str:
        return at(self.end) if self.end else ""

    @property
    def reach(self) -> str:
        return grouped(attempt_search.REACH)

    def _between(self, start: datetime | None, end: datetime | None) -> str:
        limits = {"at__gte": start and start.isoformat(), "at__lt": end and end.isoformat()}
        return self.get_query_string({**limits, PAGE_VAR: None, ALL_VAR: None})


def _dressed(form: forms.Form) -> forms.Form:
    """With the browser's own fields for moments."""
    for name in TIMES:
        widget = forms.DateTimeInput({"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S")
        form.fields[name].widget = widget
    form.fields["q"].widget.attrs["spellcheck"] = "false"
    form.fields["took"].widget.attrs["min"] = "1"
    return form
