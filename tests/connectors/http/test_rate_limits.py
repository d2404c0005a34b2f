"""How long servers ask to wait, in the headers of Kong, express-rate-limit, GitHub, Mautic and the IETF."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from requests.structures import CaseInsensitiveDict

from destinations.connectors.base import Accepted, Delivery, Hold, Limits, Rate, Rejected, Retry
from destinations.connectors.capabilities import lowered_limits
from destinations.connectors.http import rate_limits
from destinations.connectors.http.connector import HttpApi
from tests.cases import for_each

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
EPOCH = NOW.timestamp()
IN_A_MINUTE = format_datetime(NOW + timedelta(minutes=1), usegmt=True)

# Headers of an answer that says when there is more, and how long that is.
SAID = [
    ({"RateLimit": '"default";r=0;t=30'}, 30),
    ({"ratelimit": '"default"; r=0; t=30'}, 30),
    ({"RateLimit": "default;r=0;t=30"}, 30),
    ({"RateLimit": '"a, b;r=9";r=0;t=30;pk=:dHJ1ZQ==:'}, 30),
    ({"RateLimit": '"second";r=0;t=1, "day";r=0;t=7200'}, 7200),
    ({"RateLimit": '"second";r=0;t=1, "day";r=90;t=7200'}, 1),
    ({"RateLimit": '"default";r=0', "RateLimit-Policy": '"default";q=100;w=60'}, 60),
    ({"RateLimit": '"a";r=0', "RateLimit-Policy": '"b";q=1;w=1, "a";q=100;qu="requests, all";w=60'}, 60),
    ({"RateLimit": "limit=100, remaining=0, reset=30", "RateLimit-Policy": "100;w=60"}, 30),
    ({"RateLimit-Remaining": "0", "RateLimit-Policy": "100;w=60"}, 60),
    ({"RateLimit-Limit": "100", "RateLimit-Remaining": "0", "RateLimit-Reset": "30"}, 30),
    ({"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"}, 30),
    ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30.5"}, 30.5),
    ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "1.5"}, 1.5),
    ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(EPOCH) + 60)}, 60),
    ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(EPOCH * 1000) + 60_000)}, 60),
    ({"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": str(int(EPOCH) + 60)}, 60),
    ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": IN_A_MINUTE}, 60),
    ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2026-11-23T12:01:00Z"}, 60),
    ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2026-11-23T12:01:00"}, 60),
    ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "999999999"}, 86400),
    ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(EPOCH) + 10**6)}, 86400),
]
# Headers that say nothing anybody could wait for.
NOTHING = [
    {},
    {"RateLimit": ""},
    {"RateLimit": '"default"'},
    {"RateLimit": '"default";r=0;t=soon'},
    {"RateLimit": '"default";r=0;t=-5'},
    {"RateLimit": '"' * 1000},
    {"RateLimit": '";' * 500},
    {"RateLimit": "a;" * 100_000},
    {"RateLimit": "limit=1, remaining=0", "RateLimit-Policy": "5" + "; " * 400 + ","},  # would take for ever
    {"RateLimit-Policy": '"default";q=100;w=60'},
    {"X-RateLimit-Remaining": "0"},
    {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": ""},
    {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"},
    {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "-5"},
    {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "٣"},
    {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9" * 400},
    {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(EPOCH) - 1)},
    {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "0001-01-01T00:00:00+23:59"},
    {"X-Accurate": "1"},
]


@for_each(("headers", "seconds"), SAID)
@for_each("status", [429, 503, 200, 422, 403])
def test_a_limit_that_is_used_up_says_when_there_is_more(headers, seconds: float, status: int) -> None:
    assert rate_limits.asked(status, headers_of(headers), EPOCH) == seconds


@for_each("headers", NOTHING)
@for_each("status", [429, 503, 200])
def test_what_cannot_be_understood_asks_for_nothing(headers, status: int) -> None:
    started = time.monotonic()
    assert rate_limits.asked(status, headers_of(headers), EPOCH) is None
    assert time.monotonic() - started < 1


def headers_of(given):
    """As the client has them: of any letter case."""
    return CaseInsensitiveDict(given)


LEFT = {"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "30"}
UNKNOWN = {"X-RateLimit-Reset": "30"}


@for_each(
    ("status", "headers", "seconds"),
    [
        (200, LEFT, None),
        (422, LEFT, None),
        (500, LEFT, None),
        (503, LEFT, None),  # it is down; the limit has nothing to do with it
        (429, LEFT, 30),  # what was wanted may cost more than is left
        (200, UNKNOWN, None),
        (500, UNKNOWN, None),
        (503, UNKNOWN, 30),
        (429, UNKNOWN, 30),
        (429, {"RateLimit": '"a";r=3;t=30, "b";r=90;t=7200'}, 30),
        (429, {"Retry-After": "5", **UNKNOWN}, 5),
        (503, {"Retry-After": "5", "RateLimit": '"a";r=0;t=30'}, 5),
        (429, {"Retry-After": "soon", **UNKNOWN}, 30),
        (423, {"Retry-After": "5"}, 5),
        (200, {"Retry-After": "5"}, None),
        (403, {"Retry-After": "5", "RateLimit": '"a";r=0;t=30'}, 5),
        (202, {"Retry-After": "5", "RateLimit": '"a";r=0;t=30'}, 30),
    ],
)
def test_when_a_limit_counts(status: int, headers, seconds: float | None) -> None:
    assert rate_limits.asked(status, headers_of(headers), EPOCH) == seconds


@pytest.mark.parametrize(
    ("status", "headers", "kind", "after"),
    [
        (429, {"X-RateLimit-Reset": "30"}, Retry, 30),
        (429, {"RateLimit": '"default";r=0;t=30'}, Retry, 30),
        (429, {"RateLimit-Remaining": "0", "RateLimit-Reset": "30"}, Retry, 30),
        (503, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"}, Retry, 30),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"}, Retry, 30),  # as GitHub does
        (403, {"Retry-After": "30"}, Retry, 30),  # as GitHub does
        (200, {"RateLimit": '"default";r=0;t=30'}, Accepted, 30),
        (200, {"RateLimit": '"default";r=1;t=30'}, Accepted, None),
        (422, {"RateLimit": '"default";r=0;t=30'}, Rejected, 30),
        (200, {}, Accepted, None),
    ],
)
def test_http_api_keeps_to_limits(server, loopback, status, headers, kind, after) -> None:
    server.answers.append((status, headers, b""))
    with HttpApi().open({"url": server.url}, {}, loopback) as session:
        (outcome,) = session.push([Delivery({"a": 1}, "1:1")])
    assert type(outcome) is kind
    assert outcome.after == after


@pytest.mark.parametrize(("headers", "seconds"), SAID)
def test_http_api_reads_every_form(server, loopback, monkeypatch, headers, seconds: float) -> None:
    monkeypatch.setattr(rate_limits.time, "time", lambda: EPOCH)
    server.answers += [(429, headers, b""), (200, headers, b"")]
    with HttpApi().open({"url": server.url}, {}, loopback) as session:
        (refused,) = session.push([Delivery({"a": 1}, "1:0")])
        (accepted,) = session.push([Delivery({"a": 1}, "1:1")])
    assert (type(refused), refused.after) == (Retry, seconds)
    assert (type(accepted), accepted.after) == (Accepted, seconds)


def test_a_403_that_is_about_no_limit_holds_the_destination(server, loopback) -> None:
    server.answers.append((403, {"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "30"}, b""))
    with HttpApi().open({"url": server.url}, {}, loopback) as session:
        (outcome,) = session.push([Delivery({"a": 1}, "1:1")])
    assert type(outcome) is Hold


def test_a_moment_is_told_from_seconds_by_its_size(server, loopback) -> None:
    server.answers.append((429, {"X-RateLimit-Reset": str(int(time.time()) + 600)}, b""))
    with HttpApi().open({"url": server.url}, {}, loopback) as session:
        (outcome,) = session.push([Delivery({"a": 1}, "1:1")])
    assert 500 < outcome.after <= 600


@pytest.mark.parametrize(
    ("policy", "limits"),
    [
        ('"default";q=100;w=60', Limits(None, [Rate(100, 60.0)])),
        ('"burst";q=10;w=1, "daily";q=5000;w=86400', Limits(None, [Rate(10, 1.0), Rate(5000, 86400.0)])),
        ('"calls";q=4;qu="concurrent-requests"', Limits(4, [])),
        ('"bytes";q=100000;w=60;qu="content-bytes"', None),
        ('"one";q=5;w=60;qu="requests"', Limits(None, [Rate(5, 60.0)])),
        ('"none";q=0;w=60', None),
        ('"endless";q=5', None),
        ("nonsense", None),
        ("", None),
    ],
)
def test_a_policy_says_what_is_allowed(policy, limits) -> None:
    assert rate_limits.policies({"RateLimit-Policy": policy}) == limits


def test_a_session_tells_the_policy_of_its_last_answers(server, loopback) -> None:
    server.answers.append((200, {"RateLimit-Policy": '"default";q=100;w=60'}, b""))
    with HttpApi().open({"url": server.url}, {"batch": {"size": 10}}, loopback) as session:
        assert lowered_limits(session) is None
        session.push([Delivery({}, "k")])
        session.push([Delivery({}, "l")])  # an answer that says nothing takes nothing back
        assert lowered_limits(session) == Limits(None, [Rate(1000, 60.0)])
