"""Mailchimp's audiences.

From: kestra's plugin and hexdocs (batch of members: new_members, updated_members, errors); api-
evangelist/mailchimp (limits, errors); hexdocs and docs.rs mailchimp (a member);
rudderlabs/rudder-transformer mailchimp (merge tags).
Archiving and delete-permanent are from the vendor's documentation and were not tried against the
live service.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

from destinations.connectors.testing.doubles.system import Answered, System, said

KEY = "s3cret-key-us19"


class Mailchimp(System):
    slug = "mailchimp"
    settings = {"audience": "a1b2c3"}
    mapping = {"email_address": "profile@mail", "merge_fields": {"MARK": "profile@mark"}}

    def __init__(self) -> None:
        super().__init__()
        self.credentials = {"api_key": KEY, "base_url": f"{self.url}/3.0"}
        self.wrong_credentials = {**self.credentials, "api_key": "another-s3cret-us19"}

    def payload(self, number: int) -> Any:
        return {"email_address": f"person-{number}@x.example", "merge_fields": {f"M{number}": f"V {number}"}}

    def refused(self) -> Sequence[Any]:
        return [
            {"email_address": "ultramarine@"},
            {"email_address": "a@x.example", "merge_fields": {"A": "ultramarine \ud800"}},
        ]

    def received(self) -> Sequence[Any]:
        members = [one for call in self.sent() for one in call["members"]]
        return [
            {name: one[name] for name in ("email_address", "merge_fields") if name in one} for one in members
        ]

    def lets_in(self, request: Any) -> bool:
        kind, _space, pair = request.headers.get("Authorization", "").partition(" ")
        return kind == "Basic" and b64decode(pair).decode().partition(":")[2] == KEY

    def refusal(self, request: Any) -> Answered:
        return self._fault(401, "API Key Invalid", f"{request.headers.get('Authorization')} is disabled")

    def carried_out(self, method: str, path: str, query: str, body: Any) -> Answered:
        if not path.startswith("/3.0/lists/a1b2c3"):
            return self._fault(404, "Resource Not Found", f"nothing at {path}")
        path = path.removeprefix("/3.0/lists/a1b2c3")
        if path == "/merge-fields":
            return said(200, {"merge_fields": [{"tag": "FNAME", "type": "text"}]})
        if not path:
            return self._members(body)
        number = path.removeprefix("/members/").partition("/")[0]
        gone = self.stored.get(number) if method == "GET" else self.stored.pop(number, None)
        if gone and method == "GET":
            told = {"email_address": gone["email_address"], "merge_fields": gone.get("merge_fields", {})}
            return said(200, {"id": number, "status": gone["status_if_new"], "list_id": "a1b2c3", **told})
        return said(204) if gone else self._fault(404, "Resource Not Found", f"no {number}, {KEY}")

    def _members(self, body: Any) -> Answered:
        assert body["update_existing"] is True
        if len(body["members"]) > 500:
            return self._fault(400, "Invalid Resource", "too many members")
        told: dict[str, Any] = {"new_members": [], "updated_members": [], "errors": []}
        for one in body["members"]:
            address = one["email_address"]
            number = hashlib.md5(address.lower().encode(), usedforsecurity=False).hexdigest()
            if address.endswith("@"):
                text = f"{address} looks fake or invalid, {KEY}"
                told["errors"].append(
                    {"email_address": address, "error": text, "error_code": "ERROR_GENERIC"}
                )
                continue
            kind = "updated_members" if number in self.stored else "new_members"
            told[kind].append({"email_address": address, "status": one["status_if_new"]})
            self.stored[number] = one
        return said(200, told)

    @staticmethod
    def _fault(status: int, title: str, detail: str) -> Answered:
        told = {"type": "about:blank", "title": title, "status": status, "detail": detail, "instance": "i-1"}
        return said(status, told)
