"""Trying a destination with one profile: what it would send, or really sending it with test credentials."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from destinations.admin.base.filters import profile_named
from destinations.admin.base.object_actions import Question, before_sending
from destinations.admin.base.preview_display import readable
from destinations.admin.destinations.send_one import LiveSending, not_running
from destinations.connectors.base import ConnectorError
from destinations.insight import payload_diff, preview
from destinations.models import Destination
from destinations.notation import NotationError
from destinations.recorded import translated
from profiles.documents import InvalidDocument
from profiles.models import Profile
from tracsync.common.encryption import UndecryptableValue


class DestinationTrials(LiveSending):
    def view_preview(self, request: Any, destination: Destination) -> HttpResponse:
        """The condition's explanation, the payload and the request. Nothing is sent."""
        profile, asked = self._profile(request, request.GET)
        if profile is None:
            return self._page(request, destination, asked, None)
        shown = preview.preview(destination, profile.document)
        compared = payload_diff.compared(destination, profile, shown)
        return self._page(request, destination, asked, profile, preview=readable(shown, compared))

    def act_test(self, request: Any, destination: Destination) -> HttpResponse:
        """Answers with what came of it; nothing of it is kept."""
        if not self.has_change_permission(request, destination):
            raise PermissionDenied
        profile, asked = self._profile(request, request.POST)
        if profile is None:
            return self._page(request, destination, asked, None)
        try:
            trial = preview.send_test(destination, profile.document, f"test:{uuid.uuid4()}")
        except (ConnectorError, NotationError, InvalidDocument, UndecryptableValue) as error:
            return self._page(request, destination, asked, profile, trial_error=translated(str(error)))
        self.log_change(request, destination, "Test sent.")
        return self._page(request, destination, asked, profile, trial=trial)

    def act_send(self, request: Any, destination: Destination) -> HttpResponse:
        """To production: the engine pushes it next, and its page shows what comes of it."""
        if not self.may_send(request, destination):
            raise PermissionDenied
        profile, asked = self._profile(request, request.POST)
        if profile is None:
            return self._page(request, destination, asked, None)
        back = f"{self.url('preview', destination)}?{urlencode({'profile': profile.pk})}"
        if obstacle := not_running(destination):
            self.say(request, obstacle, warning=True)
            return redirect(back)
        sync = self.push_next(request, destination, profile)
        self.say(
            request, _("Handed to the engine, which pushes it next. Reload the page to see what came of it.")
        )
        return redirect("admin:destinations_profilesync_change", sync.pk)

    def question_before(self, request: Any, name: str, chosen: Sequence[Any]) -> Question | None:
        if name != "send":
            return super().question_before(request, name, chosen)
        return before_sending(request.POST.get("profile", "").strip()[:255], str(chosen[0]))

    def _profile(self, request: Any, asked: Any) -> tuple[Profile | None, str]:
        if not request.user.has_perm("profiles.view_profile"):
            raise PermissionDenied
        id = asked.get("profile", "").strip()
        return profile_named(id), id

    def _page(
        self, request: Any, destination: Destination, asked: str, profile: Profile | None, **context: Any
    ) -> HttpResponse:
        return self.page(
            request,
            "destinations/trial.html",
            _("Preview"),
            destination,
            asked=asked,
            profile=profile,
            may_test=self.has_change_permission(request, destination),
            has_test=bool(destination.resource.test),
            preview_url=self.url("preview", destination),
            test_url=self.url("test", destination),
            send_url=self.url("send", destination) if self.may_send(request, destination) else "",
            **context,
        )
