"""A Mautic that holds contacts: what its API does to them, as its controllers and its merger have it.

- A contact is found by its e-mail, in any letter case; of several the newest one counts.
- Editing one to an address of another merges that one in: it is deleted, its id leads to what is left.
- Whoever asks for, or edits, an id that was merged gets the contact that it was merged into.
- Blank values change nothing without overwriteWithBlank, unknown fields are ignored, zeros are dropped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

FIELDS = ("email", "firstname", "lastname", "city", "points")
Answer = tuple[int, Any]


class MauticDouble:
    """`answer` takes method, path below /api/, and body; `calls` remembers the first two."""

    def __init__(self) -> None:
        self.contacts: dict[int, dict[str, Any]] = {}
        self.merged: dict[int, int] = {}
        self.calls: list[str] = []
        self.instead: dict[str, Callable[[], Answer]] = {}  # answers to the next such call, by its text
        self._last = 46

    def held(self) -> list[dict[str, Any]]:
        """What the contacts say, blanks left out, by address."""
        told = [{name: value for name, value in one.items() if value != ""} for one in self.contacts.values()]
        return sorted(told, key=lambda one: one.get("email", ""))

    def answer(self, method: str, path: str, body: Any) -> Answer:
        call = f"{method} {path}"
        self.calls.append(call)
        if call in self.instead:
            return self.instead.pop(call)()
        return self.carry_out(method, path, body)

    def carry_out(self, method: str, path: str, body: Any) -> Answer:
        if method == "POST" and path == "contacts/new":
            number, status = self._new(body)
            return status, {"contact": self._told(number)}
        if method == "POST" and path == "contacts/batch/new":
            done = [self._new(one) for one in body]
            told = [self._told(number) for number, _status in done]
            return 201, {"contacts": told, "statusCodes": [status for _number, status in done]}
        found = re.fullmatch(r"contacts/(\d+)(/edit|/delete)?", path)
        assert found, path
        number = self._led_to(int(found[1]))
        if number is None:
            return 404, {"errors": [{"code": 404, "message": "Item was not found.", "details": []}]}
        if method == "DELETE" and found[2] == "/delete":
            told = self._told(number)
            self.delete(number)
            return 200, {"contact": {**told, "id": None}}
        if method == "PATCH" and found[2] == "/edit":
            self._edit(number, body)
        else:
            assert (method, found[2]) == ("GET", None)
        return 200, {"contact": self._told(number)}

    def edit_by_hand(self, number: int, **fields: Any) -> None:
        self.contacts[number] |= fields

    def delete(self, number: int) -> None:
        del self.contacts[number]

    def _led_to(self, number: int) -> int | None:
        while number not in self.contacts and number in self.merged:
            number = self.merged[number]
        return number if number in self.contacts else None

    def _owner(self, address: Any) -> int | None:
        wanted = str(address or "").strip().lower()
        owners = [n for n, one in self.contacts.items() if wanted and one["email"].lower() == wanted]
        return max(owners, default=None)

    def _new(self, body: dict[str, Any]) -> tuple[int, int]:
        number, status = self._owner(body.get("email")), 200
        if number is None:
            self._last, status = self._last + 1, 201
            number = self._last
            self.contacts[number] = {**dict.fromkeys(FIELDS, ""), "points": 0}
        self._set(number, body)
        return number, status

    def _edit(self, number: int, body: dict[str, Any]) -> None:
        owner = self._owner(body.get("email"))
        if owner not in (None, number):
            loser = self.contacts.pop(owner)
            self.merged[owner] = number
            winner = self.contacts[number]
            winner["points"] += loser["points"]
            self.contacts[number] = {name: winner[name] or loser[name] for name in FIELDS}
        self._set(number, body)

    def _set(self, number: int, body: dict[str, Any]) -> None:
        for name, value in body.items():
            blank = value in (None, "") and not body.get("overwriteWithBlank")
            zero = isinstance(value, int | float) and abs(value) < 1
            if name in FIELDS and not blank and not zero:
                self.contacts[number][name] = value if value is not None else ""

    def _told(self, number: int) -> dict[str, Any]:
        return {"id": number, "fields": {"core": [], "all": {"id": number, **self.contacts[number]}}}


def as_callback(double: MauticDouble) -> Callable[[Any], tuple[int, dict[str, str], str]]:
    """For the library responses."""

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        if request.url.endswith("/oauth/v2/token"):
            token = {"access_token": "T0KEN-2", "expires_in": 3600, "token_type": "bearer", "scope": None}
            return 200, {}, json.dumps(token)
        path = request.url.partition("/api/")[2]
        status, told = double.answer(request.method, path, json.loads(request.body) if request.body else None)
        return status, {"Content-Type": "application/json"}, json.dumps(told)

    return answer
