"""What a change of a destination would do, before it is saved. Nothing here changes anything.

How many of all profiles meet the old and the new prerequisites, and what a backfill would push.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from django.utils import timezone

from destinations.insight import estimate
from destinations.insight.estimate import Estimates
from destinations.models import Destination, ProfileSync
from destinations.notation import NotationError, parse_condition
from destinations.sync.decide import Decider, Deliver, Refuse
from profiles.models import Profile

OLD, NEW, STARTS, STOPS = "old", "new", "starts", "stops"
OLD_FAILS, NEW_FAILS, PUSHED, REFUSED, REMOVED = "old fails", "new fails", "pushed", "refused", "removed"


def count(before: Destination | None, after: Destination) -> Estimates:
    """What holds for how many profiles, by the names above; `after` need not be saved."""
    found = estimate.look_at_profiles(partial(_look, before, after, Decider(after)))
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
        compared = {
            **{OLD: old, NEW: new, STARTS: new and not old, STOPS: old and not new},
            **{OLD_FAILS: old is None, NEW_FAILS: new is None},
        }
        holds = {name for name, holds in compared.items() if holds}
        sync = known.get(profile.pk)
        if new or (sync is not None and sync.may_be_there):
            holds |= _decided(decider, sync, profile)
        yield holds


def _meets(destination: Destination, profile: Profile) -> bool | None:
    """None where it cannot be told."""
    if not destination.prerequisites.strip():
        return True
    try:
        return parse_condition(destination.prerequisites).evaluate({"profile": profile.document})
    except NotationError:
        return None


def _decided(decider: Decider, sync: ProfileSync | None, profile: Profile) -> set[str]:
    """As the engine would decide it in a backfill."""
    sync = sync or ProfileSync()
    sync.asked, sync.resend = True, False
    decision = decider.decide(sync, profile, timezone.now())
    if isinstance(decision, Deliver):
        return {PUSHED, REMOVED} if decision.leaves else {PUSHED}
    return {REFUSED} if isinstance(decision, Refuse) else set()
