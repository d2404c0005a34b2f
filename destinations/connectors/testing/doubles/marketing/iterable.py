"""Iterable's users.

From: rudderlabs/rudder-transformer v1/iterable/types (bulkUpdate and its answer: successCount,
failCount, and failedUpdates, whose lists hold ids and addresses); api-evangelist/iterable (codes of
errors and their statuses); Iterable/api-client (byUserId, whose `user` is missing where there is
none, and getFields, an object of types by names). The header Api-Key and what a call without users
is answered are not from these. Not tried against the live service.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from destinations.connectors.testing.doubles.system import Answered, System, said

MOST, LARGEST = 1000, 4_000_000  # users of a call, and its bytes
KEY = "iterable-key-s3cret"
KINDS = ("invalid", "invalidData", "notFound", "conflict", "forgotten")


class Iterable(System):
    slug = "iterable"
    mapping = {"email": "profile@mail", "dataFields": {"mark": "profile@mark"}}

    def __init__(self) -> None:
        super().__init__()
        self.credentials = {"api_key": KEY, "base_url": self.url}
        self.wrong_credentials = {**self.credentials, "api_key": "another-s3cret"}

    def payload(self, number: int) -> Any:
        return {"email": f"Person-{number}@x.example", "dataFields": {f"only_{number}": [number, None]}}

    def refused(self) -> Sequence[Any]:
        return [
            {"email": "ultramarine@"},  # named by its address
            {"dataFields": {"age": "ultramarine"}},  # named by its id
            {"dataFields": {"name": "ultramarine \ud800"}},
        ]

    def changes(self, request: Any) -> bool:
        return super().changes(request) and request.body != b'{"users":[]}'

    def received(self) -> Sequence[Any]:
        users = [one for call in self.sent() for one in call["users"]]
        return [{name: one[name] for name in ("email", "dataFields") if name in one} for one in users]

    def lets_in(self, request: Any) -> bool:
        return bool(request.headers.get("Api-Key") == KEY)

    def refusal(self, request: Any) -> Answered:
        return self._fault(401, "BadApiKey", f"Invalid API key {request.headers.get('Api-Key')}")

    def carried_out(self, method: str, path: str, query: str, body: Any) -> Answered:
        if method == "DELETE":
            key = unquote(path.removeprefix("/api/users/byUserId/"))
            gone = self.stored.pop(key, None)
            told = {"msg": "", "code": "Success", "params": None}
            return said(200, told) if gone else self._fault(404, "NotFound", f"no user {key}, {KEY}")
        if path == "/api/users/getFields":
            return said(200, {"fields": {"email": "string", "userId": "string", "firstName": "string"}})
        if method == "GET":
            key = unquote(path.removeprefix("/api/users/byUserId/"))
            return said(200, {"user": self._user(key)} if key in self.stored else {})
        assert path == "/api/users/bulkUpdate"
        return self._bulk(body["users"])

    def _bulk(self, users: Any) -> Answered:
        if len(users) > MOST or len(repr(users)) > LARGEST:
            return self._fault(400, "BatchTooLarge", "too many users")
        failed: dict[str, list[str]] = defaultdict(list)
        for one in users:
            fields = one.get("dataFields", {})
            if one.get("email", "").endswith("@"):
                failed["invalidEmails"].append(one["email"].lower())
            elif isinstance(fields.get("age"), str):
                failed["invalidDataUserIds"].append(one["userId"])
            else:
                self.stored.setdefault(one["userId"], {}).update(
                    {
                        "userId": one["userId"],
                        **{name: one[name] for name in ("email",) if name in one},
                        **fields,
                    }
                )
        lists = {f"{kind}{what}": failed[f"{kind}{what}"] for kind in KINDS for what in ("Emails", "UserIds")}
        count = sum(map(len, lists.values()))
        told = {"successCount": len(users) - count, "failCount": count, "failedUpdates": lists}
        return said(200, told)

    def _user(self, key: str) -> Any:
        held = self.stored[key]
        told = {"email": held["email"]} if "email" in held else {}
        return {**told, "userId": key, "dataFields": held}

    @staticmethod
    def _fault(status: int, code: str, text: str) -> Answered:
        return said(status, {"msg": text, "code": code, "params": None})
