"""Bulk writes of many profiles, part by part and in turns with the plain ones; then they are settled.

Parts keep the documents in memory few, and the interleaving fair while the tables grow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from statistics import median
from time import perf_counter
from typing import Any

from django.db import transaction
from django.utils import timezone

from destinations.sync import settle
from profiles import changes
from tracsync.bench.plain import PlainProfile
from tracsync.bench.report import Section
from tracsync.bench.sample_profiles import people

from . import destinations
from .saves import PLAIN, PROFILE

DESTINATIONS = 3
PART = 5_000  # profiles


def measure(count: int) -> list[Section]:
    destinations.have(DESTINATIONS)
    _settled(0)  # what was saved before
    written = Section(
        "bulk upserts: rows per second, median of parts",
        ("rows", "plain", "profile", "plain / profile"),
        note=f"{count:,} rows in parts of {min(PART, count):,}, {DESTINATIONS} destinations",
    )
    settled = Section(
        "settling: pairs of profile and destination per second",
        ("pairs", "first to last", "median of batches"),
        note=f"{count:,} profiles, {DESTINATIONS} destinations, batches of {settle.BATCH_SIZE} profiles",
    )
    templates = people(min(PART, count))
    for number, name in enumerate(("new", "there already")):
        found = _write(templates, count, number)
        written.rows.append((name, found[PLAIN], found[PROFILE], found[PLAIN] / found[PROFILE]))
        settled.rows.append((name, *_settled(count)))
    return [written, settled]


def _write(templates: Sequence[dict[str, Any]], count: int, visits: int) -> dict[str, float]:
    """Rows per second of each way; who begins a part changes."""
    ways: dict[str, Callable[[Sequence[dict[str, Any]]], object]] = {PLAIN: _plain, PROFILE: _profiles}
    found: dict[str, list[float]] = {PLAIN: [], PROFILE: []}
    for number, start in enumerate(range(0, count, PART)):
        documents = [
            {**template, "id": f"bulk-{start + position:07}", "visits": visits}
            for position, template in enumerate(templates[: count - start])
        ]
        for name in (PLAIN, PROFILE) if number % 2 else (PROFILE, PLAIN):
            began = perf_counter()
            ways[name](documents)
            found[name].append(len(documents) / (perf_counter() - began))
    return {name: median(reached) for name, reached in found.items()}


def _profiles(documents: Sequence[dict[str, Any]]) -> None:
    written = changes.write([changes.change_from(document) for document in documents])
    assert all(one.changed for one in written)


def _plain(documents: Sequence[dict[str, Any]]) -> None:
    """As many rows at once, in a transaction for each batch, after the same kind of look at what is there."""
    for start in range(0, len(documents), changes.BATCH_SIZE):
        batch = documents[start : start + changes.BATCH_SIZE]
        with transaction.atomic():
            ids = sorted(document["id"] for document in batch)
            rows = PlainProfile.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
            list(rows.values_list("pk"))
            PlainProfile.objects.bulk_create(
                [PlainProfile(id=document["id"], document=document) for document in batch],
                update_conflicts=True,
                unique_fields=("id",),
                update_fields=("document",),
            )


def _settled(count: int) -> tuple[float, float]:
    """Settle all that was written: pairs per second, of all together and of a median batch."""
    now = timezone.now() + timedelta(seconds=destinations.QUIET)
    total, found, began = 0, list[float](), perf_counter()
    while True:
        batch_began = perf_counter()
        settled = settle.settle(now)
        if not settled:
            break
        total += settled
        found.append(settled * DESTINATIONS / (perf_counter() - batch_began))
    assert total == count or not count, (total, count)
    return total * DESTINATIONS / (perf_counter() - began), median(found)
