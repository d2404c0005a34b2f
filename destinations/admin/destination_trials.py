"""Trying a destination with one profile: what it would send, or really sending it with test credentials."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse

from destinations import preview
from destinations.admin.pages import ActingAdmin
from destinations.connectors.base import ConnectorError
from destinations.encryption import UndecryptableValue
from destinations.models import Destination
from destinations.notation import NotationError
from profiles.documents import InvalidDocument
from profiles.models import Profile


class DestinationTrials(ActingAdmin):
    def view_preview(self, request: Any, destination: Destination) -> HttpResponse:
        """The condition's explanation, the payload and the request. Nothing is sent."""
        profile, asked = self._profile(request, request.GET)
        shown = preview.preview(destination, profile.document) if profile else None
        return self._page(request, destination, asked, profile, preview=_readable(shown) if shown else None)

    def act_test(self, request: Any, destination: Destination) -> HttpResponse:
        """Answers with what came of it; nothing of it is kept."""
        profile, asked = self._profile(request, request.POST)
        if profile is None:
            return self._page(request, destination, asked, None)
        try:
            trial = preview.send_test(destination, profile.document, f"test:{uuid.uuid4()}")
        except (ConnectorError, NotationError, InvalidDocument, UndecryptableValue) as error:
            return self._page(request, destination, asked, profile, trial_error=str(error))
        self.log_change(request, destination, "Test sent.")
        return self._page(request, destination, asked, profile, trial=trial)

    def _profile(self, request: Any, asked: Any) -> tuple[Profile | None, str]:
        if not request.user.has_perm("profiles.view_profile"):
            raise PermissionDenied
        id = asked.get("profile", "").strip()
        return Profile.objects.filter(pk=id).first(), id

    def _page(
        self, request: Any, destination: Destination, asked: str, profile: Profile | None, **context: Any
    ) -> HttpResponse:
        return self.page(
            request,
            "preview.html",
            "Preview",
            destination,
            asked=asked,
            profile=profile,
            may_test=self.has_change_permission(request, destination),
            has_test=bool(destination.resource.test),
            preview_url=self.url("preview", destination),
            test_url=self.url("test", destination),
            **context,
        )


def _readable(shown: preview.Preview) -> dict[str, Any]:
    request = shown.request or {}
    return {
        "met": shown.met,
        "summary": shown.summary,
        "explanation": _explained(shown.explanation) if shown.explanation else None,
        "errors": shown.errors,
        "payload": _pretty(shown.payload) if shown.payload is not None else "",
        "request": [(name, _pretty(value)) for name, value in request.items()],
    }


def _explained(part: dict[str, Any]) -> dict[str, Any]:
    """With the values it saw written as JSON, so that "1" is not 1."""
    values = [{**seen, "shown": json.dumps(seen["value"], ensure_ascii=False)} for seen in part["values"]]
    return {**part, "values": values, "children": [_explained(child) for child in part["children"]]}


def _pretty(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
