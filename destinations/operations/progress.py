"""How far a backfill, a replay or an audit is, how fast, and what it waits for."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from destinations.insight import explain
from destinations.models import Audit, Backfill, Replay
from tracsync.common import jobs


def measure(job: Audit | Backfill | Replay, now: datetime | None = None) -> jobs.Progress:
    """Reads `job.destination` with its resource and health: select them with the rows."""
    return jobs.progress(job, explain.obstacle(job.destination, now or timezone.now()))
