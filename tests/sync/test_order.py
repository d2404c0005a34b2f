"""Order under pressure: 200 profiles, 50 changes each, 3 destinations that answer by a seeded script."""

import random
import threading
import time
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.utils import timezone

from destinations.connectors.base import Accepted, Rejected, Retry, Unknown, Unreachable
from destinations.connectors.testing.recording import _RecordingSession
from destinations.models import ProfileSync
from destinations.operations import actions
from destinations.scheduler import loop
from destinations.sync import claim, retry, settle
from profiles import changes
from profiles.models import Profile

PROFILES, CHANGES, AT_ONCE = 200, 50, 100
QUIET = {"one": 1, "two": 2, "three": 4}  # seconds; a tenth is a hundredth on a real clock
ANSWERS, WEIGHTS = (Accepted, Retry, Unknown, Rejected), (85, 5, 5, 5)
ERRORS = (RuntimeError, Unreachable)
ERROR_EVERY = 5  # calls, as few as there are on a quick machine


class Stories:
    """Answers by script, and checks at every delivery what must always hold for its pair."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.calm = False
        self.calls = 0
        self.lock = threading.Lock()
        self.in_flight, self.newest, self.last, self.keys = set(), {}, {}, {}
        self.answers = Counter()
        self.wrong = []
        self.meanwhile = lambda: time.sleep(0.001)  # let other workers in

    def push(self, deliveries):
        with self.lock:
            error = self.error()
            outcomes = [self.begin(delivery, error) for delivery in deliveries]
        self.meanwhile()
        with self.lock:
            self.in_flight -= {pair(delivery) for delivery in deliveries}
        if error is not None:
            raise error("scripted")
        return outcomes

    def error(self):
        """What this call as a whole fails with; None: it does not."""
        self.calls += 1
        turn, rest = divmod(self.calls, ERROR_EVERY)
        return None if self.calm or rest else ERRORS[turn % len(ERRORS)]

    def begin(self, delivery, error):
        """Check one delivery against the story of its pair so far; its answer."""
        one, payload = pair(delivery), delivery.payload
        if one in self.in_flight:
            self.wrong.append(f"{one}: two in flight")
        if payload["n"] < self.newest.get(one, 0):
            self.wrong.append(f"{one}: stale after newer")
        if self.is_known(one, delivery):
            answered = self.last[one][1].__name__
            self.wrong.append(f"{one}: {payload} sent twice without need, answered {answered}")
        answer = error or (Accepted if self.calm else self.rng.choices(ANSWERS, WEIGHTS)[0])
        self.in_flight.add(one)
        self.newest[one], self.last[one] = payload["n"], (payload, answer)
        self.keys[one] = delivery.idempotency_key
        self.answers[answer] += 1
        return answer() if answer is Accepted else answer("scripted")

    def is_known(self, one, delivery):
        """Whether this state was accepted, or this very push refused, right before."""
        last, answer = self.last.get(one, (None, None))
        is_same_push = self.keys.get(one) == delivery.idempotency_key
        return (answer is Accepted and last == delivery.payload) or (answer is Rejected and is_same_push)


def pair(delivery):
    return delivery.payload["to"], delivery.payload["id"]


@pytest.fixture
def stories(recording, monkeypatch):
    stories = Stories(seed=11)
    monkeypatch.setattr(recording, "batch_size", 50)
    monkeypatch.setattr(_RecordingSession, "push", lambda _, deliveries: stories.push(deliveries))
    return stories


def make_destinations(make_destination, scale, **fields):
    mapping = {"id": "profile@id", "n": "profile@n"}
    return [
        make_destination(
            name, quiet_period=quiet * scale, max_wait=8 * scale, mapping={"to": name, **mapping}, **fields
        )
        for name, quiet in QUIET.items()
    ]


def rounds(rng):
    """Every profile changes 50 times, 100 at once; one change in five is none for the destinations."""
    order = [f"p{n:03}" for n in range(PROFILES)] * CHANGES
    rng.shuffle(order)
    counts = Counter()
    for start in range(0, len(order), AT_ONCE):
        batch = []
        for id in order[start : start + AT_ONCE]:
            silent = counts[id] and rng.random() < 0.2
            counts[id] += not silent
            batch.append(changes.Change(id, "set", {"note": start + 1} if silent else {"n": counts[id]}))
        yield batch


def waiting():
    changing = Profile.objects.filter(first_changed_at__isnull=False).exists()
    return changing or ProfileSync.objects.filter(due_at__isnull=False).exists()


def assert_all_arrived(stories):
    """Nothing was wrong on the way, every kind of answer was given, every last state is accepted."""
    assert stories.wrong == []
    assert set(stories.answers) == {*ANSWERS, *ERRORS}
    expected = {
        (name, profile.pk): ({"to": name, "id": profile.pk, "n": profile.document["n"]}, Accepted)
        for profile in Profile.objects.all()
        for name in QUIET
    }
    assert len(expected) == PROFILES * len(QUIET)
    assert stories.last == expected


@pytest.mark.django_db(transaction=True)  # in one long transaction PostgreSQL could clear nothing away
def test_order_on_a_frozen_clock(frozen, stories, make_destination):
    """Changes are settled in the middle of pushes, in the thread that has the database; and some claims are
    never worked on."""
    destinations = make_destinations(make_destination, scale=1, concurrency=1)
    rng = random.Random(12)
    stories.meanwhile = lambda: rng.random() < 0.2 and settle.settle(timezone.now())
    for batch in rounds(rng):
        changes.write(batch)
        frozen.forward(rng.uniform(0.1, 3))
        if rng.random() < 0.1:
            claim.claim(rng.choice(destinations), frozen.now)  # and its worker dies
        loop.tick()
    drain(frozen)
    stories.calm = True
    actions.replay(ProfileSync.objects.filter(state="rejected"))
    drain(frozen)
    assert_all_arrived(stories)


def drain(frozen):
    while waiting():
        frozen.forward(5)
        loop.tick()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    connection.vendor == "sqlite", reason="threads share the in-memory database; runs on PostgreSQL in CI"
)
def test_order_with_many_workers(stories, make_destination, monkeypatch):
    for name in ("FIRST", "LONGEST", "BREAKER_FIRST", "BREAKER_LONGEST"):
        monkeypatch.setattr(retry, name, timedelta(seconds=0.05))
    monkeypatch.setattr(loop, "TICK", 0.01)
    make_destinations(make_destination, scale=0.1)
    with working(4):
        for batch in rounds(random.Random(12)):
            changes.write(batch)
        wait_until_nothing_is_waiting()
        stories.calm = True
        actions.replay(ProfileSync.objects.filter(state="rejected"))
        wait_until_nothing_is_waiting()
    assert_all_arrived(stories)


@contextmanager
def working(count):
    """Threads that each are scheduler and worker: what the scheduler enqueues is pushed where it ticks."""
    stopped = threading.Event()

    def work():
        loop.run(stopped.is_set)
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


def wait_until_nothing_is_waiting(seconds=60):
    ends_at = time.monotonic() + seconds
    while waiting():
        assert time.monotonic() < ends_at, "something is still waiting"
        time.sleep(0.05)
