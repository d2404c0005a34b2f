"""Service accounts of Google, and Pub/Sub.

From: developers.google.com/identity/protocols/oauth2/service-account (assertion by RS256, `invalid_grant`);
cloud.google.com/pubsub/docs/reference/rest (`:publish` with messageIds in order, `:testIamPermissions`, which
answers an empty object for what may not be done); apache/nifi (one ordering key in a call); google.rpc's form
of errors. There is no emulator to be had here: nothing was tried against the live service.
"""

from __future__ import annotations

import json
import time
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from destinations.connectors.testing.doubles.system import Answered, System, said
from tests.connectors.http.test_auth import KEY, rfc_key

ACCOUNT = "tracsync@acme-1.iam.gserviceaccount.com"
TOKEN = "ya29.access-s3cret"


class GoogleService(System):
    """A service that takes access tokens, with the address that gives them."""

    scope: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        account = {"client_email": ACCOUNT, "private_key": KEY, "private_key_id": "key-7"}
        self.credentials = {**account, "token_url": f"{self.url}/token", "base_url": self.url}
        self.wrong_credentials = {
            **self.credentials,
            "client_email": "another@acme-1.iam.gserviceaccount.com",
        }

    def secrets(self) -> Iterable[str]:
        return [TOKEN]

    def lets_in(self, request: Any) -> bool:
        return request.path == "/token" or request.headers.get("Authorization") == f"Bearer {TOKEN}"

    def refusal(self, request: Any) -> Answered:
        told = f"Request had invalid authentication credentials: {request.headers.get('Authorization')}"
        return wrong(401, "UNAUTHENTICATED", told)

    def read(self, request: Any) -> Any:
        if request.path == "/token":
            return {name: one for name, (one,) in parse_qs(request.body.decode()).items()}
        return super().read(request)

    def token(self, asked: Any) -> Answered:
        signed, _dot, signature = asked["assertion"].rpartition(".")
        header, claims = (json.loads(_decoded(part)) for part in signed.split("."))
        try:
            rfc_key().public_key().verify(_decoded(signature), signed.encode(), PKCS1v15(), SHA256())
        except InvalidSignature:
            return said(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        if claims["iss"] != ACCOUNT:
            told = "Invalid grant: account not found"
            return said(400, {"error": "invalid_grant", "error_description": told})
        assert header == {"alg": "RS256", "typ": "JWT", "kid": "key-7"}
        assert (claims["scope"], claims["aud"]) == (self.scope, f"{self.url}/token")
        assert claims["iat"] <= time.time() + 5 < claims["exp"] <= claims["iat"] + 3600
        return said(200, {"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"})


class PubSub(GoogleService):
    slug = "google_pubsub"
    scope = "https://www.googleapis.com/auth/pubsub"
    settings = {"topic": "profiles", "ordering": False}
    permissions: ClassVar[Sequence[str]] = ["pubsub.topics.publish"]
    largest: ClassVar[int] = 10_000  # bytes of a message; Google's own limit is 10 MB

    def __init__(self) -> None:
        super().__init__()
        self.credentials = {**self.credentials, "project_id": "acme-1"}
        self.wrong_credentials = {**self.wrong_credentials, "project_id": "acme-1"}

    def payload(self, number: int) -> Any:
        return {"id": f"person-{number}", f"only_{number}": "x"}

    def refused(self) -> Sequence[Any]:
        return [{"about": "ultramarine " * 1000}, {"name": "ultramarine \ud800"}]

    def changes(self, request: Any) -> bool:
        return bool(request.path.endswith(":publish"))

    def messages(self) -> list[Any]:
        """All that were published, oldest first, with what their data say in place of it."""
        found = [one for call in self.sent() for one in call["messages"]]
        return [{**one, "data": json.loads(b64decode(one["data"]))} for one in found]

    def received(self) -> Sequence[Any]:
        return [one["data"]["payload"] for one in self.messages()]

    def carried_out(self, method: str, path: str, query: str, body: Any) -> Answered:
        if path == "/token":
            return self.token(body)
        assert method == "POST"
        topic, _colon, verb = path.rpartition(":")
        if verb == "testIamPermissions":
            is_there = topic == "/v1/projects/acme-1/topics/profiles"
            may = [one for one in body["permissions"] if is_there and one in self.permissions]
            return said(200, {"permissions": may} if may else {})
        assert verb == "publish"
        if topic != "/v1/projects/acme-1/topics/profiles":
            return wrong(404, "NOT_FOUND", f"Resource not found (resource={topic.rpartition('/')[2]}).")
        if not self.permissions:
            return wrong(403, "PERMISSION_DENIED", "User not authorized to perform this action.")
        messages = body["messages"]
        if len(messages) > 1000 or any(len(b64decode(one["data"])) > self.largest for one in messages):
            return wrong(400, "INVALID_ARGUMENT", f"The value for message is too large, {TOKEN}")
        if len({one.get("orderingKey") for one in messages}) > 1:
            return wrong(400, "INVALID_ARGUMENT", "All messages must have the same ordering key.")
        for one in messages:
            assert all(isinstance(value, str) for value in one["attributes"].values())
            self.stored[str(len(self.stored))] = one
        return said(200, {"messageIds": [str(len(self.stored) + at) for at in range(len(messages))]})


def wrong(status: int, word: str, message: str, *details: Any) -> Answered:
    """An error in the form of google.rpc."""
    told = {"code": status, "status": word, "message": message}
    return said(status, {"error": {**told, "details": details} if details else told})


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))
