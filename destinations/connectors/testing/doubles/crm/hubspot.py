"""HubSpot's contacts.

From: HubSpot-public-api-spec-collection 2026-08 and developers.hubspot.com (batch/upsert, gdpr-
delete, error envelope, rate limit headers; batch/read with idProperty); airbytehq/airbyte PR 76340
(409 for a whole batch); rudderlabs/rudder-transformer hs/networkHandler. What batch/read says of who
is not there is not from these. Not tried against the live service.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from destinations.connectors.testing.doubles.system import Answered, System, said

TOKEN = "pat-eu1-s3cret"
LIMITS = {
    "X_HubSpot_RateLimit_Max": "100",
    "X_HubSpot_RateLimit_Interval_Milliseconds": "10000",
    "X_HubSpot_RateLimit_Daily_Remaining": "249000",
}


class HubSpot(System):
    slug = "hubspot"
    mapping = {
        "id": "{{profile@id}}@x.example",
        "properties": {"mark": "profile@mark", "age": "profile@age"},
    }

    def __init__(self) -> None:
        super().__init__()
        self.credentials = {"token": TOKEN, "base_url": self.url}
        self.wrong_credentials = {**self.credentials, "token": "pat-another-s3cret"}
        self._numbers: dict[str, str] = {}

    def payload(self, number: int) -> Any:
        return {"id": f"person-{number}@x.example", "properties": {f"only_{number}": f"Value {number}"}}

    def refused(self) -> Sequence[Any]:
        return [
            {"id": "a@x.example", "properties": {"age": "ultramarine"}},  # 207
            {"id": "taken@x.example", "properties": {"name": "ultramarine"}},  # 409 for all
            {"id": "b@x.example", "properties": {"name": "ultramarine \ud800"}},
        ]

    def received(self) -> Sequence[Any]:
        calls = [call["inputs"] for call in self.sent() if "inputs" in call]
        done = [call for call in calls if not any(one["id"].startswith("taken") for one in call)]
        return [{"id": one["id"], "properties": one["properties"]} for call in done for one in call]

    def changes(self, request: Any) -> bool:
        return super().changes(request) and not request.path.endswith("/batch/read")

    def lets_in(self, request: Any) -> bool:
        return bool(request.headers.get("Authorization") == f"Bearer {TOKEN}")

    def refusal(self, request: Any) -> Answered:
        told = f"The token {request.headers.get('Authorization')} is invalid"
        return self._fault(401, "INVALID_AUTHENTICATION", told)

    def carried_out(self, method: str, path: str, query: str, body: Any) -> Answered:
        if path == "/crm/v3/properties/contacts":
            plan = {"name": "plan", "label": "Plan", "type": "enumeration", "options": [{"value": "pro"}]}
            return said(200, {"results": [plan]}, **LIMITS)
        path = path.removeprefix("/crm/v3/objects/contacts")
        if method == "GET":
            return said(200, {"results": []}, **LIMITS)
        if path == "/batch/read":
            return self._held(body)
        if path == "/batch/upsert":
            return self._upsert(body["inputs"])
        number = path.removeprefix("/") if method == "DELETE" else body["objectId"]
        gone = self.stored.pop(number, None)
        return said(204) if gone else self._fault(404, "OBJECT_NOT_FOUND", f"no {number}, {TOKEN}")

    def _held(self, asked: Any) -> Answered:
        assert asked["idProperty"] == "email"
        (wanted,) = [one["id"] for one in asked["inputs"]]
        number = self._numbers.get(wanted)
        if number not in self.stored:
            told = f"Could not get some CONTACT objects: {wanted}, {TOKEN}"
            missing = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": told}
            return said(
                207, {"status": "COMPLETE", "results": [], "numErrors": 1, "errors": [missing]}, **LIMITS
            )
        held = {name: self.stored[number].get(name) for name in asked["properties"]}
        found = {"id": number, "properties": {**held, "hs_object_id": number}, "archived": False}
        return said(200, {"status": "COMPLETE", "results": [found]}, **LIMITS)

    def _upsert(self, inputs: Any) -> Answered:
        keys = [one["id"] for one in inputs]
        if len(inputs) > 100 or len(set(keys)) < len(keys):
            return self._fault(400, "VALIDATION_ERROR", f"Duplicate IDs found in batch input: {keys}")
        if any(key.startswith("taken") for key in keys):
            return self._fault(409, "CONFLICT", f"Contact already exists: {inputs}, {TOKEN}")
        results: list[Any] = []
        errors = []
        for one in inputs:
            trace = one["objectWriteTraceId"]
            if not one["properties"].get("age", "1").isdigit():
                text = f"Property values were not valid: {one['properties']}, {TOKEN}"
                context = {"objectWriteTraceId": [trace]}
                errors.append(
                    {"status": "error", "category": "VALIDATION_ERROR", "message": text, "context": context}
                )
                continue
            number = self._numbers.setdefault(one["id"], str(50 + len(self._numbers)))
            is_new = number not in self.stored
            self.stored[number] = one["properties"]
            results.insert(0, {"id": number, "objectWriteTraceId": trace, "new": is_new})
        told: dict[str, Any] = {"status": "COMPLETE", "results": results}
        if errors:
            return said(207, {**told, "numErrors": len(errors), "errors": errors}, **LIMITS)
        return said(200, told, **LIMITS)

    @staticmethod
    def _fault(status: int, category: str, text: str) -> Answered:
        told = {"status": "error", "message": text, "correlationId": "c-1", "category": category}
        return said(status, told, **LIMITS)
