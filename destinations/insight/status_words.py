"""How a destination is doing, in the words of lists, pages and notices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from destinations.insight import explain
from destinations.insight.destination_status import Condition, Kind, conditions, find
from destinations.models import Destination
from tracsync.common import times
from tracsync.common.numbers import grouped
from tracsync.common.translation import translated

LABELS = {
    Kind.RUNNING: gettext_lazy("running"),
    Kind.OFF: gettext_lazy("off"),
    Kind.RESOURCE_OFF: gettext_lazy("off"),
    Kind.PAUSED: gettext_lazy("paused"),
    Kind.STOPPED: gettext_lazy("stopped"),
    Kind.REFUSING: gettext_lazy("refuses"),
    Kind.RESTING: gettext_lazy("resting"),
    Kind.LIMITED: gettext_lazy("limited"),
    Kind.BEHIND: gettext_lazy("behind"),
    Kind.BROKEN: gettext_lazy("to be mended"),
    Kind.REJECTED: gettext_lazy("has rejected"),
}
SAY_SINCE = (Kind.PAUSED, Kind.STOPPED)  # their sentences do


@dataclass(frozen=True, slots=True)
class Status:
    """What weighs most, in one word and a sentence, and since when. `kind` is for its colour."""

    kind: str
    label: str
    sentence: str
    since: str
    is_well: bool

    @property
    def told(self) -> str:
        """Since when it is so, and what; a sentence that says since when has no other beside it."""
        since = "" if self.kind in SAY_SINCE else self.since
        return ". ".join(one[:1].upper() + one[1:] for one in (since, self.sentence) if one)


def status(
    destination: Destination, now: datetime, oldest: datetime | None = None, rejected: int = 0
) -> Status:
    """Reads its resource and health: select them with it. `oldest`: when its oldest change was due;
    `rejected`: how many profiles are."""
    found = next(conditions(destination, now, oldest, rejected))
    said, since = sentence(destination, found, now), _since(found.since, now)
    return Status(found.kind, str(LABELS[found.kind]), said, since, found.is_well and not rejected)


def sentence(destination: Destination, found: Condition, now: datetime) -> str:
    """What is so; nothing of one that runs as usual."""
    if found.is_obstacle:
        return explain.in_words(destination, found, now)
    if found.kind == Kind.BEHIND:
        return _("changes that are due have not been sent yet")
    if found.kind == Kind.REJECTED:
        return _profiles(found.count)
    said = translated(found.reason).partition("\n")[0]
    if found.kind == Kind.REFUSING:
        last = ngettext(
            "the last push was refused: %(reason)s",
            "the last %(count)s pushes were refused: %(reason)s",
            found.count,
        )
        return last % {"count": grouped(found.count), "reason": said}
    return said


def _profiles(count: int) -> str:
    return ngettext("%(count)s profile", "%(count)s profiles", count) % {"count": grouped(count)}


def _since(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return ""
    duration = times.duration(max(now - moment, timedelta(0)))
    return _("since %(time)s (%(duration)s)") % {"time": times.at(moment), "duration": duration}


def state(destination: Destination, oldest: datetime | None = None, rejected: int = 0) -> str:
    """What it is doing, and until when; what is broken stands beside it. `oldest`, `rejected`: as above."""
    return standing(destination, oldest, rejected)[1]


def standing(destination: Destination, oldest: datetime | None = None, rejected: int = 0) -> tuple[Kind, str]:
    """The same, and which it is."""
    now = timezone.now()
    every = conditions(destination, now, oldest, rejected)
    found = next(one for one in every if one.kind != Kind.BROKEN)
    texts = {
        Kind.OFF: _("off"),
        Kind.RESOURCE_OFF: _("off: the resource %(name)s is off"),
        Kind.PAUSED: _("paused since %(time)s"),
        Kind.STOPPED: _("stopped since %(time)s: %(reason)s"),
        Kind.REFUSING: _("refuses since %(time)s, the last %(count)s pushes: %(reason)s"),
        Kind.RESTING: _("held until %(time)s: %(reason)s"),
        Kind.LIMITED: _("its limit of %(limit)s is used up until %(time)s"),
        Kind.BEHIND: _("behind: the oldest change is due since %(time)s"),
        Kind.REJECTED: f"{LABELS[Kind.REJECTED]}: {_profiles(found.count)}",
        Kind.RUNNING: _("running"),
    }
    return found.kind, texts[found.kind] % explain.values(destination, found, now)


def problem(destination: Destination) -> str:
    found = find(destination, {Kind.BROKEN}, timezone.now())
    return translated(found.reason) if found else ""


def oldest(due: datetime, now: datetime) -> str:
    """Since when what waits longest is due."""
    text = _("the oldest is due since %(time)s (%(duration)s)")
    return text % {"time": times.at(due), "duration": times.duration(now - due)}


def verdict(well: Sequence[bool]) -> str:
    """Of all destinations: whether each of them is well."""
    if not well:
        return _("There is no destination yet.")
    if all(well):
        text = ngettext("The destination is well.", "All %(count)s destinations are well.", len(well))
        return text % {"count": len(well)}
    unwell = len(well) - sum(well)
    text = ngettext(
        "%(unwell)s of %(count)s destinations is not sending as usual.",
        "%(unwell)s of %(count)s destinations are not sending as usual.",
        unwell,
    )
    return text % {"unwell": unwell, "count": len(well)}
