"""The fields of the other system: a page that lists and fetches them, and what the form knows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from destinations.admin.base.object_actions import Act, ActingAdmin, Button
from destinations.admin.resources import schema_form
from destinations.configuration import target_fields
from destinations.connectors.base import ConnectorError, Field, Schema
from destinations.models import Destination, KnownFields
from tracsync.common import times
from tracsync.common.translation import translated

FETCH_HERE = "tracsync_fetch_fields"  # the form's button
DECIDING = (
    "settings.",
    "resource",
    "__all__",
)  # fields of the form that decide what the other system is asked
MOST_CHOICES = 10  # that are shown of a field


def fields_page(request: HttpRequest, model_admin: ActingAdmin, destination: Destination) -> HttpResponse:
    row = target_fields.stored(destination)
    note = _("Asks the other system, and changes nothing there.")
    button = Button(_("Fetch them now"), model_admin.url("fetch_fields", destination), note)
    may_fetch = target_fields.offers(destination) and model_admin.has_act_permission(request, destination)
    return model_admin.page(
        request,
        "destinations/fields.html",
        _("Fields of the other system"),
        destination,
        fields=[_shown(one) for one in row.fields] if row else [],
        fetched_at=times.shown(row.fetched_at if row else None, _("never")),
        problem=translated(row.problem) if row else "",
        days=target_fields.KEPT.days,
        buttons=[button] if may_fetch else [],
    )


def _fetch(request: HttpRequest, model_admin: ActingAdmin, destination: Destination) -> HttpResponse:
    try:
        row = target_fields.refresh(destination)
    except ConnectorError as error:
        model_admin.say(request, translated(str(error)), warning=True)
    else:
        _say(request, model_admin, row)
    return redirect(model_admin.url("fields", destination))


FETCH = Act(_fetch)


def _say(request: HttpRequest, model_admin: ActingAdmin, row: KnownFields) -> None:
    if row.problem:
        text = _("The fields could not be fetched: %(reason)s")
        model_admin.say(request, text % {"reason": translated(row.problem)}, warning=True)
    else:
        count = len(row.fields)
        said = ngettext("%(count)s field is known now.", "%(count)s fields are known now.", count)
        model_admin.say(request, said % {"count": count})


def fetch_for_form(request: HttpRequest, model_admin: ActingAdmin, form: forms.ModelForm) -> None:
    """Ask the other system with the settings that were typed, which may not be saved yet."""
    if any(name.startswith(DECIDING) for name in form.errors):
        text = _("The fields were not fetched: the settings have to be right first. %(problems)s")
        wrong = [_shown_error(form, name) for name in form.errors if name.startswith(DECIDING)]
        model_admin.say(request, text % {"problems": " ".join(wrong)}, warning=True)
        return
    try:
        _say(request, model_admin, target_fields.refresh(form.instance))
    except ConnectorError as error:
        model_admin.say(request, translated(str(error)), warning=True)


def _shown_error(form: forms.ModelForm, name: str) -> str:
    said = " ".join(map(str, form.errors[name]))
    return f"{form.fields[name].label}: {said}" if name in form.fields else said


def fetching(destination: Destination) -> SafeString:
    """How many are known, and the form's button that asks for them; nothing where they cannot be told."""
    if not target_fields.offers(destination):
        return SafeString("")
    row = target_fields.stored(destination)
    count = len(row.fields) if row else 0
    html = '<br>{}{} <button class="button tracsync-small" name="{}" value="1" formnovalidate>{}</button>'
    known = ngettext(
        "%(count)s field of the other system is known.",
        "%(count)s fields of the other system are known.",
        count,
    )
    return format_html(html, known % {"count": count}, _age(row), FETCH_HERE, _("Fetch them now"))


def _age(row: KnownFields | None) -> str:
    """How long ago they were fetched, in words that follow how many there are."""
    if row is None or row.fetched_at is None:
        return ""
    is_recent = target_fields.is_recent(row)
    said = _(" Fetched: %(when)s.") if is_recent else _(" Fetched: %(when)s, too long ago to be relied on.")
    return said % {"when": times.relative(row.fetched_at)}


def _shown(field: Mapping[str, Any]) -> dict[str, Any]:
    choices = field["choices"]
    shown = ", ".join(choices[:MOST_CHOICES]) + (", …" if len(choices) > MOST_CHOICES else "")
    return {**field, "choices": shown}


def for_editor(destination: Destination) -> list[dict[str, Any]]:
    """What the mapping's editor offers: as keys each field that can be written, and what it is; as its values
    those that it takes."""
    return [
        {
            "name": one.name,
            "detail": ", ".join(filter(None, (one.title, one.type, _("unique") if one.unique else ""))),
            "choices": [*one.choices],
        }
        for one in target_fields.known(destination)
        if not one.read_only
    ]


class WithSuggestions(forms.TextInput):
    """A text, for which the browser offers some; any other is taken, too."""

    def __init__(self, suggestions: Sequence[Field], prefix: str, attrs: Any) -> None:
        """`prefix`: what the fields' names begin with, and the text does not."""
        super().__init__(attrs)
        self._pairs = [(one.name.removeprefix(prefix), one.title) for one in suggestions]

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        list_id = f"{(attrs or {}).get('id', name)}_list"
        field = super().render(name, value, {**(attrs or {}), "list": list_id}, renderer)
        options = format_html_join("", '<option value="{}">{}</option>', self._pairs)
        return format_html('{}<datalist id="{}">{}</datalist>', field, list_id, options)


def suggest(form: forms.BaseForm, prefix: str, schema: Schema, destination: Destination) -> None:
    """Offer fields of the other system in the settings whose schema asks for it."""
    known = target_fields.known(destination)
    for leaf in schema_form.leaves(schema):
        asked = leaf.schema.get("choices")
        fitting = [one for one in known if asked == "fields" or (asked == "unique_fields" and one.unique)]
        field = form.fields.get(f"{prefix}.{leaf.name}")
        if fitting and isinstance(field, forms.CharField):
            prefix = leaf.schema.get("choices_prefix", "")
            field.widget = WithSuggestions(fitting, prefix, field.widget.attrs)
