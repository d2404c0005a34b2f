"""One of everything that somebody may do something to."""

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.utils import timezone

from destinations.models import Audit, Backfill, DeliveryAttempt, ProfileSync, Replay
from profiles.imports import job as imports
from profiles.search.models import IndexJob
from tests.admin.conftest import *  # noqa: F403 - the same set-up as the pages'
from tracsync.common import trail
from tracsync.models import ApiToken, Incident, NoticeChannel, NoticeLimits, TrailEntry

PROFILE = "anna"


@pytest.fixture
def world(plain, resource, profile, django_user_model, settings):
    """Nothing of it stands in the trail: nobody acted."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    now = timezone.now()
    sync = ProfileSync.objects.create(profile=profile, destination=plain, version=1)
    attempt = DeliveryAttempt.objects.create(
        **{"profile_id": profile.pk, "destination": plain, "idempotency_key": "k", "version": 1},
        **{"at": now, "duration_ms": 1, "outcome": "rejected"},
    )
    token, _text = ApiToken.generate("warehouse")
    token.save()
    channel = NoticeChannel.objects.create(name="on call", kind="email", recipients=["a@example.com"])
    incident = Incident.objects.create(key="k", event="stalled", opened_at=now)
    jobs = {
        "backfill": Backfill.objects.create(destination=plain, total=1),
        "audit": Audit.objects.create(destination=plain, total=1),
        "replay": Replay.objects.create(destination=plain, choice={}, total=1),
        "indexjob": IndexJob.objects.create(total=1),
    }
    user = django_user_model.objects.create_user("ben", password="x", email="ben@example.com", is_staff=True)
    return SimpleNamespace(
        **{"destination": plain, "resource": resource, "profile": profile, "sync": sync, "attempt": attempt},
        **{"token": token, "channel": channel, "incident": incident, "user": user, **jobs},
        group=Group.objects.create(name="Helpers"),
        limits=NoticeLimits.objects.create(destination=plain, rejected_count=5),
    )


@pytest.fixture
def entries(monkeypatch):
    """What was written since the last call, oldest first, and whether each was written in a transaction."""
    written = []
    create = TrailEntry.objects.create

    def noting(**fields):
        is_within = any(not block._from_testcase for block in connection.atomic_blocks)
        entry = create(**fields)
        written.append((entry, is_within))
        return entry

    monkeypatch.setattr(TrailEntry.objects, "create", noting)

    def read():
        found = list(written)
        written.clear()
        return found

    return read


@pytest.fixture
def by_hand():
    """What a command does: with by_hand: ..."""
    with trail.acting(trail.shell("tests")):
        yield


@pytest.fixture
def make_import(db):
    import io

    def make(text='{"id": "p1"}\n'):
        return imports.receive(io.BytesIO(text.encode()), "people.json", "ana")

    return make
