"""The django-q2 task: push a claimed batch, and record what came of it.

Profiles are read a slice at a time, right before they are pushed; outcomes are recorded after each slice,
so that a crash leaves little in doubt.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from destinations.connectors.base import (
    Accepted,
    ConfigurationError,
    ConnectorError,
    Delivery,
    Outcome,
    Rejected,
    Retry,
    Session,
    Unreachable,
)
from destinations.encryption import UndecryptableValue
from destinations.models import Destination, ProfileSync
from destinations.sync import claim, database, health, record, retry
from destinations.sync.decide import Decider, Deliver
from destinations.sync.lease import Lease
from destinations.sync.runtime import runtime
from profiles.models import Profile

logger = logging.getLogger(__name__)

SLICE = 20  # rows that are read, and recorded, together; more where the connector takes more at once
DEADLINE = 60.0  # seconds after which no further slice is begun
BULK_DEADLINE = 2.0  # for backfills: what changes meanwhile comes next, here and at other destinations


@dataclass(frozen=True, slots=True)
class Push:
    """A row on its way."""

    sync: ProfileSync
    profile: Profile
    decision: Deliver

    @property
    def delivery(self) -> Delivery:
        key = f"{self.sync.pk}:{self.profile.version}"
        return Delivery(self.decision.payload, key, self.sync.remote_id)


def push(token: str, ids: Sequence[int]) -> None:
    """Push the rows that this claim still holds; everything else about it is in the tables."""
    claimed = claim.Claim(token, list(ids))
    lease = Lease(claimed)
    rows = claim.start(claimed)
    if not rows:
        return
    destination_id = rows[0].destination_id
    try:
        with lease.kept():
            _push(destination_id, token, lease, rows)
    except UndecryptableValue as error:
        health.unusable(destination_id, str(error), needs_person=True)
    except Exception as error:
        # django-q2 would store message and traceback, which could repeat a profile: places only.
        places = "".join(traceback.format_tb(error.__traceback__))
        logger.error("a batch of %d could not be pushed: %s at\n%s", len(rows), type(error).__name__, places)
        health.unusable(destination_id, f"internal error ({type(error).__name__}), the log says where")
    finally:
        # What has been recorded is no longer this claim's. A row that is not given back counts as begun,
        # and whatever began and was not recorded is sent again.
        database.patiently(lambda: claim.release(token, ids))


def _push(destination_id: int, token: str, lease: Lease, rows: list[ProfileSync]) -> None:
    destination = Destination.objects.select_related("resource").filter(pk=destination_id).first()
    if destination is None:
        return  # deleted meanwhile, and its rows with it
    try:
        _Batch(destination, token, lease).run(rows)
    except ConnectorError as error:
        health.unusable(
            destination_id,
            str(error),
            needs_person=isinstance(error, ConfigurationError),
            after=error.after if isinstance(error, Unreachable) else None,
        )


class _Batch:
    """One claim's way through decision, delivery and record."""

    def __init__(self, destination: Destination, token: str, lease: Lease) -> None:
        self.destination = destination
        self.token = token
        self.lease = lease
        self.failures = 0
        self.began = time.monotonic()
        self.ends_at = self.began + DEADLINE

    def run(self, rows: list[ProfileSync]) -> None:
        """Push the rows, as far as the destination and the time allow."""
        decider = Decider(self.destination)
        opened = decider.connector.open(
            self.destination.credentials, self.destination.settings, runtime(self.destination)
        )
        with opened as session:
            self._push_rows(decider, session, [row for row in rows if not row.bulk])
            self.ends_at = self.began + BULK_DEADLINE
            self._push_rows(decider, session, [row for row in rows if row.bulk])

    def _push_rows(self, decider: Decider, session: Session, rows: list[ProfileSync]) -> None:
        size = max(SLICE, decider.connector.batch_size)
        for start in range(0, len(rows), size):
            if not self._goes_on() or not self._may_send():
                return
            self._push_slice(decider, session, rows[start : start + size])

    def _goes_on(self) -> bool:
        in_time = time.monotonic() < self.ends_at and self.lease.holds()
        return in_time and self.failures < retry.BREAKER_FAILURES

    def _may_send(self) -> bool:
        """Whether nobody has paused the destination or been asked to wait meanwhile."""
        return claim.open_now(timezone.now()).filter(pk=self.destination.pk).exists()

    def _push_slice(self, decider: Decider, session: Session, rows: list[ProfileSync]) -> None:
        """Decide, deliver and record; what is not tried stays with the claim, to be released."""
        profiles = Profile.objects.in_bulk([row.profile_id for row in rows])
        pushes, entries = [], []
        for row in rows:
            profile = profiles.get(row.profile_id)
            if profile is None:
                continue  # deleted meanwhile, and the row with it
            decision = decider.decide(row, profile, timezone.now())
            if isinstance(decision, Deliver):
                pushes.append(Push(row, profile, decision))
            else:
                entries.append(record.decided(row, profile, decision))
        try:
            for entry in self._deliver(session, decider.connector.batch_size, pushes):
                entries.append(entry)
        finally:
            record.record(self.destination, self.token, entries)

    def _deliver(self, session: Session, size: int, pushes: list[Push]) -> Iterator[record.Entry]:
        for start in range(0, len(pushes), size):
            if not self._goes_on():
                return
            part = pushes[start : start + size]
            began, clock = timezone.now(), time.monotonic()
            outcomes = _outcomes(session, [push.delivery for push in part])
            duration = (time.monotonic() - clock) / len(part)
            for push, outcome in zip(part, outcomes, strict=True):
                self._count(outcome)
                yield _entry(push, outcome, began, duration)

    def _count(self, outcome: Outcome) -> None:
        if isinstance(outcome, Retry) and outcome.after is not None:
            self.failures = retry.BREAKER_FAILURES  # it asked everybody to wait
        elif isinstance(outcome, Accepted | Rejected):
            self.failures = 0
        else:
            self.failures += 1


def _outcomes(session: Session, deliveries: list[Delivery]) -> Sequence[Outcome]:
    try:
        outcomes = session.push(deliveries)
    except ConnectorError:
        raise
    except Exception as error:  # a connector's own mistake harms only its destination
        logger.error("a connector failed with %s", type(error).__name__)
        return [Retry(f"the connector failed with {type(error).__name__}")] * len(deliveries)
    if len(outcomes) != len(deliveries):
        raise ConnectorError("the connector did not give one outcome per delivery")
    return outcomes


def _entry(push: Push, outcome: Outcome, began: datetime, duration: float) -> record.Entry:
    return record.delivered(
        push.sync, push.profile, push.decision.payload_hash, outcome, push.delivery, began, duration
    )
