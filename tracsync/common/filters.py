"""Filters for the lists of the API: whatever is not understood is refused, never ignored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django_filters.fields import IsoDateTimeField
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

MOST = 2**63 - 1  # of what every database can compare with
PAGING = {"cursor", "page_size"}


class StrictForm(forms.Form):
    """Refuses parameters that it does not know: a typo must not answer everything."""

    def clean(self) -> dict[str, Any]:
        known = ", ".join(sorted(self.fields))
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


@extend_schema_field(OpenApiTypes.DATETIME)
class Moment(django_filters.Filter):
    field_class = MomentField


@extend_schema_field(OpenApiTypes.INT)
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
