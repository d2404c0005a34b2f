"""Profiles come, leave, are deleted and made again, while the destination answers by a seeded script."""

import random
import threading
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from destinations.connectors.base import Accepted, Rejected, Retry, Unknown, Unreachable
from destinations.connectors.testing.recording import _RecordingSession
from destinations.models import ProfileSync
from destinations.operations import actions
from destinations.scheduler import loop
from destinations.sync import retry, settle
from profiles import changes
from profiles.models import Profile
from tests.sync.test_order import drain, wait_until_nothing_is_waiting, working

PROFILES, ROUNDS, AT_ONCE = 60, 80, 12
ANSWERS, WEIGHTS = (Accepted, Retry, Unknown, Rejected), (82, 6, 6, 6)
ERROR_EVERY = 9  # calls


class Double:
    """What the destination holds, as it was told; what must never come is in `wrong`."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.lock = threading.Lock()
        self.held, self.versions, self.in_flight = {}, {}, set()
        self.calls, self.calm = 0, False
        self.operations, self.wrong = Counter(), []
        self.meanwhile = lambda: time.sleep(0.001)  # let other workers in

    def push(self, deliveries):
        with self.lock:
            self.calls += 1
            if not self.calm and self.calls % ERROR_EVERY == 0:
                raise Unreachable("scripted")
            outcomes = [self.take(delivery) for delivery in deliveries]
        self.meanwhile()
        with self.lock:
            self.in_flight -= {delivery.key for delivery in deliveries}
        return outcomes

    def has_enough(self):
        """Whether so much was sent and removed that something could have gone wrong."""
        return min(self.operations[name] for name in ("upsert", "remove")) > PROFILES / 2

    def take(self, delivery):
        key, said = delivery.key, f"{delivery.operation} {delivery.key} {delivery.version}"
        if key in self.in_flight:
            self.wrong.append(f"{said}: two in flight")
        if delivery.version < self.versions.get(key, 0):
            self.wrong.append(f"{said}: after version {self.versions[key]}")
        if delivery.operation == "upsert" and delivery.payload["version"] != delivery.payload["n"]:
            self.wrong.append(f"{said}: {delivery.payload}")
        if delivery.operation == "remove" and delivery.payload is not None:
            self.wrong.append(f"{said}: with a payload")
        self.in_flight.add(key)
        self.versions[key] = delivery.version
        answer = Accepted if self.calm else self.rng.choices(ANSWERS, WEIGHTS)[0]
        if answer is Accepted or (answer is Unknown and self.rng.random() < 0.5):
            self.operations[delivery.operation] += 1
            if delivery.operation == "upsert":
                self.held[key] = delivery.payload["n"]
            else:
                self.held.pop(key, None)
        return answer() if answer is Accepted else answer("scripted")


@pytest.fixture
def double(recording, monkeypatch):
    double = Double(seed=21)
    monkeypatch.setattr(recording, "batch_size", 10)
    monkeypatch.setattr(_RecordingSession, "push", lambda _, deliveries: double.push(deliveries))
    return double


def make(make_destination, scale, **fields):
    return make_destination(
        **fields,
        quiet_period=scale,
        max_wait=4 * scale,
        mapping={"n": "profile@n", "version": "profile@n"},
        prerequisites="profile@consent == true",
        on_leave="remove",
        on_delete="remove",
    )


def rounds(rng, are_enough=lambda: True):
    """Twelve profiles at once: changed, wanted or not from now on, deleted or made again."""
    count = 0
    for done in range(20 * ROUNDS):
        if done >= ROUNDS and are_enough():
            return
        gone, written = [], []
        for number in rng.sample(range(PROFILES), AT_ONCE):
            count += 1
            id = f"p{number:02}"
            if rng.random() < 0.2:
                gone.append(id)
            else:
                document = {"id": id, "n": count, "consent": rng.random() < 0.6}
                written.append(changes.Change(id, "put", document))
        yield gone, written


def change(gone, written):
    Profile.objects.filter(pk__in=gone).delete()
    changes.write(written)


def finish(double, come_to_rest):
    double.calm = True
    for _ in range(2):  # what was refused is tried again as it is now
        actions.replay(ProfileSync.objects.filter(state="rejected"))
        come_to_rest()
    assert double.wrong == []
    assert double.has_enough()
    wanted = {one.pk: one.document["n"] for one in Profile.objects.all() if one.document["consent"]}
    assert wanted
    assert double.held == wanted
    removed = set(ProfileSync.objects.filter(state="removed").values_list("profile_id", flat=True))
    assert removed
    assert not removed & set(wanted)


@pytest.mark.django_db(transaction=True)  # in one long transaction PostgreSQL could clear nothing away
def test_order_on_a_frozen_clock(frozen, double, make_destination):
    """Profiles change in the middle of pushes, too: in the thread that has the database."""
    make(make_destination, scale=1, concurrency=1)
    rng, more = random.Random(22), rounds(random.Random(23))
    double.meanwhile = lambda: rng.random() < 0.2 and settle.settle(timezone.now())
    for gone, written in more:
        change(gone, written)
        frozen.forward(rng.uniform(0.1, 2))
        loop.tick()
    drain(frozen)
    finish(double, lambda: drain(frozen))


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    connection.vendor == "sqlite", reason="threads share the in-memory database; runs on PostgreSQL in CI"
)
def test_order_with_many_workers(double, make_destination, monkeypatch):
    for name in ("FIRST", "LONGEST", "BREAKER_FIRST", "BREAKER_LONGEST"):
        monkeypatch.setattr(retry, name, timedelta(seconds=0.05))
    monkeypatch.setattr(loop, "TICK", 0.01)
    make(make_destination, scale=0.05)
    with working(4):
        # How much of it is sent on the way depends on the machine's pace.
        for gone, written in rounds(random.Random(23), double.has_enough):
            change(gone, written)
            time.sleep(0.005)
        wait_until_nothing_is_waiting()
        finish(double, wait_until_nothing_is_waiting)
