"""One save after the other, each a commit of its own, with more and more destinations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from profiles.models import Profile
from tracsync.bench.plain import PlainProfile
from tracsync.bench.report import Section
from tracsync.bench.sample_profiles import people
from tracsync.bench.timing import rates

from . import destinations

DESTINATIONS = (0, 1, 10, 50)
BUDGET = 60.0  # seconds for one way in one repetition: enough for all saves
PLAIN, PROFILE = "plain", "profile"


def measure(count: int, repetitions: int) -> Section:
    """Both kinds of row exist and are in memory; a save changes one number in the document."""
    documents = people(count)
    plain = [PlainProfile.objects.create(id=one["id"], document=one) for one in documents]
    profiles = [Profile.objects.create(document=one) for one in documents]
    ways = {PLAIN: _changing(plain), PROFILE: _changing(profiles)}
    section = Section(
        "saves: milliseconds each, median of repetitions",
        ("enabled destinations", "plain", "profile", "profile / plain"),
        note=f"{count} rows, documents of 4 KB",
    )
    for number in DESTINATIONS:
        destinations.have(number)
        found = rates(ways, range(count), repetitions, BUDGET, clock=perf_counter)
        ms = {name: 1000 / rate for name, rate in found.items()}
        section.rows.append((str(number), ms[PLAIN], ms[PROFILE], ms[PROFILE] / ms[PLAIN]))
    return section


def _changing(rows: Sequence[Any]) -> Callable[[int], None]:
    """Change and save the row at a position."""

    def save(position: int) -> None:
        row = rows[position]
        stats = row.document["stats"]
        row.document = {**row.document, "stats": {**stats, "visits": stats["visits"] + 1}}
        row.save()

    return save
