"""What people ask of the engine: send now, send again, pause, resume, switch on and off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from typing import Any

from django.db import transaction
from django.db.models import Case, F, QuerySet, Value, When
from django.utils import timezone

from destinations.configuration import history, saving
from destinations.configuration.history import Author
from destinations.models import Destination, ProfileSync, Replay
from destinations.sync import database, health, settle
from profiles.models import Profile
from tracsync.common import trail
from tracsync.common.trail import Action

State = ProfileSync.State
BATCH_SIZE = 5000
AT_ONCE = 100  # rows that a person may have pushed together with what has just changed


def sync_now(profile: Profile, destinations: Iterable[Destination], *, again: bool = False) -> int:
    """Send a profile to these destinations now, whatever the quiet period; how many rows wait.

    `again`: even what is unchanged or was rejected.
    """
    now, destinations = timezone.now(), list(destinations)
    with transaction.atomic():
        for destination in destinations:
            settle.hand_over_now(destination, [profile.pk], now)
        rows = ProfileSync.objects.filter(profile=profile, destination__in=destinations)
        count = replay(rows) if again else database.update(rows, asked=True)
        _note(Action.REPLAYED if again else Action.SENT, profile, destinations)
    return count


@transaction.atomic
def send_one(sync: ProfileSync, *, again: bool = False) -> int:
    """As `sync_now`, for a row that exists; how many."""
    rows = ProfileSync.objects.filter(pk=sync.pk)
    count = replay(rows) if again else sync_rows_now(rows)
    _note(Action.REPLAYED if again else Action.SENT, sync.profile, [sync.destination])
    return count


def _note(action: str, profile: Profile, destinations: Iterable[Destination]) -> None:
    """In the trail: of which profile, and where to."""
    where = ", ".join(sorted(str(one) for one in destinations))
    trail.note(action, profile, named=profile.pk, changes={"destinations": [None, where]})


def sync_rows_now(rows: QuerySet[ProfileSync]) -> int:
    """As `sync_now`, for rows that exist: due now, whatever the quiet period; how many."""
    return _make_due(rows, asked=True)


def replay(rows: QuerySet[ProfileSync]) -> int:
    """Send these again now, even what is unchanged or was rejected; how many."""
    return _make_due(rows, **_REPLAYED)


_REPLAYED: dict[str, Any] = {
    "asked": True,
    "resend": True,
    "replays": F("replays") + 1,
    "attempts": 0,
    "first_tried_at": None,
}


def send_again(rows: QuerySet[ProfileSync], kind: str, *, bulk: bool = False) -> int:
    """As `replay`, or `sync_rows_now` for a retry, for rows that make one batch; how many.

    In `bulk` they come after what has just changed.
    """
    marks = _REPLAYED if kind == Replay.Kind.REPLAY else {"asked": True}
    return database.update(rows, **_due_now(), **(_after_changes() if bulk else {}), **marks)


def _make_due(rows: QuerySet[ProfileSync], **marks: Any) -> int:
    """A batch at a time, each on its own: a million rows take no memory, and no lock that changes wait for.

    One that stops half-way has only begun, and can be repeated.
    """
    count, bulk = 0, False
    for ids in _batches(rows):
        bulk = bulk or len(ids) > AT_ONCE
        batch, after_changes = rows.filter(pk__among=ids), _after_changes() if bulk else {}
        count += database.update(batch, **_due_now(), **after_changes, **marks)
    return count


def _batches(rows: QuerySet[ProfileSync]) -> Iterator[list[int]]:
    """The ids of the rows, in their order."""
    pks = rows.order_by("pk").values_list("pk", flat=True)
    ids = list(pks[:BATCH_SIZE])
    while ids:
        yield ids
        ids = list(pks.filter(pk__gt=ids[-1])[:BATCH_SIZE]) if len(ids) == BATCH_SIZE else []


def _after_changes() -> dict[str, Any]:
    """Very many rows come after what has just changed, except where they wait for a change."""
    is_change = When(state=State.PENDING, due_at__isnull=False, then=F("bulk"))
    return {"bulk": Case(is_change, default=Value(True))}


def _due_now() -> dict[str, Any]:
    """One update for all columns: `rows` may be chosen by the very state that it changes.

    What is being pushed keeps its claim and is due again afterwards.
    """
    now, in_flight = timezone.now(), When(state=State.CLAIMED, then=F("state"))
    return {
        "state": Case(in_flight, default=Value(State.PENDING.value)),
        "state_since": Case(When(state=State.CLAIMED, then=F("state_since")), default=Value(now)),
        "reason": "",
        "due_at": now,
    }


def pause(destination: Destination, *, by: Author | None = None) -> None:
    """Send nothing until it is resumed; changes go on being recorded and wait.

    `by`, here and below: who does it; None is the command line.
    """
    _set_paused(destination, True, by)


def resume(destination: Destination, *, by: Author | None = None) -> None:
    """Send what is waiting by now, without waiting for the end of a rest."""
    with transaction.atomic():
        if not _set_paused(destination, False, by):
            trail.note(Action.RESUMED, destination)
        health.resumed(destination)


def _set_paused(destination: Destination, paused: bool, by: Author | None) -> bool:
    """Whether it was not so before. Whatever else is edited at the same time stays as it is stored."""
    with transaction.atomic():
        stored = saving.lock(destination)
        if stored is None:
            raise Destination.DoesNotExist
        is_other = paused != (stored.paused_at is not None)
        if is_other:
            before = copy(stored)
            stored.paused_at = timezone.now() if paused else None
            stored.save(update_fields=["paused_at"])
            history.record(stored, before, by)
        destination.paused_at = stored.paused_at
    return is_other


def enable(destination: Destination, *, by: Author | None = None) -> None:
    """Send again, and catch up with what has changed meanwhile."""
    _set_enabled(destination, True, by)


def disable(destination: Destination, *, by: Author | None = None) -> None:
    """Send nothing; what is waiting is kept, and what changes is caught up with when it is enabled again."""
    _set_enabled(destination, False, by)


def _set_enabled(destination: Destination, enabled: bool, by: Author | None) -> None:
    """Whatever else is edited at the same time stays as it is stored."""
    with transaction.atomic():
        stored = Destination.objects.select_for_update(no_key=True).get(pk=destination.pk)
        stored.enabled = enabled
        saving.save(stored, by=by)
    for name in ("enabled", "disabled_at", "revision"):
        setattr(destination, name, getattr(stored, name))
