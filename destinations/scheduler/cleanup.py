"""Deleting what is only kept for a while."""

import time
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.utils import timezone
from django_q.models import Failure

from destinations.models import (
    Audit,
    AuthorisationRequest,
    Backfill,
    DeliveryAttempt,
    Destination,
    DestinationVersion,
    ProfileSync,
    Replay,
    Resource,
    ResourceVersion,
    slugs,
)
from destinations.operations import receiver
from destinations.sync import counters
from profiles.imports import job
from profiles.imports.models import ImportJob
from profiles.models import Profile
from profiles.search.models import IndexJob

EVERY = 600.0  # seconds
BATCH_SIZE = 5000
FAILED_TASK_DAYS = 7
AUTHORISATION_DAYS = 1  # whoever loads the page again is told what it was
TALLY_DAYS = 8  # the longest period that is shown is a week

_last = 0.0


def prune_sometimes() -> None:
    """Prune, unless this process found little to prune a short while ago, or could not.

    What fails here is tried again later: otherwise every look at what is due would end with it.
    """
    global _last
    if time.monotonic() - _last < EVERY:
        return
    before, _last = _last, time.monotonic()
    if prune() >= BATCH_SIZE:
        _last = before


def prune() -> int:
    """Delete one batch of attempts that are older than wanted, and old failed tasks; how many.

    And what other floors keep for a while: an app's `prune(now)` deletes a batch and says how many. And old
    counts, which are so few that they take no batches. Rows that the release before has stored during
    a rolling deploy get their slugs.
    """
    now = timezone.now()
    old = DeliveryAttempt.objects.filter(at__lt=now - timedelta(days=settings.TRACSYNC_ATTEMPT_DAYS))
    ids = list(old.order_by("at").values_list("pk", flat=True)[:BATCH_SIZE])
    deleted, _ = DeliveryAttempt.objects.filter(pk__in=ids).delete()
    failed, _ = Failure.objects.filter(stopped__lt=now - timedelta(days=FAILED_TASK_DAYS)).delete()
    receiver.forget_old()
    counters.forget(now - timedelta(days=TALLY_DAYS))
    slugs.give_missing(Resource, Destination)
    job.expire(now)
    others = sum(app.prune(now) for app in apps.get_app_configs() if hasattr(app, "prune"))
    return deleted + failed + others + _prune_history(now)


def _prune_history(now: datetime) -> int:
    """One batch each of tombstones, of ended jobs, of versions but the newest, of the admin's log of
    earlier releases, of expired sessions, and of authorisations that nobody ended; how many."""
    old = now - timedelta(days=settings.TRACSYNC_HISTORY_DAYS)
    found: list[QuerySet[Any]] = [
        Backfill.objects.filter(finished_at__lt=old),
        Replay.objects.filter(finished_at__lt=old),
        Audit.objects.filter(finished_at__lt=old),
        ImportJob.objects.filter(finished_at__lt=old),
        IndexJob.objects.filter(finished_at__lt=old).exclude(pk=Subquery(IndexJob.objects.values("pk")[:1])),
        _but_the_newest(DestinationVersion, "destination").filter(at__lt=old),
        _but_the_newest(ResourceVersion, "resource").filter(at__lt=old),
        LogEntry.objects.filter(action_time__lt=old),
        Session.objects.filter(expire_date__lt=now),
        AuthorisationRequest.objects.filter(expires_at__lt=now - timedelta(days=AUTHORISATION_DAYS)),
    ]
    return sum(_delete_batch(rows) for rows in found) + _prune_tombstones(old)


def _but_the_newest(versions: Any, of: str) -> QuerySet[Any]:
    newest = versions.objects.filter(**{of: OuterRef(of)}).order_by("-number")
    found: QuerySet[Any] = versions.objects.exclude(pk=Subquery(newest.values("pk")[:1]))
    return found


def _prune_tombstones(old: datetime) -> int:
    """One batch of tombstones of which nothing is left to be removed; how many."""
    unfinished = ProfileSync.objects.filter(profile=OuterRef("pk")).exclude(state__in=ProfileSync.FINISHED)
    done = Profile.with_deleted.filter(~Exists(unfinished), digest="", deleted_at__lt=old)
    ids = list(done.order_by("deleted_at").values_list("pk", flat=True)[:BATCH_SIZE])
    return Profile.with_deleted.filter(pk__in=ids, digest="").purge() if ids else 0


def _delete_batch(rows: QuerySet[Any]) -> int:
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE])
    deleted, _ = rows.model._default_manager.filter(pk__in=ids).delete() if ids else (0, {})
    return deleted
