"""A profile whose e-mail changes stays one contact, and nobody else's contact is taken for that."""

from __future__ import annotations

import itertools
import random
import re
import time
from typing import Any

import pytest
import requests
import responses

from destinations.connectors.base import (
    Accepted,
    ConfigurationError,
    Delivery,
    MemoryTokenStore,
    Rejected,
    Retry,
    Runtime,
    Token,
    Unknown,
)
from destinations.connectors.mautic import identity
from destinations.connectors.mautic.connector import Mautic
from tests.connectors.mautic.double import MauticDouble, as_callback

BASE = "https://mautic.example"


@pytest.fixture
def mautic():
    double = MauticDouble()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in ("GET", "POST", "PATCH"):
            mock.add_callback(method, re.compile(f"{BASE}/.*"), callback=as_callback(double))
        yield double


class Rows:
    """What the engine keeps of each profile, as far as this is about: the remote id, which is one's only."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self.outcomes: dict[str, Any] = {}

    def remote(self, name: str) -> dict[str, str]:
        return {"id": self.ids[name]} if name in self.ids else {}

    def push(self, *profiles: tuple[str, dict[str, Any]], base: str = BASE) -> list[Any]:
        store = MemoryTokenStore()
        store._token = Token("T0KEN", time.time() + 1000)
        keys = {"api_url": base, "public_key": "public", "private_key": "secret"}
        deliveries = [Delivery(fields, f"1:{name}", self.remote(name)) for name, fields in profiles]
        with Mautic().open(keys, {}, Runtime(tokens=store)) as session:
            outcomes = list(session.push(deliveries))
        for (name, _fields), outcome in zip(profiles, outcomes, strict=True):
            self.outcomes[name] = outcome
            if isinstance(outcome, Accepted):
                self.ids = {one: known for one, known in self.ids.items() if known != outcome.remote_id}
                self.ids[name] = outcome.remote_id
        return outcomes


@pytest.fixture
def rows() -> Rows:
    return Rows()


def ana(address: str = "a@x.example", **fields: Any) -> tuple[str, dict[str, Any]]:
    return "ana", {"email": address, "firstname": "Ana", **fields}


def bob(address: str = "b@x.example", **fields: Any) -> tuple[str, dict[str, Any]]:
    return "bob", {"email": address, "firstname": "Bob", **fields}


def names(mautic: MauticDouble) -> list[tuple[str, str]]:
    return [(one["email"], one["firstname"]) for one in mautic.held()]


def test_a_changed_address_is_the_same_contact(mautic, rows) -> None:
    rows.push(ana(points=7))
    rows.push(ana("new@x.example", city="Brno"))
    assert mautic.contacts == {
        47: {"email": "new@x.example", "firstname": "Ana", "lastname": "", "city": "Brno", "points": 7}
    }
    assert mautic.calls == ["POST contacts/new", "GET contacts/47", "PATCH contacts/47/edit"]
    assert rows.outcomes["ana"].detail == "updated"


def test_the_remote_id_tells_the_contact_the_place_and_a_mark_of_the_address(mautic, rows) -> None:
    rows.push(ana())
    mark = identity.mark("mautic.example", "a@x.example")
    assert rows.ids["ana"] == f"47@mautic.example#{mark}"
    rows.push(ana("new@x.example"))
    assert rows.ids["ana"].startswith("47@mautic.example#")
    assert rows.ids["ana"] != f"47@mautic.example#{mark}"
    assert "x.example" not in rows.ids["ana"]


def test_the_same_address_is_found_as_before_and_in_one_call(mautic, rows) -> None:
    rows.push(ana(), bob())
    rows.push(ana(city="Brno"), bob(" B@X.example", city="Wien"))
    assert mautic.calls == ["POST contacts/batch/new"] * 2
    assert len(mautic.contacts) == 2


def test_changed_addresses_go_alone_and_the_others_together(mautic, rows) -> None:
    people = [(str(n), {"email": f"{n}@x.example"}) for n in range(10)]
    rows.push(*people)
    changed = [
        (name, {"email": f"new{name}@x.example"}) if name in "37" else (name, one) for name, one in people
    ]
    outcomes = rows.push(*changed)
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert [call.split()[0] for call in mautic.calls] == ["POST", *["GET", "PATCH"] * 2, "POST"]
    assert sorted(one["email"] for one in mautic.held()) == sorted(one["email"] for _name, one in changed)
    assert [outcome.remote_id.partition("@")[0] for outcome in outcomes] == [str(47 + n) for n in range(10)]


def test_a_contact_that_was_deleted_is_made_again(mautic, rows) -> None:
    rows.push(ana())
    mautic.delete(47)
    rows.push(ana("new@x.example"))
    assert names(mautic) == [("new@x.example", "Ana")]
    assert rows.ids["ana"].startswith("48@")


@pytest.mark.parametrize("status", [404, 410])
def test_a_contact_that_is_deleted_between_two_calls_is_made_again(mautic, rows, status: int) -> None:
    rows.push(ana())
    gone = {"errors": [{"code": status, "message": "Item was not found."}]}
    mautic.instead["PATCH contacts/47/edit"] = lambda: (mautic.delete(47), (status, gone))[1]
    rows.push(ana("new@x.example"))
    assert names(mautic) == [("new@x.example", "Ana")]


def test_an_address_of_a_contact_that_nobody_sent_is_merged(mautic, rows) -> None:
    mautic.carry_out("POST", "contacts/new", {"email": "old@x.example", "city": "Brno", "points": 3})
    rows.push(ana(points=4))
    rows.push(ana("old@x.example"))
    assert mautic.held() == [{"email": "old@x.example", "firstname": "Ana", "city": "Brno", "points": 7}]
    assert rows.ids["ana"].startswith("48@")


def test_a_contact_that_was_merged_into_another_is_left_alone(mautic, rows) -> None:
    rows.push(ana(), bob())
    mautic.carry_out("PATCH", "contacts/48/edit", {"email": "a@x.example"})  # by hand: 47 leads to 48 now
    rows.push(ana("new@x.example"))
    assert names(mautic) == [("a@x.example", "Bob"), ("new@x.example", "Ana")]
    assert rows.ids["ana"].startswith("49@")


def test_a_contact_with_a_third_address_is_left_alone(mautic, rows) -> None:
    rows.push(ana())
    mautic.edit_by_hand(47, email="third@x.example")
    rows.push(ana("new@x.example"))
    assert [address for address, _name in names(mautic)] == ["new@x.example", "third@x.example"]


def test_a_contact_that_has_the_new_address_by_hand_is_the_same(mautic, rows) -> None:
    rows.push(ana())
    mautic.edit_by_hand(47, email="NEW@x.example")
    rows.push(ana("new@x.example"))
    assert names(mautic) == [("new@x.example", "Ana")]


@pytest.mark.parametrize(
    "known", ["47", "", "47@other.example#{}", "x@mautic.example#{}", "47@mautic.example#zz"]
)
def test_only_a_contact_of_this_mautic_is_edited(mautic, rows, known: str) -> None:
    rows.push(bob())
    rows.ids["ana"] = known.format(identity.mark("mautic.example", "b@x.example"))
    rows.push(ana())
    assert names(mautic) == [("a@x.example", "Ana"), ("b@x.example", "Bob")]


@pytest.mark.parametrize("base", [f"{BASE}/api/", "http://mautic.example", "https://MAUTIC.example/"])
def test_the_same_mautic_in_another_writing_is_the_same(mautic, rows, base: str) -> None:
    rows.push(ana())
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in ("GET", "POST", "PATCH"):
            mock.add_callback(method, re.compile("https?://mautic.example/.*"), callback=as_callback(mautic))
        rows.push(ana("new@x.example"), base=base)
    assert names(mautic) == [("new@x.example", "Ana")]


# Several profiles


def pushes(first, second) -> list[list[Any]]:
    return [[[first, second]], [[second, first]], [[first], [second]], [[second], [first]]]


@pytest.mark.parametrize("order", range(4))
def test_addresses_that_change_places(mautic, rows, order: int) -> None:
    rows.push(ana(), bob())
    for batch in pushes(ana("b@x.example"), bob("a@x.example"))[order]:
        rows.push(*batch)
    assert names(mautic) == [("a@x.example", "Bob"), ("b@x.example", "Ana")]


@pytest.mark.parametrize("order", range(4))
def test_an_address_that_is_passed_on(mautic, rows, order: int) -> None:
    rows.push(ana(), bob())
    for batch in pushes(ana("b@x.example"), bob("c@x.example"))[order]:
        rows.push(*batch)
    assert names(mautic) == [("b@x.example", "Ana"), ("c@x.example", "Bob")]


@pytest.mark.parametrize("order", range(4))
def test_an_address_that_a_new_profile_takes_over(mautic, rows, order: int) -> None:
    rows.push(bob())
    for batch in pushes(ana("b@x.example"), bob("c@x.example"))[order]:
        rows.push(*batch)
    assert names(mautic) == [("b@x.example", "Ana"), ("c@x.example", "Bob")]


@pytest.mark.parametrize("who", ["ana", "bob"])
def test_two_profiles_with_one_address_part(mautic, rows, who: str) -> None:
    rows.push(ana("both@x.example"))
    rows.push(bob("both@x.example"))
    rows.push(ana("a@x.example") if who == "ana" else bob("b@x.example"))
    rows.push(ana("a@x.example"))
    rows.push(bob("b@x.example"))
    assert names(mautic)[:2] == [("a@x.example", "Ana"), ("b@x.example", "Bob")]


@pytest.mark.parametrize("seed", range(60))
def test_whatever_changes_each_profile_has_its_contact(mautic, rows, seed: int) -> None:
    """Addresses move between profiles at random, in batches of any size and order, some of them repeated."""
    rng = random.Random(seed)
    people = [f"p{n}" for n in range(6)]
    addresses = [f"{letter}@x.example" for letter in "abcdefgh"]
    wanted = dict(zip(people, rng.sample(addresses, len(people)), strict=True))
    for step in itertools.count():
        for name in rng.sample(people, rng.randint(0, 4)):
            free = [one for one in addresses if one not in wanted.values()]
            other = rng.choice(people)
            if free and rng.random() < 0.5:
                wanted[name] = rng.choice(free)
            else:
                wanted[name], wanted[other] = wanted[other], wanted[name]
        waiting = rng.sample(people, len(people)) if step == 12 else rng.sample(people, rng.randint(1, 6))
        while waiting:
            size = rng.randint(1, 4)
            part, waiting = waiting[:size], waiting[size:]
            rows.push(*((name, {"email": wanted[name], "firstname": name}) for name in part))
        if step == 12:
            break
    held = {one["email"]: one["firstname"] for one in mautic.held()}
    assert {address: held.get(address) for address in wanted.values()} == {
        address: name for name, address in wanted.items()
    }
    assert len(held) == len(mautic.contacts)


# What goes wrong


def broken(then=None):
    def answer():
        if then is not None:
            then()
        raise requests.exceptions.ReadTimeout

    return answer


def test_an_edit_whose_answer_is_lost_is_repeated_on_the_same_contact(mautic, rows) -> None:
    rows.push(ana())
    body = ana("new@x.example")[1]
    mautic.instead["PATCH contacts/47/edit"] = broken(
        lambda: mautic.carry_out("PATCH", "contacts/47/edit", body)
    )
    rows.push(ana("new@x.example"))
    assert isinstance(rows.outcomes["ana"], Unknown)
    rows.push(ana("new@x.example"))
    assert names(mautic) == [("new@x.example", "Ana")]
    assert rows.ids["ana"].startswith("47@")


def test_a_look_whose_answer_is_lost_sends_nothing(mautic, rows) -> None:
    rows.push(ana(), bob())
    mautic.instead["GET contacts/47"] = broken()
    rows.push(ana("new@x.example"), bob(city="Wien"))
    assert isinstance(rows.outcomes["ana"], Retry)
    assert rows.outcomes["bob"] == Retry("not tried: no answer in time", not_taken=True)
    assert names(mautic) == [("a@x.example", "Ana"), ("b@x.example", "Bob")]


@pytest.mark.parametrize("call", ["GET contacts/47", "PATCH contacts/47/edit"])
@pytest.mark.parametrize(("status", "kind"), [(429, Retry), (503, Retry), (500, Retry)])
def test_what_is_refused_for_now_is_a_retry(mautic, rows, call: str, status: int, kind: type) -> None:
    rows.push(ana())
    mautic.instead[call] = lambda: (status, {"errors": [{"code": status, "message": "busy"}]})
    rows.push(ana("new@x.example"))
    assert isinstance(rows.outcomes["ana"], kind)
    assert names(mautic) == [("a@x.example", "Ana")]
    rows.push(ana("new@x.example"))
    assert names(mautic) == [("new@x.example", "Ana")]


def test_an_address_that_is_not_valid_is_rejected_with_the_reason(mautic, rows) -> None:
    rows.push(ana())
    said = {"errors": [{"code": 400, "message": "email: no-address is not valid.", "details": {}}]}
    mautic.instead["PATCH contacts/47/edit"] = lambda: (400, said)
    rows.push(ana("no-address"))
    assert rows.outcomes["ana"].reason == "answered 400: email: ******** is not valid."
    assert isinstance(rows.outcomes["ana"], Rejected)


@pytest.mark.parametrize("status", [403, 302, 407])
def test_what_concerns_everyone_is_said_for_everyone(mautic, rows, status: int) -> None:
    rows.push(ana())
    mautic.instead["GET contacts/47"] = lambda: (status, {})
    with pytest.raises(ConfigurationError):
        rows.push(ana("new@x.example"))
    assert names(mautic) == [("a@x.example", "Ana")]


def test_a_token_that_has_expired_is_renewed_on_the_way(mautic, rows) -> None:
    rows.push(ana())
    for call in ("GET contacts/47", "PATCH contacts/47/edit"):
        mautic.instead[call] = lambda: (401, {"errors": [{"code": 401, "message": "expired"}]})
    rows.push(ana("new@x.example"))
    assert names(mautic) == [("new@x.example", "Ana")]


def test_an_answer_about_a_contact_without_its_number_is_not_trusted(mautic, rows) -> None:
    rows.push(ana())
    for contact in ([], {}, {"id": True}, {"id": "x" * 300}, {"id": 47}, {"id": 47, "fields": []}):
        mautic.instead["GET contacts/47"] = lambda contact=contact: (200, {"contact": contact})
        rows.push(ana("new@x.example"))
        assert "PATCH contacts/47/edit" not in mautic.calls
        rows.ids["ana"] = str(identity.identity("47", "mautic.example", "a@x.example"))
    assert len(mautic.contacts) == 2


@pytest.mark.parametrize("number", ["x" * 300, -1, 0, True, "47 ", 10**30, "٣"])
def test_a_number_that_is_none_is_not_kept(mautic, rows, number: Any) -> None:
    mautic.instead["POST contacts/new"] = lambda: (201, {"contact": {"id": number}})
    rows.push(ana())
    assert isinstance(rows.outcomes["ana"], Unknown)


def test_a_long_address_of_mautic_makes_no_long_remote_id() -> None:
    place = identity.place_of("https://mautic.example/" + "x" * 500)
    remote_id = str(identity.identity("9" * 19, place, "a@x.example"))
    assert len(remote_id) < 255
    assert identity.read({"id": remote_id}, place) is not None


def test_who_leaves_an_address_goes_before_who_takes_it() -> None:
    chain = {0: ("a", "b"), 1: ("b", "c"), 2: ("c", "d")}
    assert identity.in_order(chain) == [2, 1, 0]
    assert identity.in_order({0: ("c", "d"), 1: ("a", "b"), 2: ("b", "c")}) == [0, 2, 1]
    assert sorted(identity.in_order({0: ("a", "b"), 1: ("b", "a"), 2: ("x", "y")})) == [0, 1, 2]
    many = {n: (f"{n}", f"{n + 1}") for n in range(5000)}
    assert identity.in_order(many) == list(reversed(range(5000)))
