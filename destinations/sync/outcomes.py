"""What came of the pushes of a claim: gathered, and recorded in one transaction with the attempts and the
destinations' health."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from destinations.connectors.base import Limits, Rejected
from destinations.models import Destination, ProfileSync
from destinations.sync import counters, database, health, lease
from destinations.sync.concurrency.lanes import usual_call
from destinations.sync.concurrency.pace import paces
from destinations.sync.entries import Entry
from destinations.sync.remote import ids as remote_ids
from destinations.sync.transitions import MEANWHILE, updated
from tracsync.common.messages import message
from tracsync.common.prepared import Prepared

logger = logging.getLogger(__name__)

FIELDS = (
    "state",
    "state_since",
    "reason",
    "version",
    "first_changed_at",
    "due_at",
    "asked",
    "resend",
    "bulk",
    "claim_token",
    "claimed_until",
    "started_at",
    "first_tried_at",
    "unfinished",
    "second_chance",
    "attempts",
    "last_error",
    "code",
    "field",
    "synced_version",
    "synced_at",
    "payload_hash",
    "in_doubt",
    "unanswered",
    "removed_at",
    "remote_id",
    "remote_details",
    "awaited",
    "awaited_since",
)


class Part(NamedTuple):
    """What became of pushes to one destination; `call_seconds`: what its calls take, where that is known;
    `told`: what it has said of the limits of its account."""

    destination: Destination
    entries: Sequence[Entry]
    call_seconds: float | None = None
    told: Limits | None = None


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
        self._unrecorded: dict[Destination, list[Entry]] = {}
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

    def add(self, destination: Destination, found: Sequence[Entry]) -> None:
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
                record(self._token, [_part(*one) for one in unrecorded.items()])
                _log(self._token, unrecorded)
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
            database.patiently(lambda: lease.release(self._token, list(back), doubtful))


def _log(token: str, recorded: Mapping[Destination, Sequence[Entry]]) -> None:
    """One line for each destination, without anything of a person."""
    if not logger.isEnabledFor(logging.INFO):
        return
    for destination, found in recorded.items():
        names = (counters.NAMES.get(type(entry.result)) for entry in found)
        counts = Counter(name for name in names if name)
        seconds = sum(entry.attempt.duration_ms for entry in found if entry.attempt) / 1000
        told = ", ".join(f"{count} {name}" for name, count in counts.items())
        details = {
            "destination": destination.slug,
            "outcomes": dict(counts),
            "seconds": seconds,
            "claim": token,
        }
        if counts:
            logger.info("%s: %s in %.2f s", destination.slug, told, seconds, extra=details)


def _part(destination: Destination, found: Sequence[Entry]) -> Part:
    pace = paces[destination.pk]
    return Part(destination, found, usual_call(pace.recent_calls), pace.untold())


def record(token: str, parts: Sequence[Part]) -> None:
    """Write the entries whose claim is still held; the others belong to somebody else by now.

    An attempt that was made is kept in any case, unless its profile or destination is gone. What is not
    recorded is pushed again, so a database that fails for a moment is waited for. Where it refuses an entry,
    for a value that came from outside, the others are recorded all the same.
    """
    try:
        database.patiently(lambda: _record(token, parts))
    except database.FAILURES:
        raise
    except Exception as error:
        singles = [part._replace(entries=[entry]) for part in parts for entry in part.entries]
        if len(singles) > 1:
            middle = len(singles) // 2
            record(token, singles[:middle])
            record(token, singles[middle:])
            return
        logger.error("what came of a push cannot be stored (%s)", type(error).__name__)
        [part] = singles
        bare = part._replace(entries=[_without_details(part.entries[0], error)])
        database.patiently(lambda: _record(token, [bare]))


def _record(token: str, parts: Sequence[Part]) -> None:
    entries = [entry for part in parts for entry in part.entries]
    by_id = {entry.sync.pk: entry for entry in entries}
    with transaction.atomic():
        rows = _LOCKED.rows(by_id.keys())
        ours, now = uuid.UUID(token), timezone.now()
        held = [
            updated(by_id[pk], dict(zip(MEANWHILE, values, strict=True)), now)
            for pk, holder, *values in rows
            if holder == ours
        ]
        known = {pk: values[MEANWHILE.index("remote_id")] for pk, _holder, *values in rows}
        taken = remote_ids.taken(held, entries, known)
        # The rows are there and locked: meeting them is the quickest way to update them all at once.
        database.insert(held, update=FIELDS)
        database.insert([entry.attempt for pk, *_ in rows if (entry := by_id[pk]).attempt])
        there = {by_id[pk].sync.destination_id for pk, *_ in rows}
        if there:  # the rows of a destination that was deleted meanwhile are gone, as it is
            health.note([_seen(part) for part in parts if part.destination.pk in there])
            mine = {row.pk for row in held}
            counters.recorded([by_id[pk] for pk, *_ in rows if pk in mine or by_id[pk].attempt])
    remote_ids.take_from_others(taken)


def _locked(ids: Collection[int]) -> QuerySet[Any, Any]:
    rows = ProfileSync.objects.select_for_update().filter(pk__among=ids)
    return rows.order_by("profile_id", "destination_id").values_list("pk", "claim_token", *MEANWHILE)


_LOCKED = Prepared(_locked)


def _seen(part: Part) -> health.Seen:
    """What it tells of the destination: nothing, where a second chance or a repeat is refused."""
    results = [
        None
        if (entry.sync.second_chance or entry.repeats) and isinstance(entry.result, Rejected)
        else entry.result
        for entry in part.entries
    ]
    sent_at = [entry.sent_at for entry in part.entries if entry.sent_at]
    return health.Seen(part.destination, results, sent_at, part.call_seconds, part.told)


def _without_details(entry: Entry, error: Exception) -> Entry:
    """The same without anything that came from outside. What the destination holds now is in doubt."""
    reason = message("what came of it could not be stored (%(name)s)", name=type(error).__name__)
    entry.sync.payload_hash, entry.sync.in_doubt = "", entry.sent_at is not None
    attempt = entry.attempt
    if attempt is not None:
        attempt.reason, attempt.status_code = reason, None
        attempt.remote_id = attempt.code = attempt.field = ""
        attempt.request = attempt.response = None
    return replace(entry, result=Rejected(reason), attempt=attempt, remote=None, awaited=None)
