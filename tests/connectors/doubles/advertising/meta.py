"""Meta's custom audiences.

From: developers.facebook.com marketing-api/reference/custom-audience/users (POST and DELETE, the answer
with num_received and num_invalid_entries, error codes, 1713230 for a restricted audience, up to 10,000
rows) and audiences/guides/custom-audiences (EXTERN_ID, which is not hashed and is enough to delete; what is
not known is blank) and graph-api/securing-requests (appsecret_proof, which the app may require);
segmentio/action-destinations facebook-custom-audiences and rudderlabs/rudder-transformer fb_custom_audience
(rows in the order of the schema, statuses and texts of errors, 60 kB). Codes 33 and 803 are of the Graph
API. Not tried against the live service.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from destinations.connectors.testing.doubles.system import Answered, System, said

TOKEN = "EAAB-access-s3cret"
APP_SECRET = "app-s3cret-of-meta"
AUDIENCE = "120208749119170125"
HASHED = ("EMAIL", "PHONE", "FN", "LN", "GEN", "DOBY", "DOBM", "DOBD", "CT", "ST", "ZIP", "COUNTRY")


class MetaAudiences(System):
    slug = "meta_audiences"
    settings = {"audience": AUDIENCE}
    may_manage: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.credentials = {"access_token": TOKEN, "app_secret": APP_SECRET, "base_url": self.url}
        self.wrong_credentials = {**self.credentials, "access_token": "another-s3cret"}

    def payload(self, number: int) -> Any:
        found = {HASHED[number % len(HASHED)]: "a" * 64, "EMAIL": sha256(b"%d" % number).hexdigest()}
        return {name: found[name] for name in HASHED if name in found}

    def refused(self) -> Sequence[Any]:
        return [{"MADID": "ultramarine"}, {"EMAIL": "ultramarine@x.example"}, {"MADID": "ultramarine \ud800"}]

    def received(self) -> Sequence[Any]:
        calls = [one["payload"] for one in self.sent()]
        rows = [dict(zip(call["schema"], row, strict=True)) for call in calls for row in call["data"]]
        return [{name: row[name] for name in row if row[name] and name != "EXTERN_ID"} for row in rows]

    def lets_in(self, request: Any) -> bool:
        proof = hmac.new(APP_SECRET.encode(), TOKEN.encode(), "sha256").hexdigest()
        given = parse_qs(urlsplit(request.path).query).get("appsecret_proof")
        return bool(request.headers.get("Authorization") == f"Bearer {TOKEN}") and given == [proof]

    def refusal(self, request: Any) -> Answered:
        told = f"Invalid OAuth access token - {request.headers.get('Authorization')}"
        return _wrong(400, told, 190)

    def carried_out(self, method: str, path: str, query: str, body: Any) -> Answered:
        if not path.startswith(f"/v25.0/{AUDIENCE}"):
            told = f"Unsupported {method.lower()} request. Object with ID {path} does not exist"
            return _wrong(400, told, 100, error_subcode=33)
        if not self.may_manage:
            told = "(#294) Managing advertisements requires the extended permission for ads_management"
            return _wrong(403, told, 294)
        if method == "GET":
            status = {"code": 200, "description": "Normal"}
            return said(200, {"id": AUDIENCE, "name": "Customers", "operation_status": status})
        assert path.endswith("/users")
        schema, rows = body["payload"]["schema"], body["payload"]["data"]
        if len(rows) > 10_000 or len(str(body)) > 60_000:
            return _wrong(400, "(#105) The number of parameters exceeded the maximum", 105)
        assert all(len(row) == len(schema) for row in rows)
        people = [dict(zip(schema, row, strict=True)) for row in rows]
        wrong = [one["EXTERN_ID"] for one in people if not all(map(_is_formed, one.items()))]
        for one in people:
            if method == "DELETE":
                self.stored.pop(one["EXTERN_ID"], None)
            elif one["EXTERN_ID"] not in wrong:
                self.stored[one["EXTERN_ID"]] = one
        told = {"audience_id": AUDIENCE, "session_id": str(len(self.seen)), "num_received": len(rows)}
        samples = {one: f"{one} {TOKEN}" for one in wrong}
        return said(200, {**told, "num_invalid_entries": len(wrong), "invalid_entry_samples": samples})


def _is_formed(field: tuple[str, str]) -> bool:
    name, value = field
    if name == "MADID":
        return bool(re.fullmatch(r"[0-9A-Fa-f-]{36}|", value))
    return name == "EXTERN_ID" or bool(re.fullmatch(r"[0-9a-f]{64}|", value))


def _wrong(status: int, message: str, code: int, **more: Any) -> Answered:
    told = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "AbC", **more}
    return said(status, {"error": told})
