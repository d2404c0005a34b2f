"""CiviCRM's contacts by APIv4.

From: civicrm-core 6.14 alpha (CRM/Api4/Page/AJAX.php, CRM/Utils/REST.php,
Civi/Api4/Generic/DAOSaveAction.php and MatchParamTrait.php, ext/authx): form with one field
`params`, 401 as plain text, 500 for whatever is wrong with a record, earlier records of a failed
call saved; docs.civicrm.org/dev/en/latest/api/v4/rest. Not tried against a live site.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count
from typing import Any
from urllib.parse import parse_qs

from destinations.connectors.testing.doubles.system import Answered, System, said

KEY, SITE_KEY = "civi-key-s3cret", "civi-site-s3cret"
ROOT = "/civicrm/ajax/api4/Contact"


class CiviCrm(System):
    slug = "civicrm"
    mapping = {
        "external_identifier": "profile@id",
        "first_name": "profile@mark",
        "birth_date?": {"$if": 'profile@age == "old"', "then": "profile@age"},
    }

    def __init__(self) -> None:
        super().__init__()
        base_url = f"{self.url}/civicrm/ajax/api4"
        self.credentials = {"api_key": KEY, "site_key": SITE_KEY, "base_url": base_url}
        self.wrong_credentials = {**self.credentials, "api_key": "another-s3cret"}
        self._trash: dict[str, Any] = {}
        self._numbers = count(12)

    def payload(self, number: int) -> Any:
        return {
            "external_identifier": f"p-{number}",
            "first_name": f"Ana {number}",
            f"Only.n{number}": number,
        }

    def refused(self) -> Sequence[Any]:
        return [
            {"external_identifier": "ultramarine", "birth_date": "ultramarine"},
            {"external_identifier": "a", "first_name": "ultramarine \ud800"},
        ]

    def changes(self, request: Any) -> bool:
        return request.path in (f"{ROOT}/save", f"{ROOT}/delete")

    def read(self, request: Any) -> Any:
        form = parse_qs(request.body.decode(), strict_parsing=True)
        assert list(form) == ["params"]
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        return json.loads(form["params"][0])

    def received(self) -> Sequence[Any]:
        done = [call["records"] for call in self.sent() if "records" in call]
        return [one for call in done for one in call if not any("birth_date" in other for other in call)]

    def lets_in(self, request: Any) -> bool:
        given = (request.headers.get("X-Civi-Auth"), request.headers.get("X-Civi-Key"))
        return given == (f"Bearer {KEY}", SITE_KEY)

    def refusal(self, request: Any) -> Answered:
        text = f"HTTP 401 Invalid credential {request.headers.get('X-Civi-Auth')}"
        return 401, {"Content-Type": "text/plain"}, text.encode()

    def answer(self, request: Any) -> Answered:
        if request.headers.get("X-Requested-With") != "XMLHttpRequest":
            return said(400, {"error_code": 400, "error_message": "SECURITY ALERT"})
        return super().answer(request)

    def carried_out(self, method: str, path: str, query: str, body: Any) -> Answered:
        action = path.removeprefix(f"{ROOT}/")
        if action == "getFields":
            values = [{"name": "first_name", "title": "First Name", "data_type": "String", "readonly": False}]
        elif action == "get":
            values = self._found(body)
        elif action == "delete":
            values = self._deleted(body)
        else:
            return self._saved(body)
        return self._values(action, values)

    def _found(self, body: Any) -> list[Any]:
        if body["select"] == ["row_count"]:
            return []
        ((_name, _operator, key),) = body["where"]
        return [one for one in self.stored.values() if one["external_identifier"] == key]

    def _deleted(self, body: Any) -> list[Any]:
        ((name, operator, number),) = body["where"]
        assert (name, operator) == ("id", "=")
        gone = self.stored.pop(number, None)
        if gone and body.get("useTrash", True):
            self._trash[number] = gone
        return [{"id": int(number)}] if gone else []

    def _saved(self, body: Any) -> Answered:
        assert body["match"] == ["external_identifier"]
        values = []
        for one in body["records"]:
            if "birth_date" in one:
                told = f"Sorry an error occurred: {one['birth_date']}, {KEY} (Error ID: abcd-efgh)"
                return said(500, {"error_code": "1", "error_message": told, "status": 500})
            same = [
                number
                for number, kept in self.stored.items()
                if kept["external_identifier"] == one["external_identifier"]
            ]
            number = same[0] if len(same) == 1 else str(next(self._numbers))
            self.stored[number] = {**self.stored.get(number, body["defaults"]), **one, "id": int(number)}
            values.append({**one, "id": int(number)})
        return self._values("save", values)

    @staticmethod
    def _values(action: str, values: list[Any]) -> Answered:
        told = {"values": values, "entity": "Contact", "action": action, "debug": None, "version": 4}
        return said(200, {**told, "count": len(values), "countFetched": len(values)})
