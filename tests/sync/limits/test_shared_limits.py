"""Limits of an account: what all destinations of a resource and environment may do together."""

import random
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from destinations import configuration
from destinations.connectors.base import Accepted, Limits, Rate, Rejected, Retry, Unreachable
from destinations.connectors.testing.recording import _RecordingSession
from destinations.insight import explain, pace
from destinations.models import Account, Destination, ProfileSync
from destinations.operations import actions
from destinations.scheduler import loop
from destinations.sync import claim, lease, settle
from destinations.sync.limits import accounts
from profiles import changes

pytestmark = pytest.mark.django_db
NAMES = ("a", "b", "c")


@pytest.fixture
def sent(recording, frozen):
    """To which destination each delivery went, and when."""
    found = []
    recording.during_push = lambda deliveries: found.extend(
        (one.payload["to"], frozen.now) for one in deliveries
    )
    return found


@pytest.fixture
def make(make_destination):
    def make_one(name, **fields):
        return make_destination(name, mapping={"to": name, "id": "profile@id"}, **fields)

    return make_one


@pytest.fixture
def due(frozen):
    """So many profiles that are due everywhere."""

    def make_due(count):
        changes.write([changes.Change(f"p{n:03}", "put", {"id": f"p{n:03}"}) for n in range(count)])
        frozen.forward(20)
        settle.settle(frozen.now)

    return make_due


def say(monkeypatch, limits):
    """What sessions say that they were told."""
    monkeypatch.setattr(_RecordingSession, "limits", lambda _: limits, raising=False)


def in_flight():
    """Calls that may be under way at once, over all claims."""
    rows = ProfileSync.objects.filter(claimed_until__gt=timezone.now())
    return sum(lanes for *_, lanes in set(rows.values_list("destination", "claim_token", "lanes")))


def sentence(name):
    rows = ProfileSync.objects.select_related("destination__resource", "destination__health", "profile")
    return explain.sentence(rows.filter(destination__name=name, due_at__isnull=False).first())


def most_within(moments, seconds):
    period = timedelta(seconds=seconds)
    return max(sum(first <= other < first + period for other in moments) for first in moments)


def test_all_destinations_together_keep_to_the_rate_of_their_resource(frozen, sent, make, resource, due):
    resource.rate_limit, resource.rate_period = 5, "minute"
    configuration.save(resource)
    for name in NAMES:
        make(name)
    due(10)
    rng = random.Random(7)
    for _ in range(150):
        loop.tick()
        frozen.forward(rng.uniform(0, 12))
    assert len(sent) == 30
    assert most_within([moment for _, moment in sent], 60) == 5


def test_what_is_left_is_shared_fairly(frozen, sent, make, resource, due):
    resource.rate_limit, resource.rate_period = 10, "hour"
    configuration.save(resource)
    for name in NAMES:
        make(name)
    due(10)
    loop.tick()
    assert sorted(Counter(name for name, _ in sent).values()) == [3, 3, 4]


@pytest.mark.parametrize(
    ("wanted", "there", "given"),
    [
        ([5, 5], None, [5, 5]),
        ([5, 5], 20, [5, 5]),
        ([9, 9, 9], 10, [4, 3, 3]),
        ([1, 9, 9], 10, [1, 5, 4]),
        ([1, 1, 1], 2, [1, 1, 0]),
        ([4, 4], 0, [0, 0]),
        ([], 3, []),
        ([1, 100, 2, 50], 60, [1, 29, 2, 28]),
    ],
)
def test_nobody_gets_more_than_he_wants_and_all_who_want_more_get_the_same(wanted, there, given):
    assert accounts.shared_out(wanted, there) == given


def test_each_environment_has_its_own_account(frozen, sent, make, resource, due):
    resource.rate_limit, resource.rate_period, resource.test = 2, "hour", {"token": "for tests"}
    configuration.save(resource)
    make("a")
    make("t", use_test_credentials=True)
    due(5)
    loop.tick()
    assert Counter(name for name, _ in sent) == {"a": 2, "t": 2}
    resource.test_rate_limit, resource.test_rate_period = 4, "hour"
    configuration.save(resource)
    loop.tick()
    assert Counter(name for name, _ in sent) == {"a": 2, "t": 4}


def test_the_connector_says_what_holds_where_nothing_is_set(
    frozen, sent, recording, make, resource, due, monkeypatch
):
    declared = Limits(3, [Rate(2, 10.0), Rate(5, 3600.0)])
    monkeypatch.setattr(recording, "limits", declared, raising=False)
    assert resource.limits(use_test=False) == declared
    assert make("a").effective_concurrency == 3
    due(10)
    loop.tick()
    assert len(sent) == 2
    assert "the limit of the resource memory, 2 in 10 s, is used up" in sentence("a")
    for _ in range(4):
        frozen.forward(11)
        loop.tick()
    assert len(sent) == 5
    assert "the limit of the resource memory, 5 an hour, is used up" in sentence("a")
    resource.concurrency, resource.rate_limit, resource.rate_period = 9, 7, "hour"
    configuration.save(resource)
    assert resource.limits(use_test=False) == Limits(9, [Rate(7, 3600.0)])
    loop.tick()
    assert len(sent) == 7


def test_a_destination_may_have_a_narrower_limit_of_its_own(frozen, sent, make, resource, due):
    resource.rate_limit, resource.rate_period, resource.concurrency = 10, "hour", 4
    configuration.save(resource)
    narrow, wide = make("a", rate_limit=1, rate_period="day", concurrency=2), make("b", concurrency=50)
    assert (narrow.effective_concurrency, wide.effective_concurrency) == (2, 4)
    due(20)
    for _ in range(3):
        loop.tick()
    assert Counter(name for name, _ in sent) == {"a": 1, "b": 9}


def test_calls_at_once_are_shared_over_all_claims(frozen, make, resource, due):
    resource.concurrency = 5
    configuration.save(resource)
    made = [make(name) for name in "abcdefgh"]
    due(3)
    tokens = []
    for _ in range(3):
        found = claim.claim_all(Destination.objects.order_by("pk"), frozen.now)
        tokens += found
        assert in_flight() <= 5
    assert in_flight() == 5
    assert ProfileSync.objects.exclude(claim_token=None).values("destination").distinct().count() == 5
    for one in tokens:
        lease.release(one.token, one.ids)
    assert claim.claim_all(made[6:], frozen.now)
    assert in_flight() == 4  # two batches, each of half of what one destination may have


def test_the_calls_of_a_batch_are_those_that_it_was_given(
    frozen, recording, make, resource, due, monkeypatch
):
    monkeypatch.setattr(recording, "batch_size", 1)
    resource.concurrency = 3
    configuration.save(resource)
    for name in NAMES:
        make(name)
    due(2)
    most = []
    held = ProfileSync.objects.filter(claimed_until__isnull=False)
    recording.during_push = lambda _: most.extend(held.values_list("lanes", flat=True))
    for _ in range(4):
        loop.tick()
    assert set(most) == {1}
    assert not ProfileSync.objects.exclude(state="synced").exists()


@pytest.mark.parametrize(
    "answer",
    [
        Retry("429", after=60),
        Accepted(after=60),
        Rejected("no", after=60),
        Unreachable("maintenance", after=60),
    ],
)
def test_where_one_is_asked_to_wait_its_account_rests_and_others_go_on(
    frozen, recording, sent, make, make_resource, resource, due, answer
):
    resource.test = {"token": "for tests"}
    configuration.save(resource)
    make("a"), make("b")
    make("other", resource=make_resource("other"))
    make("test", use_test_credentials=True)
    due(1)
    recording.script(answer)
    loop.tick()
    assert Counter(name for name, _ in sent) == {"a": 1, "other": 1, "test": 1}
    assert sentence("b").startswith("kept: the account of the resource memory rests until 12:01:20")
    frozen.forward(59)
    loop.tick()
    assert len(sent) == 3
    frozen.forward(2)
    for _ in range(3):
        loop.tick()
        frozen.forward(1)
    assert "b" in [name for name, _ in sent]


def test_a_person_who_resumes_a_destination_ends_the_rest_of_its_account(
    frozen, recording, sent, make, resource, due
):
    first = make("a")
    make("b")
    due(1)
    recording.script(Retry("429", after=3600))
    loop.tick()
    actions.resume(first)
    for _ in range(3):
        loop.tick()
    assert {name for name, _ in sent} == {"a", "b"}
    assert Account.objects.get().held_until is None


def test_a_longer_rest_stays(frozen, recording, make, resource, due):
    one = make("a")
    due(1)
    recording.script(Retry("429", after=600))
    loop.tick()
    until = Account.objects.get().held_until
    accounts.note([accounts.Seen(one, (), timedelta(seconds=5), "again")])
    assert Account.objects.get().held_until == until


def test_a_session_lowers_the_limits_of_its_account_for_an_hour(
    frozen, sent, make, resource, due, monkeypatch
):
    say(monkeypatch, Limits(2, [Rate(3, 60.0)]))
    make("a"), make("b")
    due(10)
    loop.tick()
    first = len(sent)  # nobody knew before
    assert first == 20
    due_again = [changes.Change(f"p{n:03}", "set", {"n": n}) for n in range(10)]
    changes.write(due_again)
    ProfileSync.objects.update(payload_hash="")
    frozen.forward(120)
    settle.settle(frozen.now)
    loop.tick()
    assert len(sent) == first + 3
    assert "the limit of the resource memory, 3 a minute, is used up" in sentence("a")
    assert explain.in_force(Destination.objects.get(name="a"), frozen.now)[1:] == [
        "2 calls at once, all destinations of memory together: the system has said so",
        "3 a minute, all destinations of memory together: the system has said so",
    ]
    say(monkeypatch, None)
    frozen.forward(3601)
    loop.tick()
    assert len(sent) == first + 20


def test_what_a_session_says_never_widens(frozen, sent, make, resource, due, monkeypatch):
    resource.rate_limit, resource.rate_period, resource.concurrency = 2, "hour", 2
    configuration.save(resource)
    say(monkeypatch, Limits(100, [Rate(1000, 1.0)]))
    destination = make("a")
    due(10)
    for _ in range(5):
        loop.tick()
        frozen.forward(5)
    assert len(sent) == 2
    found = accounts.limits_of(destination, Account.objects.get(), timezone.now())
    assert found.concurrency == 2


@pytest.mark.parametrize(
    "said", [Limits(0, [Rate(0, 60.0), Rate(-3, 60.0), Rate(3, 0.0), Rate(3, float("nan"))]), Limits(-1, ())]
)
def test_what_makes_no_sense_lowers_nothing(frozen, sent, make, resource, due, monkeypatch, said):
    say(monkeypatch, said)
    make("a")
    due(3)
    loop.tick()
    changes.write([changes.Change(f"p{n:03}", "set", {"n": n}) for n in range(3)])
    ProfileSync.objects.update(payload_hash="")
    frozen.forward(20)
    loop.tick()
    assert len(sent) == 6


def test_a_session_that_fails_when_asked_changes_nothing(frozen, sent, make, due, monkeypatch):
    def fail(_):
        raise ValueError("s3cr3t-token")

    monkeypatch.setattr(_RecordingSession, "limits", fail, raising=False)
    make("a")
    due(2)
    loop.tick()
    assert len(sent) == 2
    assert ProfileSync.objects.filter(state="synced").count() == 2


def test_the_times_of_a_clock_that_was_ahead_count_as_over(frozen, recording, make, due):
    make("a")
    due(1)
    frozen.forward(24 * 3600)
    recording.script(Retry("429", after=60))
    loop.tick()
    frozen.forward(-24 * 3600)
    loop.clock_skew.mend(frozen.now)
    assert not Account.objects.get().is_held(frozen.now)


def test_limits_are_shown_with_where_they_come_from(make, resource, settings):
    settings.TRACSYNC_CONCURRENCY = 8
    alone = make("alone")
    assert explain.in_force(alone, timezone.now()) == ["8 calls at once: as configured for all"]
    resource.concurrency, resource.rate_limit, resource.rate_period = 4, 100, "minute"
    configuration.save(resource)
    one = make("a", concurrency=1, rate_limit=5, rate_period="hour", resource=resource)
    assert [(found.source, found.shared) for found in pace.limits(one, timezone.now())] == [
        ("destination", False),
        ("resource", True),
        ("destination", False),
        ("resource", True),
    ]
    assert explain.in_force(one, timezone.now())[-1] == (
        "100 a minute, all destinations of memory together: set for the resource"
    )


def test_an_account_without_limits_is_neither_locked_nor_written(frozen, make, due):
    make("a")
    due(3)
    with CaptureQueriesContext(connection) as captured:
        loop.tick()
    touched = [one["sql"] for one in captured if "destinations_account" in one["sql"]]
    assert not [sql for sql in touched if not sql.startswith("SELECT") or "FOR UPDATE" in sql]
    assert not Account.objects.exists()


def test_a_tick_costs_as_many_statements_for_one_destination_as_for_many(
    frozen, recording, make, make_resource, make_profile, monkeypatch
):
    monkeypatch.setattr("destinations.sync.push.SLICE_SECONDS", 60.0)
    monkeypatch.setattr("destinations.sync.current_profiles.FRESH", 60.0)

    def cost(id):
        make_profile(id)
        frozen.forward(20)
        with CaptureQueriesContext(connection) as captured:
            loop.tick()
        assert not ProfileSync.objects.exclude(state="synced").exists()
        return len(captured)

    def limited(name):
        return make_resource(name, concurrency=100, rate_limit=1000)

    first = limited("first")
    make("first", resource=first)
    Account.objects.create(resource=first, use_test=False)
    for_one = cost("p1")
    for number in range(60):
        one = limited(f"r{number}")
        Account.objects.create(resource=one, use_test=False)
        make(f"d{number}", resource=one)
        make(f"e{number}", resource=one)
    assert cost("p2") == for_one
    assert len(recording.deliveries) == 1 + 121
