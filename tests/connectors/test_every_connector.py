"""Every connector keeps the contract; some do at a real server, in tests/services/."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest

from destinations.connectors import registry
from destinations.connectors.base import Unknown
from destinations.connectors.http.connector import HttpApi
from destinations.connectors.mautic.connector import Mautic
from destinations.connectors.testing import (
    HttpPeer,
    Peer,
    RecordingConnector,
    SeenRequest,
    check_contract,
)
from tests.connectors.mautic.double import FIELDS, MauticDouble

TOKEN = "t0ken-of-the-service"
JSON_TYPE = {"Content-Type": "application/json"}


def said(status: int, answer: Any) -> tuple[int, dict[str, str], bytes]:
    return status, JSON_TYPE, json.dumps(answer).encode()


class WebService(HttpPeer):
    """A service that keeps contacts, refuses what has no name, and repeats what it was sent."""

    wrong_credentials: ClassVar[dict[str, Any]]

    def __init__(self) -> None:
        super().__init__()
        self.credentials = {"url": f"{self.url}/contacts", "token": TOKEN}
        self.wrong_credentials = {**self.credentials, "token": "another-t0ken"}
        self.contacts: dict[str, Any] = {}

    def payload(self, number: int) -> Any:
        return {"name": f"Žofie {number}", f"only-{number}": [number, None, {"a": True}]}

    def refused(self) -> Sequence[Any]:
        return [{"name": "", "colour": "ultramarine"}, {"name": "ultramarine \ud800"}]

    def received(self) -> Sequence[Any]:
        return [json.loads(request.body) for request in self.seen if self.changes(request) and request.body]

    def answer(self, request: SeenRequest) -> Any:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return said(401, {"error": f"who is {request.headers.get('Authorization')}?"})
        if request.method == "HEAD":
            return 200, {}, b""
        return self.carried_out(request)

    def carried_out(self, request: SeenRequest) -> Any:
        return self.put(f"c-{len(self.contacts) + 1}", request)

    def put(self, number: str, request: SeenRequest) -> Any:
        given = json.loads(request.body)
        if not given["name"]:
            return said(422, {"error": f"{given} has no name, {request.headers['Authorization']}"})
        self.contacts[number] = given
        return said(200, {"id": number})


class Resources(WebService):
    """Created, updated, removed and erased, each by a call of its own."""

    settings: ClassVar[dict[str, Any]] = {
        "remote_id": "answer@id",
        "update": {"method": "PUT", "path": "/{{delivery@remote.id}}"},
        "remove": {"path": "/{{delivery@remote.id}}"},
        "erase": {
            "method": "POST",
            "path": "/{{delivery@remote.id}}/erasure",
            "body": {"id": "delivery@key"},
        },
        "read": {"path": "/{{delivery@remote.id}}", "at": "answer@contact"},
    }

    def carried_out(self, request: SeenRequest) -> Any:
        found = re.fullmatch(r"/contacts(?:/(c-\d+))?(/erasure)?", request.path)
        assert found, request.path
        if request.method == "GET":
            return said(200, {"contact": self.contacts[found[1]]})
        if request.method == "DELETE" or found[2]:
            gone = self.contacts.pop(found[1], None)
            return said(200, {}) if gone else said(404, {"error": f"no {found[1]}, {TOKEN}"})
        return self.put(found[1] or f"c-{len(self.contacts) + 1}", request)


class Lists(WebService):
    """Up to three in a call, with a result for each of them."""

    settings: ClassVar[dict[str, Any]] = {
        "batch": {
            "size": 3,
            "body": {"records": "items@"},
            "results": {"at": "answer@results", "id": "id", "error": "error"},
        }
    }

    def received(self) -> Sequence[Any]:
        return [one for call in super().received() for one in call["records"]]

    def carried_out(self, request: SeenRequest) -> Any:
        results = []
        for given in json.loads(request.body)["records"]:
            is_good = bool(given["name"])
            results.append({"id": "c-1"} if is_good else {"error": f"{given} has no name, {TOKEN}"})
        return said(200, {"results": results})


class AllOrNothing(Lists):
    """A list with a bad one in it is refused as a whole."""

    settings: ClassVar[dict[str, Any]] = {"batch": {"size": 3, "body": {"records": "items@"}}}

    def received(self) -> Sequence[Any]:
        whole = [call for call in WebService.received(self) if all(one["name"] for one in call["records"])]
        return [one for call in whole for one in call["records"]]

    def carried_out(self, request: SeenRequest) -> Any:
        given = json.loads(request.body)["records"]
        if not all(one["name"] for one in given):
            return said(400, {"error": f"{given} has no name, {TOKEN}"})
        return said(200, {})


class SignsIn(WebService):
    """OAuth 2, with an access token that the service has handed out."""

    def __init__(self) -> None:
        super().__init__()
        oauth2 = {"token_url": f"{self.url}/token", "client_id": "me", "client_secret": "s3cret-of-ours"}
        self.credentials = {"url": f"{self.url}/contacts", "oauth2": oauth2}
        self.wrong_credentials = {**self.credentials, "oauth2": {**oauth2, "client_secret": "another-s3cret"}}

    def secrets(self) -> Sequence[str]:
        return [TOKEN]

    def changes(self, request: SeenRequest) -> bool:
        return super().changes(request) and request.path != "/token"

    def answer(self, request: SeenRequest) -> Any:
        if request.path != "/token":
            return super().answer(request)
        if b"s3cret-of-ours" not in request.body:
            return said(401, {"error": "invalid_client", "error_description": request.body.decode()})
        return said(200, {"access_token": TOKEN, "expires_in": 3600})


@pytest.mark.parametrize("service", [WebService, Resources, Lists, AllOrNothing, SignsIn])
def test_http_api(service: type[WebService]) -> None:
    with service() as peer:
        check_contract(HttpApi(), peer)


class MauticPeer(HttpPeer):
    """The double, with people who have to have an address that is one, and errors that repeat it."""

    takes_key = True

    def __init__(self) -> None:
        super().__init__()
        self.double = MauticDouble()
        keys = {"public_key": "public-id", "private_key": "private-s3cret"}
        self.credentials = {"api_url": f"{self.url}/api", **keys}
        self.wrong_credentials = {**self.credentials, "private_key": "another-s3cret"}

    def payload(self, number: int) -> Any:
        field = ("firstname", "lastname", "city")[number % 3]
        return {"email": f"person-{number}@x.example", field: f"Name {number}"}

    def refused(self) -> Sequence[Any]:
        return [{"email": "ultramarine"}, {"firstname": "Ana"}]

    def secrets(self) -> Sequence[str]:
        return [TOKEN]

    def changes(self, request: SeenRequest) -> bool:
        return super().changes(request) and not request.path.endswith("/oauth/v2/token")

    def received(self) -> Sequence[Any]:
        given = [json.loads(seen.body) for seen in self.seen if self.changes(seen) and seen.body]
        return [one for call in given for one in (call if isinstance(call, list) else [call])]

    def answer(self, request: SeenRequest) -> Any:
        if request.path.endswith("/oauth/v2/token"):
            if b"private-s3cret" not in request.body:
                return said(400, self._fault(f"invalid_client {request.body.decode()}"))
            return said(200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "bearer"})
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return said(401, self._fault("access_denied"))
        if request.path == "/api/contacts?limit=1":
            return said(200, {"total": "0", "contacts": []})
        return said(*self._carried_out(request))

    def _carried_out(self, request: SeenRequest) -> Any:
        body = json.loads(request.body) if request.body else None
        if request.path.startswith("/api/fields/contact?"):
            listed = [{"alias": name, "label": name.title(), "type": "text"} for name in FIELDS]
            return 200, {"total": len(listed), "fields": dict(enumerate(listed))}
        path = request.path.removeprefix("/api/")
        if not isinstance(body, list):
            if body is not None and "@" not in body["email"]:
                return 422, self._fault(f"email: {body['email']} is not valid, {TOKEN}", {"email": ["no"]})
            return self.double.answer(request.method, path, body)
        good = [one for one in body if "@" in one["email"]]
        answers = iter(self.double.answer("POST", "contacts/new", one) for one in good)
        told: dict[str, Any] = {"contacts": {}, "statusCodes": {}, "errors": {}}
        for at, one in enumerate(body):
            if one in good:
                told["statusCodes"][str(at)], answer = next(answers)
                told["contacts"][str(at)] = answer["contact"]
            else:
                told["statusCodes"][str(at)] = 422
                text = f"email: {one['email']} is not valid, {TOKEN}"
                told["errors"][str(at)] = {"code": 422, "message": text, "details": {"email": ["no"]}}
        return 201, told

    @staticmethod
    def _fault(text: str, details: Any = ()) -> Any:
        return {"errors": [{"code": 422, "message": text, "details": details, "type": None}]}


def test_mautic() -> None:
    with MauticPeer() as peer:
        check_contract(Mautic(), peer)


class Memory(Peer):
    credentials: ClassVar[dict[str, Any]] = {"token": TOKEN}

    def payload(self, number: int) -> Any:
        return {"n": number, f"only-{number}": [number]}

    def requests(self) -> Sequence[Any]:
        shown = ("operation", "payload", "idempotency_key")
        return [{name: getattr(one, name) for name in shown} for one in RecordingConnector.deliveries]

    def received(self) -> Sequence[Any]:
        return [one.payload for one in RecordingConnector.deliveries]

    @contextmanager
    def silent(self) -> Iterator[None]:
        RecordingConnector.script(Unknown("no answer"))
        yield


def test_recording() -> None:
    check_contract(RecordingConnector(), Memory())


def test_every_built_in_connector_is_checked() -> None:
    built_in = {
        slug for slug, point in registry._declared().items() if point.value.startswith("destinations.")
    }
    here = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    elsewhere = {"rabbitmq", "postgresql", "mysql", "redis", "kafka", "mqtt", "nats"}  # tests/services/
    assert built_in - here == elsewhere
