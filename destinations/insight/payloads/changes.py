"""How the payloads of some profiles would differ between two states of a destination."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from destinations.insight.payloads import diff
from destinations.insight.payloads.diff import Line
from destinations.models import DeliveryAttempt, Destination
from destinations.notation import NotationError, parse_condition, parse_template
from profiles.documents import InvalidDocument, canonical
from profiles.models import Profile
from tracsync.common.translation import translated

MOST_PROFILES = 10
MOST_SECONDS = 3.0
MOST_ATTEMPTS = 2_000  # looked through for them


@dataclass(frozen=True, slots=True)
class Made:
    """What a destination makes of a profile: a payload, or `problem` says why there is none."""

    payload: Any
    problem: str = ""
    failed: bool = False  # and not just not wanted


@dataclass(frozen=True, slots=True)
class Change:
    profile_id: str
    name: str
    before: Made
    after: Made
    lines: tuple[Line, ...]

    @property
    def equal(self) -> bool:
        return not self.lines and self.before.problem == self.after.problem

    @property
    def is_sent(self) -> bool:
        """Before and after."""
        return not (self.before.problem or self.after.problem)

    @property
    def title(self) -> str:
        """What becomes of it, in a few words."""
        if self.after.failed:
            return _("cannot be sent any more") if not self.before.failed else _("cannot be sent")
        if self.after.problem:
            return _("is not sent any more") if not self.before.problem else _("is not sent")
        if self.before.problem:
            return _("is sent from now on")
        return _("stays the same") if self.equal else pgettext("this payload", "changes")


def last_accepted(destination: Destination, most: int = MOST_PROFILES) -> list[Profile]:
    """The profiles that it accepted last, newest first, among its last attempts."""
    attempts = DeliveryAttempt.objects.filter(destination=destination.pk).order_by("-at")
    rows = attempts.values_list("profile_id", "outcome")[:MOST_ATTEMPTS]
    accepted = dict.fromkeys(id for id, outcome in rows if outcome == DeliveryAttempt.Outcome.ACCEPTED)
    ids = list(accepted)[:most]
    found: dict[Any, Profile] = Profile.objects.in_bulk(ids)
    return [found[id] for id in ids if id in found]


def changes(before: Destination, after: Destination, profiles: list[Profile]) -> list[Change]:
    """Of as many as time allows: a condition may take a second, and so may a mapping."""
    found: list[Change] = []
    ends_at = time.monotonic() + MOST_SECONDS
    for profile in profiles:
        old, new = _made(before, profile), _made(after, profile)
        lines = tuple(diff.difference(old.payload, new.payload))
        found.append(Change(profile.pk, profile.name, old, new, lines))
        if time.monotonic() > ends_at:
            break
    return found


def _made(destination: Destination, profile: Profile) -> Made:
    sources = {"profile": profile.document}
    try:
        if destination.prerequisites.strip():
            condition = parse_condition(destination.prerequisites)
            if not condition.evaluate(sources):
                return Made(None, translated(condition.explain(sources).summary(show_values=True)))
        payload = parse_template(destination.mapping).render(sources)
        canonical(payload)
    except (NotationError, InvalidDocument) as error:
        return Made(None, translated(str(error)), failed=True)
    return Made(payload)


@dataclass(frozen=True, slots=True)
class Key:
    """How often a key of the payload is added, removed or changed."""

    name: str
    added: int
    removed: int
    changed: int


def by_key(found: list[Change]) -> list[Key]:
    """The keys that differ, of the profiles that are sent before and after; most frequent first."""
    added, removed, changed = Counter[str](), Counter[str](), Counter[str]()
    for one in filter(lambda one: one.is_sent, found):
        old, new = dict(_leaves(one.before.payload)), dict(_leaves(one.after.payload))
        added.update(new.keys() - old.keys())
        removed.update(old.keys() - new.keys())
        changed.update(name for name in old.keys() & new.keys() if old[name] != new[name])
    times = added + removed + changed
    names = sorted(times, key=lambda name: (-times[name], name))
    return [Key(name, added[name], removed[name], changed[name]) for name in names]


def _leaves(payload: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Dotted paths and their values as JSON, where 1 is not true; a list is one value."""
    if isinstance(payload, dict) and payload:
        for name, value in payload.items():
            yield from _leaves(value, f"{path}.{name}" if path else name)
    else:
        yield path or "$", json.dumps(payload, sort_keys=True)
