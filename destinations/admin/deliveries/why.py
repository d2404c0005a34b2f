"""“Why was this customer not sent?”: one profile at one destination, as it went and as it would go now."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from destinations.admin.base.filters import row_id
from destinations.admin.base.links import called, pair_url, this_pair
from destinations.admin.base.live import STEADY, WORKING
from destinations.admin.base.object_actions import Act, ActingAdmin, Button, Question, before_sending
from destinations.admin.base.preview_display import (
    judged,
    readable,
    readable_found,
    whole_destination,
)
from destinations.admin.deliveries import resend
from destinations.insight import explain, status_words, timeline
from destinations.insight.payloads import diff, held
from destinations.insight.preview import Preview
from destinations.insight.timeline import MOST_ATTEMPTS, Pair
from destinations.models import DeliveryAttempt, Destination, Operation, ProfileSync
from destinations.operations import actions
from profiles import personal
from profiles.models import Profile
from tracsync.common import times

State = ProfileSync.State


def may_look(request: HttpRequest) -> bool:
    return request.user.has_perm("destinations.view_profilesync") or resend.may_send(request)


def why_page(
    request: HttpRequest, model_admin: ActingAdmin, object_id: str, destination_id: int
) -> HttpResponse:
    profile = model_admin.found(request, object_id)
    if not (model_admin.has_view_or_change_permission(request, profile) and may_look(request)):
        raise PermissionDenied
    try:
        destination = whole_destination(destination_id)
    except (Destination.DoesNotExist, OverflowError):
        raise Http404 from None
    pair = _pair(profile, destination)
    now: dict[str, Any] = {}
    may_see = personal.may_see(request.user)
    may_judge = may_see and request.user.has_perm("destinations.view_destination")
    if may_judge and not profile.is_deleted:
        shown, compared = judged(pair.destination, profile)
        now = {"preview": readable(shown, compared), "hint": _hint(pair, shown)}
    may_read = may_judge and not profile.is_deleted and held.offered(destination)
    if may_read and request.method == "POST":
        now["found"] = readable_found(held.look(destination, profile))
    return model_admin.page(
        request,
        "deliveries/why.html",
        _("Why? %(profile)s at %(destination)s")
        % {"profile": called(profile), "destination": pair.destination},
        profile,
        pair=pair,
        live=WORKING if pair.prospect or (pair.sync and pair.sync.due_at) else STEADY,
        verdict=timeline.verdict(pair),
        events=timeline.chronology(pair),
        buttons=_buttons(request, model_admin, pair),
        attempts_url=this_pair("deliveryattempt", profile.pk, destination_id),
        most=MOST_ATTEMPTS,
        since=_attempts_since(pair),
        problem=status_words.problem(pair.destination),
        accepted_at=times.shown(pair.sync.synced_at if pair.sync else None, ""),
        accepted=diff.accepted_request(pair.sync) if pair.sync and may_see else "",
        may_judge=may_judge,
        may_read=may_read,
        **now,
    )


def sync_now(request: HttpRequest, model_admin: ActingAdmin, profile: Profile) -> HttpResponse | None:
    """To one destination, or to all that are enabled."""
    count = actions.sync_now(profile, _asked(request))
    text = ngettext(
        "Sync now: due at %(count)s destination.", "Sync now: due at %(count)s destinations.", count
    )
    return _done(request, model_admin, profile, text % {"count": count}, count)


def before_replay(
    request: HttpRequest, _model_admin: ActingAdmin, chosen: Sequence[Profile]
) -> Question | None:
    """Where nothing would be sent there is nothing to ask."""
    asked = _asked(request)
    return before_sending(called(chosen[0]), ", ".join(map(str, asked))) if asked else None


def replay(request: HttpRequest, model_admin: ActingAdmin, profile: Profile) -> HttpResponse | None:
    count = actions.sync_now(profile, _asked(request), again=True)
    text = ngettext(
        "Replay: sent again to %(count)s destination, even if unchanged.",
        "Replay: sent again to %(count)s destinations, even if unchanged.",
        count,
    )
    return _done(request, model_admin, profile, text % {"count": count}, count)


SYNC_NOW, REPLAY = Act(sync_now), Act(replay, before_replay)


def _asked(request: HttpRequest) -> list[Destination]:
    """All that are enabled only where none is named: nonsense must not send to everybody."""
    chosen = Destination.objects.filter(enabled=True).defer("settings", "mapping")
    wanted = request.POST.get("destination", "")
    return list(chosen.filter(pk=row_id(wanted)) if wanted else chosen)


def _done(
    request: HttpRequest, model_admin: ActingAdmin, profile: Profile, text: str, count: int
) -> HttpResponse | None:
    wanted = row_id(request.POST.get("destination", ""))
    back_to_why = request.POST.get("back") == "why" and wanted
    if wanted and not back_to_why:
        text = format_html('{} <a href="{}">{}</a>', text, pair_url(profile.pk, wanted), _("Follow it"))
    model_admin.say(request, text, warning=not count)
    return redirect(pair_url(profile.pk, wanted)) if back_to_why else None


def _buttons(request: HttpRequest, model_admin: ActingAdmin, pair: Pair) -> list[Button]:
    if not (model_admin.has_act_permission(request, pair.profile) and pair.destination.enabled):
        return []
    fields = (("destination", str(pair.destination.pk)), ("back", "why"))
    now = _("Send it without waiting for the quiet period, unless nothing has changed.")
    again = _("Send it now, even if nothing has changed.")
    return [
        Button(_("Sync now"), model_admin.url("sync_now", pair.profile), now, fields),
        Button(_("Replay…"), model_admin.url("replay", pair.profile), again, fields),
    ]


def _pair(profile: Profile, destination: Destination) -> Pair:
    sync = ProfileSync.objects.filter(profile=profile, destination=destination).first()
    if sync is not None:
        sync.profile, sync.destination = profile, destination
    prospects = {one.destination.pk: one for one in explain.prospects(profile)}
    attempts = DeliveryAttempt.objects.filter(profile=profile, destination=destination)
    rows = attempts.defer("request", "response").order_by("-at")[:MOST_ATTEMPTS]
    return Pair(profile, destination, sync, prospects.get(destination.pk), timezone.now(), [*reversed(rows)])


def _attempts_since(pair: Pair) -> int:
    """Since the last accepted one, of those that are shown."""
    accepted = DeliveryAttempt.Outcome.ACCEPTED
    return len(list(takewhile(lambda one: one.outcome != accepted, reversed(pair.attempts))))


def _hint(pair: Pair, shown: Preview) -> str:
    """Where now and then are not the same."""
    state = pair.sync.state if pair.sync else ""
    if state in (State.SKIPPED, State.REMOVED) and shown.met:
        return _("The prerequisites are met now, and were not when it was decided. “Sync now” sends it.")
    if state == State.SYNCED and shown.operation in (Operation.REMOVE, Operation.ERASE):
        return _("The prerequisites are not met any more. “Sync now” removes it there.")
    if state == State.SYNCED and shown.met is False:
        return _("The prerequisites are not met any more. What the destination has accepted stays there.")
    if state == State.REJECTED and shown.met and not shown.errors:
        return _("The same again is rejected again, unless the other side was mended. “Replay” tries it.")
    return ""
