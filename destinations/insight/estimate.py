"""How many of all profiles something holds for: counted where there are few, otherwise estimated of some.

The margins are Wilson's, for 95 %: they also hold where the share is near none or all.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from profiles import random_rows
from profiles.models import Profile
from tracsync.common.bounded_lists import AtLeast, count
from tracsync.common.numbers import grouped

COUNTED = 5_000  # profiles: no more than these are all looked at
SAMPLED = 2_000
MOST_SECONDS = 3.0
AT_ONCE = 100
Z = 1.96


@dataclass(frozen=True, slots=True)
class Estimate:
    """`found` of `looked_at` profiles, where there are `total`."""

    found: int
    looked_at: int
    total: int

    @property
    def exact(self) -> bool:
        return self.looked_at >= self.total

    @property
    def about(self) -> int:
        return round(self.total * self.found / self.looked_at) if self.looked_at else 0

    @property
    def margins(self) -> tuple[int, int]:
        """The fewest and the most of all profiles, with 95 % certainty."""
        if self.exact:
            return self.found, self.found
        share, n = self.found / max(1, self.looked_at), max(1, self.looked_at)
        middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
        off = Z / (1 + Z * Z / n) * sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
        return round(self.total * max(0.0, middle - off)), round(self.total * min(1.0, middle + off))

    def __str__(self) -> str:
        if self.exact:
            return grouped(self.found)
        low, high = self.margins
        numbers = {"about": grouped(self.about), "low": grouped(low), "high": grouped(high)}
        return _("about %(about)s (%(low)s to %(high)s)") % numbers


@dataclass
class Estimates:
    """How often each thing held for the profiles that were looked at."""

    total: int
    looked_at: int = 0
    held: Counter[str] = field(default_factory=Counter)
    everybody: frozenset[str] = frozenset()  # what holds for all, without looking

    def __getitem__(self, name: str) -> Estimate:
        if name in self.everybody:
            return Estimate(self.total, self.total, self.total)
        return Estimate(self.held[name], self.looked_at, self.total)

    @property
    def exact(self) -> bool:
        return self.looked_at >= self.total

    def sentence(self) -> str:
        """How it is known."""
        if self.exact:
            text = ngettext(
                "Counted: all %(total)s profile was looked at.",
                "Counted: all %(total)s profiles were looked at.",
                self.total,
            )
            return text % {"total": grouped(self.total)}
        return _(
            "Estimated: %(looked_at)s of %(total)s profiles, picked at random, were looked at. The true"
            " numbers lie within the margins 95 times in 100."
        ) % {"looked_at": grouped(self.looked_at), "total": grouped(self.total)}


def look_at_profiles(
    look: Callable[[list[Profile]], Iterator[set[str]]],
    those: tuple[list[str], int] | None = None,
    seconds: float | None = None,
) -> Estimates:
    """`look` says of some profiles, one after the other, what holds for each. Ends when time is up.

    `those`: what `chosen` gave, to look at the same ones again.
    """
    ids, total = those or chosen(COUNTED, SAMPLED)
    found = Estimates(total)
    ends_at = time.monotonic() + (seconds or MOST_SECONDS)
    for start in range(0, len(ids), AT_ONCE):
        part = ids[start : start + AT_ONCE]
        profiles: dict[Any, Profile] = Profile.objects.in_bulk(part)
        # In the order of the ids, at random: where time ends them, those before are a sample, too.
        for holds in look([profiles[id] for id in part if id in profiles]):
            found.looked_at += 1
            found.held.update(holds)
            if time.monotonic() > ends_at:
                return found
    return found


def chosen(counted: int, sampled: int) -> tuple[list[str], int]:
    """Ids in random order, and how many profiles there are: all where there are no more than `counted`."""
    few = count(Profile.objects.all(), counted)
    if isinstance(few, AtLeast):
        return random_rows.pick(sampled), Profile.objects.count()
    ids = list(Profile.objects.order_by().values_list("pk", flat=True)[:counted])
    random.shuffle(ids)
    return ids, len(ids)
