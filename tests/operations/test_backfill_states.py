"""Pausing, resuming and cancelling a backfill, and what it says of its pace."""

from datetime import timedelta

import pytest

from destinations.models import Backfill, Destination, Health, ProfileSync
from destinations.operations import actions, backfill, batches, progress
from profiles import changes
from tracsync.common.jobs import JobEnded
from tracsync.common.times import duration

pytestmark = pytest.mark.django_db


@pytest.fixture
def begun(frozen, make_destination, monkeypatch):
    monkeypatch.setattr(backfill, "BATCH_SIZE", 10)
    monkeypatch.setattr(batches, "MOST_WAITING", 1000)
    changes.write([changes.Change(f"p{n:02}", "put", {"id": f"p{n:02}"}) for n in range(55)])
    frozen.forward(100)
    return backfill.request(make_destination())


def done(begun):
    begun.refresh_from_db()
    return begun.done


def test_paused_it_hands_nothing_over_and_goes_on_where_it_was(begun, frozen):
    backfill.advance(frozen.now)
    begun.pause()
    assert backfill.advance(frozen.now) == 0
    assert (begun.state, done(begun)) == ("paused", 10)
    begun.resume()
    while backfill.advance(frozen.now):
        pass
    assert done(begun) == 55
    assert begun.state == "finished"
    assert ProfileSync.objects.count() == 55


def test_cancelled_it_ends_and_what_was_handed_over_goes_on_waiting(begun, frozen):
    backfill.advance(frozen.now)
    begun.cancel()
    assert backfill.advance(frozen.now) == 0
    assert (begun.state, begun.finished_at) == ("cancelled", frozen.now)
    assert ProfileSync.objects.filter(due_at__isnull=False).count() == 10


@pytest.mark.parametrize("act", [Backfill.pause, Backfill.resume, Backfill.cancel])
def test_what_has_ended_can_only_be_looked_at(begun, act):
    begun.cancel()
    with pytest.raises(JobEnded, match="The backfill is cancelled already"):
        act(begun)


def test_a_pause_that_comes_while_a_batch_is_handed_over_is_kept(begun, frozen, monkeypatch):
    """The scheduler writes only what it changes."""
    hand_over_now = backfill.settle.hand_over_now

    def pausing(*args, **options):
        Backfill.objects.update(paused_at=frozen.now)
        hand_over_now(*args, **options)

    monkeypatch.setattr(backfill.settle, "hand_over_now", pausing)
    backfill.advance(frozen.now)
    begun.refresh_from_db()
    assert (begun.state, begun.done) == ("paused", 10)


def test_rate_and_time_left_are_those_of_the_batches(begun, frozen):
    assert progress.measure(begun).summary == "0 of 55 handed over, just begun"
    for _ in range(3):
        backfill.advance(frozen.now)
        frozen.forward(5)
    begun.refresh_from_db()
    now = progress.measure(begun)
    assert (now.percent, now.rate, now.left) == (54, 2.0, timedelta(seconds=12))
    assert now.summary == "30 of 55 handed over, about 12 s left"


def test_a_long_silence_is_no_part_of_the_rate(begun, frozen):
    backfill.advance(frozen.now)
    frozen.forward(86_400)
    backfill.advance(frozen.now)
    frozen.forward(10)
    backfill.advance(frozen.now)
    begun.refresh_from_db()
    assert progress.measure(begun).rate == 1.0


def test_after_a_pause_the_rate_begins_anew(begun, frozen):
    backfill.advance(frozen.now)
    frozen.forward(100)
    begun.pause()
    begun.resume()
    assert progress.measure(begun).rate is None
    backfill.advance(frozen.now)
    frozen.forward(10)
    backfill.advance(frozen.now)
    begun.refresh_from_db()
    assert progress.measure(begun).rate == 1.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: Destination.objects.update(enabled=False), "waits: the destination is off"),
        (actions.pause, "waits: the destination is paused since"),
        (
            lambda one: Health.objects.update(
                held_until=one.updated_at + timedelta(hours=9), hold_reason="status 503"
            ),
            "waits: the destination rests until 21:01:40",
        ),
    ],
)
def test_it_says_what_it_waits_for(begun, change, words):
    change(begun.destination)
    assert progress.measure(Backfill.objects.get()).summary.startswith(words)


def test_an_ended_one_says_how_and_when(begun, frozen):
    while backfill.advance(frozen.now):
        pass
    begun.refresh_from_db()
    assert progress.measure(begun).summary == "finished at 12:01:40, 55 of 55 handed over"
    assert progress.measure(begun).percent == 100


@pytest.mark.parametrize(
    ("seconds", "words"), [(7, "7 s"), (125, "2 min"), (3 * 3600 + 61, "3 h 1 min"), (200_000, "2 d 7 h")]
)
def test_durations_are_short(seconds, words):
    assert duration(timedelta(seconds=seconds)) == words


def test_lost_keys_do_not_stop_a_backfill(begun, frozen, settings):
    from cryptography.fernet import Fernet

    settings.TRACSYNC_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert backfill.advance(frozen.now) == 1
    assert done(begun) == 10
