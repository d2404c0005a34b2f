"""“Send this one” beside a destination's form, and what came of it.

To the receiver page of this installation, or with the test credentials, the form as it stands is tried at
once, and nothing is recorded; so it is with the production credentials of a destination that is not saved
yet. To production of one that is saved only the engine sends: a push past it could leave the destination
with an older state after a newer one, and unrecorded. So it is asked to push this profile next, as a replay
does, and the page follows what comes of it.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from destinations.admin.base.filters import profile_named, row_id
from destinations.admin.base.object_actions import ActingAdmin
from destinations.admin.base.preview_display import readable_request
from destinations.admin.destinations.preview import PROFILE, Draft, draft_of, live_url, need_reader, piece
from destinations.admin.destinations.preview import context as preview_context
from destinations.connectors.base import ConnectorError
from destinations.insight import explain, preview
from destinations.insight.preview import Trial
from destinations.models import DeliveryAttempt, Destination, ProfileSync, Resource
from destinations.notation import NotationError
from destinations.operations import actions, receiver
from destinations.scheduler import loop
from profiles.documents import InvalidDocument
from profiles.models import Profile
from tracsync.common import trail
from tracsync.common.encryption import UndecryptableValue
from tracsync.common.messages import message
from tracsync.common.trail import Action
from tracsync.common.translation import translated

USE = "use"  # in the address of a test: "production" for those credentials
NEEDED = ("mapping", "resource", "settings", "__all__")  # the fields that a test needs to be right
FAILURES = (ConnectorError, NotationError, InvalidDocument, UndecryptableValue)


@require_POST
def test(request: HttpRequest, model_admin: ActingAdmin) -> HttpResponse:
    """Send what the form makes of the profile, now."""
    draft = draft_of(request, model_admin)
    use_test = request.GET.get(USE) != "production"
    if not model_admin.may_save(request, draft.stored) or (draft.stored is not None and not use_test):
        raise PermissionDenied
    profile = _asked(request)
    if refusal := _mistakes(draft):
        return _refused(request, refusal)
    try:
        trial = _tried(draft.destination, profile, use_test)
    except FAILURES as error:
        return _refused(request, translated(str(error)))
    trail.note(Action.TESTED, draft.stored or draft.destination)
    return piece(request, "destinations/sent.html", trial=trial, profile=profile, use_test=use_test)


@require_POST
def to_receiver(request: HttpRequest, model_admin: ActingAdmin) -> HttpResponse:
    """Let what the form makes of the profile arrive at the receiver page; nothing leaves the installation."""
    draft = draft_of(request, model_admin)
    if not model_admin.may_save(request, draft.stored):
        raise PermissionDenied
    profile = _asked(request)
    if refusal := _mistakes(draft):
        return _refused(request, refusal)
    try:
        made = preview.as_it_would_leave(draft.destination, profile.document, f"test:{uuid.uuid4()}")
    except FAILURES as error:
        return _refused(request, translated(str(error)))
    name = draft.destination.name or _("a new destination")
    receiver.keep(str(request.user.pk), {"profile": str(profile), "destination": name, "request": made})
    return piece(request, "destinations/sent.html", arrived=readable_request(made), profile=profile)


def _mistakes(draft: Draft) -> str:
    spoilt = [name for name in draft.mistakes if name.startswith(NEEDED)]
    text = _("The form has mistakes: mend them first (%(fields)s).")
    return text % {"fields": ", ".join(spoilt)} if spoilt else ""


@require_POST
def production(request: HttpRequest, model_admin: ActingAdmin) -> HttpResponse:
    """Ask the engine to push the profile next, even what is unchanged."""
    draft = draft_of(request, model_admin)
    if draft.stored is None or not may_send(request, model_admin, draft.stored):
        raise PermissionDenied
    profile = _asked(request)
    if refusal := _refusal(draft):
        return _refused(request, refusal)
    after = _attempts(profile.pk, draft.stored.pk).order_by("-pk").values_list("pk", flat=True).first()
    sync = push_next(request, model_admin, draft.stored, profile)
    return _followed(request, model_admin, sync.pk, after or 0)


def push_next(
    request: HttpRequest, model_admin: ActingAdmin, destination: Destination, profile: Profile
) -> ProfileSync:
    """Ask the engine for it, even where nothing has changed."""
    actions.sync_now(profile, [destination], again=True)
    return ProfileSync.objects.get(profile=profile, destination=destination)


@require_GET
def sent(request: HttpRequest, model_admin: ActingAdmin) -> HttpResponse:
    """What has come of it meanwhile."""
    need_reader(request, model_admin)
    if not request.user.has_perm("destinations.change_profilesync"):
        raise PermissionDenied
    sync, after = (row_id(request.GET.get(name, "")) for name in ("sync", "after"))
    return _followed(request, model_admin, sync, after)


def context(
    request: HttpRequest, model_admin: ActingAdmin, obj: Destination | None, resource: Resource
) -> dict[str, Any]:
    shown = preview_context(request, model_admin, obj, resource)
    if not shown:
        return {}
    urls = {
        name: f"{live_url(model_admin, name)}?{shown['query']}" for name in ("test", "production", "receive")
    }
    may_save = model_admin.may_save(request, obj)
    return {
        **shown,
        "test_url": urls["test"] if may_save else "",
        "receive_url": urls["receive"] if may_save else "",
        "unsaved_url": f"{urls['test']}&{USE}=production" if may_save and obj is None else "",
        "resource": resource,
        "production_url": urls["production"] if obj and may_send(request, model_admin, obj) else "",
        "has_test": bool(resource.test),
    }


def may_send(request: HttpRequest, model_admin: ActingAdmin, stored: Destination) -> bool:
    """It is a replay too."""
    may_replay: bool = request.user.has_perm("destinations.change_profilesync")
    return may_replay and model_admin.has_change_permission(request, stored)


def _refused(request: HttpRequest, problem: str) -> HttpResponse:
    return piece(request, "destinations/sent.html", problem=problem)


def _followed(request: HttpRequest, model_admin: ActingAdmin, sync_id: int, after: int) -> HttpResponse:
    rows = ProfileSync.objects.select_related("profile", "destination__resource", "destination__health")
    sync = rows.filter(pk=sync_id).first()
    if sync is None:
        raise Http404
    attempt = _new_attempt(sync, after)
    waits = attempt is None and sync.due_at is not None
    poll_url = f"{live_url(model_admin, 'sent')}?{urlencode({'sync': sync_id, 'after': after})}"
    return piece(
        request,
        "destinations/sent.html",
        sync=sync,
        profile=sync.profile,
        attempt=attempt,
        sentence=explain.sentence(sync),
        no_worker=waits and not loop.is_alive(),
        poll_url=poll_url if waits else "",
    )


def _asked(request: HttpRequest) -> Profile:
    profile = profile_named(request.POST.get(PROFILE, "").strip())
    if profile is None:
        raise Http404
    return profile


def _tried(destination: Destination, profile: Profile, use_test: bool) -> Trial:
    try:
        key = f"test:{uuid.uuid4()}"
        return preview.send_test(destination, profile.document, key, use_test=use_test)
    except FAILURES:
        raise
    except Exception as error:  # a connector's own mistake, whose text may hold anything
        failed = message("the connector failed with %(name)s", name=type(error).__name__)
        raise ConnectorError(failed) from None


def _refusal(draft: Draft) -> str:
    """Why the engine is not asked: what would be sent later, or differently, is not what was shown."""
    assert draft.stored is not None
    if draft.changed or draft.mistakes:
        return _("There are changes that are not saved: production gets what is saved. Save them first.")
    return not_running(draft.stored)


def not_running(destination: Destination) -> str:
    why = explain.obstacle(destination, timezone.now())
    return _("Nothing was sent: %(reason)s.") % {"reason": why} if why else ""


def _attempts(profile_id: str, destination_id: int) -> Any:
    return DeliveryAttempt.objects.filter(profile=profile_id, destination=destination_id)


def _new_attempt(sync: ProfileSync, after: int) -> DeliveryAttempt | None:
    """The first one since it was asked for; without bodies where no key opens them."""
    attempts = _attempts(sync.profile_id, sync.destination_id).filter(pk__gt=after).order_by("pk")
    try:
        found: DeliveryAttempt | None = attempts.first()
    except UndecryptableValue:
        found = attempts.defer("request", "response").first()
        if found is not None:
            found.request = found.response = None
    return found
