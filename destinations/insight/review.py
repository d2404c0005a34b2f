"""What a change of a destination would do, before it is saved. Nothing here changes anything.

How many of all profiles meet the old and the new prerequisites, what a backfill would push and how long that
takes, and how the payloads of the profiles that it accepted last would differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.db.models import Avg
from django.utils import timezone
from django.utils.translation import gettext as _

from destinations.insight import estimate, explain
from destinations.insight.estimate import Tally
from destinations.models import DeliveryAttempt, Destination, ProfileSync
from destinations.notation import NotationError, parse_condition
from destinations.sync import limits
from destinations.sync.decide import Decider, Deliver, Refuse
from profiles.models import Profile
from tracsync.common.numbers import grouped

OLD, NEW, STARTS, STOPS = "old", "new", "starts", "stops"
OLD_FAILS, NEW_FAILS, PUSHED, REFUSED = "old fails", "new fails", "pushed", "refused"
PACED = 100  # attempts that tell how fast it answers


@dataclass(frozen=True, slots=True)
class Pace:
    """`rate` in pushes a second, and what it is known by."""

    rate: float
    words: str

    def takes(self, pushes: int) -> timedelta:
        return timedelta(seconds=round(pushes / self.rate))


def count(before: Destination | None, after: Destination) -> Tally:
    """What holds for how many profiles, by the names above; `after` need not be saved."""
    found = estimate.tally(partial(_look, before, after, Decider(after)))
    found.everybody = frozenset(
        name for name, one in ((OLD, before), (NEW, after)) if one and not one.prerequisites.strip()
    )
    return found


def _look(
    before: Destination | None, after: Destination, decider: Decider, profiles: list[Profile]
) -> Iterator[set[str]]:
    rows = ProfileSync.objects.filter(destination=after.pk, profile__in=profiles) if after.pk else ()
    known = {sync.profile_id: sync for sync in rows}
    for profile in profiles:
        old = _meets(before, profile) if before else False
        new = _meets(after, profile)
        holds = {name for name, holds in _compared(old, new).items() if holds}
        if new:
            holds |= _pushed(decider, known.get(profile.pk), profile)
        yield holds


def _compared(old: bool | None, new: bool | None) -> dict[str, bool]:
    return {
        OLD: old is True,
        NEW: new is True,
        STARTS: new is True and old is not True,
        STOPS: old is True and new is not True,
        OLD_FAILS: old is None,
        NEW_FAILS: new is None,
    }


def _meets(destination: Destination, profile: Profile) -> bool | None:
    """None where it cannot be told."""
    if not destination.prerequisites.strip():
        return True
    try:
        return parse_condition(destination.prerequisites).evaluate({"profile": profile.document})
    except NotationError:
        return None


def _pushed(decider: Decider, sync: ProfileSync | None, profile: Profile) -> set[str]:
    """As the engine would decide it in a backfill."""
    sync = sync or ProfileSync()
    sync.asked, sync.resend = True, False
    decision = decider.decide(sync, profile, timezone.now())
    if isinstance(decision, Deliver):
        return {PUSHED}
    return {REFUSED} if isinstance(decision, Refuse) else set()


def pace(destination: Destination) -> Pace | None:
    """The most that its limit allows or that it managed lately; None where neither is known."""
    known = [one for one in (_limit(destination), _managed(destination)) if one]
    return min(known, key=lambda one: one.rate, default=None)


def _limit(destination: Destination) -> Pace | None:
    if destination.rate_limit is None:
        return None
    rate = destination.rate_limit / destination.rate_seconds * limits.PARTS / (limits.PARTS + 1)
    words = _("at its limit of %(limit)s") % {"limit": explain.rate(destination)}
    return Pace(rate, words)


def _managed(destination: Destination) -> Pace | None:
    """As many calls at once as are allowed, each as long as the last ones took."""
    if destination.pk is None:
        return None
    last = DeliveryAttempt.objects.filter(destination=destination.pk).order_by("-at").values("duration_ms")
    took = last[:PACED].aggregate(average=Avg("duration_ms"))["average"]
    if not took:
        return None
    at_once = destination.effective_concurrency
    words = _("with %(calls)s calls at once, each taking %(duration)s ms as they did lately") % {
        "calls": at_once,
        "duration": grouped(took),
    }
    return Pace(1000 * at_once / took, words)
