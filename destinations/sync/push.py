"""The django-q2 task: push a claim, for all destinations that it has rows of, and then what else is due."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections import deque
from collections.abc import Collection, Sequence
from functools import partial
from statistics import median

from django.conf import settings
from django.db import close_old_connections, connections
from django.utils import timezone, translation

from destinations.connectors.base import ConfigurationError, ConnectorError, Unreachable
from destinations.models import Destination, Installation, ProfileSync
from destinations.sync import claim, concurrency, database, health, turns
from destinations.sync.batch import AHEAD, SLICE_SECONDS, Batch, Profiles, Record, Shared, paces
from destinations.sync.concurrency import Background
from tracsync.common.encryption import UndecryptableValue
from tracsync.common.messages import message

logger = logging.getLogger(__name__)

PATIENCE = 0.5  # seconds until a claim is left to go on in the background
BACKGROUND_BATCHES = 8  # of one process
TASK_SECONDS = 2.0  # seconds after which a task takes no further claim: others wait for the process, too
HELP_AFTER = 0.1  # seconds without an end of any part: others go on with what is waiting
OVERDUE = 2.0  # seconds until what is recorded late, as the claim's own thread waits, is recorded by another
UNAIDED = 0.25  # seconds of calls that one thread makes: threads side by side cost more than they save
MOST_HELPERS = 32  # threads of one claim

# Set in the processes of our own workers. Without it, as in a plain qcluster, a task ends with its claims.
background: Background | None = None


def push(token: str, ids: Sequence[int]) -> None:
    """Push the rows that this claim still holds, and then what else is due, at whichever destination.

    Everything else about them is in the tables. A claim that takes long goes on in the background, and this
    process with the next one. After one that was small nothing else is due: the scheduler has claimed it all.
    """
    since = time.monotonic()
    ends_at = since + TASK_SECONDS
    claimed: claim.Claim | None = claim.Claim(token, list(ids))
    while claimed is not None:
        more_is_due = _push_or_leave(claimed, since)
        since = time.monotonic()  # before the database is asked: the lease may begin early, never late
        if not more_is_due or since > ends_at or concurrency.is_ending():
            return
        only_quick = background is not None and background.is_full
        claimed = claim.claim_next(timezone.now(), only_quick=only_quick)


def _push_or_leave(claimed: claim.Claim, since: float) -> bool:
    """Push a claim, or leave it to go on by itself; whether more may be due."""
    if background is None or background.is_full:
        return _push_claim(claimed, since)
    answer = background.run(partial(_push_aside, claimed, since), 0.0 if claimed.slow else PATIENCE)
    return _is_full(claimed.ids) if answer is None else answer


def _is_full(claimed: Collection[object]) -> bool:
    return len(claimed) >= settings.TRACSYNC_BATCH_SIZE // 2


def _push_aside(claimed: claim.Claim, since: float) -> bool:
    close_old_connections()  # as django-q2 does before each task, for the connections of this thread
    try:
        return _push_claim(claimed, since)
    except Exception as error:  # its text may repeat the values of a row
        logger.error("a claim was given up (%s)", type(error).__name__)
        return False


@translation.override("en")  # what is recorded is translated for whoever reads it
def _push_claim(claimed: claim.Claim, since: float) -> bool:
    """Push the rows of a claim; whether more may be due.

    Where a row had to be pushed alone, the next ones of its destination follow at once: they are as many as a
    worker had begun when it was killed. `since`: monotonic time at which the lease, at the earliest, began.
    """
    ends_at = since + TASK_SECONDS
    while True:
        holds, alone_at = _push_rows(claimed, since)
        since = time.monotonic()
        more = holds and _is_full(claimed.ids)
        if not holds or alone_at is None or since > ends_at or concurrency.is_ending():
            return more
        following = _next_at(alone_at)
        if following is None:
            return more
        claimed = following


def _next_at(destination_id: int) -> claim.Claim | None:
    now = timezone.now()
    destination = turns.open_now(now).select_related("health").filter(pk=destination_id).first()
    return None if destination is None else claim.claim(destination, now, started=True)


def _push_rows(claimed: claim.Claim, since: float) -> tuple[bool, int | None]:
    """Whether the rows were held to the end, and the destination of a row that had to be alone."""
    lease = claim.Lease(claimed, since)
    rows = claim.start(claimed)
    if not rows:
        return False, None
    alone_at = rows[0].destination_id if rows[0].unfinished else None
    several = len({row.destination_id for row in rows}) > 1
    record = Record(claimed.token, [row.pk for row in rows], SLICE_SECONDS if several else 0.0)
    try:
        with lease.kept():
            _Parts(rows, lease, record).run()
    except Exception as error:
        _log_places(len(rows), error)
    finally:
        # What has been recorded is no longer this claim's. A row that is not given back counts as begun,
        # and whatever began and was not recorded is sent again.
        record.give_back()
    return lease.holds(), alone_at


def _log_places(rows: int, error: Exception) -> None:
    """django-q2 would store message and traceback, which could repeat a profile: places only."""
    places = "".join(traceback.format_tb(error.__traceback__))
    logger.error("a batch of %d could not be pushed: %s at\n%s", rows, type(error).__name__, places)


class _Parts:
    """The parts of a claim, one for each destination, one after the other in the caller's thread.

    Where one takes its time, or is known to, helpers go on with the others side by side with it: as many
    again whenever none has ended for a moment, so that no number of destinations that hang holds up the rest.
    """

    def __init__(self, rows: Sequence[ProfileSync], lease: claim.Lease, record: Record) -> None:
        self.record = record
        by_destination: dict[int, list[ProfileSync]] = {}
        for row in rows:
            by_destination.setdefault(row.destination_id, []).append(row)
        # Those first that take long: they are waited for while the others are done.
        places = {pk: place for place, pk in enumerate(by_destination)}
        found = sorted(_open(by_destination), key=lambda one: (-_usual_call(one), places[one.pk]))
        self.seconds = sum(_usual_call(one) * len(by_destination[one.pk]) for one in found)
        self.waiting = deque((one, by_destination[one.pk]) for one in found)
        ids = [row.profile_id for _, part in self.waiting for row in part]
        several = len(by_destination) > 1
        profiles = Profiles(ids, AHEAD if several else 0)
        self.shared = Shared(lease, profiles, record, Installation.current_epoch())
        self.helpers: list[threading.Thread] = []
        self.ended = 0
        self.done = threading.Event()

    def run(self) -> None:
        """Returns when all parts have ended and all that came of them is recorded."""
        if len(self.waiting) <= 1:
            self._work_on_next()
        else:
            self._run_several()
        self.record.write()

    def _run_several(self) -> None:
        self._help(min(int(self.seconds / UNAIDED), len(self.waiting) - 1))
        watch = threading.Thread(target=self._watch, name="watch", daemon=True)
        watch.start()
        try:
            while self._work_on_next():
                self.record.write_if_due()
            for helper in self.helpers:
                while helper.is_alive():
                    helper.join(SLICE_SECONDS)
                    self.record.write_if_due()
        finally:
            # Whatever is raised here, what is on its way ends first: rows that are given back go at once.
            self.waiting.clear()
            self.done.set()
            watch.join()
            for helper in self.helpers:
                helper.join()

    def _work_on_next(self) -> bool:
        """False where there was no part left."""
        try:
            destination, rows = self.waiting.popleft()
        except IndexError:
            return False
        _push_part(destination, rows, self.shared)
        self.record.ended(row.pk for row in rows)
        self.ended += 1
        return True

    def _help(self, count: int) -> None:
        for _ in range(min(count, MOST_HELPERS - len(self.helpers))):
            helper = threading.Thread(target=self._work_aside, name="part", daemon=True)
            helper.start()
            self.helpers.append(helper)

    def _work_aside(self) -> None:
        try:
            while self._work_on_next():
                pass
        except Exception as error:
            _log_places(0, error)
        finally:
            connections.close_all()

    def _watch(self) -> None:
        """While the caller's thread may be waiting for an answer."""
        ended = 0
        try:
            while not self.done.wait(HELP_AFTER):
                if self.waiting and self.ended == ended:
                    self._help(min(len(self.waiting), 1 + len(self.helpers)))
                ended = self.ended
                self.record.write_if_due(OVERDUE)
        except Exception as error:
            _log_places(0, error)
        finally:
            connections.close_all()


def _usual_call(destination: Destination) -> float:
    """Seconds, of the last calls of this process in the middle; 0 where none are known."""
    calls = paces[destination.pk].recent_calls.copy()
    return median(calls) if calls else 0.0


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
