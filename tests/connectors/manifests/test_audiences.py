"""Who is in an audience: hashes as each vendor wants them, who leaves, and what is missing."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from destinations.connectors import registry, schemas
from destinations.connectors.base import Accepted, ConfigurationError, Delivery, Hold
from destinations.connectors.testing.doubles.system import System
from destinations.notation import parse_template
from tests.connectors.doubles.advertising.customer_match import CustomerMatch
from tests.connectors.doubles.advertising.meta import MetaAudiences

PROFILE = {
    "id": "p-1",
    "data": {
        "contact": {
            "email": {"main": " Ana.Kowalska+shop@Gmail.com "},
            "phone": {"main": "+48 600-700-800"},
            "address": {"town": "Nowy Sącz", "postcode": "33-300", "country": "PL"},
        },
        "pii": {"firstname": "Ana", "lastname": "O'Neil"},
    },
}


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def made_by_preset(slug: str, number: int, profile: Any = PROFILE) -> Any:
    connector = registry.get(slug)
    payload = parse_template(connector.presets[number].mapping).render({"profile": profile})
    assert not schemas.validate(connector.payload_schema, payload)
    return payload


def test_hashes_are_as_meta_wants_them() -> None:
    assert made_by_preset("meta_audiences", 0) == {
        "EMAIL": hashed("ana.kowalska+shop@gmail.com"),
        "PHONE": hashed("48600700800"),
    }
    assert made_by_preset("meta_audiences", 1) == {
        "EMAIL": hashed("ana.kowalska+shop@gmail.com"),
        "PHONE": hashed("48600700800"),
        "FN": hashed("ana"),
        "LN": hashed("oneil"),
        "CT": hashed("nowysącz"),
        "ZIP": hashed("33300"),
        "COUNTRY": hashed("pl"),
    }


def test_hashes_are_as_google_wants_them() -> None:
    email, phone = {"emailAddress": hashed("anakowalska@gmail.com")}, {"phoneNumber": hashed("+48600700800")}
    assert made_by_preset("google_customer_match", 0) == {"userIdentifiers": [email, phone]}


@pytest.mark.parametrize(("slug", "made"), [("meta_audiences", 1), ("google_customer_match", 1)])
def test_a_number_that_is_none_costs_a_field_and_no_profile(slug: str, made: int) -> None:
    contact = {"email": {"main": "ana@x.example"}, "phone": {"main": "600"}}
    payload = made_by_preset(slug, 0, {"id": "p-1", "data": {"contact": contact}})
    assert len(payload.get("userIdentifiers", payload)) == made


def test_who_leaves_is_taken_out_with_all_that_was_ever_sent() -> None:
    with CustomerMatch() as peer:
        connector, first, second = registry.get(peer.slug), peer.payload(1), peer.payload(2)
        with connector.open(peer.credentials, peer.settings, peer.runtime) as session:
            (one,) = session.push([Delivery(first, "1:1")])
            (two,) = session.push([Delivery(second, "1:2", one.remote)])
            assert len(peer.stored) == 4
            (gone,) = session.push([Delivery(None, "1:3", two.remote, "erase")])
        assert isinstance(gone, Accepted)
        assert peer.stored == {}


def test_meta_takes_out_by_the_profiles_id() -> None:
    with MetaAudiences() as peer:
        connector = registry.get(peer.slug)
        with connector.open(peer.credentials, peer.settings, peer.runtime) as session:
            session.push([Delivery(peer.payload(n), f"1:{n}", key=f"p-{n}") for n in range(3)])
            session.push([Delivery(None, "1:9", {}, "remove", "p-1")])
        assert sorted(peer.stored) == ["p-0", "p-2"]


@pytest.mark.parametrize(
    ("double", "says"),
    [(MetaAudiences, "permission ads_management"), (CustomerMatch, "may not manage this audience")],
)
def test_the_right_that_is_missing_is_named(double: type[Any], says: str) -> None:
    with double() as peer:
        connector = registry.get(peer.slug)
        with connector.open(peer.credentials, peer.settings, peer.runtime) as session:
            session.check()
            peer.may_manage = False
            with pytest.raises(ConfigurationError, match=says):
                session.check()
            (outcome,) = session.push([Delivery(peer.payload(1), "1:1")])
        assert isinstance(outcome, Hold)
        assert says in outcome.reason


@pytest.mark.parametrize(
    ("double", "settings", "says"),
    [
        (MetaAudiences, {"audience": "7"}, "no such audience"),
        (CustomerMatch, {"audience": "7"}, "INVALID_USER_LIST_ID"),
        (CustomerMatch, {"terms_accepted": False}, "terms and conditions are not accepted"),
    ],
)
def test_what_is_wrong_with_an_audience_is_no_fault_of_a_person(
    double: type[System], settings: Any, says: str
) -> None:
    with double() as peer:
        connector = registry.get(peer.slug)
        with connector.open(peer.credentials, {**peer.settings, **settings}, peer.runtime) as session:
            with pytest.raises(ConfigurationError, match=says):
                session.check()
            outcomes = session.push([Delivery(peer.payload(n), f"1:{n}") for n in range(3)])
        assert {type(one) for one in outcomes} == {Hold}
