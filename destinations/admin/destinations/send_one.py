"""“Send this one for real” beside a destination's form, and what came of it.

With the test credentials the form as it stands is tried at once, and nothing is recorded. To production
only the engine sends: a push past it could leave the destination with an older state after a newer one, and
unrecorded. So it is asked to push this profile next, as a replay does, and the page follows what comes of it.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from destinations.admin.base.filters import profile_named, row_id
from destinations.admin.destinations.preview import PROFILE, Draft, LivePreview
from destinations.connectors.base import ConnectorError
from destinations.insight import explain, preview
from destinations.insight.preview import Trial
from destinations.models import DeliveryAttempt, Destination, ProfileSync, Resource
from destinations.notation import NotationError
from destinations.operations import actions
from destinations.recorded import translated
from destinations.scheduler import loop
from profiles.documents import InvalidDocument
from profiles.models import Profile
from tracsync.common.encryption import UndecryptableValue

NEEDED = ("mapping", "resource", "settings", "__all__")  # the fields that a test needs to be right


class LiveSending(LivePreview):
    def live_views(self) -> dict[str, Any]:
        return {
            **super().live_views(),
            "test": require_POST(self.live_test),
            "production": require_POST(self.live_production),
            "sent": require_GET(self.live_sent),
        }

    def live_test(self, request: Any) -> HttpResponse:
        """Send what the form makes of the profile with the test credentials, now."""
        draft = self.draft(request)
        if not self._may_test(request, draft.stored):
            raise PermissionDenied
        profile = _asked(request)
        if spoilt := [name for name in draft.mistakes if name.startswith(NEEDED)]:
            text = _("The form has mistakes: mend them first (%(fields)s).") % {"fields": ", ".join(spoilt)}
            return self._refused(request, text)
        try:
            trial = _tried(draft.destination, profile)
        except (ConnectorError, NotationError, InvalidDocument, UndecryptableValue) as error:
            return self._refused(request, translated(str(error)))
        if draft.stored is not None:
            self.log_change(request, draft.stored, "Test sent.")
        return self.piece(request, "destinations/sent.html", trial=trial, profile=profile)

    def live_production(self, request: Any) -> HttpResponse:
        """Ask the engine to push the profile next, even what is unchanged."""
        draft = self.draft(request)
        if draft.stored is None or not self.may_send(request, draft.stored):
            raise PermissionDenied
        profile = _asked(request)
        refusal = _refusal(draft)
        if refusal:
            return self._refused(request, refusal)
        after = _attempts(profile.pk, draft.stored.pk).order_by("-pk").values_list("pk", flat=True).first()
        return self._followed(request, self.push_next(request, draft.stored, profile).pk, after or 0)

    def push_next(self, request: Any, destination: Destination, profile: Profile) -> ProfileSync:
        """Ask the engine for it, even where nothing has changed."""
        with transaction.atomic():
            actions.sync_now(profile, [destination])
            rows = ProfileSync.objects.filter(profile=profile, destination=destination)
            actions.replay(rows)
        self.log_change(request, destination, f"Sent profile {profile.pk} from the preview.")
        return rows.get()

    def live_sent(self, request: Any) -> HttpResponse:
        """What has come of it meanwhile."""
        self.need_reader(request)
        if not request.user.has_perm("destinations.change_profilesync"):
            raise PermissionDenied
        sync, after = (row_id(request.GET.get(name, "")) for name in ("sync", "after"))
        return self._followed(request, sync, after)

    def live_context(self, request: Any, obj: Destination | None, resource: Resource) -> dict[str, Any]:
        context = super().live_context(request, obj, resource)
        if not context:
            return {}
        may_test, may_send = self._may_test(request, obj), obj is not None and self.may_send(request, obj)
        return {
            **context,
            "test_url": f"{self.live_url('test')}?{context['query']}" if may_test else "",
            "production_url": f"{self.live_url('production')}?{context['query']}" if may_send else "",
            "has_test": bool(resource.test),
        }

    def _may_test(self, request: Any, stored: Destination | None) -> bool:
        return self.has_change_permission(request, stored) if stored else self.has_add_permission(request)

    def may_send(self, request: Any, stored: Destination) -> bool:
        """It is a replay too."""
        may_replay: bool = request.user.has_perm("destinations.change_profilesync")
        return may_replay and self.has_change_permission(request, stored)

    def _refused(self, request: Any, problem: str) -> HttpResponse:
        return self.piece(request, "destinations/sent.html", problem=problem)

    def _followed(self, request: Any, sync_id: int, after: int) -> HttpResponse:
        rows = ProfileSync.objects.select_related("profile", "destination__resource", "destination__health")
        sync = rows.filter(pk=sync_id).first()
        if sync is None:
            raise Http404
        attempt = _new_attempt(sync, after)
        waits = attempt is None and sync.due_at is not None
        poll_url = f"{self.live_url('sent')}?{urlencode({'sync': sync_id, 'after': after})}"
        return self.piece(
            request,
            "destinations/sent.html",
            sync=sync,
            profile=sync.profile,
            attempt=attempt,
            sentence=explain.sentence(sync),
            no_worker=waits and not loop.is_alive(),
            poll_url=poll_url if waits else "",
        )


def _asked(request: Any) -> Profile:
    profile = profile_named(request.POST.get(PROFILE, "").strip())
    if profile is None:
        raise Http404
    return profile


def _tried(destination: Destination, profile: Profile) -> Trial:
    try:
        return preview.send_test(destination, profile.document, f"test:{uuid.uuid4()}")
    except (ConnectorError, NotationError, InvalidDocument, UndecryptableValue):
        raise
    except Exception as error:  # a connector's own mistake, whose text may hold anything
        raise ConnectorError(f"the connector failed with {type(error).__name__}") from None


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
