"""What sending a choice of profiles again would mean: how many, where, how long, and what would differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from destinations.admin.base.links import called
from destinations.insight import explain, pace, preview
from destinations.insight.pace import Pace
from destinations.insight.payloads import diff
from destinations.insight.payloads.diff import Comparison
from destinations.models import DeliveryAttempt, Destination, ProfileSync
from destinations.operations import selection
from destinations.operations.selection import Choice
from profiles.models import Profile
from tracsync.common.bounded_lists import AtLeast
from tracsync.common.encryption import UndecryptableValue
from tracsync.common.numbers import grouped
from tracsync.common.times import duration
from tracsync.common.translation import translated

MOST_COUNTED = 10_000
SAMPLE = 20
SHORTEST = timedelta(seconds=1)  # that is worth saying
KINDS = ("equal", "differs", "unknown", "skipped", "error")


@dataclass(frozen=True, slots=True)
class Place:
    """What one destination would be sent."""

    destination: Destination
    count: int
    time: str
    why: str
    kept: str  # why it would not be sent yet

    @property
    def sends(self) -> bool:
        return not self.kept


@dataclass(frozen=True, slots=True)
class Foresight:
    """`total`: pairs of a profile and a destination."""

    total: int
    places: list[Place]


@dataclass(frozen=True, slots=True)
class Sampled:
    """One of the latest, and how its payload now compares with what failed. `kind`: one of KINDS."""

    attempt: DeliveryAttempt | None
    profile_id: str
    called: str
    destination: Destination
    kind: str
    sentence: str
    comparison: Comparison | None = None


def foresee(choice: Choice) -> Foresight:
    """Counts to MOST_COUNTED; beyond it every number, and so every time, is the least that it can be."""
    found = selection.destinations(choice, MOST_COUNTED + 1)
    is_least = len(found) > MOST_COUNTED
    counts = Counter(found[:MOST_COUNTED])
    rows = Destination.objects.select_related("resource", "health").prefetch_related("resource__accounts")
    rows = rows.filter(pk__in=counts)
    lean = rows.defer("settings", "mapping", "resource__production", "resource__test")
    places = [_place(one, counts[one.pk], is_least) for one in lean]
    return Foresight(AtLeast(MOST_COUNTED) if is_least else len(found), places)


def _place(destination: Destination, count: int, is_least: bool) -> Place:
    found = pace.pace(destination)
    takes = found.takes(count)
    text = _("unknown") if takes is None else duration(max(SHORTEST, takes))
    if is_least and takes is not None:
        text = _("at least %(time)s") % {"time": text}
    kept = explain.obstacle(destination, timezone.now())
    return Place(destination, AtLeast(count) if is_least else count, text, _why(found, count), kept)


def _why(found: Pace, count: int) -> str:
    """What holds so many pushes up most."""
    if limit := found.limit(count):
        return _("its limit of %(limit)s") % {"limit": explain.rate(limit)}
    if found.rate is None:
        return _("nothing was sent there yet")
    return _("as it answered lately, about %(pace)s a second at best") % {"pace": grouped(found.rate)}


def sample(choice: Choice) -> list[Sampled]:
    """The latest of the chosen pairs, each as its destination would treat the profile now."""
    found: list[tuple[Profile, int, DeliveryAttempt | None]]
    if choice.of == "attempts":
        latest = selection.latest(choice).select_related("profile").defer("request", "response")
        found = [(one.profile, one.destination_id, one) for one in latest[:SAMPLE]]
    else:
        syncs = selection.syncs(choice).order_by("profile_id").select_related("profile")[:SAMPLE]
        found = [(one.profile, one.destination_id, _last_attempt(one)) for one in syncs]
    ids = {destination_id for _profile, destination_id, _attempt in found}
    known = Destination.objects.select_related("resource").in_bulk(ids)
    return [_sampled(profile, known[id], attempt) for profile, id, attempt in found]


def kinds(sampled: Iterable[Sampled]) -> list[tuple[str, int]]:
    """How many of each kind, in words."""
    counts = Counter(one.kind for one in sampled)
    words = {
        "equal": _("the same as what was tried"),
        "differs": _("different from what was tried"),
        "unknown": _("cannot be compared"),
        "skipped": _("not wanted now"),
        "error": _("cannot be made"),
    }
    return [(words[kind], counts[kind]) for kind in KINDS if counts[kind]]


def _last_attempt(sync: ProfileSync) -> DeliveryAttempt | None:
    rows = DeliveryAttempt.objects.filter(profile=sync.profile_id, destination=sync.destination_id)
    return rows.defer("request", "response").order_by("-at").first()


def _sampled(profile: Profile, destination: Destination, attempt: DeliveryAttempt | None) -> Sampled:
    about = (attempt, profile.pk, called(profile), destination)
    try:
        shown = preview.preview(destination, profile.document)
    except UndecryptableValue as error:
        return Sampled(*about, "error", f"{translated(str(error))}.")
    if shown.met is False:
        return Sampled(*about, "skipped", _("Not wanted now: %(why)s.") % {"why": translated(shown.summary)})
    if shown.met is None or shown.errors:
        why = "; ".join(map(translated, shown.errors))[:500]
        return Sampled(*about, "error", _("Cannot be made: %(why)s.") % {"why": why})
    if attempt is None:
        return Sampled(*about, "unknown", _("Would be sent; nothing was tried there before."))
    found = diff.with_attempt(attempt, destination, profile, shown)
    kind = {True: "equal", False: "differs", None: "unknown"}[found.equal]
    return Sampled(*about, kind, found.sentence, found)
