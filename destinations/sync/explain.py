"""Why a profile was or was not sent, in words an operator understands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from destinations.models import Destination, Health, ProfileSync
from destinations.sync import limits
from profiles.models import Profile
from profiles.moments import at

State = ProfileSync.State


@dataclass(frozen=True, slots=True)
class Prospect:
    """What will become of a profile's unsettled changes at one destination."""

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
    text = {
        State.SYNCED: f"synced at {at(sync.state_since)}: {sync.reason}",
        State.SKIPPED: f"not sent: {sync.reason}",
        State.REJECTED: f"rejected: {sync.reason}; waits for a change of the profile or the destination,"
        " or for a replay",
        State.RETRYING: f"attempt {sync.attempts} failed: {sync.reason}",
    }.get(State(sync.state), "")
    if sync.due_at is None:
        return text
    kept = obstacle(sync.destination, now)
    return "; ".join(filter(None, [text, f"kept: {kept}" if kept else _due(sync, now)]))


def prospects(profile: Profile) -> list[Prospect]:
    """For a profile with unsettled changes: when each enabled destination will get them, and why then."""
    if profile.first_changed_at is None:
        return []
    first = profile.first_changed_at
    destinations = Destination.objects.filter(enabled=True).defer("settings")
    return [
        Prospect(one, one.due_at(profile.changed_at, first), _waiting(one, profile.changed_at, first))
        for one in destinations
    ]


def until(moment: datetime, now: datetime) -> str:
    """A moment to come, and how far it is away."""
    return f"{at(moment)} (in {_left(moment - now)})"


def _left(duration: timedelta) -> str:
    left = math.ceil(duration.total_seconds())
    if left < 120:
        return f"{left} s"
    minutes = math.ceil(left / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():g} s"


def _in_flight(sync: ProfileSync, now: datetime) -> str:
    if sync.claimed_until is None or sync.claimed_until <= now:
        return "its push was interrupted and is about to be repeated"
    if sync.started_at is None:
        return f"handed to a worker at {at(sync.state_since)}"
    return f"being pushed since {at(sync.started_at)}"


def obstacle(destination: Destination, now: datetime) -> str:
    """Why nothing is sent to a destination at all; "" where something is."""
    if not destination.enabled:
        return "the destination is off"
    if not destination.resource.enabled:
        return f"the resource {destination.resource.name} is off"
    if destination.paused_at is not None:
        return f"the destination is paused since {at(destination.paused_at)}"
    health: Health | None = getattr(destination, "health", None)
    if health is not None and health.is_held(now):
        assert health.held_until is not None
        return f"the destination rests until {until(health.held_until, now)}: {health.hold_reason}"
    if health is not None and (free_at := limits.used_up_until(destination, health, now)):
        limit = f"{destination.rate_limit} a {destination.rate_period}"
        return f"the limit of {limit} is used up until {until(free_at, now)}"
    return ""


def _due(sync: ProfileSync, now: datetime) -> str:
    assert sync.due_at is not None
    if sync.state == State.RETRYING:
        return f"next attempt at {at(sync.due_at)}"
    if sync.due_at <= now:
        return f"due since {at(sync.due_at)}"
    profile = sync.profile
    return _waiting(sync.destination, profile.changed_at, sync.first_changed_at or profile.changed_at)


def _waiting(destination: Destination, changed_at: datetime, first_changed_at: datetime) -> str:
    quiet, wait = destination.effective_quiet_period, destination.effective_max_wait
    due = destination.due_at(changed_at, first_changed_at)
    why = f"last change {at(changed_at)}, quiet period {seconds(quiet)}"
    if wait is not None and due < changed_at + quiet:
        why = f"first change {at(first_changed_at)}, max wait {seconds(wait)}"
    return f"waiting until {at(due)}: {why}"
