"""Claiming, settling and backfilling in large tables."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

from django.db.models import F
from django.utils import timezone

from destinations.models import Backfill, Destination, Health, ProfileSync
from destinations.operations import backfill
from destinations.sync import claim, lease, settle, turns
from profiles.models import Profile
from tracsync.bench.report import Section

from .fill import profile_id

CLAIM_COLUMNS = ("tables", "few waiting, ms", "many waiting, ms", "times", "which are due, ms")
BATCH_COLUMNS = ("batch", "median, ms", "slowest, ms")


def claims(phase: str, few: Destination, many: Destination, repetitions: int) -> tuple[Any, ...]:
    """A row of CLAIM_COLUMNS. The two take turns; what they claim they give back."""
    taken: dict[int, list[float]] = {few.pk: [], many.pk: []}
    order, shuffle = [few, many], Random(1).shuffle  # noqa: S311 - nothing secret
    for _ in range(repetitions + 1):
        shuffle(order)
        for destination in order:
            taken[destination.pk].append(_claim(destination))
    medians = [median(taken[one.pk][1:]) for one in (few, many)]  # the first fills caches
    looks = [_timed(lambda: turns.ready(timezone.now())) for _ in range(repetitions)]
    return phase, *medians, medians[1] / medians[0], median(looks)


def _claim(destination: Destination) -> float:
    started = perf_counter()
    claimed = claim.claim(destination, timezone.now())
    taken = (perf_counter() - started) * 1000
    assert claimed is not None, f"nothing was waiting for {destination}"
    lease.release(claimed.token, claimed.ids)
    return taken


def settling(profiles: int, batches: int) -> Section:
    """Profiles have just become quiet: each batch of them is handed to every destination."""
    count = min(batches * settle.BATCH_SIZE, profiles)
    first = profiles // 3
    ids = {"pk__gt": profile_id(first), "pk__lte": profile_id(first + count)}
    changed = timezone.now() - timedelta(hours=1)
    Profile.objects.filter(**ids).update_marks(
        version=F("version") + 1, changed_at=changed, first_changed_at=changed
    )
    taken = []
    while (elapsed := _timed_if(lambda: settle.settle(timezone.now()))) is not None:
        taken.append(elapsed)
    section = Section("settling", BATCH_COLUMNS)
    rows = min(settle.BATCH_SIZE, count)
    destinations = Destination.objects.filter(enabled=True).count()
    section.rows.append((f"{rows:,} profiles, {destinations} destinations", median(taken), max(taken)))
    return section


def backfilling(destination: Destination, profiles: int, batches: int) -> Section:
    """Batches at three places of the way, at a destination that knows all profiles and at a new one."""
    new = Destination.objects.create(
        name="new", resource=destination.resource, mapping=destination.mapping, quiet_period=20
    )
    Health.objects.get_or_create(destination=new)
    section = Section("a backfill's next batch", BATCH_COLUMNS)
    last = max(0, profiles - batches * backfill.BATCH_SIZE - 1)
    for place, after in (("beginning", 0), ("middle", last // 2), ("end", last)):
        for kind, at in (("known", destination), ("new", new)):
            taken = _batches(at, after, batches)
            section.rows.append((f"{place}, profiles that are {kind}", median(taken), max(taken)))
    new.delete()
    return section


def _batches(destination: Destination, after: int, batches: int) -> list[float]:
    begun = Backfill.objects.create(destination=destination, after=profile_id(after) if after else "")
    waiting = ProfileSync.objects.filter(destination=destination, due_at__isnull=False)
    taken = []
    for _ in range(batches):
        elapsed = _timed_if(lambda: backfill.advance(timezone.now()))
        if elapsed is None:
            break
        taken.append(elapsed)
        waiting.update(due_at=None, state=ProfileSync.State.SYNCED, bulk=False)
    begun.delete()
    return taken


def requesting(destination: Destination) -> Section:
    """What the person waits for who asks for a backfill."""
    taken = []
    for _ in range(3):
        started = perf_counter()
        asked = backfill.request(destination)
        taken.append((perf_counter() - started) * 1000)
        asked.delete()
    return Section("asking for a backfill", BATCH_COLUMNS, [("all profiles", median(taken), max(taken))])


def _timed(do: Callable[[], Any]) -> float:
    started = perf_counter()
    do()
    return (perf_counter() - started) * 1000


def _timed_if(do: Callable[[], Any]) -> float | None:
    """In milliseconds; None where there was nothing to do."""
    started = perf_counter()
    return (perf_counter() - started) * 1000 if do() else None
