"""Ghost's members, by its Admin API.

From a real Ghost 5.99.1 (npm, Node 20, SQLite), asked by hand: statuses, headers and bodies of tokens that it
refuses (401), of a key whose role lacks the right (403), of addresses that are taken, wrong or missing (422),
of what is not there (404), of a search that finds nothing, and of a label that is made by its name. The
manifest was run against it, too.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qs

from destinations.connectors.testing.doubles.system import Answered, System, said

KEY_ID, SECRET = "6b09708822c4ab63aea7445d", "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
MEMBERS = "/ghost/api/admin/members/"


class Ghost(System):
    slug = "ghost"
    settings = {"subscribe_new": True}
    mapping = {"email": "profile@mail", "name": "profile@mark"}
    may: ClassVar[bool] = True  # whether the key's role has members
    on_signup: ClassVar[str] = "6b09706322c4ab63aea741fb"  # the newsletter of who signs up

    def __init__(self) -> None:
        super().__init__()
        self.credentials = {"base_url": self.url, "admin_key": f"{KEY_ID}:{SECRET}"}
        self.wrong_credentials = {**self.credentials, "admin_key": f"{KEY_ID}:{SECRET[::-1]}"}
        # a repeat finds what the first one has made, and updates it; a token has the moment in it
        self.varies = ("method", "url", "Authorization")
        self.told = ""  # what is wrong with the last token

    def payload(self, number: int) -> Any:
        return {"email": f"person-{number}@x.example", "name": f"Person {number}", "labels": [f"L{number}"]}

    def refused(self) -> Sequence[Any]:
        return [{"email": "ultramarine@"}, {"email": "a@x.example", "name": "ultramarine \ud800"}]

    def received(self) -> Sequence[Any]:
        members = [one for call in self.sent() for one in call["members"]]
        return [
            {
                **{name: one[name] for name in ("email", "name") if name in one},
                **({"labels": [label["name"] for label in one["labels"]]} if "labels" in one else {}),
            }
            for one in members
        ]

    def lets_in(self, request: Any) -> bool:
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        signed, _dot, signature = token.rpartition(".")
        header, claims = (json.loads(_decoded(part)) for part in signed.split("."))
        assert scheme == "Ghost"
        made = hmac.new(bytes.fromhex(SECRET), signed.encode(), hashlib.sha256).digest()
        if header["kid"] != KEY_ID:
            self.told = "Unknown Admin API Key"
        elif header["alg"] != "HS256" or _decoded(signature) != made:
            self.told = "Invalid token: invalid signature"
        elif not re.search(r"/?admin/?$", claims["aud"]):
            self.told = r"Invalid token: jwt audience invalid. expected: /\/?admin\/?$/"
        elif not claims["iat"] <= time.time() + 1 < claims["exp"] <= claims["iat"] + 300:
            self.told = "Invalid token: jwt expired"
        else:
            return True
        return False

    def refusal(self, request: Any) -> Answered:
        return _wrong(401, self.told, None, "UnauthorizedError")

    def carried_out(self, method: str, path: str, query: str, body: Any) -> Answered:
        if not path.endswith("/"):
            return 301, {"Location": f"{path}/"}, b""
        if not path.startswith(MEMBERS):
            return 404, {"Content-Type": "text/html; charset=utf-8"}, b"<html>404</html>"
        doing = {"GET": "read", "POST": "save", "PUT": "edit", "DELETE": "delete"}[method]
        if not self.may:
            word = "You do not have permission to browse members"
            return _wrong(403, f"Permission error, cannot {doing} member.", word, "NoPermissionError")
        number = path.removeprefix(MEMBERS).rstrip("/")
        if not number:
            return self._found(query) if method == "GET" else self._saved(doing, "", body["members"][0])
        if number not in self.stored:
            told = f"Resource not found error, cannot {doing} member."
            return _wrong(404, told, f"Could not find Member {number}", "NotFoundError")
        if method == "DELETE":
            del self.stored[number]
            return said(204)
        if method == "GET":
            return said(200, {"members": [self.stored[number]]})
        return self._saved(doing, number, body["members"][0])

    def _found(self, query: str) -> Answered:
        wanted = parse_qs(query)
        members = list(self.stored.values())
        if "filter" in wanted:
            (text,) = wanted["filter"]
            match = re.fullmatch(r"email:'((?:\\['\"]|[^'\"])+)'", text)
            if not match:
                told = "Request not understood error, cannot list members."
                return _wrong(400, told, "Error parsing filter", "BadRequestError")
            address = match[1].replace("\\'", "'")
            members = [one for one in members if one["email"] == address]
        shown = [{"id": one["id"], "labels": one["labels"]} for one in members[: int(wanted["limit"][0])]]
        return said(200, {"members": shown, "meta": {"pagination": {"page": 1, "total": len(members)}}})

    def _saved(self, doing: str, number: str, given: Any) -> Answered:
        told = f"Validation error, cannot {doing} member."
        if not re.fullmatch(r"[^@]+@[^@]+\.\w+", given["email"]):
            return _wrong(422, told, f"Invalid Email {given['email']}", "ValidationError", "email")
        if any(one["email"] == given["email"] and one["id"] != number for one in self.stored.values()):
            word = f"Attempting to {'edit' if number else 'add'} member with existing email address"
            return _wrong(422, told, f"Member already exists. {word}", "ValidationError", "email")
        usual = {"name": None, "note": None, "labels": [], "newsletters": [{"id": self.on_signup}]}
        before = self.stored.get(number) or {"id": f"6b0970{len(self.seen):018x}", **usual}
        made = {**before, **given}
        made["labels"] = [{**one, "id": f"l-{one['name']}", "slug": one["name"]} for one in made["labels"]]
        self.stored[made["id"]] = made
        return said(200 if number else 201, {"members": [made]})


def _wrong(status: int, message: str, context: str | None, kind: str, field: str | None = None) -> Answered:
    told = {"message": message, "context": context, "type": kind, "property": field, "code": None}
    return said(status, {"errors": [told]})


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))
