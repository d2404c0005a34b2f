"""Finding delivery attempts among millions of them.

An index answers for the time, the destination, the profile, the outcome and whether it failed. Everything
else is searched for within the newest `REACH` attempts that these leave, so that a search for what is not
there ends, too. Whoever shows what was found says how far back that was.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from destinations.models import DeliveryAttempt, Destination, Operation
from profiles.models import Profile
from profiles.search import finding
from tracsync.common.times import check_years
from tracsync.common.translation import hides

MOST_IDS = 1000  # rows that are chosen one by one
REACH = 100_000  # attempts that are searched through
FEW_PROFILES = 500  # whose attempts an index finds, however old they are
FAILED = "failed"  # any outcome but accepted
STATUS = RegexValidator(
    r"^(none|[1-5](xx)?|[1-5]\d\d)$", _("Write a code such as 422, a class such as 4xx, or “none”.")
)
EXACTLY = ("operation", "code", "field")
ACCEPTED = DeliveryAttempt.Outcome.ACCEPTED
Rows = QuerySet[DeliveryAttempt]


class ChosenIds(forms.CharField):
    """Numbers with commas between them."""

    default_validators = [RegexValidator(r"^\d{1,18}(,\d{1,18})*$")]

    def __init__(self) -> None:
        super().__init__(required=False, max_length=20 * MOST_IDS, widget=forms.HiddenInput)

    def clean(self, value: str) -> list[int]:
        text = super().clean(value)
        return [int(id) for id in text.split(",")] if text else []


class DestinationChoice(forms.ModelChoiceField):
    """Reads names only: the rest of the rows is large, or costly to decrypt."""

    def __init__(self) -> None:
        super().__init__(
            Destination.objects.only("name"),
            required=False,
            label=_("Destination"),
            empty_label=_("All"),
            help_text=_("Where it was sent."),
        )


def by_name() -> forms.BooleanField:
    """Whether profiles are searched for by name and e-mail address, too: for those who may know these."""
    return forms.BooleanField(required=False, widget=forms.HiddenInput)


class AttemptFilters(forms.Form):
    """Those of the delivery log, by the names that they have in its address."""

    q = forms.CharField(
        label=_("Profile"),
        required=False,
        max_length=256,
        help_text=_("The beginning of a name, an e-mail address or an ID, or =ID for exactly that one."),
    )
    destination = DestinationChoice()
    outcome__exact = forms.ChoiceField(
        label=_("Outcome"),
        required=False,
        choices=[("", _("All")), (FAILED, _("Failed, in whatever way")), *DeliveryAttempt.Outcome.choices],
        help_text=_("What came of it."),
    )
    operation = forms.ChoiceField(
        label=_("Operation"),
        required=False,
        choices=[("", _("All")), *Operation.choices],
        help_text=_("What was asked for."),
    )
    code = forms.CharField(
        label=_("Code"),
        required=False,
        max_length=50,
        help_text=_("The kind of the outcome, such as invalid_field."),
    )
    field = forms.CharField(
        label=_("Field"), required=False, max_length=255, help_text=_("What the outcome is about.")
    )
    status = forms.CharField(
        label=_("Status"),
        required=False,
        max_length=4,
        validators=[STATUS],
        help_text=_("422, 4xx, or “none” where none came."),
    )
    at__gte = forms.DateTimeField(
        label=pgettext_lazy("time", "From"),
        required=False,
        validators=[check_years],
        help_text=_("Then or later, in your time zone."),
    )
    at__lt = forms.DateTimeField(
        label=pgettext_lazy("time", "To"),
        required=False,
        validators=[check_years],
        help_text=_("Before then, in your time zone."),
    )
    took = forms.IntegerField(
        label=_("Took at least"), required=False, min_value=1, max_value=86_400_000, help_text=_("In ms.")
    )
    error = forms.CharField(
        label=_("Text of the reason"),
        required=False,
        max_length=100,
        help_text=_("Any part of it, in upper or lower case."),
    )
    by_name = by_name()
    ids = ChosenIds()

    def clean_error(self) -> str:
        """What somebody may not see is not to be guessed, either, letter by letter."""
        text: str = self.cleaned_data["error"]
        if text and hides():
            raise forms.ValidationError(_("Only for whoever may see personal data."))
        return text


def profiles(term: str, *, by_name: bool) -> QuerySet[Profile]:
    """Those that a search means, the deleted ones, too."""
    return Profile.with_deleted.filter(finding.matching(term, by_name=by_name)).order_by()


def matching(filters: dict[str, Any]) -> Rows:
    """All attempts that match, however old. `filters`: the cleaned data of AttemptFilters."""
    few = _few_profiles(filters)
    return _searched(_indexed(filters, few), filters, few)


def failed(rows: Rows) -> Rows:
    """In the words of the indexes of failed attempts: SQLite takes a partial index for nothing else."""
    return rows.filter(RawSQL("NOT (outcome = 'accepted')", (), output_field=BooleanField()))


def around(filters: dict[str, Any]) -> Rows:
    """Those among which they are, whatever came of them: steps through these are quick in any case."""
    return _around(filters, _few_profiles(filters))


def within_reach(filters: dict[str, Any]) -> tuple[Rows, datetime | None]:
    """Those that match within the reach of a search; and where it ended, None if it saw all."""
    few = _few_profiles(filters)
    rows = _indexed(filters, few)
    end = None
    if few is None and _needs_search(filters):  # when the first attempt beyond the reach was made
        end = next(iter(rows.order_by("-at").values_list("at", flat=True)[REACH : REACH + 1]), None)
    return _searched(rows if end is None else rows.filter(at__gt=end), filters, few), end


def _around(filters: dict[str, Any], few: list[str] | None) -> Rows:
    rows = DeliveryAttempt.objects.all()
    if filters["ids"]:
        rows = rows.filter(pk__in=filters["ids"])
    if filters["at__gte"]:
        rows = rows.filter(at__gte=filters["at__gte"])
    if filters["at__lt"]:
        rows = rows.filter(at__lt=filters["at__lt"])
    if filters["destination"]:
        rows = rows.filter(destination=filters["destination"].pk)
    if few is not None:
        rows = rows.filter(profile__in=few)
    return rows


def _indexed(filters: dict[str, Any], few: list[str] | None) -> Rows:
    """What an index finds in the order of time, or finds few of."""
    rows = _around(filters, few)
    outcome = filters["outcome__exact"]
    if outcome and outcome != ACCEPTED:
        rows = rows.exclude(outcome=ACCEPTED)  # as the indexes of failures have it
        if outcome != FAILED and not filters["destination"]:
            rows = rows.filter(outcome=outcome)
    return rows


def _searched(rows: Rows, filters: dict[str, Any], few: list[str] | None) -> Rows:
    """What every attempt is looked at for. `few`: the profiles that they are of already."""
    if filters["outcome__exact"] not in ("", FAILED):
        rows = rows.filter(outcome=filters["outcome__exact"])
    if status := filters["status"]:
        rows = _with_status(rows, status)
    exactly = {name: filters[name] for name in EXACTLY if filters[name]}
    if exactly:
        rows = rows.filter(**exactly)
    if filters["took"]:
        rows = rows.filter(duration_ms__gte=filters["took"])
    if filters["error"]:
        rows = rows.filter(reason__shown__icontains=filters["error"])
    if not filters["q"] or few is not None:
        return rows
    if filters["by_name"]:
        rows = rows.filter(profile__in=profiles(filters["q"], by_name=True).values("pk"))
    else:
        rows = rows.filter(finding.with_id(filters["q"], rows.db, "profile__id"))
    return rows


def _with_status(rows: Rows, status: str) -> Rows:
    if status == "none":
        return rows.filter(status_code=None)
    if len(status.removesuffix("xx")) == 1:
        first = int(status[0]) * 100
        return rows.filter(status_code__gte=first, status_code__lt=first + 100)
    return rows.filter(status_code=int(status))


def _needs_search(filters: dict[str, Any]) -> bool:
    """Those that were chosen one by one are few."""
    if filters["ids"]:
        return False
    outcome = filters["outcome__exact"]
    by_outcome = outcome == ACCEPTED or (outcome not in ("", FAILED) and filters["destination"] is not None)
    return bool(by_outcome or any(filters[name] for name in (*EXACTLY, "status", "took", "error", "q")))


def _few_profiles(filters: dict[str, Any]) -> list[str] | None:
    """The profiles that are meant, where they are few."""
    if not filters["q"]:
        return None
    found = profiles(filters["q"], by_name=filters["by_name"]).values_list("pk", flat=True)
    ids = list(found[: FEW_PROFILES + 1])
    return ids if len(ids) <= FEW_PROFILES else None
