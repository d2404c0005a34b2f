"""The django-q2 task: push a claimed batch, and record what came of it.

Profiles are read a slice at a time, right before they are pushed; outcomes are recorded after each slice,
so that a crash leaves little in doubt. Where answers take their time, both are done while they are waited
for.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections import defaultdict, deque
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from statistics import median

from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone, translation

from destinations.connectors.base import (
    Accepted,
    ConfigurationError,
    ConnectorError,
    Delivery,
    Hold,
    Outcome,
    Rejected,
    Retry,
    Session,
    Stop,
    Unknown,
    Unreachable,
    batch_size,
)
from destinations.models import Destination, Installation, ProfileSync
from destinations.sync import (
    claim,
    database,
    entries,
    health,
    limits,
    outcomes,
    retry,
    sessions,
    shutdown,
)
from destinations.sync.concurrency import Background, Lanes, new_recent_calls
from destinations.sync.decide import Decider, Deliver
from profiles.models import Profile
from tracsync.common.encryption import UndecryptableValue
from tracsync.common.messages import message

logger = logging.getLogger(__name__)

PATIENCE = 0.5  # seconds until a batch is left to go on in the background
BACKGROUND_BATCHES = 8  # of one process
TASK_SECONDS = 2.0  # seconds after which a task takes no further batch: others wait for the process, too
BULK_DEADLINE = 2.0  # for backfills: what changes meanwhile comes next, here and at other destinations
DEADLINE = 60.0  # seconds after which a batch begins no further slice
SLICE = 50  # rows that are read, and recorded, together at first
SLICE_SECONDS = 0.3  # what a slice is made to take, for the pace at which the destination answers


@dataclass(frozen=True, slots=True)
class Push:
    """A row on its way."""

    sync: ProfileSync
    profile: Profile
    decision: Deliver
    delivery: Delivery


# Set in the processes of our own workers. Without it, as in a plain qcluster, a task ends with its batches.
background: Background | None = None


def push(token: str, ids: Sequence[int]) -> None:
    """Push the rows that this claim still holds, and then what else is due, at whichever destination.

    Everything else about them is in the tables. A batch that takes long goes on in the background, and this
    process with the next one.
    """
    since = time.monotonic()
    ends_at = since + TASK_SECONDS
    claimed: claim.Claim | None = claim.Claim(token, list(ids))
    while claimed is not None:
        may_go_on = _push_or_leave(claimed, since)
        since = time.monotonic()  # before the database is asked: the lease may begin early, never late
        if not may_go_on or since > ends_at or shutdown.asked():
            return
        is_full = background is not None and background.is_full
        claimed = claim.claim_next(timezone.now(), only_quick=is_full)


def _push_or_leave(claimed: claim.Claim, since: float) -> bool:
    """Push a claim, or leave it to go on by itself; False where it is not held to the end."""
    if background is None or background.is_full:
        return _push_claim(claimed, since)
    answer = background.run(partial(_push_aside, claimed, since), 0.0 if claimed.slow else PATIENCE)
    return True if answer is None else answer


def _push_aside(claimed: claim.Claim, since: float) -> bool:
    close_old_connections()  # as django-q2 does before each task, for the connections of this thread
    try:
        return _push_claim(claimed, since)
    except Exception as error:  # its text may repeat the values of a row
        logger.error("a batch was given up (%s)", type(error).__name__)
        return False


class _Pace:
    """How a destination answers, as far as this process knows.

    `rows` make a slice, by the time that the last one took; `recent_calls` are the seconds of the last calls.
    """

    def __init__(self) -> None:
        self.rows = SLICE
        self.recent_calls = new_recent_calls()

    def note(self, seconds: float) -> None:
        if seconds < SLICE_SECONDS / 2:
            self.rows *= 2
        elif seconds > SLICE_SECONDS * 2:
            self.rows = max(1, self.rows // 2)


_paces: defaultdict[int, _Pace] = defaultdict(_Pace)


@translation.override("en")  # what is recorded is translated for whoever reads it
def _push_claim(claimed: claim.Claim, since: float) -> bool:
    """Push the rows of a claim; False where it does not hold them to the end.

    `since`: monotonic time at which its lease, at the earliest, began.
    """
    lease = claim.Lease(claimed, since)
    rows = claim.start(claimed)
    if not rows:
        return False
    destination_id = rows[0].destination_id
    in_doubt: set[int] = set()
    try:
        with lease.kept():
            _push(destination_id, claimed.token, lease, rows, in_doubt)
    except UndecryptableValue as error:
        health.unusable(destination_id, str(error), needs_person=True)
    except Exception as error:
        # django-q2 would store message and traceback, which could repeat a profile: places only.
        places = "".join(traceback.format_tb(error.__traceback__))
        logger.error("a batch of %d could not be pushed: %s at\n%s", len(rows), type(error).__name__, places)
        name = type(error).__name__
        health.unusable(destination_id, message("internal error (%(name)s), the log says where", name=name))
    finally:
        # What has been recorded is no longer this claim's. A row that is not given back counts as begun,
        # and whatever began and was not recorded is sent again.
        database.patiently(lambda: claim.release(claimed.token, claimed.ids, in_doubt))
    return lease.holds()


def _push(
    destination_id: int, token: str, lease: claim.Lease, rows: list[ProfileSync], in_doubt: set[int]
) -> None:
    destination = Destination.objects.select_related("resource").filter(pk=destination_id).first()
    if destination is None:
        return  # deleted meanwhile, and its rows with it
    try:
        _Batch(destination, token, lease, in_doubt).run(rows)
    except ConnectorError as error:
        health.unusable(
            destination_id,
            str(error),
            needs_person=isinstance(error, ConfigurationError),
            after=error.after if isinstance(error, Unreachable) else None,
        )


class _Batch:
    """One claim's way through decision, delivery and record."""

    def __init__(self, destination: Destination, token: str, lease: claim.Lease, in_doubt: set[int]) -> None:
        self.destination = destination
        self.token = token
        self.lease = lease
        self.in_doubt = in_doubt  # rows that may have been sent and are not recorded
        self.epoch = Installation.current_epoch()
        self.pace = _paces[destination.pk]
        self.decider = Decider(destination)
        self.lanes = Lanes(self._session, limits.lanes(destination), self.pace.recent_calls)
        self.lock = threading.Lock()  # for what the lanes change together
        self.entries: list[entries.Entry] = []  # of what is not recorded yet
        self.slices = 0
        self.failures = 0
        self.refusal: str | None = None
        self.refusals = 0  # of that kind, in a row
        self.told_to_wait = False
        self.began = time.monotonic()
        self.ends_at = self.began + DEADLINE

    def run(self, rows: list[ProfileSync]) -> None:
        """Push the rows, as far as the destination and the time allow."""
        # Slices are of one kind: those of a backfill have less time.
        self._push_rows([row for row in rows if not row.bulk])
        self.ends_at = self.began + BULK_DEADLINE
        self._push_rows([row for row in rows if row.bulk])

    def _push_rows(self, rows: list[ProfileSync]) -> None:
        waiting = deque(rows)
        while waiting and self._may_send():
            self.slices, began = 0, time.monotonic()
            try:
                if parts := self._prepare(waiting):
                    more = partial(self._more, waiting)
                    self.lanes.run(parts, self._send, self._goes_on, more, self._meanwhile)
            finally:
                self._record()
            self.pace.note((time.monotonic() - began) / self.slices)

    def _session(self) -> AbstractContextManager[Session]:
        return sessions.borrowed(self.destination, self.decider.connector)

    def _goes_on(self) -> bool:
        in_time = time.monotonic() < self.ends_at and self.lease.holds() and not shutdown.asked()
        return in_time and not self.told_to_wait and self.failures < retry.BREAKER_FAILURES

    def _may_send(self) -> bool:
        """Whether there is time, and nobody has paused the destination or been asked to wait meanwhile."""
        return self._goes_on() and claim.open_now(timezone.now()).filter(pk=self.destination.pk).exists()

    def _more(self, waiting: deque[ProfileSync]) -> list[list[Push]]:
        """The next slice; empty when there is none, or none may be sent."""
        return self._prepare(waiting) if waiting and self._may_send() else []

    def _meanwhile(self) -> None:
        if len(self.entries) >= SLICE:
            self._record()

    def _prepare(self, waiting: deque[ProfileSync]) -> list[list[Push]]:
        """Take a slice of what is waiting and decide; what is to be delivered, in parts as large as the
        connector takes. What is not tried stays with the claim, to be released."""
        self.slices += 1
        part = batch_size(self.decider.connector, self.destination.settings)
        rows = [waiting.popleft() for _ in range(min(max(self.pace.rows, part), len(waiting)))]
        wanted = Profile.with_deleted.filter(pk__among=[row.profile_id for row in rows])
        profiles = {profile.pk: profile for profile in wanted.defer("created_at", "deleted_by")}
        pushes: list[Push] = []
        decided: list[entries.Entry] = []
        for row in rows:
            profile = profiles.get(row.profile_id)
            if profile is None:
                continue  # deleted meanwhile, and the row with it
            now = timezone.now()
            decision = self.decider.decide(row, profile, now)
            if isinstance(decision, Deliver):
                key = self.decider.idempotency_key(self.epoch, row, profile.version, decision.payload_hash)
                delivery = Delivery(
                    decision.payload,
                    key,
                    row.remote,
                    decision.operation,
                    key=profile.pk,
                    version=profile.version,
                    profile=decision.document,
                    moment=row.first_tried_at or now,
                )
                pushes.append(Push(row, profile, decision, delivery))
            else:
                decided.append(entries.decided(row, profile, decision))
        with self.lock:
            self.entries += decided
        return [pushes[start : start + part] for start in range(0, len(pushes), part)]

    def _send(self, session: Session, part: list[Push]) -> float:
        """Seconds that it took. Adds an entry for each push."""
        ids = {push.sync.pk for push in part}
        with self.lock:
            self.in_doubt |= ids
        began, started = timezone.now(), time.monotonic()
        try:
            came = _outcomes(session, [push.delivery for push in part])
        except ConnectorError:  # nothing could be tried
            with self.lock:
                self.in_doubt -= ids
            raise
        seconds = time.monotonic() - started
        with self.lock:
            for push, outcome in zip(part, came, strict=True):
                if not (push.sync.second_chance and isinstance(outcome, Rejected)):
                    self._count(outcome)
                sent = (push.sync, push.profile, push.decision, outcome, push.delivery)
                self.entries.append(entries.delivered(*sent, began, seconds / len(part)))
        return seconds

    def _record(self) -> None:
        with self.lock:
            unrecorded, self.entries = self.entries, []
        if unrecorded:
            calls = self.pace.recent_calls.copy()  # lanes may be adding to it
            outcomes.record(self.destination, self.token, unrecorded, median(calls) if calls else None)
            with self.lock:
                self.in_doubt.difference_update(entry.sync.pk for entry in unrecorded)

    def _count(self, outcome: Outcome) -> None:
        """What ends the batch is decided as `health` decides whether the destination is well."""
        is_told = isinstance(outcome, Accepted | Rejected | Retry) and outcome.after is not None
        if is_told or isinstance(outcome, Hold | Stop):
            self.told_to_wait = True  # and no answer to a call beside this one takes that back
        if isinstance(outcome, Accepted | Rejected):
            self.failures = 0
            refusal = outcome.reason if isinstance(outcome, Rejected) else None
            self.refusals = self.refusals + 1 if refusal == self.refusal else 1
            self.refusal = refusal
            if refusal is not None and self.refusals >= settings.TRACSYNC_EQUAL_REJECTIONS:
                self.told_to_wait = True
        elif not is_told:
            self.failures += 1


def _outcomes(session: Session, deliveries: list[Delivery]) -> Sequence[Outcome]:
    try:
        came = session.push(deliveries)
    except ConnectorError:
        raise
    except Exception as error:  # a connector's own mistake harms only its destination
        logger.error("a connector failed with %s", type(error).__name__)
        reason = message("the connector failed with %(name)s", name=type(error).__name__)
        return [Retry(reason)] * len(deliveries)
    if len(came) != len(deliveries) or any(type(one) not in entries.OUTCOMES for one in came):
        logger.error("a connector did not give one outcome per delivery")
        return [Unknown(message("the connector did not give one outcome per delivery"))] * len(deliveries)
    return came
