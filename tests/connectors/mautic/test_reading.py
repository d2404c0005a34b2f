"""The fields that Mautic has, and what it holds of a contact, in the shapes that its versions answer with."""

from __future__ import annotations

import time
from typing import Any

import pytest
import responses

from destinations.connectors.base import (
    ConfigurationError,
    Delivery,
    Field,
    Held,
    MemoryTokenStore,
    Runtime,
    Token,
    Unreachable,
)
from destinations.connectors.mautic import answers, identity
from destinations.connectors.mautic.connector import Mautic
from destinations.connectors.mautic.session import FIELDS_AT_ONCE

BASE = "https://mautic.example"
KEYS = {"api_url": BASE, "public_key": "public", "private_key": "secret-key"}
EMAIL = {
    "id": 6,
    "label": "Email",
    "alias": "email",
    "type": "email",
    "group": "core",
    "isUniqueIdentifier": True,
    "properties": [],
}
CHOICES = {
    "alias": "country_of",
    "label": "Country",
    "type": "select",
    "properties": {"list": [{"label": "Austria", "value": "at"}, {"label": "-", "value": ""}]},
}


@pytest.fixture
def api():
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def session():
    store = MemoryTokenStore()
    store._token = Token("T0KEN", time.time() + 1000)
    with Mautic().open(KEYS, {}, Runtime(tokens=store)) as opened:
        yield opened


def url(start: int = 0) -> str:
    return f"{BASE}/api/fields/contact?limit={FIELDS_AT_ONCE}&start={start}"


@pytest.mark.parametrize("listed", [[EMAIL, CHOICES], {"6": EMAIL, "9": CHOICES}])
def test_fields_with_their_choices_and_which_is_unique(api, session, listed: Any) -> None:
    api.get(url(), json={"total": 2, "fields": listed})
    found = session.fields()
    assert found[:2] == [
        Field("email", "Email", "email", unique=True),
        Field("country_of", "Country", "select", choices=("at",)),
    ]
    assert {"tags", "owner"} <= {field.name for field in found[2:]} == answers.PARAMETERS


def test_more_than_a_page_of_fields(api, session) -> None:
    api.get(url(), json={"fields": [{"alias": f"f{n}"} for n in range(FIELDS_AT_ONCE)]})
    api.get(url(FIELDS_AT_ONCE), json={"fields": [{"alias": "last", "properties": {"list": "a|b"}}]})
    found = {field.name: field for field in session.fields()}
    assert "f0" in found
    assert found["last"].choices == ("a", "b")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (403, {"errors": [{"code": 403, "message": "no, secret-key"}]}, ConfigurationError),
        (404, {}, ConfigurationError),
        (200, {"nothing": 1}, ConfigurationError),
        (500, {}, Unreachable),
        (429, {}, Unreachable),
    ],
)
def test_fields_that_are_not_told(api, session, status: int, body: Any, error: type) -> None:
    api.get(url(), json=body, status=status)
    with pytest.raises(error) as caught:
        session.fields()
    assert "secret-key" not in str(caught.value)


def known(number: int = 47) -> Delivery:
    remote = {"id": str(identity.identity(str(number), "mautic.example", "ana@x.example"))}
    return Delivery({"email": "ana@x.example"}, "1:1", remote, key="ana")


def test_what_is_held_of_contacts(api, session) -> None:
    fields = {"all": {"id": 47, "email": "ana@x.example", "points": "3"}}
    api.get(f"{BASE}/api/contacts/47", json={"contact": {"id": 47, "tags": [{"tag": "a"}], "fields": fields}})
    api.get(f"{BASE}/api/contacts/48", status=404, json={})
    api.get(f"{BASE}/api/contacts/49", status=500, json={"errors": [{"message": "oh, secret-key"}]})
    found = session.read([known(47), known(48), known(49), Delivery({"email": "x@x.example"}, "1:2")])
    assert found[0] == Held({"id": 47, "email": "ana@x.example", "points": "3", "tags": ["a"]})
    assert found[1] == Held()
    assert found[2].problem == "answered 500: oh, ********"
    assert found[3].problem.startswith("it is not known which contact")
