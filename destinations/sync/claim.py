"""Claims: who pushes which rows, and until when.

A claim is a token on the rows and a lease. Whoever holds the token may record an outcome; when the lease
ends the rows, still due, are claimed by somebody else and the old token is worth nothing.

What is due at several destinations is one claim, as long as it is little: a wake-up, a lease and each
statement cost the same for one row and for hundreds.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Cast
from django.utils import timezone
from django_q.tasks import async_task

from destinations.connectors import registry
from destinations.connectors.base import ConnectorError
from destinations.connectors.capabilities import batch_size, migrated
from destinations.models import Destination, Health, ProfileSync
from destinations.sync import lease, turns
from destinations.sync.health import is_sick
from destinations.sync.lease import Claim
from destinations.sync.limits import accounts, rates
from destinations.sync.limits.accounts import Sharing, Wanted
from tracsync.common.encryption import UndecryptableValue, decrypt
from tracsync.common.messages import message
from tracsync.common.prepared import Prepared

LEAST_SHARE = 50  # rows of each destination, where more of them have something due than can be claimed
BATCH_SECONDS = 60.0  # after which a batch begins no further slice
MOST_UNFINISHED = 3  # pushes in a row of which nothing was heard: then the row is parked


@dataclass(frozen=True, slots=True)
class _Batch:
    """Due rows of one destination. `alone`: nothing else may be with them in a claim. `lanes`: so many calls
    at once they may be pushed with."""

    destination_id: int
    ids: list[int]
    slow: bool
    alone: bool
    lanes: int


def claim(destination: Destination, now: datetime, *, started: bool = False) -> Claim | None:
    """Take one batch of what is due at a destination; None when it has enough in flight."""
    return next(iter(claim_all([destination], now, started=started)), None)


def claim_all(
    destinations: Sequence[Destination],
    now: datetime,
    *,
    started: bool = False,
    most: int | None = None,
    most_slow: int | None = None,
) -> list[Claim]:
    """Take a batch of what is due at each of these destinations, those first in line first, in no more than
    `most` claims, and `most_slow` of slow destinations.

    A destination's health row is the lock that keeps several schedulers from claiming too much at once, and
    its account's row where limits are shared; a scheduler that finds one taken leaves the destination to the
    other one.
    """
    if not destinations or most == 0:
        return []
    with transaction.atomic():
        health = _lock_health(destinations)
        mine = {one.pk: one for one in destinations if one.pk in health}
        sharing = Sharing(mine.values(), partial(_under_way, now), now)
        rooms = _rooms([one for one in mine.values() if sharing.has_room(one)], health, now)
        if most is not None and len(rooms) > most:
            share = max(LEAST_SHARE, most * settings.TRACSYNC_BATCH_SIZE // len(rooms))
            rooms = {pk: min(room, share) for pk, room in rooms.items()}
        batches = _take(rooms, mine, health, now) if rooms else []
        claims = _packed(_within(sharing, batches, mine))
        slow = [one for one in claims if one[0].slow]
        surplus = slow[most_slow:] if most_slow is not None else []
        claims = [one for one in claims if one not in surplus][:most]
        return _mark(claims, now, started) if claims else []


def dispatch(
    destinations: Sequence[Destination],
    now: datetime,
    *,
    most: int | None = None,
    most_slow: int | None = None,
) -> int:
    """Claim what is due at these destinations and wake a worker for each claim; how many rows they have."""
    rows = 0
    for claimed in claim_all(destinations, now, most=most, most_slow=most_slow):
        try:
            async_task("destinations.sync.push.push", claimed.token, claimed.ids)
        except Exception:
            # Whatever the broker raises: without a wake-up the rows had to wait for their lease to end.
            lease.release(claimed.token, claimed.ids)
            raise
        rows += len(claimed.ids)
    return rows


def claim_next(now: datetime, *, only_quick: bool = False) -> Claim | None:
    """One claim at whichever destinations have waited longest, for a worker that goes on at once.

    None, too, where claims wait for a worker: it is their turn.
    """
    if turns.unstarted(now):
        return None
    waiting = [one for one in turns.ready(now) if not only_quick or turns.is_quick(one)]
    return next(iter(claim_all(waiting, now, started=True, most=1)), None)


def _lock_health(destinations: Sequence[Destination]) -> dict[int, Health]:
    """Those of the health rows that nobody else has locked, by the id of the destination; with the `slug` of
    its connector and its settings, `sealed`, of the version `since`: those that no key opens harm no other.

    A destination without one is new: it gets one, and is claimed next time.
    """
    ids = [one.pk for one in destinations]
    locked: dict[int, Health] = {health.pk: health for health in _HEALTH.objects(ids)}
    new = [one for one in destinations if one.pk not in locked and turns.health_of(one) is None]
    if new:
        Health.objects.bulk_create([Health(destination=one) for one in new], ignore_conflicts=True)
    return locked


def _health(ids: Sequence[int]) -> QuerySet[Health]:
    rows = Health.objects.filter(destination__pk__among=ids).order_by("pk")
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True, of=("self",))
    sealed = Cast("destination__settings", models.TextField())
    since = F("destination__settings_version")
    return rows.annotate(slug=F("destination__resource__type_id"), sealed=sealed, since=since)


_HEALTH = Prepared(_health)


def _rooms(
    destinations: Sequence[Destination], health: Mapping[int, Health], now: datetime
) -> dict[int, int]:
    """How many rows may be claimed at each, where any: a batch, or one row to probe a sick destination."""
    rows: Counter[int] = Counter()
    batches: Counter[int] = Counter()
    for batch in turns.in_flight(now):
        rows[batch.destination_id] += batch.rows
        batches[batch.destination_id] += 1
    rooms = {
        one.pk: _room(one, health[one.pk], rows[one.pk], batches[one.pk], now)
        for one in destinations
        if not health[one.pk].is_held(now)
    }
    return {pk: room for pk, room in rooms.items() if room}


def _room(destination: Destination, health: Health, rows: int, batches: int, now: datetime) -> int:
    """`rows` in so many `batches` are in flight.

    One that has never answered may hang, which one batch finds out: each further one would make those wait
    that share its claim.
    """
    if batches >= (1 if health.call_seconds is None else rates.batches(destination)):
        return 0
    room = _batch_size(destination, health)
    if destination.rate is not None:
        room = min(room, rates.left(destination.rate, health.usage, rows, now))
    if is_sick(health):
        return 0 if batches else min(1, room)
    return room


def _under_way(now: datetime, resources: Collection[int]) -> accounts.InFlight:
    """What is in flight at the accounts of these resources: rows, and calls that may be made at once."""
    batches = turns.in_flight(now)
    theirs = Destination.objects.filter(pk__in={one.destination_id for one in batches})
    of_account = theirs.filter(resource__in=resources).only("resource", "use_test_credentials")
    keys = {one.pk: accounts.key_of(one) for one in of_account}
    found: dict[accounts.Key, Wanted] = {}
    for batch in batches:
        if key := keys.get(batch.destination_id):
            before = found.get(key, Wanted(0, 0))
            found[key] = Wanted(before.pushes + batch.rows, before.lanes + max(1, batch.lanes))
    return found


def _within(
    sharing: Sharing, batches: Sequence[_Batch], destinations: Mapping[int, Destination]
) -> list[_Batch]:
    """As much of each batch as its account has room for, and those that are left of it, in their order."""
    by_account: dict[accounts.Key, list[_Batch]] = {}
    for batch in batches:
        by_account.setdefault(accounts.key_of(destinations[batch.destination_id]), []).append(batch)
    fitted: dict[int, _Batch] = {}
    for key, together in by_account.items():
        given = sharing.share(key, [Wanted(len(batch.ids), batch.lanes) for batch in together])
        for batch, (rows, lanes) in zip(together, given, strict=True):
            if rows and lanes:
                fitted[batch.destination_id] = replace(batch, ids=batch.ids[:rows], lanes=lanes)
    return [fitted[batch.destination_id] for batch in batches if batch.destination_id in fitted]


def _batch_size(destination: Destination, health: Any) -> int:
    """As configured, or what the connector takes at once if more; of a slow one what it can take in its time:
    all others would be written twice for nothing. `health`: as `_lock_health` gives it."""
    most: int = settings.TRACSYNC_BATCH_SIZE
    try:
        connector = registry.get(health.slug)
        given = migrated(connector, "settings", decrypt(health.sealed), health.since)
        part = batch_size(connector, given)
    except (ConnectorError, UndecryptableValue):
        return most  # the push will say what is wrong with it
    seconds = health.call_seconds or 0.0
    if seconds < turns.SLOW_CALL:
        return max(most, part)
    calls = rates.lanes(destination) * max(1, int(BATCH_SECONDS / seconds))
    return min(max(most, part), calls * part)


def _take(
    rooms: Mapping[int, int],
    destinations: Mapping[int, Destination],
    health: Mapping[int, Health],
    now: datetime,
) -> list[_Batch]:
    """The rows that make the next batch of each, locked."""
    found: dict[int, list[tuple[int, datetime | None, int]]] = {pk: [] for pk in rooms}
    for destination_id, *row in turns.due_rows(rooms, now):
        if len(found[destination_id]) < rooms[destination_id]:
            found[destination_id].append(tuple(row))  # type: ignore[arg-type] # of three
    lost = [
        pk
        for rows in found.values()
        for pk, started_at, unfinished in rows
        if started_at and unfinished >= MOST_UNFINISHED
    ]
    if lost:
        _park(lost)
    batches = []
    for destination_id, rows in found.items():
        ids, alone = _choose([row for row in rows if row[0] not in lost])
        if ids:
            slow = (health[destination_id].call_seconds or 0.0) >= turns.SLOW_CALL
            lanes = rates.lanes(destinations[destination_id])
            batches.append(_Batch(destination_id, ids, slow, alone, lanes))
    return batches


def _choose(rows: Sequence[tuple[int, datetime | None, int]]) -> tuple[list[int], bool]:
    """The rows that make one batch, of those that are due, and whether they have to be alone.

    A row whose push began and never ended may be what ended its worker: it is pushed alone, so that it takes
    no others with it, and parked when that does not help.
    """
    suspects = {pk for pk, started_at, unfinished in rows if started_at or unfinished}
    if rows and rows[0][0] in suspects:
        return [rows[0][0]], True
    return [pk for pk, *_ in rows if pk not in suspects], False


def _packed(batches: Sequence[_Batch]) -> list[list[_Batch]]:
    """The batches that make one claim, for each: what is slow and what is not go apart."""
    packed: list[list[_Batch]] = []
    open_ones: dict[bool, list[_Batch]] = {}
    for batch in batches:
        together = None if batch.alone else open_ones.get(batch.slow)
        rows = len(batch.ids) + sum(len(one.ids) for one in together or ())
        if together is not None and rows <= settings.TRACSYNC_BATCH_SIZE:
            together.append(batch)
            continue
        packed.append([batch])
        if not batch.alone:
            open_ones[batch.slow] = packed[-1]
    return packed


def _mark(claims: Sequence[Sequence[_Batch]], now: datetime, started: bool) -> list[Claim]:
    """Make these batches claims."""
    made = [
        Claim(str(uuid.uuid4()), [pk for batch in batches for pk in batch.ids], started, batches[0].slow)
        for batches in claims
    ]
    turn = {
        batch.destination_id: (one.token, batch.lanes)
        for one, batches in zip(made, claims, strict=True)
        for batch in batches
    }
    _hold([pk for one in made for pk in one.ids], turn, now, started)
    Health.objects.filter(pk__in=turn.keys()).update(claimed_at=now)
    return made


def _hold(ids: Sequence[int], turn: Mapping[int, tuple[str, int]], now: datetime, started: bool) -> None:
    """Give the rows of each destination its token, and the calls that it may make at once.

    By hand, as every push passes through here: what Django would build of it anew takes many times what the
    database does.
    """
    moment, until = map(connection.ops.adapt_datetimefield_value, (now, now + lease.LEASE))
    uuids = {pk: models.UUIDField().get_db_prep_value(token, connection) for pk, (token, _) in turn.items()}
    lanes = {pk: lanes for pk, (_, lanes) in turn.items()}
    when = "WHEN %s THEN %s::uuid" if connection.vendor == "postgresql" else "WHEN %s THEN %s"
    started_at = "%s" if started else "NULL"
    # A push that began and was never recorded may have arrived: what the destination holds is in doubt.
    sql = f"""
        UPDATE destinations_profilesync
        SET state = 'claimed', reason = '', state_since = %s, claimed_until = %s,
            claim_token = CASE destination_id {" ".join([when] * len(turn))} END,
            lanes = CASE destination_id {" ".join(["WHEN %s THEN %s"] * len(turn))} END,
            first_tried_at = {"COALESCE(first_tried_at, %s)" if started else "first_tried_at"},
            payload_hash = CASE WHEN started_at IS NULL THEN payload_hash ELSE '' END,
            in_doubt = CASE WHEN started_at IS NULL THEN in_doubt ELSE true END,
            unfinished = unfinished + CASE WHEN started_at IS NULL THEN 0 ELSE 1 END,
            started_at = {started_at}
        WHERE id IN ({", ".join(["%s"] * len(ids))})"""  # noqa: S608 - no user text in it
    begun = [moment] if started else []
    given = [*chain(*uuids.items()), *chain(*lanes.items())]
    with connection.cursor() as cursor:
        cursor.execute(sql, [moment, until, *given, *begun, *begun, *ids])


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
        awaited=None,
        awaited_since=None,
        asked=False,
        resend=False,
        bulk=False,
    )
