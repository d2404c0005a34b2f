"""What comes of members of Ghost: whom they are, what they get, and what a key has to be allowed."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import pytest

from destinations.connectors import registry
from destinations.connectors.base import Accepted, ConfigurationError, Delivery, Hold, Rejected
from destinations.connectors.testing.doubles.marketing.ghost import Ghost


def session(peer: Ghost, **settings: Any) -> AbstractContextManager[Any]:
    return registry.get("ghost").open(peer.credentials, settings, peer.runtime)


def test_a_member_stays_the_same_when_the_address_changes() -> None:
    with Ghost() as peer, session(peer) as ghost:
        (new,) = ghost.push([Delivery({"email": "o'brien@x.example", "name": "Ann"}, "1:1")])
        (known,) = ghost.push([Delivery({"email": "o'brien@x.example", "name": "Anne"}, "1:2")])
        (moved,) = ghost.push([Delivery({"email": "ann@x.example"}, "1:3", new.remote)])
        assert new.remote == known.remote == moved.remote
        assert [one["email"] for one in peer.stored.values()] == ["ann@x.example"]
        assert [one["name"] for one in peer.stored.values()] == ["Anne"]


def test_an_address_of_another_member_is_a_duplicate() -> None:
    with Ghost() as peer, session(peer) as ghost:
        first, _second = ghost.push([Delivery({"email": f"{name}@x.example"}, name) for name in "ab"])
        (outcome,) = ghost.push([Delivery({"email": "b@x.example"}, "1:3", first.remote)])
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.field) == ("duplicate", "email")


@pytest.mark.parametrize(
    ("subscribe", "payload", "newsletters"),
    [
        (False, {}, []),
        (True, {}, [Ghost.on_signup]),
        (True, {"newsletters": ["n-2"]}, ["n-2"]),
        (True, {"newsletters": []}, []),
    ],
)
def test_nobody_is_subscribed_who_is_not_to_be(subscribe: bool, payload: Any, newsletters: Any) -> None:
    with Ghost() as peer, session(peer, subscribe_new=subscribe) as ghost:
        (outcome,) = ghost.push([Delivery({"email": "ann@x.example", **payload}, "1:1")])
        (held,) = ghost.read([Delivery(None, "1:1", outcome.remote)])
        assert held.payload["newsletters"] == newsletters
        ghost.push([Delivery({"email": "ann@x.example", "name": "Ann"}, "1:2", outcome.remote)])
        (held,) = ghost.read([Delivery(None, "1:2", outcome.remote)])
        assert held.payload["newsletters"] == newsletters


def test_nothing_is_deleted_for_a_profile_without_an_id() -> None:
    with Ghost() as peer, session(peer) as ghost:
        ghost.push([Delivery({"email": "ann@x.example"}, "1:1")])
        (outcome,) = ghost.push([Delivery(None, "1:2", {}, "remove", "p-2")])
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.field) == ("missing_key", "delivery@payload.email")
        assert len(peer.stored) == 1


def test_the_right_that_is_missing_is_named() -> None:
    with Ghost() as peer, session(peer) as ghost:
        peer.may = False
        with pytest.raises(ConfigurationError, match="may not look at members"):
            ghost.check()
        (outcome,) = ghost.push([Delivery({"email": "ann@x.example"}, "1:1", {"id": "1"})])
        assert isinstance(outcome, Hold)
        assert "may not write members" in outcome.reason
        peer.may = True
        (outcome,) = ghost.push([Delivery({"email": "ann@x.example"}, "1:1")])
        assert isinstance(outcome, Accepted)
