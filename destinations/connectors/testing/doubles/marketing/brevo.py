"""Brevo's contacts.

From: developers.brevo.com (POST /contacts: 201 with id, 204 for an update; `duplicate_parameter`;
headers x-sib-ratelimit-*; reference/get-contact-info: identifierType=ext_id); api-evangelist/brevo
errors; PostHog's template. Deletion by ext_id is from the same documentation; none of it was tried
against the live service.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, unquote

from destinations.connectors.testing.doubles.system import Answered, System, said

KEY = "xkeysib-s3cret"


class Brevo(System):
    slug = "brevo"
    settings = {"lists": [12]}
    mapping = {"email": "profile@mail", "attributes": {"MARK": "profile@mark"}}

    def __init__(self) -> None:
        super().__init__()
        self.credentials = {"api_key": KEY, "base_url": f"{self.url}/v3"}
        self.wrong_credentials = {**self.credentials, "api_key": "another-s3cret"}

    def payload(self, number: int) -> Any:
        return {"email": f"person-{number}@x.example", "attributes": {f"ONLY_{number}": f"Value {number}"}}

    def refused(self) -> Sequence[Any]:
        return [
            {"email": "ultramarine@"},
            {"email": "a@x.example", "attributes": {"A": "ultramarine \ud800"}},
        ]

    def received(self) -> Sequence[Any]:
        return [{name: one[name] for name in ("email", "attributes") if name in one} for one in self.sent()]

    def lets_in(self, request: Any) -> bool:
        return bool(request.headers.get("api-key") == KEY)

    def refusal(self, request: Any) -> Answered:
        return said(
            401, {"code": "unauthorized", "message": f"Key not found: {request.headers.get('api-key')}"}
        )

    def carried_out(self, method: str, path: str, query: str, body: Any) -> Answered:
        if path == "/v3/contacts/attributes":
            return said(200, {"attributes": [{"name": "FIRSTNAME", "category": "normal", "type": "text"}]})
        if method != "POST":
            assert parse_qs(query) == {"identifierType": ["ext_id"]}
            return self._contact(method, unquote(path.removeprefix("/v3/contacts/")))
        if body["email"].endswith("@"):
            return said(400, {"code": "invalid_parameter", "message": f"{body['email']} is not valid, {KEY}"})
        is_new = body["ext_id"] not in self.stored
        self.stored[body["ext_id"]] = body
        return said(201, {"id": len(self.stored)}) if is_new else said(204)

    def _contact(self, method: str, key: str) -> Answered:
        held = self.stored.pop(key, None) if method == "DELETE" else self.stored.get(key)
        if held is None:
            return said(
                404, {"code": "document_not_found", "message": f"Contact {key} does not exist, {KEY}"}
            )
        if method == "DELETE":
            return said(204)
        told = {"id": 1, "email": held["email"], "emailBlacklisted": False, "smsBlacklisted": False}
        attributes = {**held.get("attributes", {}), "EXT_ID": key}
        return said(200, {**told, "listIds": held.get("listIds", []), "attributes": attributes})
