"""A random profile that a destination wants, or does not want, found by looking at a bounded number."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from destinations.notation import NotationError, parse_condition
from profiles.models import Profile
from tracsync.common.bounded_lists import AtLeast, count

MOST_PROFILES = 300
AT_ONCE = 20
MOST_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Found:
    """`all_looked_at`: there are no more profiles than those that were looked at."""

    profile: Profile | None
    looked_at: int
    all_looked_at: bool

    def sentence(self, wanted: bool) -> str:
        """Why there is none, without claiming more than was looked at."""
        if not self.looked_at:
            return _("There is no profile yet.")
        return self._of_all(wanted) if self.all_looked_at else self._of_some(wanted)

    def _of_all(self, wanted: bool) -> str:
        meets = ngettext(
            "The only profile there is does not meet these prerequisites.",
            "None of the %(count)s profiles there are meets these prerequisites.",
            self.looked_at,
        )
        fails = ngettext(
            "The only profile there is does not fail these prerequisites.",
            "None of the %(count)s profiles there are fails these prerequisites.",
            self.looked_at,
        )
        return (meets if wanted else fails) % {"count": self.looked_at}

    def _of_some(self, wanted: bool) -> str:
        meets = _("None of %(count)s profiles picked at random meets these prerequisites.")
        fails = _("None of %(count)s profiles picked at random fails these prerequisites.")
        text = (meets if wanted else fails) % {"count": self.looked_at}
        return f"{text} {_('There may be some all the same: try again, or search for one.')}"


def random_profile(prerequisites: str, wanted: bool) -> Found:
    """Raises NotationError for prerequisites that cannot be read; one that they cannot judge fails them."""
    meets = parse_condition(prerequisites).evaluate if prerequisites.strip() else lambda _sources: True
    ends_at, looked_at = time.monotonic() + MOST_SECONDS, 0
    few = not isinstance(count(Profile.objects.all(), MOST_PROFILES), AtLeast)
    for profile in _all_shuffled() if few else _picked():
        if _holds(meets, profile) == wanted:
            return Found(profile, looked_at + 1, few)
        looked_at += 1
        if looked_at == MOST_PROFILES or time.monotonic() > ends_at:
            return Found(None, looked_at, False)
    return Found(None, looked_at, few)


def _holds(meets: Any, profile: Profile) -> bool:
    try:
        return bool(meets({"profile": profile.document}))
    except NotationError:
        return False


def _all_shuffled() -> Iterator[Profile]:
    ids = list(Profile.objects.values_list("pk", flat=True)[:MOST_PROFILES])
    random.shuffle(ids)
    for start in range(0, len(ids), AT_ONCE):
        part = ids[start : start + AT_ONCE]
        found = Profile.objects.in_bulk(part)
        yield from (found[id] for id in part if id in found)


def _picked() -> Iterator[Profile]:
    """From several places in the order of ids, which an index answers however many there are."""
    # One by one: for both at once SQLite reads the whole table.
    ends = [Profile.objects.order_by(order).values_list("pk", flat=True).first() for order in ("pk", "-pk")]
    if not all(ends):  # deleted meanwhile
        return
    seen: set[str] = set()
    for _time in range(2 * MOST_PROFILES // AT_ONCE):
        pivot = _between(*map(str, ends))
        part = list(Profile.objects.filter(pk__gte=pivot).order_by("pk")[:AT_ONCE])
        random.shuffle(part)
        yield from (profile for profile in part if profile.pk not in seen)
        seen.update(profile.pk for profile in part)


def _between(low: str, high: str) -> str:
    """A text somewhere between two: what both begin with, then a character between their next ones."""
    shared = next((at for at, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    first, last = sorted((ord((low[shared:] or "0")[0]), ord((high[shared:] or "z")[0])))
    between = random.randint(first, last)  # noqa: S311 - a sample, no secret
    if 0xD800 <= between < 0xE000:  # half of a surrogate pair, which no database takes
        between = first
    return low[:shared] + chr(between) + "".join(random.choices("0123456789abcdef", k=6))  # noqa: S311 - a sample, no secret
