"""Deleting what is only kept for a while."""

import time
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django_q.models import Failure

from destinations.models import DeliveryAttempt
from destinations.sync import counters
from profiles.imports import job

EVERY = 600.0  # seconds
BATCH_SIZE = 5000
FAILED_TASK_DAYS = 7
TALLY_DAYS = 8  # the longest period that is shown is a week

_last = 0.0


def prune_sometimes() -> None:
    """Prune, unless this process found little to prune a short while ago."""
    global _last
    if time.monotonic() - _last >= EVERY and prune() < BATCH_SIZE:
        _last = time.monotonic()


def prune() -> int:
    """Delete one batch of attempts that are older than wanted, and old failed tasks; how many.

    And old counts, which are so few that they take no batches.
    """
    now = timezone.now()
    old = DeliveryAttempt.objects.filter(at__lt=now - timedelta(days=settings.TRACSYNC_ATTEMPT_DAYS))
    ids = list(old.order_by("at").values_list("pk", flat=True)[:BATCH_SIZE])
    deleted, _ = DeliveryAttempt.objects.filter(pk__in=ids).delete()
    failed, _ = Failure.objects.filter(stopped__lt=now - timedelta(days=FAILED_TASK_DAYS)).delete()
    counters.forget(now - timedelta(days=TALLY_DAYS))
    job.expire(now)
    return deleted + failed
