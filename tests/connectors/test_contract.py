"""The contract's own helpers: token store, turns, and the recording connector shipped for tests."""

from __future__ import annotations

import time

import pytest

from destinations.connectors.base import (
    Accepted,
    ConfigurationError,
    Delivery,
    MemoryTokenStore,
    Rejected,
    Retry,
    Token,
    Unknown,
    Unreachable,
)
from destinations.connectors.batches import in_turn
from destinations.connectors.testing import RecordingConnector

FAR = time.time() + 86_400


def test_a_token_is_fetched_once_for_everyone_who_saw_the_same_stale_one() -> None:
    store = MemoryTokenStore()
    first = store.renew(None, lambda: Token("1", FAR))
    second = store.renew(first, lambda: Token("2", FAR))
    assert store.renew(first, lambda: Token("3", FAR)) == second
    assert store.get() == second


def test_an_expired_token_is_neither_given_nor_kept() -> None:
    store = MemoryTokenStore()
    store.renew(None, lambda: Token("1", time.time() - 1))
    assert store.get() is None
    assert store.renew(None, lambda: Token("2", FAR)).value == "2"


def test_a_tokens_value_is_not_shown() -> None:
    assert "marker" not in repr(Token("marker", FAR))


def test_turns_stop_when_told_and_keep_what_was_done() -> None:
    halt = Retry("wait", 5)
    answers = {"a": ([Accepted()], None), "b": ([Rejected("no")], halt)}
    assert in_turn([["a"], ["b"], ["c", "d"]], lambda group: answers[group[0]]) == (
        [Accepted(), Rejected("no"), halt, halt],
        halt,
    )


@pytest.mark.parametrize(
    ("error", "rest"),
    [
        (ConfigurationError("set it"), Retry("not tried: set it", not_taken=True)),
        (Unreachable("off", 7), Retry("not tried: off", 7, not_taken=True)),
    ],
)
def test_turns_raise_only_when_nothing_was_done(error: Exception, rest: Retry) -> None:
    def send(group):
        if group[0] == "bad":
            raise error
        return [Accepted()], None

    with pytest.raises(type(error)):
        in_turn([["bad"], ["a"]], send)
    assert in_turn([["a"], ["bad"], ["b"]], send)[0] == [Accepted(), rest, rest]


@pytest.fixture
def recording():
    class Recording(RecordingConnector):
        slug = "mine"

    return Recording


def push(connector, *payloads):
    with connector().open({"token": "t0ken"}, {"a": 1}) as session:
        return session.push([Delivery(payload, f"1:{at}") for at, payload in enumerate(payloads)])


def test_recording_accepts_and_remembers(recording) -> None:
    outcomes = push(recording, {"n": 1}, {"n": 2})
    assert [outcome.remote_id for outcome in outcomes] == ["remote-1:0", "remote-1:1"]
    assert [delivery.payload for delivery in recording.deliveries] == [{"n": 1}, {"n": 2}]
    assert recording.batches == [2]
    assert recording.opened == [({"token": "t0ken"}, {"a": 1})]
    assert RecordingConnector.deliveries == []
    recording.reset()
    assert recording.deliveries == []


def test_recording_answers_what_it_is_told(recording) -> None:
    recording.script(Retry("busy"), lambda delivery: Rejected(str(delivery.payload)), Unknown("?"))
    assert push(recording, 1, 2, 3, 4) == [
        Retry("busy"),
        Rejected("2"),
        Unknown("?"),
        Accepted({"id": "remote-1:3"}),
    ]


def test_recording_raises_what_it_is_told(recording) -> None:
    recording.script(Unreachable("down", after=9))
    with pytest.raises(Unreachable):
        push(recording, 1)
    assert isinstance(push(recording, 1)[0], Accepted)


def test_recording_runs_a_function_during_a_push(recording) -> None:
    seen = []
    recording.during_push = lambda deliveries: seen.extend(deliveries)
    push(recording, 1)
    assert [delivery.payload for delivery in seen] == [1]


def test_recording_describes_without_secrets(recording) -> None:
    told = recording().describe({"token": "marker"}, {}, Delivery({"a": 1}, "1:1"))
    assert told["payload"] == {"a": 1}
    assert "marker" not in str(told)
