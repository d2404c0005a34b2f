"""One destination's part of a claim: decided and delivered, a slice at a time.

Profiles are read right before they are pushed, and outcomes are recorded soon after, so that a crash leaves
little in doubt. Where answers take their time, both are done while they are waited for. What a claim has for
several destinations is read and recorded together.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from destinations.connectors.base import (
    Accepted,
    ConnectorError,
    Delivery,
    Hold,
    Limits,
    Outcome,
    Pending,
    Rejected,
    Retry,
    Session,
    Stop,
    Unknown,
    ask,
    batch_size,
    lowered_limits,
)
from destinations.models import Destination, ProfileSync
from destinations.sync import claim, concurrency, database, entries, health, outcomes, retry, sessions, turns
from destinations.sync.concurrency import Lanes, new_recent_calls
from destinations.sync.decide import Decider, Deliver
from destinations.sync.limits import accounts, rates
from profiles.models import Profile
from tracsync.common.messages import message
from tracsync.common.prepared import Prepared

logger = logging.getLogger(__name__)

BULK_DEADLINE = 2.0  # for backfills: what changes meanwhile comes next, here and at other destinations
DEADLINE = 60.0  # seconds after which a batch begins no further slice
SLICE = 50  # rows that are read, and recorded, together at first
SLICE_SECONDS = 0.3  # what a slice is made to take, for the pace at which the destination answers
AHEAD = 100  # profiles that are read together for several destinations
FRESH = 0.5  # seconds until what was read for them is read again


@dataclass(frozen=True, slots=True)
class Push:
    """A row on its way, with something to deliver; or to ask for, where the answer to that comes later."""

    sync: ProfileSync
    decision: Deliver
    delivery: Delivery


class Pace:
    """How a destination answers, as far as this process knows.

    `rows` make a slice, by the time that the last one took; `recent_calls` are the seconds of the last calls;
    `told` is what was said of the account's limits, and was noted at `noted_at` (monotonic time).
    """

    def __init__(self) -> None:
        self.rows = SLICE
        self.recent_calls = new_recent_calls()
        self.told: Limits | None = None
        self.noted_at = -math.inf

    def note(self, seconds: float) -> None:
        if seconds < SLICE_SECONDS / 2:
            self.rows *= 2
        elif seconds > SLICE_SECONDS * 2:
            self.rows = max(1, self.rows // 2)

    def hear(self, told: Limits | None) -> None:
        """What a session was told of the account's limits."""
        if told is not None and told != self.told:
            self.told, self.noted_at = told, -math.inf

    def untold(self) -> Limits | None:
        """What has to be noted of it now, the first time and every few minutes."""
        now = time.monotonic()
        if self.told is None or now - self.noted_at < accounts.TELL_EVERY.total_seconds():
            return None
        self.noted_at = now
        return self.told


paces: defaultdict[int, Pace] = defaultdict(Pace)  # by destination


_PROFILES = Prepared(
    lambda ids: Profile.with_deleted.filter(pk__among=ids).defer("created_at", "deleted_by").order_by()
)


class Profiles:
    """The profiles of a claim as they are now, read for several destinations together.

    `ids`: in the order in which they will be wanted.
    """

    def __init__(self, ids: Iterable[str], ahead: int) -> None:
        self._lock = threading.Lock()
        self._unread = dict.fromkeys(ids)
        self._ahead = ahead
        self._read: dict[str, Profile | None] = {}
        self._read_at = 0.0

    def read(self, ids: Iterable[str]) -> dict[str, Profile]:
        """Those of them that there are."""
        with self._lock:
            wanted = dict.fromkeys(ids)
            if not wanted.keys() <= self._read.keys() or time.monotonic() - self._read_at > FRESH:
                self._read_with_next(wanted)
            return {id: profile for id in wanted if (profile := self._read[id]) is not None}

    def _read_with_next(self, wanted: dict[str, None]) -> None:
        more = [id for id in self._unread if id not in wanted][: max(0, self._ahead - len(wanted))]
        together = [*wanted, *more]
        self._read_at = time.monotonic()
        self._read = dict.fromkeys(together) | {one.pk: one for one in _PROFILES.objects(together)}
        for id in together:
            self._unread.pop(id, None)


class Record:
    """What came of the pushes of a claim, of all its destinations, until it is recorded.

    `patience`: seconds that it may wait for what comes of others.
    """

    def __init__(self, token: str, ids: Iterable[int], patience: float) -> None:
        self.in_doubt: set[int] = set()  # rows that may have been sent and are not recorded
        self.left = set(ids)  # rows that are not recorded
        self._token = token
        self._patience = patience
        self._lock = threading.Lock()
        self._writing = threading.Lock()  # what is said last of a destination is written last
        self._unrecorded: dict[Destination, list[entries.Entry]] = {}
        self._ended: set[int] = set()  # rows that are not worked on any more
        self._since = 0.0

    def sending(self, ids: set[int]) -> bool:
        """From now on they may have arrived; False where they were given back, and must not be sent."""
        with self._lock:
            if not ids <= self.left:
                return False
            self.in_doubt |= ids
            return True

    def not_sent(self, ids: Iterable[int]) -> None:
        with self._lock:
            self.in_doubt.difference_update(ids)

    def add(self, destination: Destination, found: Sequence[entries.Entry]) -> None:
        if found:
            with self._lock:
                self._since = self._since if self._unrecorded else time.monotonic()
                self._unrecorded.setdefault(destination, []).extend(found)

    def ended(self, ids: Iterable[int]) -> None:
        """Those of these rows of which nothing came are given back with what is recorded next."""
        with self._lock:
            self._ended.update(ids)

    def __len__(self) -> int:
        return sum(len(found) for found in list(self._unrecorded.values()))

    def write_if_due(self, patience: float = 0.0) -> None:
        """Record what has waited for as long."""
        if self._unrecorded and time.monotonic() - self._since >= max(self._patience, patience):
            self.write()

    def write(self) -> None:
        """Record all that there is."""
        with self._writing:
            with self._lock:
                unrecorded, self._unrecorded = self._unrecorded, {}
                ended, self._ended = self._ended, set()
            if unrecorded:
                outcomes.record(self._token, [_part(*one) for one in unrecorded.items()])
                done = {entry.sync.pk for found in unrecorded.values() for entry in found}
                with self._lock:
                    self.in_doubt -= done
                    self.left -= done
            self._give_back(ended)

    def give_back(self) -> None:
        """Whatever is left."""
        self._give_back(self.left)

    def _give_back(self, ids: set[int]) -> None:
        """Where that fails they count as begun when their lease ends, and so as in doubt."""
        with self._lock:
            back = ids & self.left
            self.left -= back
            doubtful = self.in_doubt & back
        if back:
            database.patiently(lambda: claim.release(self._token, list(back), doubtful))


def _part(destination: Destination, found: Sequence[entries.Entry]) -> outcomes.Part:
    pace = paces[destination.pk]
    calls = pace.recent_calls.copy()  # lanes may be adding to it
    return outcomes.Part(destination, found, median(calls) if calls else None, pace.untold())


@dataclass(frozen=True, slots=True)
class Shared:
    """What the parts of a claim have in common."""

    lease: claim.Lease
    profiles: Profiles
    record: Record
    epoch: UUID
    resting: set[accounts.Key] = field(default_factory=set)  # accounts that have just asked to wait


class Batch:
    """One destination's part of a claim, on its way through decision, delivery and record.

    The destination is one that could be sent to a moment ago.
    """

    def __init__(self, destination: Destination, shared: Shared) -> None:
        self.destination = destination
        self.shared = shared
        self.record = shared.record
        self.pace = paces[destination.pk]
        self.decider = Decider(destination)
        self.account = accounts.key_of(destination)
        self.lock = threading.Lock()  # for what the lanes change together
        self.slices = 0
        self.is_begun = False
        self.failures = 0
        self.refusal: str | None = None
        self.refusals = 0  # of that kind, in a row
        self.told_to_wait = False
        self.began = time.monotonic()
        self.ends_at = self.began + DEADLINE

    def run(self, rows: list[ProfileSync]) -> None:
        """Push the rows, as far as the destination and the time allow."""
        most = rows[0].lanes or rates.lanes(self.destination)  # none, if an older release has claimed them
        self.lanes = Lanes(self._session, most, self.pace.recent_calls)
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
                self.record.write_if_due()
            self.pace.note((time.monotonic() - began) / self.slices)

    def _session(self) -> AbstractContextManager[Session]:
        return sessions.borrowed(self.destination, self.decider.connector)

    def _goes_on(self) -> bool:
        is_in_time = time.monotonic() < self.ends_at and self.shared.lease.holds()
        in_time = is_in_time and not concurrency.is_ending()
        is_well = not self.told_to_wait and self.failures < retry.BREAKER_FAILURES
        return in_time and is_well and self.account not in self.shared.resting

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
            if row.awaited is not None:
                self._await(row, asked, decided)
                continue
            profile = profiles.get(row.profile_id)
            if profile is None:
                continue  # deleted meanwhile, and the row with it
            now = timezone.now()
            decision = self.decider.decide(row, profile, now)
            if isinstance(decision, Deliver):
                key = self.decider.idempotency_key(
                    self.shared.epoch, row, profile.version, decision.payload_hash
                )
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
                pushes.append(Push(row, decision, delivery))
            else:
                decided.append(entries.decided(row, profile, decision))
        self.record.add(self.destination, decided)
        kinds = (asked, pushes)
        return [kind[start : start + part] for kind in kinds for start in range(0, len(kind), part)]

    def _await(self, row: ProfileSync, asked: list[Push], decided: list[entries.Entry]) -> None:
        """What becomes of a push that is answered later is asked for, up to its end."""
        push = Push(row, *entries.of_awaited(row))
        now = timezone.now()
        if row.awaited_since and now - row.awaited_since < retry.LONGEST_AWAITED:
            asked.append(push)
            return
        hours = round(retry.LONGEST_AWAITED.total_seconds() / 3600)
        ended = Unknown(message("it did not say within %(number)s hours what became of it", number=hours))
        decided.append(entries.delivered(row, push.decision, ended, push.delivery, now, 0.0))

    def _send(self, session: Session, part: list[Push]) -> float:
        """Seconds that it took. Adds an entry for each push."""
        ids = {push.sync.pk for push in part}
        if part[0].sync.awaited is None and not self.record.sending(ids):
            return 0.0  # whoever holds them now sends them
        began, started = timezone.now(), time.monotonic()
        try:
            came = _came(session, part)
        except ConnectorError as error:  # nothing could be tried
            self.record.not_sent(ids)
            if getattr(error, "after", None) is not None:
                self.shared.resting.add(self.account)
            raise
        self.pace.hear(_told(session))
        seconds = time.monotonic() - started
        found = []
        with self.lock:
            for push, outcome in zip(part, came, strict=True):
                if not (push.sync.second_chance and isinstance(outcome, Rejected)):
                    self._count(outcome)
                sent = (push.sync, push.decision, outcome, push.delivery)
                found.append(entries.delivered(*sent, began, seconds / len(part)))
            self.record.add(self.destination, found)  # in the order in which they were counted
        return seconds

    def _count(self, outcome: Outcome) -> None:
        """What ends the batch is decided as `health` decides whether the destination is well."""
        is_told = health.asked_wait(outcome) is not None
        if is_told:
            self.shared.resting.add(self.account)
        if is_told or isinstance(outcome, Hold | Stop):
            self.told_to_wait = True  # and no answer to a call beside this one takes that back
        if isinstance(outcome, Pending):
            self.failures = 0
        elif isinstance(outcome, Accepted | Rejected):
            self.failures = 0
            refusal = outcome.reason if isinstance(outcome, Rejected) else None
            self.refusals = self.refusals + 1 if refusal == self.refusal else 1
            self.refusal = refusal
            if refusal is not None and self.refusals >= settings.TRACSYNC_EQUAL_REJECTIONS:
                self.told_to_wait = True
        elif not is_told:
            self.failures += 1


def _told(session: Session) -> Limits | None:
    try:
        return lowered_limits(session)
    except Exception as error:  # a connector's own mistake: what is set holds
        logger.error("a connector failed with %s when asked for its limits", type(error).__name__)
        return None


def _came(session: Session, part: list[Push]) -> Sequence[Outcome]:
    if part[0].sync.awaited is None:
        return _outcomes(session, [push.delivery for push in part])
    return _answers(session, [push.sync.awaited["job"] for push in part])


def _answers(session: Session, jobs: list[Any]) -> Sequence[Outcome]:
    """What became of these jobs. Where that cannot be learned nothing is sent again: the destination rests,
    and is asked once more. Raises ConnectorError."""
    try:
        came = ask(session, jobs)
    except ConnectorError:
        raise
    except Exception as error:  # a connector's own mistake
        logger.error("a connector failed with %s when asked for answers", type(error).__name__)
        name = type(error).__name__
        raise ConnectorError(message("the connector failed with %(name)s", name=name)) from None
    if not _fits(came, jobs):
        logger.error("a connector did not give one outcome per job")
        raise ConnectorError(message("the connector did not give one outcome per job"))
    return came


def _fits(came: Sequence[Outcome], asked: Sequence[object]) -> bool:
    known = (*entries.OUTCOMES, Pending)
    return len(came) == len(asked) and all(type(one) in known for one in came)


def _outcomes(session: Session, deliveries: list[Delivery]) -> Sequence[Outcome]:
    try:
        came = session.push(deliveries)
    except ConnectorError:
        raise
    except Exception as error:  # a connector's own mistake harms only its destination
        logger.error("a connector failed with %s", type(error).__name__)
        reason = message("the connector failed with %(name)s", name=type(error).__name__)
        return [Retry(reason)] * len(deliveries)
    if not _fits(came, deliveries):
        logger.error("a connector did not give one outcome per delivery")
        return [Unknown(message("the connector did not give one outcome per delivery"))] * len(deliveries)
    return came
