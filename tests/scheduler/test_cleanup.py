"""What is only kept for a while."""

import io
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.utils import timezone
from django_q.models import Failure

from destinations import configuration
from destinations.connectors.base import Retry
from destinations.models import AuthorisationRequest, Backfill, DeliveryAttempt, DestinationVersion, Replay
from destinations.scheduler import cleanup, loop
from profiles.imports import job as import_jobs
from profiles.imports.models import ImportJob

pytestmark = pytest.mark.django_db


def test_attempts_are_deleted_by_age(frozen, recording, make_destination, make_profile, settings):
    settings.TRACSYNC_ATTEMPT_DAYS = 30
    make_destination()
    make_profile()
    recording.script(Retry("503"))
    frozen.forward(20)
    loop.tick()
    frozen.forward(29 * 86_400)
    loop.tick()
    assert (cleanup.prune(), DeliveryAttempt.objects.count()) == (0, 2)
    frozen.forward(2 * 86_400)
    assert (cleanup.prune(), DeliveryAttempt.objects.count()) == (1, 1)


def test_what_cannot_be_deleted_holds_up_no_look_for_what_is_due(monkeypatch):
    tried = []

    def fail():
        tried.append(1)
        raise ValueError("a row that nobody can read")

    monkeypatch.setattr(cleanup, "prune", fail)
    monkeypatch.setattr(cleanup, "_last", -cleanup.EVERY)
    with pytest.raises(ValueError, match="nobody can read"):
        cleanup.prune_sometimes()
    cleanup.prune_sometimes()
    assert len(tried) == 1


def test_failed_tasks_are_deleted_by_age(frozen):
    for days in (1, 8):
        stopped = timezone.now() - timedelta(days=days)
        Failure.objects.create(
            id=str(days), name="push", func="f", started=stopped, stopped=stopped, success=False
        )
    assert cleanup.prune() == 1
    assert Failure.objects.get().id == "1"


def test_an_import_that_nobody_starts_is_cancelled(frozen):
    job = import_jobs.receive(io.BytesIO(b'{"id": "a"}'), "a.ndjson")
    frozen.forward(2 * 86_400)
    cleanup.prune()
    job.refresh_from_db()
    assert (job.state, job.chunks.count()) == ("cancelled", 0)


def test_nothing_grows_for_ever(frozen, make_destination, settings, django_user_model):
    settings.TRACSYNC_HISTORY_DAYS = 365
    destination = make_destination()
    for name in ("second", "third"):
        destination.name = name
        configuration.save(destination)
    user = django_user_model.objects.create_user("ann")
    Session.objects.create(session_key="k", session_data="", expire_date=frozen.now + timedelta(days=14))
    LogEntry.objects.create(user=user, action_flag=1, object_repr="x")
    for job in (Backfill(destination=destination), Replay(destination=destination), ImportJob(name="a")):
        job.finished_at = frozen.now
        job.save()
    Backfill.objects.create(destination=destination)  # still going on
    AuthorisationRequest.objects.create(
        state="s", user="1", resource=destination.resource, use_test=False, secrets={}, expires_at=frozen.now
    )
    kept = (Session, LogEntry, Replay, ImportJob)
    frozen.forward(364 * 86_400)
    cleanup.prune()
    assert [model.objects.count() for model in kept] == [0, 1, 1, 1]
    assert not AuthorisationRequest.objects.exists()
    frozen.forward(2 * 86_400)
    cleanup.prune()
    assert [model.objects.count() for model in kept] == [0, 0, 0, 0]
    assert Backfill.objects.count() == 1
    assert [one.content["name"] for one in DestinationVersion.objects.all()] == ["third"]
