"""What happened to one profile at one destination, in the order of time, and what comes next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext as _

from destinations.insight import explain
from destinations.insight.explain import Prospect
from destinations.models import DeliveryAttempt, Destination, ProfileSync
from profiles.models import Profile
from tracsync.common.translation import translated

State = ProfileSync.State
MOST_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Pair:
    """A profile and a destination. `attempts`: the newest ones, oldest of them first."""

    profile: Profile
    destination: Destination
    sync: ProfileSync | None
    prospect: Prospect | None
    now: datetime
    attempts: list[DeliveryAttempt] = field(default_factory=list)

    @property
    def obstacle(self) -> str:
        return explain.obstacle(self.destination, self.now)

    @property
    def is_in_flight(self) -> bool:
        """A push that was interrupted is not: it waits like any other."""
        until = self.sync.claimed_until if self.sync else None
        return until is not None and until > self.now

    @property
    def is_owed(self) -> bool:
        return self.prospect is not None or (self.sync is not None and self.sync.owed)


@dataclass(frozen=True, slots=True)
class Event:
    """`at` is None for what has no moment of its own. `ahead`: it has not happened yet."""

    at: datetime | None
    title: str
    text: str = ""
    ahead: bool = False
    attempt: DeliveryAttempt | None = None


def verdict(pair: Pair) -> tuple[str, str]:
    """Why it was or was not sent, in a sentence, with its kind: sent, skipped, error, unchanged."""
    sync = pair.sync
    if pair.is_owed and pair.obstacle and not pair.is_in_flight:
        return "kept", _("It is kept, because %(obstacle)s.") % {"obstacle": pair.obstacle}
    if sync is None:
        return "kept", _never(pair)
    sentence = explain.sentence(sync, pair.now)
    if pair.prospect is not None:
        words = {"state": sentence, "coming": pair.prospect.text}
        sentence = _("%(state)s; new changes: %(coming)s") % words
    kinds = {
        State.SYNCED: "sent",
        State.REMOVED: "sent",
        State.SKIPPED: "skipped",
        State.REJECTED: "error",
        State.RETRYING: "error",
    }
    return kinds.get(State(sync.state), "kept"), f"{sentence[:1].upper()}{sentence[1:]}."


def _never(pair: Pair) -> str:
    if pair.prospect is not None:
        return _("It was not sent yet: %(coming)s.") % {"coming": pair.prospect.text}
    if not pair.destination.enabled:
        return _("It was never sent, because the destination is off.")
    if pair.profile.is_deleted:
        return _("The profile was deleted, and nothing is to be removed there.")
    if pair.destination.created_at > pair.profile.changed_at:
        return _("It was never sent, because it has not changed since the destination was added.")
    return _("It was never sent: it was not handed to this destination since its last change.")


def chronology(pair: Pair) -> list[Event]:
    """Changed, quiet, handed over, decided, tried; then what comes next."""
    tried = [Event(attempt.at, _("Tried"), attempt=attempt) for attempt in pair.attempts]
    past = [*_changes(pair), *tried, *_decided(pair)]
    past.sort(key=lambda event: event.at or pair.now)
    return [*past, _next(pair)]


def _changes(pair: Pair) -> Iterator[Event]:
    profile = pair.profile
    shows_accepted = any(one.outcome == DeliveryAttempt.Outcome.ACCEPTED for one in pair.attempts)
    if (sync := pair.sync) and sync.synced_at and not shows_accepted:
        words = _("version %(version)s") % {"version": sync.synced_version}
        yield Event(sync.synced_at, _("Accepted last"), words)
    first = profile.first_changed_at or profile.changed_at
    if first < profile.changed_at:
        yield Event(first, _("Changed"), _("the first change that is not handed over yet"))
    if profile.deleted_at is not None:
        yield Event(profile.deleted_at, _("Deleted"), profile.deleted_by)
        return
    last = _("for the last time; now version %(v)s") % {"v": profile.version}
    yield Event(profile.changed_at, _("Changed"), last)
    quiet = pair.destination.due_at(profile.changed_at, first)
    if profile.is_settled and quiet <= pair.now:
        yield Event(quiet, _("Quiet"), _handed_over(pair))


def _handed_over(pair: Pair) -> str:
    seconds = explain.seconds(pair.destination.effective_quiet_period)
    if pair.sync is not None and pair.sync.version >= pair.profile.version:
        return _("for %(seconds)s, so the change was handed to this destination") % {"seconds": seconds}
    return _("for %(seconds)s, but the change was not handed to this destination") % {"seconds": seconds}


def _decided(pair: Pair) -> Iterator[Event]:
    """What the row says beyond the attempts."""
    sync = pair.sync
    if sync is None:
        return
    last = pair.attempts[-1].reason if pair.attempts else None
    if sync.state in (State.SKIPPED, State.REMOVED):
        why = _("not wanted: %(why)s") % {"why": translated(sync.reason)}
        yield Event(sync.state_since, _("Decided"), why)
    elif sync.state == State.REJECTED and sync.reason != last:
        yield Event(sync.state_since, _("Stopped"), translated(sync.reason))
    elif sync.state == State.SYNCED and sync.synced_at and sync.state_since > sync.synced_at:
        if sync.reason != last:
            yield Event(sync.state_since, _("Decided"), translated(sync.reason))
    elif sync.state == State.PENDING and sync.asked:
        yield Event(sync.state_since, _("Asked for"), _("by a person"))
    elif sync.state == State.CLAIMED:
        yield Event(sync.started_at or sync.state_since, _("Handed to a worker"))


def _next(pair: Pair) -> Event:
    title = _("Next")
    if not pair.is_owed:
        text = _("nothing is waiting: a change, a backfill or a person starts it")
        return Event(None, title, text, ahead=True)
    if pair.obstacle:
        return Event(None, title, _("kept: %(obstacle)s") % {"obstacle": pair.obstacle}, ahead=True)
    dues = [pair.sync.due_at if pair.sync else None, pair.prospect.due_at if pair.prospect else None]
    due = min(one for one in dues if one is not None)
    if due <= pair.now:
        return Event(due, title, _("as soon as a worker is free"), ahead=True)
    return Event(due, title, _next_why(pair, due), ahead=True)


def _next_why(pair: Pair, due: datetime) -> str:
    if pair.prospect is not None and pair.prospect.due_at == due:
        return pair.prospect.text
    if pair.sync is not None and pair.sync.state == State.RETRYING:
        text = _("attempt %(number)s; the wait grows with each failure, to an hour at most")
        return text % {"number": pair.sync.attempts + 1}
    return _("when its changes have ended")
