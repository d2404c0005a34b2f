"""Claims: who pushes which rows, and until when.

A claim is a token on the rows and a lease. Whoever holds the token may record an outcome; when the lease
ends the rows, still due, are claimed by somebody else and the old token is worth nothing. Whoever pushes
keeps the lease alive meanwhile, and knows when that has failed.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, connections, transaction
from django.db.models import Case, Count, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django_q.tasks import async_task

from destinations.connectors import registry
from destinations.connectors.base import ConnectorError, batch_size
from destinations.models import DeliveryAttempt, Destination, Health, ProfileSync, Resource
from destinations.sync import database, limits
from destinations.sync.health import is_sick
from tracsync.common.messages import message

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=10)
RENEW_EVERY = timedelta(seconds=3)
LONGEST = timedelta(minutes=5)  # that a lease is renewed: whoever pushes longer hangs
MARGIN = timedelta(seconds=2)  # for hosts whose clocks differ, and for a request on its way
SLOW_CALL = 1.0  # seconds: a destination whose calls take as long is served in the background
MOST_UNFINISHED = 3  # pushes in a row of which nothing was heard: then the row is parked
REPLACED = ("state_since", "claimed_until", "started_at")  # by whatever is recorded of a push


@dataclass(frozen=True, slots=True)
class Claim:
    """`started`: by the worker that pushes it, right away. `slow`: as far as its destination is known."""

    token: str
    ids: list[int]
    started: bool = False
    slow: bool = False


def ready(now: datetime) -> list[Destination]:
    """The destinations that have something due and may be sent to now; longest waiting first.

    What has waited since before the last turn of its destination waits since that turn: so each has its turn,
    however much is due at the others.
    """
    # The earliest of each kind is one look into an index, where whether there is any might read a whole
    # destination's rows to find that there is none.
    waits = open_now(now).annotate(live=_earliest(now, bulk=False), bulk=_earliest(now, bulk=True))
    due = waits.filter(Q(live__lte=now) | Q(bulk__lte=now)).exclude(pk__in=_busy(now))
    found = due.select_related("health").defer("mapping", "settings")
    return sorted(found, key=lambda one: (_waiting_since(one), one.pk))


def due_since(destination: Any) -> datetime:
    """Since when something is due at one of those that are `ready`."""
    oldest: datetime = min(due for due in (destination.live, destination.bulk) if due is not None)
    return oldest


def _waiting_since(destination: Destination) -> datetime:
    health = _health(destination)
    oldest = due_since(destination)
    return max(oldest, health.claimed_at) if health and health.claimed_at else oldest


def _health(destination: Destination) -> Health | None:
    """None for one that was never pushed to."""
    return getattr(destination, "health", None)


def is_quick(destination: Destination) -> bool:
    """Whether its calls are known to take little time."""
    health = _health(destination)
    return health is not None and health.call_seconds is not None and health.call_seconds < SLOW_CALL


def is_slow(destination: Destination) -> bool:
    """Whether its calls are known to take long."""
    health = _health(destination)
    return health is not None and (health.call_seconds or 0.0) >= SLOW_CALL


def has_started_since(moment: datetime) -> bool:
    """Whether any push has begun since a moment."""
    in_flight = ProfileSync.objects.filter(claimed_until__isnull=False, started_at__gte=moment)
    return in_flight.exists() or DeliveryAttempt.objects.filter(at__gte=moment).exists()


def slow_batches(now: datetime) -> int:
    """How many batches are in flight at destinations that are known to be slow."""
    slow = ProfileSync.objects.filter(claimed_until__gt=now, destination__health__call_seconds__gte=SLOW_CALL)
    return slow.aggregate(n=Count("claim_token", distinct=True))["n"] or 0


def _earliest(now: datetime, *, bulk: bool) -> Subquery:
    """When the row of a destination that has waited longest was due."""
    # `bulk=bulk` would be written NOT bulk, for which SQLite uses no index.
    waiting = _free(now).filter(destination=OuterRef("pk"), bulk__in=[bulk], due_at__isnull=False)
    return Subquery(waiting.order_by("due_at").values("due_at")[:1])


def _busy(now: datetime) -> list[int]:
    """Those with all batches in flight that any may have: no lock is taken to find that out."""
    in_flight = ProfileSync.objects.filter(claimed_until__gt=now).values("destination").order_by()
    batches = in_flight.annotate(batches=Count("claim_token", distinct=True))
    return list(batches.filter(batches__gte=limits.BATCHES).values_list("destination", flat=True))


def open_now(now: datetime) -> QuerySet[Destination]:
    """The destinations that are neither off nor paused nor resting."""
    usable = Destination.objects.filter(enabled=True, paused_at=None, resource__enabled=True)
    return usable.exclude(health__held_until__gt=now).exclude(health__stopped_at__isnull=False)


def claim(destination: Destination, now: datetime, *, started: bool = False) -> Claim | None:
    """Take one batch of what is due at a destination; None when it has enough in flight.

    The destination's health row is the lock that keeps several schedulers from claiming too much at
    once; a scheduler that finds it taken leaves the destination to the other one.
    """
    with transaction.atomic():
        health = _lock_health(destination)
        if health is None:
            Health.objects.get_or_create(destination=destination)  # a new destination; claimed next time
            return None
        if health.is_held(now):
            return None
        limit = _room(destination, health, now)
        ids = _take(destination, now, limit) if limit else []
        if not ids:
            return None
        Health.objects.filter(pk=destination.pk).update(claimed_at=now)
        token = _mark(ids, now, started)
        return Claim(token, ids, started, slow=(health.call_seconds or 0.0) >= SLOW_CALL)


def dispatch(destination: Destination, now: datetime) -> int:
    """Claim a batch of what is due at a destination and wake a worker for it; how many rows it has."""
    claimed = claim(destination, now)
    if claimed is None:
        return 0
    try:
        async_task("destinations.sync.push.push", claimed.token, claimed.ids)
    except Exception:
        # Whatever the broker raises: without a wake-up the rows had to wait for their lease to end.
        release(claimed.token, claimed.ids)
        raise
    return len(claimed.ids)


def claim_next(now: datetime, *, only_quick: bool = False) -> Claim | None:
    """As `claim`, of whichever destination has waited longest, for a worker that goes on at once.

    None, too, where claims wait for a worker: it is their turn.
    """
    if unstarted(now):
        return None
    waiting = [one for one in ready(now) if not only_quick or is_quick(one)]
    claims = (claim(destination, now, started=True) for destination in waiting)
    return next((claimed for claimed in claims if claimed), None)


def unstarted(now: datetime) -> int:
    """How many claims wait for a worker."""
    waiting = ProfileSync.objects.filter(claimed_until__gt=now, started_at=None)
    return waiting.aggregate(n=Count("claim_token", distinct=True))["n"] or 0


def start(claim: Claim) -> list[ProfileSync]:
    """The rows of a claim that are still its own, with a new lease; the push begins. What has just changed
    comes first."""
    mine = _held(claim.token, claim.ids)
    if not claim.started:
        now = timezone.now()
        first = Coalesce("first_tried_at", Value(now))
        database.update(mine, claimed_until=now + LEASE, started_at=now, first_tried_at=first)
    return list(mine.defer(*REPLACED).order_by("bulk", "due_at"))


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
    )


def _held(token: str, ids: Sequence[int]) -> QuerySet[ProfileSync]:
    return ProfileSync.objects.filter(pk__among=ids, claim_token=token)


def _free(now: datetime) -> QuerySet[ProfileSync]:
    return ProfileSync.objects.filter(Q(claimed_until=None) | Q(claimed_until__lte=now))


def _lock_health(destination: Destination) -> Health | None:
    health = Health.objects.filter(pk=destination.pk)
    if connection.features.has_select_for_update_skip_locked:
        health = health.select_for_update(skip_locked=True)
    return health.first()


def _room(destination: Destination, health: Health, now: datetime) -> int:
    """How many rows may be claimed: a batch, one row to probe a sick destination, or none."""
    in_flight = ProfileSync.objects.filter(destination=destination, claimed_until__gt=now)
    found = in_flight.aggregate(rows=Count("pk"), batches=Count("claim_token", distinct=True))
    rows, batches = found["rows"], found["batches"]
    if batches >= limits.batches(destination):
        return 0
    left = limits.left(destination, health, rows, now)
    most = _batch_size(destination)
    room = most if left is None else min(most, left)
    if is_sick(health):
        return 0 if batches else min(1, room)
    return room


def _batch_size(destination: Destination) -> int:
    """As configured, or what the connector takes at once if that is more."""
    most: int = settings.TRACSYNC_BATCH_SIZE
    slug = Resource.objects.values_list("type_id", flat=True).get(pk=destination.resource_id)
    try:
        return max(most, batch_size(registry.get(slug), destination.settings))
    except ConnectorError:
        return most  # the push will say what is wrong with it


def _take(destination: Destination, now: datetime, limit: int) -> list[int]:
    """The rows that make the next batch, locked."""
    due = _free(now).filter(destination=destination, due_at__lte=now).order_by("due_at")
    if connection.features.has_select_for_update_skip_locked:
        due = due.select_for_update(skip_locked=True)
    rows: list[tuple[int, datetime | None, int]] = []
    for bulk in (False, True):  # what has just changed goes before any backfill
        if len(rows) < limit:
            one_kind = due.filter(bulk__in=[bulk]).values_list("pk", "started_at", "unfinished")
            rows += one_kind[: limit - len(rows)]
    return _choose(rows)


def _mark(ids: Sequence[int], now: datetime, started: bool) -> str:
    """Make rows a claim; its token."""
    token = str(uuid.uuid4())
    # A push that began and was never recorded may have arrived: what the destination holds is in doubt.
    never_began = When(started_at=None, then="payload_hash")
    ProfileSync.objects.filter(pk__among=ids).update(
        state=ProfileSync.State.CLAIMED,
        state_since=now,
        claim_token=token,
        claimed_until=now + LEASE,
        started_at=now if started else None,
        first_tried_at=Coalesce("first_tried_at", Value(now)) if started else F("first_tried_at"),
        payload_hash=Case(never_began, default=Value("")),
        in_doubt=Case(When(started_at=None, then="in_doubt"), default=Value(True)),
        unfinished=F("unfinished") + Case(When(started_at=None, then=0), default=1),
        reason="",
    )
    return token


def _choose(rows: Sequence[tuple[int, datetime | None, int]]) -> list[int]:
    """The rows that make one batch, of those that are due.

    A row whose push began and never ended may be what ended its worker: it is pushed alone, so that it takes
    no others with it, and parked when that does not help.
    """
    lost = [pk for pk, started_at, unfinished in rows if started_at and unfinished >= MOST_UNFINISHED]
    if lost:
        _park(lost)
    suspects = [pk for pk, started_at, unfinished in rows if started_at or unfinished]
    alone = next((pk for pk in suspects if pk not in lost), None)
    if alone is not None and alone == next(pk for pk, *_ in rows if pk not in lost):
        return [alone]
    return [pk for pk, *_ in rows if pk not in suspects]


def _park(ids: Sequence[int]) -> None:
    reason = message(
        "given up: %(number)s pushes in a row were begun and none of them ended;"
        " whatever pushed it hung or was killed",
        number=MOST_UNFINISHED + 1,
    )
    ProfileSync.objects.filter(pk__among=ids).update(
        state=ProfileSync.State.REJECTED,
        state_since=timezone.now(),
        reason=reason,
        last_error=reason,
        code="",
        field="",
        due_at=None,
        first_changed_at=None,
        first_tried_at=None,
        claim_token=None,
        claimed_until=None,
        started_at=None,
        payload_hash="",
        in_doubt=True,
        asked=False,
        resend=False,
        bulk=False,
    )


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
