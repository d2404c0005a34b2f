"""What comes to Pub/Sub, and what a service account has to be allowed."""

from __future__ import annotations

import pytest

from destinations.connectors import registry
from destinations.connectors.base import Accepted, ConfigurationError, Delivery, Hold
from tests.connectors.doubles.cloud.google import PubSub

PEOPLE = [Delivery({"id": f"p-{n}"}, f"1:{n}", key=f"p-{n}", version=n) for n in (1, 2, 2, 3)]


@pytest.mark.parametrize(("ordering", "calls"), [(False, [4]), (True, [1, 2, 1])])
def test_messages_of_a_call_have_one_ordering_key(ordering: bool, calls: list[int]) -> None:
    with PubSub() as peer:
        settings = {"topic": "profiles", "ordering": ordering}
        with registry.get("google_pubsub").open(peer.credentials, settings, peer.runtime) as session:
            outcomes = session.push(PEOPLE)
        assert {type(one) for one in outcomes} == {Accepted}
        assert [len(call["messages"]) for call in peer.sent()] == calls
        assert [one["data"]["key"] for one in peer.messages()] == ["p-1", "p-2", "p-2", "p-3"]
        assert [one.get("orderingKey") for one in peer.messages()] == [
            one.key if ordering else None for one in PEOPLE
        ]
        assert peer.messages()[3]["attributes"] == {
            "operation": "upsert",
            "version": "3",
            "idempotency_key": "1:3",
        }


def test_the_right_that_is_missing_is_named() -> None:
    with PubSub() as peer:
        connector = registry.get("google_pubsub")
        with connector.open(peer.credentials, peer.settings, peer.runtime) as session:
            assert "may publish" in session.check()
            peer.permissions = []
            with pytest.raises(ConfigurationError, match=r"lacks pubsub\.topics\.publish"):
                session.check()
            (outcome,) = session.push(PEOPLE[:1])
            assert isinstance(outcome, Hold)
            assert "pubsub.topics.publish" in outcome.reason
