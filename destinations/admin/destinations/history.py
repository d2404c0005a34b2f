"""Who changed a destination how: its versions, any two of them compared, and an older one restored."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from django import forms
from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from destinations.admin.base.confirm_before_save import AsksBeforeSaving, put_typed
from destinations.admin.destinations.review import differing_parts, review_page
from destinations.configuration import history
from destinations.models import Destination, DestinationVersion, Resource

AT_ONCE = 50
MOST_NUMBER = 2**31 - 1


def history_page(
    request: HttpRequest, model_admin: AsksBeforeSaving, destination: Destination
) -> HttpResponse:
    older = destination.versions.filter(number__lt=_number(request.GET.get("before")) or MOST_NUMBER)
    shown = list(older[: AT_ONCE + 1])
    # What Django's own log says was done with it: backfills, tests, and so on.
    of_it = {"content_type": get_content_type_for_model(destination), "object_id": str(destination.pk)}
    done = LogEntry.objects.filter(**of_it).select_related("user").order_by("-action_time")[:AT_ONCE]
    return model_admin.page(
        request,
        "destinations/history.html",
        _("History"),
        destination,
        versions=_told(shown)[:AT_ONCE],
        before_asked="before" in request.GET,
        before=shown[AT_ONCE - 1].number if len(shown) > AT_ONCE else None,
        compared=_compared(destination, request.GET),
        entries=done if "before" not in request.GET else (),
        may_restore=model_admin.has_change_permission(request, destination),
        restore_url=model_admin.url("restore", destination),
    )


def restore(request: HttpRequest, model_admin: AsksBeforeSaving, destination: Destination) -> HttpResponse:
    """Fills the form from an older version, and asks before it is saved."""
    if not model_admin.has_change_permission(request, destination):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    version = _version(destination, request.POST.get("number"))
    if version is None:
        raise Http404
    typed = _restored(request, model_admin, destination, version)
    draft = model_admin.stored_row(destination.pk)
    form = model_admin.get_form(request, draft, change=True)(typed, instance=draft)
    if not form.is_valid():
        return _with_mistakes(request, model_admin, destination, version, typed)
    if not form.has_changed():
        text = _("Version %s is what is saved now: there is nothing to restore.")
        model_admin.say(request, text % version.number)
        return redirect(model_admin.url("history", destination))
    return review_page(request, model_admin, destination, form.instance, dict(typed.lists()))


def _restored(
    request: HttpRequest, model_admin: AsksBeforeSaving, destination: Destination, version: DestinationVersion
) -> QueryDict:
    """What somebody would type to make it what it was. Secrets, its name and whether it is on stay."""
    older, content = model_admin.stored_row(destination.pk), version.content
    for name in history.RESTORED:
        setattr(older, name, content.get(name, getattr(older, name)))
    if Resource.objects.filter(pk=content["resource"]).exists():
        older.resource_id = content["resource"]
    older.settings, older.settings_version = content["settings"], content.get("settings_version", 1)
    return _as_typed(model_admin.get_form(request, destination, change=True)(instance=older))


def _with_mistakes(
    request: HttpRequest,
    model_admin: AsksBeforeSaving,
    destination: Destination,
    version: DestinationVersion,
    typed: QueryDict,
) -> HttpResponse:
    text = _("Version %s cannot be saved as it was: mend what is marked below, then save.")
    model_admin.say(request, text % version.number, warning=True)
    put_typed(request, typed)
    url = model_admin.url("change", destination)
    return model_admin.changeform_view(request, str(destination.pk), url)


def _told(shown: list[DestinationVersion]) -> list[dict[str, Any]]:
    """Each with what was changed since the one before it, which is the next one in the list."""
    told = []
    for one, older in zip_longest(shown, shown[1:]):
        secrets = one.secrets_changed
        changes = history.changes(older.content, one.content, secrets_changed=secrets) if older else []
        told.append({"version": one, "changes": changes})
    return told


def _compared(destination: Destination, asked: QueryDict) -> dict[str, Any] | None:
    """Two versions, the older one first, and how the second differs."""
    chosen = [_version(destination, asked.get(name)) for name in ("from", "to")]
    found = sorted((one for one in chosen if one), key=lambda one: one.number)
    if len(found) < 2:
        return None
    older, newer = found
    between = destination.versions.filter(number__gt=older.number, number__lte=newer.number)
    secrets_changed = between.filter(secrets_changed=True).exists()
    return {
        "older": older,
        "newer": newer,
        "changes": history.changes(older.content, newer.content, secrets_changed=secrets_changed),
        "parts": differing_parts(older.content, newer.content),
    }


def _version(destination: Destination, asked: str | None) -> DestinationVersion | None:
    return destination.versions.filter(number=_number(asked) or 0).first()


def _number(asked: str | None) -> int | None:
    text = asked or ""
    return min(int(text), MOST_NUMBER) if text.isascii() and text.isdecimal() and len(text) < 12 else None


def _as_typed(form: forms.BaseForm) -> QueryDict:
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
