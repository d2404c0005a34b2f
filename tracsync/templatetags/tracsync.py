"""What our templates ask for: help, empty lists, times, commands, messages in the reader's language."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template

from tracsync.admin import documentation, empty_lists
from tracsync.common import messages, numbers, times, translation
from tracsync.common.bounded_lists import AtLeast
from tracsync.common.installation import command

register = template.Library()
register.simple_tag(command)
register.simple_tag(documentation.of_system)


@register.simple_tag(takes_context=True)
def help_url(context: Any) -> str:
    """Where the documentation speaks of this page of the admin."""
    match = context["request"].resolver_match
    return documentation.url(documentation.topic(match.url_name or "" if match else ""))


@register.inclusion_tag("admin/tracsync/base/empty.html", takes_context=True)
def empty_list(context: Any, changelist: Any) -> dict[str, Any]:
    is_narrowed = bool(changelist.has_active_filters or changelist.query)
    may_add = bool(context.get("has_add_permission"))
    return {"narrowed": is_narrowed, "lesson": empty_lists.lesson(changelist, may_add)}


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
