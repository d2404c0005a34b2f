"""A call of which it is certain that nothing was taken leaves no doubt; any other that failed does."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from destinations.connectors import registry
from destinations.connectors.base import Hold, Retry, Unknown
from destinations.connectors.capabilities import needs_remote
from destinations.connectors.http.connector import HttpApi
from tests.connectors.http.test_engine import made, push

BATCH = {"batch": {"size": 10}, "answers": [{"when": {"status": [422]}, "is": "split"}]}


@pytest.mark.parametrize(
    ("status", "not_taken"),
    [(423, True), (425, True), (429, True), (408, False), (500, False), (502, False), (503, False)],
)
@pytest.mark.parametrize("rules", [[], [{"when": {"status": ["4xx", "5xx"]}, "is": "retry"}]])
def test_it_hangs_on_the_status(server, loopback, status: int, not_taken: bool, rules: list[Any]) -> None:
    server.answers.append((status, {}, b"no"))
    (outcome,) = push(server, loopback, {"answers": rules})
    assert isinstance(outcome, Retry)
    assert outcome.not_taken == not_taken


def test_a_403_that_says_when_a_rate_limit_ends(server, loopback) -> None:
    server.answers.append((403, {"Retry-After": "7"}, b"slow down"))
    (outcome,) = push(server, loopback, {})
    assert (outcome.after, outcome.not_taken) == (7, True)


def test_what_a_rule_takes_for_a_reason_to_wait_is_in_doubt(server, loopback) -> None:
    server.answers.append((200, {}, b'{"ok": false}'))
    (outcome,) = push(server, loopback, {"answers": [{"when": {"if": "answer@ok == false"}, "is": "retry"}]})
    assert outcome.not_taken is False


def test_a_refused_connection(server, loopback) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (outcome,) = push(server, loopback, {}, url=f"http://127.0.0.1:{port}/")
    assert (outcome.reason, outcome.not_taken) == ("could not connect: connection refused", True)


def test_a_name_that_does_not_resolve(server, loopback) -> None:
    (outcome,) = push(server, loopback, {}, url="http://nowhere.invalid/")
    assert outcome.not_taken is True


def test_an_answer_that_does_not_come(server, loopback) -> None:
    server.answers.append(lambda handler: handler.connection.close())
    (outcome,) = push(server, loopback, {})
    assert isinstance(outcome, Unknown)


def test_those_that_a_busy_server_is_not_asked_for_any_more(server, loopback) -> None:
    server.answers.append((500, {"Retry-After": "7"}, b""))
    first, second = push(server, loopback, {}, made(), made(number=2))
    assert (first.after, first.not_taken) == (7, False)
    assert (second.after, second.not_taken) == (7, True)
    assert len(server.seen) == 1


def test_what_was_in_an_earlier_call_stays_in_doubt(server, loopback) -> None:
    """The whole call may have been taken in part; what is said of its halves tells nothing of that."""
    server.answers += [(422, {}, b"no"), (429, {"Retry-After": "7"}, b"")]
    outcomes = push(server, loopback, BATCH, made(), made(number=2))
    assert [(one.after, one.not_taken) for one in outcomes] == [(7, False), (7, False)]
    assert len(server.seen) == 2


def test_so_does_what_was_then_refused_for_the_credentials(server, loopback) -> None:
    server.answers += [(422, {}, b"no"), (401, {}, b"")]
    outcomes = push(server, loopback, BATCH, made(), made(number=2))
    assert [(type(one), one.may_be_taken) for one in outcomes] == [(Hold, True), (Hold, True)]
    server.answers += [(401, {}, b"")]
    assert [one.may_be_taken for one in push(server, loopback, BATCH, made(), made(number=2))] == [False] * 2


@pytest.mark.parametrize(
    ("settings", "needed"),
    [
        ({}, False),
        ({"remove": {"path": "/c/{{delivery@key}}"}}, False),
        ({"remove": {"path": "/c/{{delivery@remote.id}}"}}, True),
        ({"erase": {"method": "POST", "body": {"$map": "delivery@remote.ids", "to": "item@"}}}, True),
        ({"remove": {"path": "/c", "headers": {"X-Id": "delivery@remote.id"}}}, True),
        ({"update": {"path": "/c/{{delivery@remote.id}}"}, "remote_id": "answer@id"}, False),
    ],
)
def test_whether_an_answer_is_needed_for_a_removal(settings: dict[str, Any], needed: bool) -> None:
    assert needs_remote(HttpApi(), settings) == needed


def test_which_systems_take_profiles_away_by_what_they_have_answered() -> None:
    """Intercom is not among them: who leaves is found there by the profile's id alone."""
    found = {one.slug for one in registry.all_connectors() if needs_remote(one, {})}
    assert found == {
        "activecampaign",
        "civicrm",
        "ghost",
        "google_customer_match",
        "hubspot",
        "klaviyo",
        "mailchimp",
        "mautic",
        "salesforce",
    }
