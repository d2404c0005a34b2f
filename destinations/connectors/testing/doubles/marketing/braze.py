"""Braze's users.

From: braze.com/docs (users/track: at most 75 attribute objects, 413 above 4 MB; users/delete: at
most 50 ids; users/export/ids: its fields, custom_attributes apart, invalid_user_ids;
custom_attributes: 50 in alphabetical order, the header Link with the cursor of the next page);
segmentio/action-destinations braze/utils (`message` "success" with `errors` is a
partial success, their `index` counts within `input_array`); rudderlabs/rudder-transformer
braze/README (X-Ratelimit-Retry-After of a 429). The statuses 201 and 401, and 400 for a call
without users, are not from these. Not tried against the live service.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from destinations.connectors.testing.doubles.system import Answered, System, said

MOST, LARGEST = 75, 4 * 1024 * 1024  # attribute objects of a call, and its bytes
KEY = "braze-key-s3cret"
LIMITS = {"X_RateLimit_Limit": "250000", "X_RateLimit_Remaining": "249999", "X_RateLimit_Reset": "3"}


class Braze(System):
    slug = "braze"
    mapping = {"email": "profile@mail", "mark": "profile@mark"}

    def __init__(self) -> None:
        super().__init__()
        self.credentials = {"api_key": KEY, "base_url": self.url}
        self.wrong_credentials = {**self.credentials, "api_key": "another-s3cret"}

    def payload(self, number: int) -> Any:
        return {"email": f"person-{number}@x.example", f"only_{number}": [number]}

    def refused(self) -> Sequence[Any]:
        return [{"email": "ultramarine"}, {"name": "ultramarine \ud800"}]

    def changes(self, request: Any) -> bool:
        return super().changes(request) and (
            request.body != b'{"attributes":[]}' and request.path != "/users/export/ids"
        )

    def received(self) -> Sequence[Any]:
        users = [one for call in self.sent() for one in call["attributes"]]
        return [{name: one[name] for name in one if name != "external_id"} for one in users]

    def lets_in(self, request: Any) -> bool:
        return bool(request.headers.get("Authorization") == f"Bearer {KEY}")

    def refusal(self, request: Any) -> Answered:
        return said(401, {"message": f"Invalid API key: {request.headers.get('Authorization')}"})

    def carried_out(self, method: str, path: str, query: str, body: Any) -> Answered:
        if path == "/users/delete":
            gone = [one for one in body["external_ids"] if self.stored.pop(one, None)]
            return said(201, {"deleted": len(gone), "message": "success"}, **LIMITS)
        if path == "/users/export/ids":
            return self._exported(body["external_ids"], body["fields_to_export"])
        if path == "/custom_attributes":
            return self._attributes(query)
        if path != "/users/track":
            return said(404, {"message": "no such endpoint"})
        return self._track(body["attributes"])

    def _exported(self, keys: Any, fields: Any) -> Answered:
        users = []
        for key in keys:
            if key in self.stored:
                held = self.stored[key]
                standard = {name: held[name] for name in held if name in fields}
                custom = {name: held[name] for name in held if name not in fields}
                users.append({**standard, "custom_attributes": custom} if custom else standard)
        missing = [key for key in keys if key not in self.stored]
        told = {"message": "success", "users": users}
        return said(201, {**told, "invalid_user_ids": missing} if missing else told, **LIMITS)

    def _attributes(self, query: str) -> Answered:
        names = [f"attribute_{number:02}" for number in range(70)]
        start = int(query.removeprefix("cursor=") or 0)
        shown: list[Any] = [
            {"name": one, "data_type": "String", "description": None, "status": "Active", "tag_names": []}
            for one in names[start : start + 50]
        ]
        more = {}
        if names[start + 50 :]:
            more["Link"] = f'<{self.url}/custom_attributes/?cursor={start + 50}>; rel="next"'
        return said(200, {"message": "success", "attributes": shown}, **more)

    def _track(self, users: Any) -> Answered:
        if not users or len(users) > MOST:
            return said(400, {"message": f"Valid data must be provided, {KEY}"}, **LIMITS)
        if len(repr(users)) > LARGEST:
            return said(413, {"message": "Payload Too Large"})
        errors = []
        for at, one in enumerate(users):
            address = one.get("email", "a@b")
            if not address.partition("@")[2]:
                text = f"{address} is no valid address, {KEY}"
                errors.append({"type": text, "input_array": "attributes", "index": at})
            else:
                self.stored.setdefault(one["external_id"], {}).update(one)
        told: dict[str, Any] = {"message": "success", "attributes_processed": len(users) - len(errors)}
        return said(201, {**told, "errors": errors} if errors else told, **LIMITS)
