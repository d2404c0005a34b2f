"""Incoming webhooks of Slack and of Teams: the address is the secret.

Slack, from docs.slack.dev: the text ok, errors as text with 400, 403, 404 and 410. That an empty message is
answered with 400 and posts nothing is known from use, as is 404 no_service for an unknown webhook. Teams,
from learn.microsoft.com: a workflow "When a Teams webhook request is received", Adaptive Cards; that it says
202, 401 to a wrong signature and 400 to an input that does not fit is known of Azure Logic Apps. Neither was
tried against the live service.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from destinations.connectors.testing import SeenRequest
from destinations.connectors.testing.doubles.system import Answered, System, said

SLACK_PATH = "/services/T0SL4CK/B0SL4CK/sl4ck-webhook-s3cret"
TEAMS_PATH = "/workflows/w0/triggers/manual/paths/invoke"
SIGNATURE = "te4ms-signature-s3cret"


class Slack(System):
    slug = "slack"

    def __init__(self) -> None:
        super().__init__()
        self.credentials = {"webhook_url": self.url + SLACK_PATH}
        self.wrong_credentials = {"webhook_url": f"{self.url}/services/T0SL4CK/B0SL4CK/another-s3cret"}

    def secrets(self) -> Iterable[str]:
        return [SLACK_PATH, SLACK_PATH.rpartition("/")[2]]

    def payload(self, number: int) -> Any:
        return {"text": f"Person {number} has changed", f"only_{number}": "x"}

    def refused(self) -> Sequence[Any]:
        return [{"text": "a", "blocks": [{"type": "ultramarine"}]}, {"text": "ultramarine \ud800"}]

    def received(self) -> Sequence[Any]:
        return self.sent()

    def changes(self, request: SeenRequest) -> bool:
        return request.body != b"{}"

    def lets_in(self, request: Any) -> bool:
        return bool(request.path == SLACK_PATH)

    def refusal(self, request: Any) -> Answered:
        return _text(404, f"no_service {request.path}")

    def carried_out(self, method: str, path: str, query: str, body: Any) -> Answered:
        assert method == "POST"
        if not body.get("text"):
            return _text(400, "no_text")
        if body.get("blocks"):
            return _text(400, f"invalid_payload {body['blocks']} {SLACK_PATH}")
        return _text(200, "ok")


class Teams(System):
    slug = "teams"

    def __init__(self) -> None:
        super().__init__()
        address = f"{self.url}{TEAMS_PATH}?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig="
        self.credentials = {"webhook_url": address + SIGNATURE}
        self.wrong_credentials = {"webhook_url": f"{address}another-s3cret"}

    def payload(self, number: int) -> Any:
        return {
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [{"type": "TextBlock", "text": f"Person {number}"}],
        }

    def refused(self) -> Sequence[Any]:
        return [
            {"type": "AdaptiveCard", "version": "1.4", "body": [{"type": "ultramarine"}]},
            {"type": "AdaptiveCard", "version": "1.4", "body": ["ultramarine \ud800"]},
        ]

    def received(self) -> Sequence[Any]:
        return [one["attachments"][0]["content"] for one in self.sent()]

    def lets_in(self, request: Any) -> bool:
        return bool(request.path.startswith(TEAMS_PATH) and request.path.endswith(f"&sig={SIGNATURE}"))

    def refusal(self, request: Any) -> Answered:
        told = f"The request is not authorized: {request.path}"
        return said(401, {"error": {"code": "DirectApiAuthorizationRequired", "message": told}})

    def carried_out(self, method: str, path: str, query: str, body: Any) -> Answered:
        if method != "POST":
            return said(405)
        assert body["type"] == "message"
        (attachment,) = body["attachments"]
        assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        if any(one["type"] != "TextBlock" for one in attachment["content"]["body"]):
            told = f"The input {attachment['content']} does not match, {SIGNATURE}"
            return said(400, {"error": {"code": "TriggerInputSchemaMismatch", "message": told}})
        return said(202)


def _text(status: int, text: str) -> Answered:
    return status, {"Content-Type": "text/plain"}, text.encode()
