"""What is only kept for a while."""

import io
import uuid
from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.utils import timezone
from django_q.models import Failure

from destinations import configuration
from destinations.connectors.base import Rejected, Retry
from destinations.models import (
    Arrival,
    Audit,
    AuditFinding,
    AuthorisationRequest,
    Backfill,
    DeliveryAttempt,
    DestinationVersion,
    Heartbeat,
    ProfileSync,
    Replay,
    ResourceVersion,
    Tally,
)
from destinations.scheduler import cleanup, loop
from profiles.imports import job as import_jobs
from profiles.imports.models import ImportChunk, ImportJob, RefusedRecords
from profiles.models import Profile
from profiles.search.models import IndexJob
from tests.ticking import run_all
from tracsync.models import ApiToken, Incident, KeptAnswer, Notice, NoticeChannel, TrailEntry
from tracsync.notices import watch

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


OF_WHAT_THERE_IS = {
    "people and what they set up": (
        *("auth.User", "auth.Group", "tracsync.ApiToken", "tracsync.Preferences", "tracsync.SavedFilter"),
        *("tracsync.SecondFactor", "tracsync.BackupCode", "tracsync.Identity", "tracsync.NoticeChannel"),
        *("tracsync.NoticeLimits", "destinations.Resource", "destinations.Destination"),
        *("profiles.Profile", "profiles.SearchWord"),
    ),
    "one row each of these, or so many as a limit says": (
        *("destinations.ProfileSync", "destinations.Health", "destinations.Account"),
        *("destinations.AccessToken", "destinations.KnownFields"),
    ),
    "what the release consists of": (
        *("auth.Permission", "contenttypes.ContentType", "destinations.Extension", "django_q.Schedule"),
    ),
    "one row": ("destinations.Installation", "tracsync.NoticeWatch"),
    "claims that wait for a worker": ("django_q.OrmQ",),
    "switched off": (
        "axes.AccessLog",
        "axes.AccessFailureLog",
        "axes.AccessAttemptExpiration",
        "django_q.Task",
        "django_q.Success",
    ),
    "receipts, by design": ("tracsync.Erasure",),
}
WITH_AN_AGE = {
    **dict.fromkeys((DeliveryAttempt,), 30),
    **dict.fromkeys((Backfill, Replay, Audit, AuditFinding, ImportJob, IndexJob), 365),
    **dict.fromkeys((DestinationVersion, ResourceVersion, LogEntry, Incident, Notice), 365),
    TrailEntry: 400,
    **dict.fromkeys((ImportChunk, RefusedRecords, KeptAnswer, AuthorisationRequest), 1),
    Session: 14,
    Tally: 8,
    Failure: 7,
    **dict.fromkeys((Arrival, Heartbeat, AccessAttempt), 0),
}


def test_every_table_has_an_age_or_grows_with_what_there_is_only():
    """Who adds a model says here which, and the page *What is kept how long* says it, too."""
    known = [label for labels in OF_WHAT_THERE_IS.values() for label in labels]
    known += [model._meta.label for model in WITH_AN_AGE]
    assert sorted(model._meta.label for model in apps.get_models()) == sorted(known)


def one_of_each(destination, user, now):
    """Of all that has an age, but what the engine has made already."""
    destination.resource.tags = ["changed"]
    TrailEntry.objects.create(actor_kind="user", face="admin", action="changed")
    configuration.save(destination.resource)
    for job in (Backfill(destination=destination), Replay(destination=destination), ImportJob(name="old")):
        job.finished_at = now
        job.save()
    done = Audit.objects.create(destination=destination, total=1, finished_at=now)
    AuditFinding.objects.create(audit=done, profile=Profile.objects.get(), kind="differs")
    IndexJob.objects.bulk_create([IndexJob(finished_at=now), IndexJob(finished_at=now)])
    job = ImportJob.objects.create(name="never begun")
    ImportChunk.objects.create(job=job, number=0, data=b"")
    RefusedRecords.objects.create(job=ImportJob.objects.get(name="old"), number=0, data=b"")
    LogEntry.objects.create(user=user, action_flag=1, object_repr="x")
    incident = Incident.objects.create(key="k", event="stalled", opened_at=now, closed_at=now)
    channel = NoticeChannel.objects.create(name="c", kind="email", user=user)
    Notice.objects.create(incident=incident, channel=channel, phase="opened", created_at=now)
    token = ApiToken.generate("t")[0]
    token.save()
    KeptAnswer.objects.create(token=token, key="k", fingerprint="f", begun_at=now)
    AuthorisationRequest.objects.create(
        state="s", user="1", resource=destination.resource, use_test=False, secrets={}, expires_at=now
    )
    Session.objects.create(session_key="k", session_data="", expire_date=now + timedelta(days=14))
    task = {"id": uuid.uuid4().hex, "name": "push", "func": "f", "success": False}
    Failure.objects.create(**task, started=now, stopped=now)
    Arrival.objects.create(user="1", at=now, content={})


def test_what_has_an_age_goes_when_it_has_it(
    frozen, recording, make_destination, make_profile, settings, django_user_model
):
    destination = make_destination()
    configuration.save(destination)
    make_profile()
    frozen.forward(20)
    run_all()
    one_of_each(destination, django_user_model.objects.create_user("ann"), frozen.now)
    aged = {model: days for model, days in WITH_AN_AGE.items() if model not in (Heartbeat, AccessAttempt)}
    assert [model.__name__ for model in aged if not model.objects.exists()] == []
    begun = frozen.now
    for days in sorted({*aged.values()}):
        for hours, is_kept in ((-1, True), (1, False)):
            age = timedelta(days=days, hours=hours)
            if age > timedelta():
                frozen.forward((begun + age - frozen.now).total_seconds())
                cleanup.prune()
                watch.forget(frozen.now)
                left = {model: model.objects.count() for model, its in aged.items() if its == days}
                newest = {DestinationVersion: 1, ResourceVersion: 1, IndexJob: 1}
                newest[ImportJob] = 1  # the one that was discarded after a day
                assert [
                    model.__name__
                    for model, count in left.items()
                    if (count == 0 if is_kept else count > newest.get(model, 0))
                ] == [], (days, hours)


def test_who_was_deleted_is_forgotten_once_it_is_removed_everywhere(
    frozen, recording, make_destination, make_profile
):
    make_destination(on_delete="remove")
    make_profile("removed").save()
    make_profile("held")
    frozen.forward(20)
    run_all()
    recording.script(Rejected("no"))
    Profile.objects.get(pk="held").delete()
    run_all()
    Profile.objects.get(pk="removed").delete()
    frozen.forward(60)
    run_all()
    frozen.forward(366 * 86_400)
    cleanup.prune()
    assert [one.pk for one in Profile.with_deleted.all()] == ["held"]  # it still has to be removed there
    assert ProfileSync.objects.count() == 1
