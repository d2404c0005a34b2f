"""Fields that the filters of several lists have in common."""

from __future__ import annotations

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from destinations.models import Destination

MOST_IDS = 1000  # rows that are chosen one by one


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
