"""What our templates ask for: help, empty lists, times, commands, messages in the reader's language."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from django import template
from django.contrib import admin
from django.db.models import JSONField
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from tracsync.admin import documentation, empty_lists, navigation
from tracsync.common import messages, numbers, parts, times, translation
from tracsync.common.bounded_lists import AtLeast
from tracsync.common.installation import command
from tracsync.common.parts import badge

register = template.Library()
register.simple_tag(command)
register.simple_tag(parts.icon)
register.simple_tag(parts.badge)
register.simple_tag(documentation.of_system)


@register.simple_tag(takes_context=True)
def help_url(context: Any) -> str:
    """Where the documentation speaks of this page of the admin."""
    match = context["request"].resolver_match
    return documentation.url(documentation.topic(match.url_name or "" if match else ""))


@register.simple_tag(takes_context=True)
def search_box(context: Any) -> bool:
    """Whether this person may find anything by it."""
    from destinations.admin.search import page  # it needs models, and the tags are loaded before them

    return page.may_search(context["request"])


@register.simple_tag
def labelled(cells: list[str], headers: list[Any]) -> str:
    """A row of a list, each value with the name of its column: they stand together where a row is a card."""
    named = zip(cells, headers, strict=True)
    return mark_safe("".join(_labelled(str(cell), header["text"]) for cell, header in named))  # noqa: S308 - cells are HTML already


def _labelled(cell: str, name: Any) -> str:
    """Django makes the cell, whose values are escaped."""
    cell = _ICON.sub(_yes_or_no, cell)
    is_named = cell.startswith("<td") and 'class="action-checkbox"' not in cell
    return cell.replace("<td", format_html('<td data-label="{}"', capfirst(name)), 1) if is_named else cell


@register.filter
def read_only(field: Any) -> str:
    """What a form shows and nobody changes: JSON to be read, and badges in place of Django's pictures."""
    name, instance = field.field["field"], field.form.instance
    value = getattr(instance, name, None) if isinstance(name, str) and _is_json(instance, name) else None
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(map(str, getattr(instance, f"{name}_in_words", value))) or "-"
    if value:
        text = json.dumps(value, ensure_ascii=False, indent=2)
        return format_html('<pre class="tracsync-code" tabindex="0">{}</pre>', text)
    return mark_safe(_ICON.sub(_yes_or_no, conditional_escape(field.contents() or "-")))  # noqa: S308 - it is escaped


def _is_json(instance: Any, name: str) -> bool:
    return any(one.name == name and isinstance(one, JSONField) for one in instance._meta.concrete_fields)


_ICON = re.compile(r'<img src="[^"]*/icon-(yes|no|unknown)\.svg" alt="(?:True|False|None)">')


def _yes_or_no(found: re.Match[str]) -> str:
    """A badge, as all states have, in place of a coloured picture that says True."""
    if found[1] == "unknown":
        return "-"
    return badge("fine", _("Yes")) if found[1] == "yes" else badge("off", _("No"))


@register.simple_tag(takes_context=True)
def heading(context: Any) -> str:
    """What the page is called: an object by its name, a list by what it is for."""
    title, changelist = context.get("title"), context.get("cl")
    if context.get("original") is not None and context.get("subtitle"):
        return str(context["subtitle"])
    if changelist is not None and title == changelist.title:
        return navigation.title_of_list(changelist.opts)
    return str(title or "")


@register.simple_tag(takes_context=True)
def crumbs(context: Any) -> list[navigation.Page]:
    """The pages above this one."""
    obj = context.get("object") or context.get("original")
    title = str(context.get("object_title") or "")
    return navigation.way_to(context["request"], context.get("navigation") or (), obj, title)


@register.inclusion_tag("admin/tracsync/base/list_tools.html", takes_context=True)
def list_tools(context: Any, changelist: Any) -> dict[str, Any]:
    """The filters that were saved, and what is filtered as a file."""
    from tracsync.admin.lists import saved_filters  # it needs models, and the tags are loaded before them

    request = context["request"]
    return {"request": request, "filters": saved_filters.shown(request, changelist), "cl": changelist}


@register.inclusion_tag("admin/tracsync/base/empty.html", takes_context=True)
def empty_list(context: Any, changelist: Any) -> dict[str, Any]:
    is_narrowed = bool(changelist.has_active_filters or changelist.query)
    may_add = bool(context.get("has_add_permission"))
    return {"narrowed": is_narrowed, "lesson": empty_lists.lesson(changelist, may_add)}


@register.simple_tag
def delete_note(opts: Any) -> str:
    """What else is to be known before one of these is deleted."""
    return str(getattr(admin.site.get_model_admin(opts.model), "delete_note", ""))


@register.filter
def active_filters(changelist: Any) -> int:
    """How many of a list's filters leave something out; a search is none."""
    given = {name for name, values in changelist.get_filters_params().items() if any(values)}
    return sum(not given.isdisjoint(map(str, spec.expected_parameters())) for spec in changelist.filter_specs)


@register.filter
def moment(value: datetime | None) -> str:
    return times.shown(value)


@register.filter
def grouped(value: int | AtLeast) -> str:
    return str(value) if isinstance(value, AtLeast) else numbers.grouped(value)


@register.filter
def translated(text: str) -> str:
    """A message, also as it is stored, in the reader's language."""
    return translation.translated(messages.unpack(text))
