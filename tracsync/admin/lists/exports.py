"""What is filtered in a list as CSV: all of its rows, a batch at a time, for those who may see the list.

Lists have `export_display(request)` where a file says more, or says it more plainly, than their columns.
"""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from itertools import chain, islice
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import label_for_field, lookup_field
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone, translation
from django.utils.html import strip_tags
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from tracsync.common import trail
from tracsync.common.trail import Action
from tracsync.common.translation import list_separator, read_by, reader

MOST_SAID = 500  # characters of the filters, in the trail
BATCH = 500  # rows that are made into text at once
# What a spreadsheet takes for a formula, or for the beginning of one; some take the wide signs, too.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001
HEADINGS = {
    "profile_id": _("Profile"),
    "profile__name": _("Name"),
    "profile__email": _("E-mail"),
    "duration_ms": _("Took, in ms"),
}
TIME = re.compile(r'<time datetime="([^"]*)"[^>]*>.*?</time>(?: <span class="tracsync-ago">.*?</span>)?')


def view(request: HttpRequest, site: AdminSite, app: str, model: str) -> HttpResponseBase:
    """Takes the parameters of the list's address; what it does not understand leads to the list."""
    model_admin: Any = page_of(site, app, model)
    if not model_admin.has_view_or_change_permission(request):
        raise PermissionDenied
    try:
        found = model_admin.get_changelist_instance(request)
    except IncorrectLookupParameters:
        return redirect(f"{site.name}:{app}_{model}_changelist")
    trail.note(
        Action.EXPORTED,
        of=model_admin.opts.label_lower,
        said=request.META.get("QUERY_STRING", "")[:MOST_SAID],
    )
    lines = _lines(model_admin, _columns(model_admin, request), found.queryset)
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    name = f"{model}-{timezone.localtime():%Y-%m-%d-%H%M}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def page_of(site: AdminSite, app: str, model: str) -> Any:
    """The page of a model. Raises Http404."""
    for registered, model_admin in site._registry.items():
        if (registered._meta.app_label, registered._meta.model_name) == (app, model):
            return model_admin
    raise Http404


def _columns(model_admin: Any, request: HttpRequest) -> tuple[str, ...]:
    own = getattr(model_admin, "export_display", None)
    return tuple(own(request) if own else model_admin.get_list_display(request))


def _lines(model_admin: Any, columns: tuple[str, ...], rows: Any) -> Iterator[str]:
    """In the language and zone of the reader, which the request has only while its view is at work, and for
    him or her."""
    language, zone, may_see = translation.get_language(), timezone.get_current_timezone(), reader()
    separator = list_separator()  # Excel takes UTF-8 for what it is by the mark
    heading = _text([[_heading(name, model_admin) for name in columns]], separator)

    def batches() -> Iterator[str]:
        source = rows.iterator(chunk_size=BATCH)
        while batch := list(islice(source, BATCH)):
            with translation.override(language), timezone.override(zone), read_by(may_see):
                text = _text(([cell(row, name, model_admin) for name in columns] for row in batch), separator)
            yield text

    return chain(["\N{ZERO WIDTH NO-BREAK SPACE}" + heading], batches())


def _heading(name: str, model_admin: Any) -> str:
    label: Any = label_for_field(name, model_admin.model, model_admin)
    return str(HEADINGS.get(name) or capfirst(label))


def _text(rows: Iterable[list[Any]], separator: str) -> str:
    text = io.StringIO()
    # All texts in quotes: a program that separates at another sign would make cells of what is within one.
    writer = csv.writer(text, delimiter=separator, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerows(rows)
    return text.getvalue()


def cell(row: Any, name: str, model_admin: Any) -> Any:
    """What a column says of a row: numbers as they are, else text without markup that no program runs."""
    try:
        field, _attribute, value = lookup_field(name, row, model_admin)
    except ObjectDoesNotExist:
        return ""
    if field is not None and getattr(field, "flatchoices", None):
        value = dict(field.flatchoices).get(value, value)
    return plain(value)


def plain(value: Any) -> Any:
    if value is None or value == "-":
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int | float):
        return value
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    text = str(value)
    if hasattr(value, "__html__"):
        marked = TIME.sub(r"\1", text).replace("<br>", " ")
        text = " ".join(html.unescape(strip_tags(marked)).split())
    return harmless(text)


def harmless(text: str) -> str:
    """Spreadsheets show what begins with an apostrophe as text."""
    return f"'{text}" if text.startswith(FORMULA) else text
