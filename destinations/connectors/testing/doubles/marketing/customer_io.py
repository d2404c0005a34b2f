"""Customer.io's Track API.

From: docs.customer.io (v2 batch, suppress); rudderlabs/rudder-transformer customerio/README;
airbytehq/airbyte CustomerIoLoader.kt (`/api/v1/accounts/region`, `errors[].batch_index`). Not
tried against the live service.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from destinations.connectors.testing.doubles.system import Answered, System, said

LARGEST = 500_000  # bytes of a batch
KEY = "track-key-s3cret"


class CustomerIo(System):
    slug = "customer_io"
    mapping = {"email": "profile@mail", "mark": "profile@mark"}

    def __init__(self) -> None:
        super().__init__()
        self.credentials = {"site_id": "site-1", "api_key": KEY, "base_url": self.url}
        self.wrong_credentials = {**self.credentials, "api_key": "another-s3cret"}
        self.suppressed: set[str] = set()

    def payload(self, number: int) -> Any:
        return {"email": f"person-{number}@x.example", f"only_{number}": number}

    def refused(self) -> Sequence[Any]:
        return [{"email": "ultramarine"}, {"name": "ultramarine \ud800"}]

    def received(self) -> Sequence[Any]:
        return [one["attributes"] for call in self.sent() for one in call["batch"]]

    def lets_in(self, request: Any) -> bool:
        kind, _space, pair = request.headers.get("Authorization", "").partition(" ")
        return kind == "Basic" and b64decode(pair).decode() == f"site-1:{KEY}"

    def refusal(self, request: Any) -> Answered:
        return said(401, {"meta": {"error": f"Unauthorized: {request.headers.get('Authorization')}"}})

    def carried_out(self, method: str, path: str, query: str, body: Any) -> Answered:
        if path == "/api/v1/accounts/region":
            return said(200, {"region": "us", "url": "track.customer.io", "data_center": "us"})
        if path == "/api/v2/batch":
            return self._batch(body["batch"])
        key, _slash, action = path.removeprefix("/api/v1/customers/").partition("/")
        self.stored.pop(unquote(key), None)
        if action == "suppress":
            self.suppressed.add(unquote(key))
        return said(200, {})

    def _batch(self, items: Any) -> Answered:
        if sum(len(repr(one)) for one in items) > LARGEST:
            return said(413, {"meta": {"error": "too large"}})
        errors = []
        for at, one in enumerate(items):
            address = one["attributes"].get("email", "a@b")
            if not address.partition("@")[2]:
                told = {"reason": "invalid", "field": "email", "message": f"{address} is no address, {KEY}"}
                errors.append({"batch_index": at, **told})
            elif one["identifiers"]["id"] not in self.suppressed:
                self.stored.setdefault(one["identifiers"]["id"], {}).update(one["attributes"])
        return said(207 if errors else 200, {"errors": errors})
