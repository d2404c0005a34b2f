"""Why profiles were not sent to a destination, or not accepted: reasons ranked, with samples.

What has a code is one reason for each code and field, whatever the words are; the rest goes by its words,
without the ids and moments that systems write into each answer.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import QuerySet

from destinations.models import Destination, ProfileSync
from destinations.sync.remote.refusals import lasting

MOST_READ = 2000  # rows of one kind
MOST_REASONS = 10
MOST_TEXT = 300  # characters that tell reasons apart
SAMPLES = 3
State = ProfileSync.State
NOT_THERE = (State.REJECTED, State.RETRYING, State.SKIPPED)


class Sample(NamedTuple):
    pk: int
    profile: str


@dataclass(slots=True)
class Reason:
    """`text`: of the first row that has it. `samples`: rows, each profile once."""

    text: str
    code: str
    field: str
    count: int = 0
    samples: list[Sample] = dataclasses.field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Ranking:
    """The most frequent reasons of the `read` rows that were looked at, and how many more there were.

    `is_all`: there are no other rows.
    """

    reasons: list[Reason]
    read: int
    is_all: bool
    more: int


def as_of_now(destination: Destination, state: str) -> Ranking:
    """Of the rows that are in a state now."""
    rows = ProfileSync.objects.filter(destination=destination, state=state).order_by()
    return ranked(rows, has_codes=state != State.SKIPPED)


def ranked(rows: QuerySet[Any], *, has_codes: bool = True) -> Ranking:
    """Of profile syncs or attempts. Without `has_codes` their codes are of another reason than is told."""
    found = list(rows.values_list("reason", "code", "field", "pk", "profile_id")[: MOST_READ + 1])
    by_kind: dict[tuple[str, ...], Reason] = {}
    for text, code, about, pk, profile_id in found[:MOST_READ]:
        coded = (code, about) if has_codes and code else ("", "")
        words = "" if coded[0] else " ".join(lasting(text[: 2 * MOST_TEXT]).split())[:MOST_TEXT]
        reason = by_kind.setdefault((*coded, words), Reason(text, *coded))
        reason.count += 1
        if len(reason.samples) < SAMPLES and profile_id not in (sample.profile for sample in reason.samples):
            reason.samples.append(Sample(pk, profile_id))
    best = sorted(by_kind.values(), key=lambda reason: -reason.count)
    read = min(len(found), MOST_READ)
    return Ranking(best[:MOST_REASONS], read, len(found) == read, max(0, len(best) - MOST_REASONS))
