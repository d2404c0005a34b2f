"""Intercom's contacts.

From: developers.intercom.com (POST /contacts, PUT and DELETE /contacts/{id}, POST /contacts/search, the
list of errors, 409 with the id in its text, X-RateLimit-Reset in epoch seconds, Intercom-Version, GET
/data_attributes); segmentio/action-destinations intercom (the search lags behind writes). Not tried against
the live service.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from destinations.connectors.testing.doubles.system import Answered, System, said

TOKEN = "intercom-token-s3cret"
NAMES = ("email", "name", "phone", "custom_attributes")


class Intercom(System):
    slug = "intercom"
    mapping = {"email": "profile@mail", "custom_attributes": {"mark": "profile@mark"}}
    varies = ("method", "url")  # a repeat finds what the first one has made, and updates it

    def __init__(self) -> None:
        super().__init__()
        self.credentials = {"token": TOKEN, "base_url": self.url}
        self.wrong_credentials = {**self.credentials, "token": "another-s3cret"}

    def payload(self, number: int) -> Any:
        return {"name": f"Person {number}", "custom_attributes": {f"only_{number}": number}}

    def refused(self) -> Sequence[Any]:
        return [{"email": "ultramarine@"}, {"name": "ultramarine \ud800"}]

    def changes(self, request: Any) -> bool:
        return super().changes(request) and request.path != "/contacts/search"

    def received(self) -> Sequence[Any]:
        return [{name: one[name] for name in NAMES if name in one} for one in self.sent()]

    def lets_in(self, request: Any) -> bool:
        return bool(request.headers.get("Authorization") == f"Bearer {TOKEN}")

    def refusal(self, request: Any) -> Answered:
        return self._fault(
            401, "unauthorized", f"Access Token Invalid {request.headers.get('Authorization')}"
        )

    def answer(self, request: Any) -> Answered:
        if request.headers.get("Intercom-Version") != "2.13":
            return self._fault(400, "intercom_version_invalid", "no such version")
        status, headers, body = super().answer(request)
        left = {"X-RateLimit-Limit": "1666", "X-RateLimit-Remaining": "1600"}
        return status, {**headers, **left, "X-RateLimit-Reset": str(int(time.time()) + 10)}, body

    def carried_out(self, method: str, path: str, query: str, body: Any) -> Answered:
        if path == "/contacts/search":
            found = [one for one in self.stored.values() if one["external_id"] == body["query"]["value"]]
            return said(200, {"type": "list", "data": found, "total_count": len(found)})
        if path == "/data_attributes":
            assert query == "model=contact"
            kind = {"type": "data_attribute", "model": "contact", "data_type": "string", "archived": False}
            plan = {"full_name": "custom_attributes.plan", "label": "Plan", "options": ["free", "pro"]}
            found = [
                {**kind, **plan, "api_writable": True},
                {**kind, "full_name": "id", "api_writable": False},
            ]
            return said(200, {"type": "list", "data": found})
        number = path.removeprefix("/contacts").removeprefix("/")
        if number and number not in self.stored:
            return self._fault(404, "not_found", f"User Not Found: {number}, {TOKEN}")
        if method == "DELETE":
            del self.stored[number]
            return said(200, {"type": "contact", "id": number, "deleted": True})
        return self._saved(number, body)

    def _saved(self, number: str, body: Any) -> Answered:
        if body.get("email", "").endswith("@"):
            return self._fault(400, "parameter_invalid", f"{body['email']} is no address, {TOKEN}")
        same = [one["id"] for one in self.stored.values() if one["external_id"] == body["external_id"]]
        if same and not number:
            told = f"A contact matching those details already exists with id={same[0]}"
            return self._fault(409, "conflict", told)
        number = number or f"5da6{len(self.seen):04}"
        self.stored[number] = {**self.stored.get(number, {}), **body, "type": "contact", "id": number}
        return said(200, self.stored[number])

    @staticmethod
    def _fault(status: int, code: str, text: str) -> Answered:
        told = {"type": "error.list", "request_id": "r-1", "errors": [{"code": code, "message": text}]}
        return said(status, told)
