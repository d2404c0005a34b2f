"""The stages of a destination's funnel: what each counts, of what, and where its rows are listed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from destinations.admin.base.links import listing
from destinations.admin.dashboard import charts
from destinations.insight.statistics import Figures
from destinations.models import Destination, ProfileSync, Tally
from profiles.models import Profile
from tracsync.common.bounded_lists import AtLeast, count
from tracsync.common.numbers import grouped

MOST_UNSETTLED = 1000
WIDTH = 1000  # units of the widest bar

# In their order: the name of a stage, and what it counts.
STAGES = {
    "changed": (
        gettext_lazy("Changed"),
        gettext_lazy("Profiles whose changes have not ended yet, now, and those that were handed over."),
    ),
    "settled": (
        gettext_lazy("Quiet"),
        gettext_lazy("Their changes had ended, and they were handed over: once for each burst of changes."),
    ),
    "decided": (
        gettext_lazy("Looked at"),
        gettext_lazy("Each time that it was decided what to do: for changes, retries, backfills, replays."),
    ),
    "skipped": (gettext_lazy("Not met"), gettext_lazy("The prerequisites do not want the profile.")),
    "met": (gettext_lazy("Met"), gettext_lazy("What was looked at, without what is not met.")),
    "refused": (
        gettext_lazy("Refused"),
        gettext_lazy(
            "The payload could not be made or is not valid, or the prerequisites could not be evaluated."
        ),
    ),
    "unchanged": (
        gettext_lazy("Unchanged"),
        gettext_lazy("The destination has accepted exactly this before, so it was not sent again."),
    ),
    "awaited": (
        gettext_lazy("Answer awaited"),
        gettext_lazy("The destination has it, and has not said yet, now, what became of it."),
    ),
    "sent": (gettext_lazy("Sent"), gettext_lazy("Attempts to push: each one counts.")),
    "accepted": (gettext_lazy("Accepted"), gettext_lazy("The destination has taken it.")),
    "removed": (
        gettext_lazy("Removed"),
        gettext_lazy("Of those that were accepted: profiles that were taken away there."),
    ),
    "retry": (
        gettext_lazy("To be retried"),
        gettext_lazy("It failed for now, and is tried again by itself."),
    ),
    "rejected": (
        gettext_lazy("Rejected"),
        gettext_lazy("The destination refused it, and the same again cannot help."),
    ),
    "unknown": (
        gettext_lazy("Unknown"),
        gettext_lazy("No answer came, so it may have arrived. It is tried again."),
    ),
}
SENT = (*Tally.OUTCOMES, "removed")  # what became of what was sent
STATES = {"skipped": "skipped", "refused": "rejected"}  # of the rows that a decision leaves


@dataclass(frozen=True, slots=True)
class Stage:
    """`is_part`: it leaves the way, or is one of its ends. `share` is in words, `width` that of its bar."""

    key: str
    count: int
    share: str
    url: str
    width: int

    @property
    def title(self) -> str:
        return str(STAGES[self.key][0])

    @property
    def help(self) -> str:
        return str(STAGES[self.key][1])

    @property
    def is_part(self) -> bool:
        return self.key in (*Tally.DECISIONS, *SENT, "awaited")

    @property
    def shown(self) -> str:
        return str(self.count) if isinstance(self.count, AtLeast) else grouped(self.count)


def stages(
    destination: Destination, found: Figures, since: datetime, listed: Collection[str]
) -> Iterator[Stage]:
    """From the first to the last. `listed`: the models whose lists this person may see."""
    counts = _counts(destination, found)
    most = max(1, *counts.values())
    for key in STAGES:
        if key == "awaited" and not counts[key]:
            continue  # most destinations answer at once
        share = _share(key, counts)
        width = max(4, round(WIDTH * counts[key] / most)) if counts[key] else 0
        yield Stage(key, counts[key], share, _url(key, destination, since, listed), width)


def _counts(destination: Destination, found: Figures) -> dict[str, int]:
    changing = Profile.objects.filter(first_changed_at__isnull=False)
    waiting = count(changing, MOST_UNSETTLED) if destination.enabled else 0
    changed = waiting + found.counts["settled"]
    awaited = ProfileSync.objects.filter(destination=destination, awaited_since__isnull=False)
    return {
        **found.counts,
        **{key: found.counts[key] for key in (*Tally.DECISIONS, *SENT, "settled")},
        "changed": AtLeast(changed) if isinstance(waiting, AtLeast) else changed,
        "decided": found.decided,
        "met": found.decided - found.counts["skipped"],
        "awaited": count(awaited, MOST_UNSETTLED),
        "sent": found.sent,
    }


def _share(key: str, counts: dict[str, int]) -> str:
    of_sent = key in SENT
    whole = counts["sent" if of_sent else "decided"]
    if not whole or key in ("changed", "settled", "decided", "awaited"):
        return ""
    text = _("%(share)s of what was sent") if of_sent else _("%(share)s of what was looked at")
    return text % {"share": charts.percent(counts[key] / whole)}


def _url(key: str, destination: Destination, since: datetime, listed: Collection[str]) -> str:
    """The rows as they are now, or the attempts of the time; "" where neither is kept or may be seen."""
    if key in STATES and "profilesync" in listed:
        return listing("profilesync", destination, state__exact=STATES[key])
    if key == "removed" and "profilesync" in listed:
        return listing("profilesync", destination, state__exact=key)
    if key in ("sent", *Tally.OUTCOMES) and "deliveryattempt" in listed:
        outcome = {} if key == "sent" else {"outcome__exact": key}
        return listing("deliveryattempt", destination, at__gte=since.isoformat(), **outcome)
    return ""
