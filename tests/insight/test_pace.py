"""How long many pushes take: by the limit or by the answers, whichever holds them up more."""

from datetime import timedelta

import pytest
from django.utils import timezone

from destinations.connectors.base import Rate
from destinations.insight import pace as paces
from destinations.insight.pace import pace
from destinations.models import DeliveryAttempt, Destination


@pytest.fixture
def crm(make_destination):
    return make_destination("crm", concurrency=2)


def answered(destination, profile, *milliseconds):
    now = timezone.now()
    for n, duration in enumerate(milliseconds):
        DeliveryAttempt.objects.create(
            profile=profile, destination=destination, version=1, duration_ms=duration, outcome="accepted",
            at=now - timedelta(minutes=n),
        )  # fmt: skip


def test_nobody_knows_where_nothing_was_sent_and_there_is_no_limit(crm):
    assert pace(crm).takes(100) is None
    assert pace(Destination()).takes(100) is None
    assert pace(crm).limit(100) is None


def test_by_its_recent_answers_with_as_many_calls_at_once_as_it_allows(crm, make_profile, monkeypatch):
    monkeypatch.setattr(paces, "RECENT", 2)
    answered(crm, make_profile("p"), 100, 300, 90_000)
    found = pace(crm)
    assert (found.answer, found.rate) == (200, 10)
    assert found.takes(50) == timedelta(seconds=5)


def test_answers_that_take_no_time_are_not_endlessly_fast(crm, make_profile):
    answered(crm, make_profile("p"), 0)
    assert pace(crm).takes(2000) == timedelta(seconds=1)


def test_as_many_as_the_limit_allows_go_at_once(crm, make_profile):
    crm.rate_limit, crm.rate_period = 10, "minute"
    assert pace(crm).takes(10) == timedelta(0)
    assert pace(crm).takes(11) == timedelta(seconds=63)  # a period and the part of it that it is counted in
    assert pace(crm).takes(30) == timedelta(seconds=126)
    assert pace(crm).limit(30) == Rate(10, 60.0)
    answered(crm, make_profile("p"), 100_000)
    assert pace(crm).limit(10) is None
    assert pace(crm).takes(10) == timedelta(seconds=500)
