"""Who changed what people set up: its versions, any two of them compared, and an older one restored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, QueryDict
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from destinations.admin.base.confirm_before_save import AsksBeforeSaving, put_typed
from destinations.configuration import history
from destinations.configuration.history import Content
from tracsync.common.trail.pages import entries_of

AT_ONCE = 50
MOST_NUMBER = 2**31 - 1


class Versioned(AsksBeforeSaving):
    """`restore_note`: what comes back, and what stays as it is."""

    restore_note: str | Promise = ""

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        row = self.found(request, object_id)
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        return _history_page(request, self, row)

    def version_parts(self, old: Content, new: Content) -> Sequence[tuple[Any, Any]]:
        """Long texts that differ: what it is, and its lines."""
        return ()

    def version_content(self, request: HttpRequest, row: Any, version: Any) -> Content:
        """As much of it as this person may see."""
        content: Content = version.content
        return content

    def restored(self, request: HttpRequest, row: Any, version: Any) -> QueryDict:
        """What somebody would type to make it what it was, as far as that comes back."""
        raise NotImplementedError

    def review_restored(
        self, request: HttpRequest, row: Any, draft: Any, typed: Mapping[str, Sequence[object]]
    ) -> HttpResponse:
        """The page that asks before it is saved."""
        raise NotImplementedError


def _history_page(request: HttpRequest, model_admin: Versioned, row: Any) -> HttpResponse:
    older = row.versions.filter(number__lt=_number(request.GET.get("before")) or MOST_NUMBER)
    shown = list(older[: AT_ONCE + 1])
    return model_admin.page(
        request,
        "base/versions.html",
        _("History"),
        row,
        versions=_told(request, model_admin, row, shown)[:AT_ONCE],
        before_asked="before" in request.GET,
        before=shown[AT_ONCE - 1].number if len(shown) > AT_ONCE else None,
        compared=_compared(request, model_admin, row),
        may_restore=model_admin.has_change_permission(request, row),
        restore_url=model_admin.url("restore", row),
        restore_note=model_admin.restore_note,
        **entries_of(request, row),
    )


def restore(request: HttpRequest, model_admin: Versioned, row: Any) -> HttpResponse:
    """Fills the form from an older version, and asks before it is saved."""
    if not model_admin.has_change_permission(request, row):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    version = _version(row, request.POST.get("number"))
    if version is None:
        raise Http404
    typed = model_admin.restored(request, row, version)
    draft = model_admin.stored_row(row.pk)
    form = model_admin.get_form(request, draft, change=True)(typed, instance=draft)
    if not form.is_valid():
        return _with_mistakes(request, model_admin, row, version, typed)
    if not form.has_changed():
        text = _("Version %s is what is saved now: there is nothing to restore.")
        model_admin.say(request, text % version.number)
        return redirect(model_admin.url("history", row))
    return model_admin.review_restored(request, row, form.instance, dict(typed.lists()))


def as_typed(form: forms.BaseForm) -> QueryDict:
    """The form as a browser would send it back."""
    typed = QueryDict(mutable=True)
    for name in form.fields:
        bound = form[name]
        value = bound.value()
        if isinstance(bound.field, forms.BooleanField):
            if value:
                typed[name] = "on"
            continue
        shown = bound.field.widget.format_value(value)
        if shown is not None:
            typed.setlist(name, shown if isinstance(shown, list) else [str(shown)])
    return typed


def _with_mistakes(
    request: HttpRequest, model_admin: Versioned, row: Any, version: Any, typed: QueryDict
) -> HttpResponse:
    text = _("Version %s cannot be saved as it was: mend what is marked below, then save.")
    model_admin.say(request, text % version.number, warning=True)
    put_typed(request, typed)
    return model_admin.changeform_view(request, str(row.pk), model_admin.url("change", row))


def _told(
    request: HttpRequest, model_admin: Versioned, row: Any, shown: Sequence[Any]
) -> list[dict[str, Any]]:
    """Each with what was changed since the one before it, which is the next one in the list."""
    told = []
    contents = [model_admin.version_content(request, row, one) for one in shown]
    for one, new, old in zip_longest(shown, contents, contents[1:]):
        secrets = one.secrets_changed
        changes = history.changes(old, new, secrets_changed=secrets) if old else []
        told.append({"version": one, "changes": changes})
    return told


def _compared(request: HttpRequest, model_admin: Versioned, row: Any) -> dict[str, Any] | None:
    """Two versions, the older one first, and how the second differs."""
    chosen = [_version(row, request.GET.get(name)) for name in ("from", "to")]
    found = sorted((one for one in chosen if one), key=lambda one: one.number)
    if len(found) < 2:
        return None
    older, newer = found
    between = row.versions.filter(number__gt=older.number, number__lte=newer.number)
    secrets_changed = between.filter(secrets_changed=True).exists()
    old, new = (model_admin.version_content(request, row, one) for one in found)
    return {
        "older": older,
        "newer": newer,
        "changes": history.changes(old, new, secrets_changed=secrets_changed),
        "parts": model_admin.version_parts(old, new),
    }


def _version(row: Any, asked: str | None) -> Any:
    return row.versions.filter(number=_number(asked) or 0).first()


def _number(asked: str | None) -> int | None:
    text = asked or ""
    return min(int(text), MOST_NUMBER) if text.isascii() and text.isdecimal() and len(text) < 12 else None
