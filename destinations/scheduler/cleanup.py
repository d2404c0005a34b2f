"""Deleting what is only kept for a while."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import connection
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
from tracsync.common.jobs import attempt

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
    """Delete one batch of each kind of rows that are older than wanted; how many. A kind that fails holds up
    none of the others.

    And what other floors keep for a while: an app's `prune(now)` deletes a batch and says how many. Rows that
    the release before has stored during a rolling deploy get their slugs.
    """
    now = timezone.now()
    deleted = sum([attempt(f"deleting old {name}", prune) for name, prune in _kinds(now).items()])
    for name, tidy in _uncounted(now).items():
        attempt(name, tidy)
    return deleted


def _kinds(now: datetime) -> dict[str, Callable[[], int]]:
    """What is deleted in batches, and is looked for again at once where a batch was full."""
    old = now - timedelta(days=settings.TRACSYNC_HISTORY_DAYS)
    attempts = DeliveryAttempt.objects.filter(at__lt=now - timedelta(days=settings.TRACSYNC_ATTEMPT_DAYS))
    indexed = IndexJob.objects.filter(finished_at__lt=old)
    expired = now - timedelta(days=AUTHORISATION_DAYS)
    rows: dict[str, QuerySet[Any]] = {
        "failed tasks": Failure.objects.filter(stopped__lt=now - timedelta(days=FAILED_TASK_DAYS)),
        "backfills": Backfill.objects.filter(finished_at__lt=old),
        "replays": Replay.objects.filter(finished_at__lt=old),
        "audits": Audit.objects.filter(finished_at__lt=old),
        "imports": ImportJob.objects.filter(finished_at__lt=old),
        "indexing": indexed.exclude(pk=Subquery(IndexJob.objects.values("pk")[:1])),
        "versions of destinations": _but_the_newest(DestinationVersion, "destination").filter(at__lt=old),
        "versions of resources": _but_the_newest(ResourceVersion, "resource").filter(at__lt=old),
        "entries of the admin's log": LogEntry.objects.filter(action_time__lt=old),
        "sessions": Session.objects.filter(expire_date__lt=now),
        "authorisations": AuthorisationRequest.objects.filter(expires_at__lt=expired),
    }
    others = [app for app in apps.get_app_configs() if hasattr(app, "prune")]
    return {
        "attempts": partial(_delete_batch, attempts, "at"),
        **{name: partial(_delete_batch, one) for name, one in rows.items()},
        "tombstones": partial(_prune_tombstones, old),
        **{f"rows of {app.label}": partial(app.prune, now) for app in others},
    }


def _uncounted(now: datetime) -> dict[str, Callable[[], Any]]:
    """What is so little that it takes no batches."""
    return {
        "forgetting what the receiver got": receiver.forget_old,
        "forgetting old counts": partial(counters.forget, now - timedelta(days=TALLY_DAYS)),
        "giving slugs": partial(slugs.give_missing, Resource, Destination),
        "ending imports that are left alone": partial(job.expire, now),
        "forgetting what ANALYZE found": forget_statistics,
    }


def forget_statistics() -> int:
    """On SQLite, where nobody renews them: how many tables of them.

    What ANALYZE found while tables were small, or everything was waiting, has a partial index count for no
    better than one of all rows: each look at what is due reads all rows then, however many there are by now.
    What is asked here goes by the right indexes where nothing is known. Open connections hear of it at once.
    """
    if connection.vendor != "sqlite":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE name IN ('sqlite_stat1', 'sqlite_stat4')")
        found = [name for (name,) in cursor.fetchall()]
        for name in found:
            cursor.execute(f"DROP TABLE {name}")
    return len(found)


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


def _delete_batch(rows: QuerySet[Any], by: str = "pk") -> int:
    ids = list(rows.order_by(by).values_list("pk", flat=True)[:BATCH_SIZE])
    deleted, _ = rows.model._default_manager.filter(pk__in=ids).delete() if ids else (0, {})
    return deleted
