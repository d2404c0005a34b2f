"""The django-q2 task: decide and deliver what a claim has for each destination, and then what else is due."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone, translation

from destinations.connectors.base import ConfigurationError, ConnectorError, Rejected, Session, Unreachable
from destinations.connectors.capabilities import batch_size
from destinations.models import Destination, Installation, ProfileSync
from destinations.sync import claim, database, entries, health, lease, sessions, tracing, turns
from destinations.sync.concurrency import shutdown
from destinations.sync.concurrency.background import Background
from destinations.sync.concurrency.lanes import Lanes, usual_call
from destinations.sync.concurrency.pace import SLICE, SLICE_SECONDS, paces
from destinations.sync.concurrency.parts import Parts
from destinations.sync.current_profiles import AHEAD, CurrentProfiles
from destinations.sync.decide import Decider, Deliver
from destinations.sync.entries import Push
from destinations.sync.lease import Claim
from destinations.sync.limits import accounts, rates
from destinations.sync.outcomes import Record
from destinations.sync.remote import doubts
from destinations.sync.remote import ids as remote_ids
from profiles.models import Profile
from tracsync.common.encryption import UndecryptableValue
from tracsync.common.messages import message

logger = logging.getLogger(__name__)

PATIENCE = 0.5  # seconds until a claim is left to go on in the background
BACKGROUND_BATCHES = 8  # of one process
TASK_SECONDS = 2.0  # seconds after which a task takes no further claim: others wait for the process, too
BULK_DEADLINE = 2.0  # for backfills: what changes meanwhile comes next, here and at other destinations

# Set in the processes of our own workers. Without it, as in a plain qcluster, a task ends with its claims.
background: Background | None = None


def push(token: str, ids: Sequence[int]) -> None:
    """Push the rows that this claim still holds, and then what else is due, at whichever destination.

    Everything else about them is in the tables. A claim that takes long goes on in the background, and this
    process with the next one. After one that was small nothing else is due: the scheduler has claimed it all.
    """
    since = time.monotonic()
    ends_at = since + TASK_SECONDS
    claimed: Claim | None = Claim(token, list(ids))
    while claimed is not None:
        more_is_due = _push_or_leave(claimed, since)
        since = time.monotonic()  # before the database is asked: the lease may begin early, never late
        if not more_is_due or since > ends_at or shutdown.has_begun():
            return
        only_quick = background is not None and background.is_full
        claimed = claim.claim_next(timezone.now(), only_quick=only_quick)


def _push_or_leave(claimed: Claim, since: float) -> bool:
    """Push a claim, or leave it to go on by itself; whether more may be due."""
    if background is None or background.is_full:
        return _push_claim(claimed, since)
    answer = background.run(partial(_push_aside, claimed, since), 0.0 if claimed.slow else PATIENCE)
    return _is_full(claimed.ids) if answer is None else answer


def _is_full(claimed: Collection[object]) -> bool:
    return len(claimed) >= settings.TRACSYNC_BATCH_SIZE // 2


def _push_aside(claimed: Claim, since: float) -> bool:
    """Push a claim in the background; whether more may be due. What the task has not waited for goes on with
    that by itself: else the scheduler would find it, which looks again up to a second later."""
    close_old_connections()  # as django-q2 does before each task, for the connections of this thread
    is_left_at = since if claimed.slow else since + PATIENCE
    try:
        while more_is_due := _push_claim(claimed, since):
            since = time.monotonic()
            if since < is_left_at or shutdown.has_begun():
                break
            following = claim.claim_next(timezone.now())
            if following is None:
                break
            claimed = following
        return more_is_due
    except Exception as error:  # its text may repeat the values of a row
        logger.error("a claim was given up (%s)", type(error).__name__)
        return False


@translation.override("en")  # what is recorded is translated for whoever reads it
def _push_claim(claimed: Claim, since: float) -> bool:
    """Push the rows of a claim; whether more may be due.

    Where a row had to be pushed alone, the next ones of its destination follow at once: they are as many as a
    worker had begun when it was killed. `since`: monotonic time at which the lease, at the earliest, began.
    """
    ends_at = since + TASK_SECONDS
    while True:
        holds, alone_at = _push_rows(claimed, since)
        since = time.monotonic()
        more = holds and _is_full(claimed.ids)
        if not holds or alone_at is None or since > ends_at or shutdown.has_begun():
            return more
        following = _next_at(alone_at)
        if following is None:
            return more
        claimed = following


def _next_at(destination_id: int) -> Claim | None:
    now = timezone.now()
    destination = turns.open_now(now).select_related("health").filter(pk=destination_id).first()
    return None if destination is None else claim.claim(destination, now, started=True)


def _push_rows(claimed: Claim, since: float) -> tuple[bool, int | None]:
    """Whether the rows were held to the end, and the destination of a row that had to be alone."""
    kept = lease.Lease(claimed, since)
    rows = lease.start(claimed)
    if not rows:
        return False, None
    alone_at = rows[0].destination_id if rows[0].unfinished else None
    several = len({row.destination_id for row in rows}) > 1
    record = Record(claimed.token, [row.pk for row in rows], SLICE_SECONDS if several else 0.0)
    try:
        with kept.kept(), tracing.span("push", rows=len(rows)):
            _push_parts(rows, kept, record)
    except Exception as error:
        _log_places(len(rows), error)
    finally:
        # What has been recorded is no longer this claim's. A row that is not given back counts as begun,
        # and whatever began and was not recorded is sent again.
        record.give_back()
    return kept.holds(), alone_at


def _log_places(rows: int, error: Exception) -> None:
    """django-q2 would store message and traceback, which could repeat a profile: places only."""
    places = "".join(traceback.format_tb(error.__traceback__))
    logger.error("a batch of %d could not be pushed: %s at\n%s", rows, type(error).__name__, places)


def _push_parts(rows: Sequence[ProfileSync], kept: lease.Lease, record: Record) -> None:
    """Push the part of each destination; returns when all that came of them is recorded."""
    by_destination: dict[int, list[ProfileSync]] = {}
    for row in rows:
        by_destination.setdefault(row.destination_id, []).append(row)
    found = _open(by_destination)
    usual = {one.pk: usual_call(paces[one.pk].recent_calls) or 0.0 for one in found}
    # Those first that take long: they are waited for while the others are done.
    places = {pk: place for place, pk in enumerate(by_destination)}
    found.sort(key=lambda one: (-usual[one.pk], places[one.pk]))
    parts = [(one, by_destination[one.pk]) for one in found]
    ids = [row.profile_id for _, part in parts for row in part]
    profiles = CurrentProfiles(ids, AHEAD if len(by_destination) > 1 else 0)
    shared = Shared(kept, profiles, record, Installation.current_epoch())
    claimed = tracing.here()

    def work(part: tuple[Destination, list[ProfileSync]]) -> None:
        destination, its_rows = part
        with tracing.span("deliver", claimed, destination=destination.slug, rows=len(its_rows)):
            _push_part(destination, its_rows, shared)
        record.ended(row.pk for row in its_rows)

    seconds = sum(usual[one.pk] * len(part) for one, part in parts)
    Parts(parts, work, record.write_if_due, partial(_log_places, 0)).run(seconds)
    record.write()


def _open(ids: Collection[int]) -> list[Destination]:
    """Those of the destinations that can be sent to. One whose secrets no key opens can not, and says so."""
    try:
        return turns.open_among(ids, timezone.now())
    except UndecryptableValue as error:
        if len(ids) > 1:
            return [found for pk in ids for found in _open([pk])]
        [pk] = ids
        _unusable(pk, str(error), needs_person=True)
        return []


def _push_part(destination: Destination, rows: list[ProfileSync], shared: Shared) -> None:
    """Whatever goes wrong with it is this destination's; but for the database, whose failure is raised."""
    try:
        Batch(destination, shared).run(rows)
    except database.FAILURES:
        raise
    except UndecryptableValue as error:
        _unusable(destination.pk, str(error), needs_person=True)
    except ConnectorError as error:
        after = error.after if isinstance(error, Unreachable) else None
        needs_person = isinstance(error, ConfigurationError)
        _unusable(destination.pk, str(error), needs_person=needs_person, after=after)
    except Exception as error:
        _log_places(len(rows), error)
        name = type(error).__name__
        _unusable(destination.pk, message("internal error (%(name)s), the log says where", name=name))


def _unusable(
    destination_id: int, reason: str, *, needs_person: bool = False, after: float | None = None
) -> None:
    database.patiently(
        lambda: health.unusable(destination_id, reason, needs_person=needs_person, after=after)
    )


@dataclass(frozen=True, slots=True)
class Shared:
    """What the parts of a claim have in common."""

    lease: lease.Lease
    profiles: CurrentProfiles
    record: Record
    epoch: UUID
    resting: set[accounts.Key] = field(default_factory=set)  # accounts that have just asked to wait


class Batch:
    """One destination's part of a claim: decided and delivered, a slice at a time.

    Profiles are read right before they are pushed, and outcomes are recorded soon after, so that a crash
    leaves little in doubt. Where answers take their time, both are done while they are waited for. The
    destination is one that could be sent to a moment ago.
    """

    def __init__(self, destination: Destination, shared: Shared) -> None:
        self.destination = destination
        self.shared = shared
        self.record = shared.record
        self.pace = paces[destination.pk]
        self.decider = Decider(destination)
        self.account = accounts.key_of(destination)
        self.course = health.Course()
        self.lock = threading.Lock()  # for what the lanes change together
        self.slices = 0
        self.is_begun = False

    def run(self, rows: list[ProfileSync]) -> None:
        """Push the rows, as far as the destination and the time allow."""
        began = time.monotonic()
        self.span = tracing.here()
        self.ends_at = began + claim.BATCH_SECONDS
        most = rows[0].lanes or rates.lanes(self.destination)  # none, if an older release has claimed them
        session = partial(sessions.borrowed, self.destination, self.decider.connector)
        self.lanes = Lanes(session, most, self.pace.recent_calls)
        if self.decider.needs_remote:
            doubts.begin(rows, self.decider.may_make_another)
        # Slices are of one kind: those of a backfill have less time.
        self._push_rows([row for row in rows if not row.bulk])
        self.ends_at = began + BULK_DEADLINE
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
                self.record.write_if_due()
            self.pace.note((time.monotonic() - began) / self.slices)

    def _goes_on(self) -> bool:
        is_in_time = time.monotonic() < self.ends_at and self.shared.lease.holds()
        is_well = self.course.goes_on and self.account not in self.shared.resting
        return is_in_time and is_well and not shutdown.has_begun()

    def _may_send(self) -> bool:
        """Whether there is time, and nobody has paused the destination or been asked to wait meanwhile."""
        if not self.is_begun:  # the claim has just asked for all its destinations
            self.is_begun = True
            return self._goes_on()
        return self._goes_on() and turns.open_now(timezone.now()).filter(pk=self.destination.pk).exists()

    def _more(self, waiting: deque[ProfileSync]) -> list[list[Push]]:
        """The next slice; empty when there is none, or none may be sent."""
        return self._prepare(waiting) if waiting and self._may_send() else []

    def _meanwhile(self) -> None:
        if len(self.record) >= SLICE:
            self.record.write_if_due()

    def _prepare(self, waiting: deque[ProfileSync]) -> list[list[Push]]:
        """Take a slice of what is waiting and decide; what is to be delivered, in parts as large as the
        connector takes. What is not tried stays with the claim, to be released."""
        self.slices += 1
        part = batch_size(self.decider.connector, self.destination.settings)
        rows = [waiting.popleft() for _ in range(min(max(self.pace.rows, part), len(waiting)))]
        profiles = self.shared.profiles.read(row.profile_id for row in rows)
        pushes: list[Push] = []
        asked: list[Push] = []
        decided: list[entries.Entry] = []
        for row in rows:
            now, profile = timezone.now(), profiles.get(row.profile_id)
            if row.awaited is not None:
                push = entries.awaited(row)
                ended = entries.unanswered(push, now)
                asked.append(push) if ended is None else decided.append(ended)
            elif profile is not None:  # else it was deleted meanwhile, and the row with it
                decision = self.decider.decide(row, profile, now)
                if isinstance(decision, Deliver):
                    pushes.append(self._push(row, profile, decision, now))
                else:
                    decided.append(entries.decided(row, profile, decision))
        self.record.add(self.destination, decided)
        unanswered = {push.sync: push.kept for push in pushes if push.kept is not None}
        if unanswered and not doubts.note(unanswered):
            pushes = []  # the claim is lost, and with it the right to send
        kinds = (asked, pushes)
        return [kind[start : start + part] for kind in kinds for start in range(0, len(kind), part)]

    def _push(self, row: ProfileSync, profile: Profile, decision: Deliver, now: datetime) -> Push:
        if decision.repeats is not None:
            return Push(row, decision, doubts.repeated(row, decision.repeats), decision.repeats)
        delivery = self.decider.delivery(row, profile, decision, self.shared.epoch, now)
        if decision.leaves:
            return Push(row, decision, replace(delivery, remote=remote_ids.own(row)))
        # What is in doubt may have been removed; then this makes it anew, under another id.
        is_told_by_id = bool(row.remote_id) and not row.in_doubt and not self.decider.may_make_another
        may_be_repeated = self.decider.needs_remote and not is_told_by_id
        return Push(row, decision, delivery, doubts.kept(decision, delivery) if may_be_repeated else None)

    def _send(self, session: Session, part: list[Push]) -> float:
        """Seconds that it took. Adds an entry for each push."""
        ids = {push.sync.pk for push in part}
        if part[0].sync.awaited is None and not self.record.sending(ids):
            return 0.0  # whoever holds them now sends them
        began, started = timezone.now(), time.monotonic()
        try:
            with tracing.span("call", self.span, destination=self.destination.slug, pushes=len(part)):
                came = sessions.send(session, part)
        except ConnectorError as error:  # nothing could be tried
            self.record.not_sent(ids)
            if getattr(error, "after", None) is not None:
                self.shared.resting.add(self.account)
            raise
        self.pace.hear(sessions.limits_told(session))
        seconds = time.monotonic() - started
        with self.lock:
            for push, outcome in zip(part, came, strict=True):
                is_extra = push.sync.second_chance or push.decision.repeats is not None
                if not (is_extra and isinstance(outcome, Rejected)):
                    self.course.count(outcome)
                    if health.asked_wait(outcome) is not None:
                        self.shared.resting.add(self.account)
            each = seconds / len(part)
            found = [entries.delivered(*one, began, each) for one in zip(part, came, strict=True)]
            self.record.add(self.destination, found)  # in the order in which they were counted
        return seconds
