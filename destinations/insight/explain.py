"""Why a profile was or was not sent, in words an operator understands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from destinations.connectors.base import Rate
from destinations.insight import destination_status, pace
from destinations.insight.destination_status import OBSTACLES, Condition, Kind
from destinations.insight.pace import Limit, Source
from destinations.models import Destination, ProfileSync, RatePeriod
from profiles.models import Profile
from tracsync.common.numbers import grouped
from tracsync.common.times import at, told
from tracsync.common.translation import translated

State = ProfileSync.State
# Large or costly to decrypt, and shown in no list: `defer` it where rows are read with their destination.
HEAVY = (
    *("destination__settings", "destination__mapping"),
    *("destination__resource__production", "destination__resource__test"),
)


@dataclass(frozen=True, slots=True)
class Prospect:
    """What will become of a profile's latest changes at one destination."""

    destination: Destination
    due_at: datetime
    text: str


def sentence(sync: ProfileSync, now: datetime | None = None) -> str:
    """The state of a row, why it is so, and what happens next.

    Reads `sync.profile` and `sync.destination` with its resource and health: select them with the rows.
    """
    now = now or timezone.now()
    if sync.state == State.CLAIMED:
        return _in_flight(sync, now)
    text = _state(sync, now)
    if sync.due_at is None:
        return text
    if sync.awaited_since is not None:
        text = _("waits for the destination's answer since %(time)s") % {
            "time": told(sync.awaited_since, now)
        }
    kept = obstacle(sync.destination, now)
    coming = _("kept: %(obstacle)s") % {"obstacle": kept} if kept else _due(sync, now)
    return "; ".join(filter(None, [text, coming]))


def _state(sync: ProfileSync, now: datetime) -> str:
    """Nothing for what has only become due."""
    since = told((sync.state == State.REMOVED and sync.removed_at) or sync.state_since, now)
    said = {"reason": translated(sync.reason), "time": since, "number": sync.attempts}
    texts = {
        State.SYNCED: _("synced at %(time)s: %(reason)s"),
        State.SKIPPED: _("not sent: %(reason)s"),
        State.REJECTED: _(
            "rejected: %(reason)s; waits for a change of the profile or the destination, or for a replay"
        ),
        State.RETRYING: _("attempt %(number)s failed: %(reason)s"),
        State.REMOVED: _("removed at %(time)s: %(reason)s"),
    }
    return texts.get(State(sync.state), "") % said


def prospects(profile: Profile) -> list[Prospect]:
    """For a profile that is still changing: when each enabled destination will get them, and why then."""
    if profile.first_changed_at is None:
        return []
    first, now = profile.first_changed_at, timezone.now()
    destinations = Destination.objects.filter(enabled=True).defer("settings")
    return [
        Prospect(one, one.due_at(profile.changed_at, first), _waiting(one, profile.changed_at, first, now))
        for one in destinations
    ]


def seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():g} s"


def _in_flight(sync: ProfileSync, now: datetime) -> str:
    if sync.claimed_until is None or sync.claimed_until <= now:
        return _("its push was interrupted and is about to be repeated")
    if sync.started_at is None:
        return _("handed to a worker at %(time)s") % {"time": told(sync.state_since, now)}
    return _("being pushed since %(time)s") % {"time": told(sync.started_at, now)}


def obstacle(destination: Destination, now: datetime) -> str:
    """Why nothing is sent to a destination at all; "" where something is."""
    found = destination_status.find(destination, OBSTACLES, now)
    return in_words(destination, found, now) if found else ""


def in_words(destination: Destination, obstacle: Condition, now: datetime) -> str:
    texts = {
        Kind.OFF: _("the destination is off"),
        Kind.RESOURCE_OFF: _("the resource %(name)s is off"),
        Kind.PAUSED: _("the destination is paused since %(time)s"),
        Kind.STOPPED: _("the destination is stopped since %(time)s, until somebody resumes it: %(reason)s"),
        Kind.RESTING: _("the destination rests until %(time)s: %(reason)s"),
        Kind.LIMITED: _("the limit of %(limit)s is used up until %(time)s"),
    }
    if obstacle.shared:
        texts |= {
            Kind.RESTING: _("the account of the resource %(name)s rests until %(time)s: %(reason)s"),
            Kind.LIMITED: _("the limit of the resource %(name)s, %(limit)s, is used up until %(time)s"),
        }
    return texts[obstacle.kind] % values(destination, obstacle, now)


def values(destination: Destination, found: Condition, now: datetime) -> dict[str, str | None]:
    """What the words about a condition may name: `name`, `time`, `reason`, `count` and `limit`."""
    moment = found.until or found.since
    return {
        "name": destination.resource.name,
        "time": told(moment, now) if moment else None,
        "reason": translated(found.reason),
        "count": grouped(found.count),
        "limit": rate(found.rate) if found.rate else "",
    }


def calls(count: int) -> str:
    return ngettext("%(count)s call at once", "%(count)s calls at once", count) % {"count": grouped(count)}


def in_force(destination: Destination, now: datetime) -> list[str]:
    """Each limit that holds for a destination, and where it comes from."""
    return [_limit(destination, one) for one in pace.limits(destination, now)]


def _limit(destination: Destination, limit: Limit) -> str:
    texts = {
        Source.DESTINATION: _("%(limit)s: set for this destination"),
        Source.RESOURCE: _("%(limit)s, all destinations of %(name)s together: set for the resource"),
        Source.CONNECTOR: _("%(limit)s, all destinations of %(name)s together: set by the connector"),
        Source.SYSTEM: _("%(limit)s, all destinations of %(name)s together: the system has said so"),
        Source.INSTALLATION: _("%(limit)s: as configured for all"),
    }
    what = rate(limit.rate) if limit.rate else calls(limit.calls or 0)
    return texts[limit.source] % {"limit": what, "name": destination.resource.name}


def rate(limit: Rate) -> str:
    """A rate limit: 10 a minute; 100 in 10 s."""
    texts = {
        RatePeriod.SECOND.seconds: _("%(count)s a second"),
        RatePeriod.MINUTE.seconds: _("%(count)s a minute"),
        RatePeriod.HOUR.seconds: _("%(count)s an hour"),
        RatePeriod.DAY.seconds: _("%(count)s a day"),
    }
    text = texts.get(limit.seconds, _("%(count)s in %(seconds)s s"))
    return text % {"count": grouped(limit.count), "seconds": f"{limit.seconds:g}"}


def _due(sync: ProfileSync, now: datetime) -> str:
    assert sync.due_at is not None
    if sync.awaited_since is not None:
        return _("asks again at %(time)s") % {"time": told(sync.due_at, now)}
    if sync.state == State.RETRYING:
        return _("next attempt at %(time)s") % {"time": told(sync.due_at, now)}
    if sync.due_at <= now:
        return _("due since %(time)s") % {"time": told(sync.due_at, now)}
    profile = sync.profile
    if profile.is_deleted:
        return _to_be_removed(sync) % {"time": told(sync.due_at, now)}
    return _waiting(sync.destination, profile.changed_at, sync.first_changed_at or profile.changed_at, now)


def _to_be_removed(sync: ProfileSync) -> str:
    if sync.in_doubt_there:
        return _(
            "to be removed at %(time)s, as the profile was deleted; it may have arrived and is sent once more"
            " before that, as only the answer tells by what it can be removed"
        )
    return _("to be removed at %(time)s, as the profile was deleted")


def _waiting(
    destination: Destination, changed_at: datetime, first_changed_at: datetime, now: datetime
) -> str:
    quiet, wait = destination.effective_quiet_period, destination.effective_max_wait
    due = destination.due_at(changed_at, first_changed_at)
    changes = {"last": at(changed_at), "first": at(first_changed_at)}
    times = {"due": told(due, now), **changes, "quiet": seconds(quiet)}
    if wait is not None and due < changed_at + quiet:
        text = _("waiting until %(due)s: first change %(first)s, max wait %(wait)s")
        return text % {**times, "wait": seconds(wait)}
    return _("waiting until %(due)s: last change %(last)s, quiet period %(quiet)s") % times
