"""Trying a destination with one profile: what it would send, or really sending it with test credentials."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from destinations.admin.base.filters import profile_named
from destinations.admin.base.links import pair_url
from destinations.admin.base.object_actions import Act, ActingAdmin, Question, before_sending
from destinations.admin.base.preview_display import readable
from destinations.admin.destinations.send_one import may_send, not_running, push_next
from destinations.connectors.base import ConnectorError
from destinations.insight import preview
from destinations.insight.payloads import diff
from destinations.models import Destination
from destinations.notation import NotationError
from profiles import personal
from profiles.documents import InvalidDocument
from profiles.models import Profile
from tracsync.common import trail
from tracsync.common.encryption import UndecryptableValue
from tracsync.common.trail import Action
from tracsync.common.translation import translated


def preview_page(request: HttpRequest, model_admin: ActingAdmin, destination: Destination) -> HttpResponse:
    """The condition's explanation, the payload and the request. Nothing is sent."""
    profile, asked = _profile(request, request.GET)
    if profile is None:
        return _page(request, model_admin, destination, asked, None)
    shown = preview.preview(destination, profile.document)
    compared = diff.compared(destination, profile, shown)
    return _page(request, model_admin, destination, asked, profile, preview=readable(shown, compared))


def test(request: HttpRequest, model_admin: ActingAdmin, destination: Destination) -> HttpResponse:
    """Answers with what came of it; nothing of it is kept."""
    if not model_admin.has_change_permission(request, destination):
        raise PermissionDenied
    profile, asked = _profile(request, request.POST)
    if profile is None:
        return _page(request, model_admin, destination, asked, None)
    try:
        trial = preview.send_test(destination, profile.document, f"test:{uuid.uuid4()}")
    except (ConnectorError, NotationError, InvalidDocument, UndecryptableValue) as error:
        return _page(request, model_admin, destination, asked, profile, trial_error=translated(str(error)))
    trail.note(Action.TESTED, destination)
    return _page(request, model_admin, destination, asked, profile, trial=trial)


def send(request: HttpRequest, model_admin: ActingAdmin, destination: Destination) -> HttpResponse:
    """To production: the engine pushes it next, and its page shows what comes of it."""
    if not may_send(request, model_admin, destination):
        raise PermissionDenied
    profile, asked = _profile(request, request.POST)
    if profile is None:
        return _page(request, model_admin, destination, asked, None)
    back = f"{model_admin.url('preview', destination)}?{urlencode({'profile': profile.pk})}"
    if obstacle := not_running(destination):
        model_admin.say(request, obstacle, warning=True)
        return redirect(back)
    push_next(request, model_admin, destination, profile)
    text = _("Handed to the engine, which pushes it next. What comes of it is shown here.")
    model_admin.say(request, text)
    return redirect(pair_url(profile.pk, destination.pk))


def before_send(request: HttpRequest, _model_admin: ActingAdmin, chosen: Sequence[Destination]) -> Question:
    profile, asked = _profile(request, request.POST)
    return before_sending(str(profile or asked[:255]), str(chosen[0]))


TEST, SEND = Act(test), Act(send, before_send)


def _profile(request: HttpRequest, asked: QueryDict) -> tuple[Profile | None, str]:
    if not personal.may_view(request.user):
        raise PermissionDenied
    id = asked.get("profile", "").strip()
    return profile_named(id), id


def _page(
    request: HttpRequest,
    model_admin: ActingAdmin,
    destination: Destination,
    asked: str,
    profile: Profile | None,
    **context: Any,
) -> HttpResponse:
    return model_admin.page(
        request,
        "destinations/trial.html",
        _("Preview"),
        destination,
        asked=asked,
        profile=profile,
        may_test=model_admin.has_change_permission(request, destination),
        has_test=bool(destination.resource.test),
        preview_url=model_admin.url("preview", destination),
        test_url=model_admin.url("test", destination),
        send_url=model_admin.url("send", destination) if may_send(request, model_admin, destination) else "",
        **context,
    )
