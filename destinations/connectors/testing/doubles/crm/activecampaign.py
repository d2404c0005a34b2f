"""ActiveCampaign's contacts.

From: developers.activecampaign.com (contact/sync finds by e-mail, header Api-Token); api-
evangelist/activecampaign (keys without scopes, limits); rudderlabs/rudder-transformer (/api/3/fields);
withone.ai active-campaign and ractivecampaign, which repeat the vendor's reference (a contact with its
fieldValues, fields with fieldOptions); cdata.com's adapter (limit and offset). The statuses 403 of a wrong
key, 201 and 422, the shape of errors and the deletion are not from these. Not tried against the live
service.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from destinations.connectors.testing.doubles.system import Answered, System, said

KEY = "ac-key-s3cret"


class ActiveCampaign(System):
    slug = "activecampaign"
    mapping = {"email": "profile@mail", "fieldValues": [{"field": "1", "value": "profile@mark"}]}

    def __init__(self) -> None:
        super().__init__()
        self.credentials = {"api_key": KEY, "base_url": self.url}
        self.wrong_credentials = {**self.credentials, "api_key": "another-s3cret"}
        self._numbers: dict[str, str] = {}  # by address

    def payload(self, number: int) -> Any:
        return {
            "email": f"person-{number}@x.example",
            "fieldValues": [{"field": str(number), "value": f"Value {number}"}],
        }

    def refused(self) -> Sequence[Any]:
        return [
            {"email": "ultramarine@"},
            {"email": "a@x.example", "fieldValues": [{"field": "ultramarine", "value": "ultramarine"}]},
            {"email": "a@x.example", "firstName": "ultramarine \ud800"},
        ]

    def received(self) -> Sequence[Any]:
        return [call["contact"] for call in self.sent()]

    def lets_in(self, request: Any) -> bool:
        return bool(request.headers.get("Api-Token") == KEY)

    def refusal(self, request: Any) -> Answered:
        return said(
            403, {"message": f"No permission to view this resource: {request.headers.get('Api-Token')}"}
        )

    def carried_out(self, method: str, path: str, query: str, body: Any) -> Answered:
        if path == "/api/3/fields":
            return self._fields({name: int(value) for name, value in parse_qsl(query)})
        if method in ("GET", "DELETE"):
            return self._contact(method, path.removeprefix("/api/3/contacts/"))
        assert path == "/api/3/contact/sync"
        return self._sync(body["contact"])

    def _fields(self, asked: dict[str, int]) -> Answered:
        """Of 120, those that are asked for, at most a hundred."""
        start = asked.get("offset", 0)
        numbers = range(1, 121)[start : start + min(asked["limit"], 100)]
        shown = [{"id": str(one), "title": f"Field {one}", "type": "dropdown"} for one in numbers]
        options = [{"field": str(one), "value": "pro", "label": "Pro", "id": "9"} for one in numbers]
        return said(
            200, {"fieldOptions": options, "fieldRels": [], "fields": shown, "meta": {"total": "120"}}
        )

    def _contact(self, method: str, number: str) -> Answered:
        if number not in self.stored:
            return said(404, {"message": f"No Result found for Subscriber with id {number}, {KEY}"})
        if method == "DELETE":
            del self.stored[number]
            return said(200, {})
        held = dict(self.stored[number])
        values = [{**one, "contact": number} for one in held.pop("fieldValues", ())]
        blank = {"firstName": "", "lastName": "", "phone": ""}
        return said(
            200, {"contactLists": [], "fieldValues": values, "contact": {**blank, **held, "id": number}}
        )

    def _sync(self, contact: Any) -> Answered:
        for one in contact.get("fieldValues", ()):
            if not one["field"].isdigit():
                return self._refused(f"no field {one['field']}", "/data/attributes/fieldValues")
        if contact["email"].endswith("@"):
            return self._refused(f"{contact['email']} is not valid, {KEY}", "/data/attributes/email")
        number = self._numbers.setdefault(contact["email"].lower(), str(7 + len(self._numbers)))
        is_new = number not in self.stored
        self.stored[number] = contact
        return said(201 if is_new else 200, {"contact": {"id": number, "email": contact["email"]}})

    @staticmethod
    def _refused(title: str, pointer: str) -> Answered:
        return said(422, {"errors": [{"title": title, "source": {"pointer": pointer}}]})
