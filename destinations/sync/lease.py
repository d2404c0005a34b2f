"""What holding a claim means: from the start of its push to its end, and no longer than its lease.

Whoever pushes keeps the lease alive meanwhile, and knows when that has failed.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, connections, models
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.utils import timezone

from destinations.models import ProfileSync
from destinations.sync import database
from tracsync.common.lookups import among

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=10)
RENEW_EVERY = timedelta(seconds=3)
LONGEST = timedelta(minutes=5)  # that a lease is renewed: whoever pushes longer hangs
MARGIN = timedelta(seconds=2)  # for hosts whose clocks differ, and for a request on its way
REPLACED = ("state_since", "claimed_until", "started_at")  # by whatever is recorded of a push


@dataclass(frozen=True, slots=True)
class Claim:
    """`started`: by the worker that pushes it, right away. `slow`: as far as its destinations are known."""

    token: str
    ids: list[int]
    started: bool = False
    slow: bool = False


def start(claim: Claim) -> list[ProfileSync]:
    """The rows of a claim that are still its own, with a new lease; the push begins. What has just changed
    comes first."""
    if claim.started:
        return list(_held(claim.token, claim.ids).defer(*REPLACED).order_by("bulk", "due_at", "pk"))
    now = timezone.now()
    moment, lease = map(connection.ops.adapt_datetimefield_value, (now, now + LEASE))
    token = models.UUIDField().get_db_prep_value(claim.token, connection)
    names = [field.attname for field in ProfileSync._meta.concrete_fields]
    is_locking = connection.features.has_select_for_update
    sql = _START.format(
        ids=among(connection, "bigint"),
        locked="FOR NO KEY UPDATE" if is_locking else "",
        columns=", ".join(name for name in names if name not in REPLACED),
    )
    rows = ProfileSync.objects.raw(sql, [lease, moment, moment, json.dumps(claim.ids), token])
    return sorted(rows, key=lambda one: (one.bulk, one.due_at or now, one.pk))


# In the order in which all lock these rows.
_START = """
    UPDATE destinations_profilesync
    SET claimed_until = %s, started_at = %s, first_tried_at = COALESCE(first_tried_at, %s)
    WHERE id IN (
        SELECT id FROM destinations_profilesync WHERE id {ids} AND claim_token = %s
        ORDER BY profile_id, destination_id {locked}
    )
    RETURNING {columns}"""


def renew(claim: Claim) -> int:
    """A new lease for what the claim still holds; how many rows that is."""
    return database.update(_held(claim.token, claim.ids), claimed_until=timezone.now() + LEASE)


def release(token: str, ids: Sequence[int], in_doubt: Collection[int] = ()) -> None:
    """Give rows back; they are still due.

    Those `in_doubt` may have been sent, and what came of it is not recorded: nothing that was accepted before
    is known to be there any more. The others are as they were.
    """
    held = _held(token, ids)
    if not held.exists():
        return  # most often all has been recorded, and no lock is needed for that
    untried = When(~Q(pk__among=in_doubt), first_tried_at=F("started_at"), then=None)
    database.update(
        held,
        state=ProfileSync.State.PENDING,
        state_since=timezone.now(),
        claim_token=None,
        claimed_until=None,
        started_at=None,
        first_tried_at=Case(untried, default=F("first_tried_at")),
        payload_hash=Case(When(pk__among=in_doubt, then=Value("")), default=F("payload_hash")),
        in_doubt=Case(When(pk__among=in_doubt, then=Value(True)), default=F("in_doubt")),
        unanswered=Case(When(Q(pk__among=in_doubt) | Q(in_doubt=True), then=F("unanswered")), default=None),
    )


def _held(token: str, ids: Sequence[int]) -> QuerySet[ProfileSync]:
    return ProfileSync.objects.filter(pk__among=ids, claim_token=token)


class Lease:
    """The lease of one claim, as long as this process may rely on it.

    When the database cannot be reached, the lease ends and somebody else claims the rows. What is still
    to be sent by then must not be: it would come second to what the other one sends.
    """

    def __init__(self, claimed: Claim, since: float) -> None:
        self._claimed = claimed
        self._stopped = threading.Event()
        self._extend(since)

    def holds(self) -> bool:
        """Whether nobody else can have claimed the rows."""
        return time.monotonic() < self._ends_at

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renews the lease meanwhile, however long one answer takes."""
        thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            thread.join()

    def _extend(self, began: float) -> None:
        self._ends_at = began + (LEASE - MARGIN).total_seconds()

    def _keep(self) -> None:
        ends_at = time.monotonic() + LONGEST.total_seconds()
        while not self._stopped.wait(RENEW_EVERY.total_seconds()):
            if time.monotonic() > ends_at:
                logger.error("a batch of %d hangs: its lease is not renewed any more", len(self._claimed.ids))
                return
            self._renew()

    def _renew(self) -> None:
        began = time.monotonic()
        try:
            if renew(self._claimed):
                self._extend(began)
        except Exception as error:  # a lost connection is replaced at the next try
            logger.warning("a lease could not be renewed (%s), trying again", type(error).__name__)
        finally:
            connections.close_all()  # a slow destination has many batches in the background, and each a lease
