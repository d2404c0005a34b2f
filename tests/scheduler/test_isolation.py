"""What fails in one job, or in one kind of cleaning up, ends nothing else."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import Failure

from destinations.models import Backfill, Health
from destinations.operations import audit, backfill, replay
from destinations.scheduler import cleanup, loop
from destinations.sync import health, settle
from profiles.imports import job as imports
from tracsync.common import jobs

pytestmark = pytest.mark.django_db


def broken(*args, **kwargs):
    raise KeyError("a choice of another release")


def test_a_backfill_that_fails_holds_up_no_other(make_destination, make_profile, monkeypatch, caplog):
    make_profile()
    bad, good = (backfill.request(make_destination(name)) for name in ("bad", "good"))
    hand_over = settle.hand_over_now

    def failing(destination, *args, **kwargs):
        return broken() if destination.pk == bad.destination_id else hand_over(destination, *args, **kwargs)

    monkeypatch.setattr(settle, "hand_over_now", failing)
    now = timezone.now()
    assert backfill.advance(now) == 1
    assert [Backfill.objects.get(pk=one.pk).done for one in (bad, good)] == [0, 1]
    assert f"backfill {bad.pk} could not go on (KeyError: 'a choice of another release')" in caplog.text
    assert backfill.advance(now) in (0, 1)
    assert caplog.text.count("could not go on") == 1
    monkeypatch.setattr(settle, "hand_over_now", hand_over)
    jobs._resting.clear()
    backfill.advance(now)
    assert Backfill.objects.get(pk=bad.pk).done == 1


@pytest.mark.parametrize(
    ("module", "name"),
    [(backfill, "batches"), (replay, "batches"), (audit, "_ready"), (imports, "_under_way")],
)
def test_a_kind_of_job_that_fails_ends_no_look(
    module, name, monkeypatch, make_destination, make_profile, recording
):
    monkeypatch.setattr(module, name, broken)
    make_destination(quiet_period=0)
    make_profile()
    assert loop.tick()


def test_a_destination_that_fails_holds_up_no_other_that_is_well_again(make_destination, monkeypatch):
    now = timezone.now()
    for name in ("bad", "good"):
        Health.objects.update_or_create(pk=make_destination(name).pk, defaults={"recovered_at": now})
    [bad, good] = Health.objects.order_by("pk")
    bring = health._bring_retries_forward
    monkeypatch.setattr(
        health, "_bring_retries_forward", lambda one, now: broken() if one.pk == bad.pk else bring(one, now)
    )
    health.bring_forward(now)
    assert [Health.objects.get(pk=one.pk).recovered_at for one in (bad, good)] == [now, None]


def test_what_cannot_be_cleaned_up_holds_up_nothing_else(monkeypatch):
    long_ago = timezone.now() - 2 * timedelta(days=cleanup.FAILED_TASK_DAYS)
    Failure.objects.create(id="1", name="a", func="a", started=long_ago, stopped=long_ago, success=False)
    monkeypatch.setattr(cleanup.receiver, "forget_old", broken)
    monkeypatch.setattr(cleanup, "_prune_tombstones", broken)
    ended = []
    monkeypatch.setattr(cleanup.job, "expire", ended.append)
    assert cleanup.prune() == 1
    assert not Failure.objects.exists()
    assert len(ended) == 1


def test_a_database_that_is_away_ends_the_look(monkeypatch):
    """Nobody else would get any further, and the connection is to be made anew."""
    monkeypatch.setattr(jobs.connection, "is_usable", lambda: False, raising=False)

    def away():
        raise jobs.DatabaseError("gone")

    with pytest.raises(jobs.DatabaseError):
        jobs.attempt("imports", away)
