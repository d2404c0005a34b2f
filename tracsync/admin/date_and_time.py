"""A date and a time beside each other; Django gives the two no labels that a screen reader finds."""

from typing import Any

from django.contrib.admin.widgets import AdminSplitDateTime
from django.forms import SplitDateTimeField
from django.utils.translation import gettext_lazy as _


class DateAndTime(AdminSplitDateTime):
    def __init__(self, attrs: Any = None) -> None:
        super().__init__(attrs)
        for widget, label in zip(self.widgets, (_("Date"), _("Time")), strict=True):
            widget.attrs["aria-label"] = label


FIELD = {"form_class": SplitDateTimeField, "widget": DateAndTime}
