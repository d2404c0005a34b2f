"""Batches of slow destinations go on in the background: the process is free for the others."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from destinations.models import Health, ProfileSync
from destinations.sync import claim, push, settle, turns
from destinations.sync.concurrency.background import Background
from profiles import changes
from tests.harness import PATIENCE, wait_for


class TestBackground:
    def test_what_ends_in_time_is_answered(self):
        background = Background(2)
        assert background.run(lambda: True, PATIENCE) is True
        assert background.run(lambda: False, PATIENCE) is False
        assert background.wait(PATIENCE)

    def test_what_takes_longer_goes_on_and_counts(self):
        background, goes_on = Background(2), threading.Event()
        assert background.run(lambda: goes_on.wait(PATIENCE), 0.0) is None
        assert not background.is_full
        assert background.run(lambda: goes_on.wait(PATIENCE), 0.0) is None
        assert background.is_full
        assert not background.wait(0.01)
        goes_on.set()
        assert background.wait(PATIENCE)
        assert not background.is_full

    def test_threads_are_used_again(self):
        background, used = Background(8), set()
        for _ in range(20):
            background.run(lambda: bool(used.add(threading.get_ident())), PATIENCE)
            wait_for(lambda: background._idle == 1, "the thread has nothing to do")
        assert len(used) == 1

    def test_work_that_raises_ends_too(self, monkeypatch):
        monkeypatch.setattr(threading, "excepthook", lambda _: None)

        def fail():
            raise RuntimeError

        background = Background(1)
        assert background.run(fail, PATIENCE) is False
        assert background.wait(PATIENCE)


def test_known_to_be_slow_is_told_from_quick_and_unknown(db, make_destination):
    slow, quick, unknown = (make_destination(name) for name in ("slow", "quick", "unknown"))
    for destination, seconds in ((slow, 20.0), (quick, 0.02)):
        destination.health.call_seconds = seconds
    assert [turns.is_slow(one) for one in (slow, quick, unknown)] == [True, False, False]
    assert [turns.is_quick(one) for one in (slow, quick, unknown)] == [False, True, False]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    connection.vendor == "sqlite", reason="threads share the in-memory database; runs on PostgreSQL in CI"
)
class TestOneProcess:
    @pytest.fixture(autouse=True)
    def background(self, monkeypatch):
        """Its threads end with the test, and their connections with them."""
        background = Background(push.BACKGROUND_BATCHES)
        monkeypatch.setattr(background, "IDLE", 0.05, raising=False)
        monkeypatch.setattr(push, "background", background)
        yield background
        wait_for(lambda: not any(one.name == "batch" for one in threading.enumerate()), "the threads' end")

    def test_it_pushes_to_a_healthy_one_while_many_are_waited_for(
        self, recording, make_destination, monkeypatch
    ):
        """As many as go on in the background hang, of which nothing was known."""
        monkeypatch.setattr(push, "PATIENCE", 0.05)
        answers = threading.Event()
        hanging = [
            make_destination(f"hangs {n}", quiet_period=0.001, mapping={"hangs": True, "id": "profile@id"})
            for n in range(push.BACKGROUND_BATCHES)
        ]
        healthy = make_destination("healthy", quiet_period=0.001)
        recording.during_push = lambda sent: sent[0].payload.get("hangs") and answers.wait(PATIENCE)
        for number in range(3):
            changes.write([changes.Change(f"p{number}", "put", {"id": f"p{number}", "n": 1})])
        soon = timezone.now() + timedelta(seconds=0.1)
        settle.settle(soon)
        Health.objects.filter(destination=healthy).update(call_seconds=0.01)
        try:
            for destination in [*hanging, healthy]:
                claimed = claim.claim(destination, soon)
                push.push(claimed.token, claimed.ids)
            wait_for(
                lambda: ProfileSync.objects.filter(destination=healthy, state="synced").count() == 3,
                "that the healthy one has all",
            )
            assert not ProfileSync.objects.filter(destination__in=hanging, state="synced").exists()
        finally:
            answers.set()

    def test_what_was_left_goes_on_with_what_is_due(self, recording, make_destination, settings, monkeypatch):
        """The scheduler would find it up to a second later."""
        monkeypatch.setattr(push, "PATIENCE", 0.05)
        settings.TRACSYNC_BATCH_SIZE = 2
        destination, answers = make_destination(quiet_period=0.001), threading.Event()
        recording.during_push = lambda _: answers.wait(PATIENCE)
        changes.write([changes.Change(f"p{number}", "put", {"id": f"p{number}"}) for number in range(6)])
        soon = timezone.now() + timedelta(seconds=0.1)
        settle.settle(soon)
        claimed = claim.claim(destination, soon)
        push.push(claimed.token, claimed.ids)  # and the next two: no more may be in flight
        assert not ProfileSync.objects.filter(state="synced").exists()
        answers.set()
        wait_for(lambda: ProfileSync.objects.filter(state="synced").count() == 6, "that all have arrived")
        assert len(recording.deliveries) == 6
