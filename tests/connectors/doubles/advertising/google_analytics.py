"""Google Analytics 4, by the Measurement Protocol.

From: developers.google.com/analytics/devguides/collection/protocol/ga4 (2xx for all that it receives;
/debug/mp/collect answers validationMessages; at most 25 events). That it takes at most 130 kB, and says 413
to more, is not from there. Not tried against the live service.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

from destinations.connectors.testing import SeenRequest
from destinations.connectors.testing.doubles.system import Answered, System, said

LARGEST = 130_000  # bytes of a body
SECRET = "measurement-s3cret"


class GoogleAnalytics(System):
    slug = "google_analytics"
    wrong_credentials = None  # it takes what comes with any, and tells nobody

    def __init__(self) -> None:
        super().__init__()
        self.credentials = {"measurement_id": "G-A1B2", "api_secret": SECRET, "base_url": self.url}

    def payload(self, number: int) -> Any:
        return {
            "client_id": f"c.{number}",
            "user_properties": {f"only_{number}": {"value": "x"}},
            "events": [{"name": "profile_updated"}],
        }

    def refused(self) -> Sequence[Any]:
        long = "ultramarine " * (LARGEST // 10)
        return [
            {"client_id": "c", "events": [{"name": "profile_updated", "params": {"about": long}}]},
            {"client_id": "ultramarine \ud800", "events": [{"name": "profile_updated"}]},
        ]

    def received(self) -> Sequence[Any]:
        return self.sent()

    def changes(self, request: SeenRequest) -> bool:
        return not request.path.startswith("/debug/")

    def answer(self, request: SeenRequest) -> Answered:
        if len(request.body) > LARGEST:
            return said(413)
        return super().answer(request)

    def lets_in(self, request: Any) -> bool:
        return True

    def refusal(self, request: Any) -> Answered:
        return said(403)

    def carried_out(self, method: str, path: str, query: str, body: Any) -> Answered:
        assert method == "POST"
        assert parse_qs(query) == {"api_secret": [SECRET], "measurement_id": ["G-A1B2"]}
        assert len(body["events"]) <= 25
        if path == "/debug/mp/collect":
            return said(200, {"validationMessages": []})
        assert path == "/mp/collect"
        return said(204)
