"""Filters for the lists of the API: whatever is not understood is refused, never ignored."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django_filters.fields import IsoDateTimeField
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

MOST = 2**63 - 1  # of what every database can compare with
PAGING = {"cursor", "page_size", "ordering"}  # what pages read
EMPTY = "Write a value, or leave the parameter out"
REPEATED = "Write it once"


class StrictForm(forms.Form):
    """Refuses parameters that it does not know, blank and repeated ones: no typo answers everything."""

    def clean(self) -> dict[str, Any]:
        known = ", ".join(sorted(self.fields))
        for name in self.fields:
            values = self.data.getlist(name) if isinstance(self.data, QueryDict) else []
            if values and (len(values) > 1 or not values[0].strip()):
                self.errors[name] = self.error_class([REPEATED if len(values) > 1 else EMPTY])
        for name in sorted(set(self.data) - set(self.fields) - PAGING):
            error = ValidationError("There is no such filter; known are: %(known)s", params={"known": known})
            self.errors[name] = self.error_class([error])
        return self.cleaned_data


class StrictFilters(django_filters.FilterSet):
    class Meta:
        form = StrictForm


class MomentField(IsoDateTimeField):
    default_error_messages = {"invalid": "Write a moment as 2026-03-01T12:00:00Z."}

    def to_python(self, value: Any) -> datetime | None:
        if isinstance(value, str):
            value = value.replace(" ", "+")  # what a plus in an address is read as
        try:
            moment = super().to_python(value)
            return moment.astimezone(UTC) if moment else None
        except (OverflowError, ValueError):
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None


class Contains(django_filters.CharFilter):
    """What any of these fields contains, whatever its case."""

    def __init__(self, *names: str, **options: Any) -> None:
        super().__init__(**options)
        self.names = names

    def filter(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        if not value:
            return rows
        return rows.filter(reduce(or_, (Q(**{f"{name}__icontains": value}) for name in self.names)))


# In the description of the API.
NOT_BLANK = {"type": "string", "pattern": r"^[^\x00]*[^\x00\s\x1c-\x1f\x85][^\x00]*$"}
ID = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}
SLUG = {"type": "string", "pattern": "^(?![0-9]+$)[a-z0-9-]{1,100}$"}


@extend_schema_field({"oneOf": [ID, SLUG]})
class IdOrSlug(django_filters.CharFilter):
    """Rows of another one, which is named by its id or its slug."""

    def __init__(self, **options: Any) -> None:
        said = "Write an id or a slug"
        super().__init__(
            validators=[RegexValidator(r"\A(\d{1,18}|(?!\d+\Z)[a-z0-9-]{1,100})\Z", said)], **options
        )

    def filter(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        if not value:
            return rows
        name = "pk" if value.isdigit() else "slug"
        return rows.filter(**{f"{self.field_name}__{name}": value})


@extend_schema_field(OpenApiTypes.DATETIME)
class Moment(django_filters.Filter):
    field_class = MomentField


@extend_schema_field({"type": "integer", "minimum": 0, "maximum": MOST})
class Whole(django_filters.Filter):
    field_class = forms.IntegerField

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_value=MOST, **options)


@extend_schema_field(OpenApiTypes.BOOL)
class TrueFalse(django_filters.TypedChoiceFilter):
    """`true` or `false`, and nothing else."""

    def __init__(self, **options: Any) -> None:
        choices = (("true", "true"), ("false", "false"))
        super().__init__(choices=choices, coerce=lambda text: text == "true", empty_value=None, **options)
