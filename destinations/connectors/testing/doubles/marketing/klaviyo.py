"""Klaviyo's profiles.

From: developers.klaviyo.com, revision 2026-10-15 (profile-import 201 and 200 with data.id; the
required header `revision`; data-privacy-deletion-jobs 202); klaviyo/openapi stable get_profiles
(filter equals(external_id,"..."));  rudderlabs/rudder-transformer
klaviyo/README (errors, 429). Not tried against the live service.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

from destinations.connectors.testing.doubles.system import Answered, System, said

KEY = "pk_s3cret"


class Klaviyo(System):
    slug = "klaviyo"
    mapping = {
        "external_id": "profile@id",
        "email": "profile@mail",
        "properties": {"mark": "profile@mark"},
    }
    leaving = "erase"

    def __init__(self) -> None:
        super().__init__()
        self.credentials = {"api_key": KEY, "base_url": self.url}
        self.wrong_credentials = {**self.credentials, "api_key": "pk_another_s3cret"}

    def payload(self, number: int) -> Any:
        return {"external_id": f"profile-{number}", "properties": {f"only_{number}": [number, None]}}

    def refused(self) -> Sequence[Any]:
        return [
            {"external_id": "ultramarine", "email": "ultramarine@"},
            {"external_id": "a", "properties": {"a": "ultramarine \ud800"}},
        ]

    def received(self) -> Sequence[Any]:
        return [call["data"]["attributes"] for call in self.sent() if call["data"]["type"] == "profile"]

    def lets_in(self, request: Any) -> bool:
        return bool(request.headers.get("Authorization") == f"Klaviyo-API-Key {KEY}")

    def refusal(self, request: Any) -> Answered:
        return self._fault(401, "not_authenticated", f"Invalid key {request.headers.get('Authorization')}")

    def answer(self, request: Any) -> Answered:
        if request.headers.get("revision") != "2026-10-15":
            return self._fault(400, "invalid", "the header revision is missing")
        return super().answer(request)

    def carried_out(self, method: str, path: str, query: str, body: Any) -> Answered:
        if path == "/api/profiles":
            return said(200, {"data": self._found(parse_qs(query)), "links": {"self": path, "next": None}})
        if path == "/api/data-privacy-deletion-jobs":
            about = body["data"]["attributes"]["profile"]["data"]
            gone = self.stored.pop(about["id"], None)
            return said(202) if gone else self._fault(404, "not_found", f"no {about['id']}, {KEY}")
        attributes = body["data"]["attributes"]
        if attributes.get("email", "").endswith("@"):
            return self._fault(
                400, "invalid", f"{attributes['email']} is no address", "/data/attributes/email"
            )
        number = f"01{attributes['external_id']}"
        is_new = number not in self.stored
        self.stored[number] = attributes
        return said(201 if is_new else 200, {"data": {"type": "profile", "id": number}})

    def _found(self, query: dict[str, list[str]]) -> list[Any]:
        (wanted,) = query.get("filter", [""])
        return [
            {"type": "profile", "id": number, "attributes": {"email": None, "title": None, **one}}
            for number, one in self.stored.items()
            if wanted == f"equals(external_id,{json.dumps(one['external_id'])})"
        ]

    @staticmethod
    def _fault(status: int, code: str, detail: str, pointer: str = "/data") -> Answered:
        fault = {"id": "1", "status": status, "code": code, "detail": detail, "source": {"pointer": pointer}}
        return said(status, {"errors": [fault]})
