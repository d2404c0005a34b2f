"""Tags: typed as words between commas, and filtered by."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class TagsField(forms.Field):
    def __init__(self, **kwargs: Any) -> None:
        shown = {
            "data-tags": _("Tags"),
            "data-tag": _("Tag"),
            "data-add": _("Add a tag"),
            "data-remove": _("Remove"),
        }
        widget = forms.TextInput({"class": "vTextField", **shown})
        help_text = _("Words to find it by, with commas between them, for example: crm, sales")
        kwargs.setdefault("label", _("Tags"))
        super().__init__(required=False, widget=widget, help_text=help_text, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:
        """In their order, none twice."""
        words = (word.strip() for word in (value or "").split(","))
        return list(dict.fromkeys(word for word in words if word))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(data) != (initial or [])


class TagFilter(admin.SimpleListFilter):
    """For small tables: SQLite cannot look into JSON lists, so this does."""

    title = _("tag")
    parameter_name = "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        lists = model_admin.model._default_manager.values_list("tags", flat=True)
        return [(tag, tag) for tag in sorted({tag for tags in lists for tag in tags})]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if not self.value():
            return queryset
        rows = queryset.model._default_manager.values_list("pk", "tags")
        return queryset.filter(pk__in=[pk for pk, tags in rows if self.value() in tags])
