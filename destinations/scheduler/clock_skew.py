"""Times that lie in the future, since a host's clock was ahead when they were written.

Nobody waits for them: leases, rests, retries and changes that began in the future, or end later than anything
sets them, count as over. The database's clock decides where it has one of its own, so that a host whose clock
is behind does not take everybody else's times for wrong.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.functions import Least
from django.utils import timezone

from destinations.models import AccessToken, Account, Destination, Health, ProfileSync
from destinations.sync import database, lease
from destinations.sync.decide import TOLERANCE
from destinations.sync.tokens.store import StoredTokens
from profiles.models import Profile

logger = logging.getLogger(__name__)

EVERY = 10.0  # seconds

_last = float("-inf")


def mend_sometimes() -> None:
    """Once in a while, mend what lies too far ahead, and say where this host's clock is wrong."""
    global _last
    if time.monotonic() - _last < EVERY:
        return
    _last = time.monotonic()
    now = database_time()
    ahead = timezone.now() - now
    if abs(ahead) > TOLERANCE:
        logger.error(
            "this host's clock is %d seconds %s the database's: set it right, or pushes are early or late",
            abs(ahead.total_seconds()),
            "ahead of" if ahead > timedelta(0) else "behind",
        )
    if mended := mend(now):
        logger.warning("%d times lay in the future, from when a clock was ahead: they count as over", mended)


def database_time() -> datetime:
    """The time of the database server; of this host where the database has no clock of its own."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        [now] = cursor.fetchone()
    assert isinstance(now, datetime)
    return now


def mend(now: datetime) -> int:
    """End what began after `now`, and what lasts longer than anything can set it; how many rows."""
    latest = now + TOLERANCE
    changing = Profile.objects.filter(first_changed_at__isnull=False, changed_at__gt=latest)
    found: int = changing.update_marks(changed_at=now, first_changed_at=Least(F("first_changed_at"), now))
    claimed = ProfileSync.objects.filter(claimed_until__gt=latest + lease.LEASE)
    found += database.update(claimed, skip_locked=True, claimed_until=now)
    for destination in _with_something_due_after(latest):
        waiting = ProfileSync.objects.filter(destination=destination, due_at__gt=latest)
        # What was handed over, or given back, says another time since when: how far it is due tells.
        ahead = Q(state=ProfileSync.State.PENDING, awaited_since=None)
        ahead &= Q(due_at__gt=latest + destination.effective_quiet_period)
        too_far = waiting.filter(ahead | Q(state_since__gt=latest))
        found += database.update(too_far, skip_locked=True, due_at=now, state_since=now)
    for noted in (Health, Account):
        found += noted._default_manager.filter(held_since__gt=latest).update(held_until=now, held_since=now)
    for moment in ("claimed_at", "edited_at", "run_ended_at"):
        found += Health.objects.filter(**{f"{moment}__gt": latest}).update(**{moment: now})
    renewing = AccessToken.objects.filter(renewing_until__gt=latest + StoredTokens.RENEWAL)
    return found + renewing.update(renewing_until=None)


def _with_something_due_after(moment: datetime) -> list[Destination]:
    """Of each and each kind the last row is one look into the index, where a search
    for all that is due so late would read the table."""

    def last(bulk: bool) -> Subquery:
        due = ProfileSync.objects.filter(destination=OuterRef("pk"), bulk__in=[bulk], due_at__isnull=False)
        return Subquery(due.order_by("-due_at").values("due_at")[:1])

    destinations = Destination.objects.order_by().annotate(live=last(False), backfilled=last(True))
    late = destinations.filter(Q(live__gt=moment) | Q(backfilled__gt=moment))
    return list(late.only("quiet_period"))
