"""Contacts that are taken away: only the one that the profile is, and what is gone already is fine."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
import responses

from destinations.connectors.base import Accepted, Delivery, MemoryTokenStore, Rejected, Retry, Runtime, Token
from destinations.connectors.mautic.connector import Mautic
from tests.connectors.mautic.double import MauticDouble, as_callback

BASE = "https://mautic.example"
KEYS = {"api_url": BASE, "public_key": "public", "private_key": "secret"}


@pytest.fixture
def mautic():
    double = MauticDouble()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in ("GET", "POST", "PATCH", "DELETE"):
            mock.add_callback(method, re.compile(f"{BASE}/.*"), as_callback(double))
        yield double


def push(*deliveries: Delivery) -> list[Any]:
    store = MemoryTokenStore()
    store._token = Token("T0KEN", time.time() + 1000)
    with Mautic().open(KEYS, {}, Runtime(tokens=store)) as session:
        return list(session.push(deliveries))


def upsert(key: str, address: str) -> Delivery:
    return Delivery({"email": address}, f"up:{key}", key=key)


def remove(key: str, remote: Any) -> Delivery:
    return Delivery(None, f"gone:{key}", remote, "remove", key)


@pytest.fixture
def ana(mautic) -> Any:
    """What is known of a contact that is there."""
    (stored,) = push(upsert("ana", "ana@x.example"))
    mautic.calls.clear()
    return stored.remote


def test_a_contact_is_looked_at_and_deleted(mautic, ana) -> None:
    (outcome,) = push(remove("ana", ana))
    assert isinstance(outcome, Accepted)
    assert outcome.detail == "deleted"
    assert mautic.calls == ["GET contacts/47", "DELETE contacts/47/delete"]
    assert mautic.contacts == {}


def test_removing_what_is_gone_is_fine(mautic, ana) -> None:
    mautic.delete(47)
    (outcome,) = push(remove("ana", ana))
    assert isinstance(outcome, Accepted)
    assert outcome.detail == "it is not there any more"


def test_one_that_somebody_deletes_meanwhile_is_gone_too(mautic, ana) -> None:
    missing = {"errors": [{"code": 404, "message": "Item was not found."}]}
    mautic.instead["DELETE contacts/47/delete"] = lambda: (404, missing)
    assert isinstance(push(remove("ana", ana))[0], Accepted)


def test_a_contact_that_may_be_somebody_else_stays(mautic, ana) -> None:
    mautic.edit_by_hand(47, email="other@x.example")
    (outcome,) = push(remove("ana", ana))
    assert (type(outcome), outcome.code) == (Rejected, "conflict")
    assert list(mautic.contacts) == [47]


def test_a_contact_that_was_merged_into_another_stays(mautic, ana) -> None:
    push(upsert("bob", "bob@x.example"))
    mautic._edit(48, {"email": "ana@x.example"})
    (outcome,) = push(remove("ana", ana))
    assert (type(outcome), outcome.code) == (Rejected, "conflict")
    assert list(mautic.contacts) == [48]


@pytest.mark.parametrize("remote", [{}, {"id": "47"}, {"id": "47@other.example#00000000"}])
def test_without_knowing_which_contact_it_is_none_is_deleted(mautic, ana, remote) -> None:
    (outcome,) = push(remove("ana", remote))
    assert (type(outcome), outcome.code) == (Rejected, "missing_key")
    assert list(mautic.contacts) == [47]
    assert mautic.calls == []


def test_who_gets_the_address_of_one_that_leaves_is_a_contact_of_its_own(mautic, ana) -> None:
    stored, gone = push(upsert("bob", "ana@x.example"), remove("ana", ana))
    assert isinstance(gone, Accepted)
    assert stored.remote_id.startswith("48@")
    assert mautic.held() == [{"email": "ana@x.example", "points": 0}]


def test_what_was_removed_is_not_forgotten_over_a_failure_after_it(mautic, ana) -> None:
    mautic.instead["POST contacts/new"] = lambda: (403, {"errors": [{"code": 403, "message": "no"}]})
    stored, gone = push(upsert("bob", "bob@x.example"), remove("ana", ana))
    assert isinstance(gone, Accepted)
    assert isinstance(stored, Retry)


@pytest.mark.parametrize(("status", "kind"), [(500, Retry), (429, Retry), (400, Rejected)])
def test_answers_to_a_deletion(mautic, ana, status, kind) -> None:
    mautic.instead["DELETE contacts/47/delete"] = lambda: (status, {"errors": [{"message": "no"}]})
    assert isinstance(push(remove("ana", ana))[0], kind)


def test_the_call_is_shown_before_it_is_made(ana) -> None:
    told = Mautic().describe(KEYS, {}, remove("ana", ana))
    assert (told["method"], told["url"]) == ("DELETE", f"{BASE}/api/contacts/47/delete")
    assert "problem" in Mautic().describe(KEYS, {}, remove("ana", {}))
