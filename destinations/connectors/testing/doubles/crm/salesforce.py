"""Salesforce's records, and the access tokens of its client credentials flow.

From: developer.salesforce.com api_rest (upsert of sObject Collections: 200 with a list in the order
of the records, error codes; sObject Rows: a record by its id; sObject Basic Information, whose createable
other programs name); segmentio/action-destinations salesforce; rudderlabs/rudder-transformer
salesforce/README (what passes by). The description of an object's fields and the deletion are not from
these. Not tried against the live service.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import parse_qs

from destinations.connectors.testing.doubles.system import Answered, System, said

CLIENT, SECRET, TOKEN = "app-1", "consumer-s3cret", "00D-access-s3cret"
DATA = "/services/data/v66.0"


class Salesforce(System):
    slug = "salesforce"
    settings = {"object": "Contact", "external_id_field": "Ext__c"}
    mapping = {"Ext__c": "profile@id", "LastName": "profile@mark", "Email": "profile@mail"}

    def __init__(self) -> None:
        super().__init__()
        self.credentials = {"client_id": CLIENT, "client_secret": SECRET, "base_url": self.url}
        self.wrong_credentials = {**self.credentials, "client_secret": "another-s3cret"}
        self._numbers: dict[str, str] = {}  # by external id

    def payload(self, number: int) -> Any:
        return {"Ext__c": f"p-{number}", "LastName": f"King {number}", f"Only_{number}__c": number}

    def refused(self) -> Sequence[Any]:
        return [
            {"Ext__c": "a", "LastName": "King", "Email": "ultramarine"},
            {"Ext__c": "b", "LastName": "ultramarine \ud800"},
        ]

    def secrets(self) -> Iterable[str]:
        return [TOKEN]

    def changes(self, request: Any) -> bool:
        return super().changes(request) and not request.path.endswith("/token")

    def received(self) -> Sequence[Any]:
        records = [one for call in self.sent() for one in call["records"]]
        return [{name: one[name] for name in one if name != "attributes"} for one in records]

    def lets_in(self, request: Any) -> bool:
        is_let = request.headers.get("Authorization") == f"Bearer {TOKEN}"
        return bool(is_let or request.path == "/services/oauth2/token")

    def refusal(self, request: Any) -> Answered:
        told = f"Session expired or invalid: {request.headers.get('Authorization')}"
        return said(401, [{"errorCode": "INVALID_SESSION_ID", "message": told}])

    def read(self, request: Any) -> Any:
        if request.path == "/services/oauth2/token":
            return {name: one for name, (one,) in parse_qs(request.body.decode()).items()}
        return super().read(request)

    def carried_out(self, method: str, path: str, query: str, body: Any) -> Answered:
        if path == "/services/oauth2/token":
            return self._token(body)
        if path == f"{DATA}/sobjects/Contact" and method == "GET":
            about = {"name": "Contact", "createable": True, "updateable": True}
            return said(200, {"objectDescribe": about, "recentItems": []})
        if path == f"{DATA}/sobjects/Contact/describe":
            name = {"name": "LastName", "label": "Last Name", "type": "string", "updateable": True}
            return said(200, {"name": "Contact", "fields": [name]})
        if method == "GET":
            return self._record(path.removeprefix(f"{DATA}/sobjects/Contact/"))
        if method == "DELETE":
            gone = self.stored.pop(path.removeprefix(f"{DATA}/sobjects/Contact/"), None)
            told = [{"errorCode": "ENTITY_IS_DELETED", "message": f"entity is deleted, {TOKEN}"}]
            return said(204) if gone else said(404, told)
        assert path == f"{DATA}/composite/sobjects/Contact/Ext__c"
        assert body["allOrNone"] is False
        if len(body["records"]) > 200:
            return said(400, [{"errorCode": "LIMIT_EXCEEDED", "message": "too many records"}])
        return said(
            200, [self._upserted(one) for one in body["records"]], Sforce_Limit_Info="api-usage=18/5000"
        )

    def _record(self, number: str) -> Answered:
        if number not in self.stored:
            told = f"The requested resource does not exist: {number}, {TOKEN}"
            return said(404, [{"errorCode": "NOT_FOUND", "message": told}])
        about = {"type": "Contact", "url": f"{DATA}/sobjects/Contact/{number}"}
        return said(200, {**self.stored[number], "attributes": about, "Id": number})

    def _token(self, asked: Any) -> Answered:
        if (asked["grant_type"], asked["client_id"], asked["client_secret"]) != (
            "client_credentials",
            CLIENT,
            SECRET,
        ):
            told = f"invalid client credentials {asked['client_secret']}"
            return said(400, {"error": "invalid_client", "error_description": told})
        given = {"access_token": TOKEN, "instance_url": self.url, "token_type": "Bearer"}
        return said(200, {**given, "issued_at": "1790000000000"})

    def _upserted(self, record: Any) -> Any:
        assert record["attributes"] == {"type": "Contact"}
        if not record.get("Email", "a@b").partition("@")[2]:
            told = f"Email: invalid email address: {record['Email']}, {TOKEN}"
            fault = {"statusCode": "INVALID_EMAIL_ADDRESS", "message": told, "fields": ["Email"]}
            return {"success": False, "errors": [fault]}
        number = self._numbers.setdefault(record["Ext__c"], f"003{len(self._numbers):012}")
        is_new = number not in self.stored
        self.stored[number] = record
        return {"id": number, "success": True, "created": is_new, "errors": []}
