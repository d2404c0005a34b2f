"""What a destination is doing, in one word and a sentence, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from destinations.insight import explain
from destinations.models import Destination
from destinations.recorded import translated
from destinations.sync import limits
from tracsync.common import times

LABELS = {
    "running": gettext_lazy("running"),
    "off": gettext_lazy("off"),
    "paused": gettext_lazy("paused"),
    "resting": gettext_lazy("resting"),
    "limited": gettext_lazy("limited"),
    "behind": gettext_lazy("behind"),
    "broken": gettext_lazy("to be mended"),
}

LATE = timedelta(minutes=1)  # what has just changed is usually sent within a second of being due


@dataclass(frozen=True, slots=True)
class Standing:
    """`kind` is one of LABELS."""

    kind: str
    sentence: str
    since: str

    @property
    def label(self) -> str:
        return str(LABELS[self.kind])

    @property
    def is_well(self) -> bool:
        """Sending at a limit that a person has set is what was asked for."""
        return self.kind in ("running", "limited")


def of(destination: Destination, now: datetime, oldest: datetime | None = None) -> Standing:
    """Reads its resource and health: select them with it. `oldest`: when its oldest change was due."""
    health = getattr(destination, "health", None)
    obstacle = explain.obstacle(destination, now)
    if not destination.enabled or not destination.resource.enabled:
        return Standing(
            "off", obstacle, _since(None if destination.enabled else destination.disabled_at, now)
        )
    if destination.paused_at is not None:
        return Standing("paused", obstacle, _since(destination.paused_at, now))
    if health is not None and health.is_held(now):
        return Standing("resting", obstacle, _since(health.held_since, now))
    if health is not None and health.problem:
        return Standing("broken", translated(health.problem).splitlines()[0], _since(health.problem_at, now))
    if health is not None and obstacle:
        return Standing("limited", obstacle, _since(limits.used_up_since(destination, health, now), now))
    if oldest is not None and now - oldest > LATE:
        return Standing("behind", _("changes that are due have not been sent yet"), _since(oldest, now))
    return Standing("running", "", "")


def _since(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return ""
    duration = times.duration(max(now - moment, timedelta(0)))
    return _("since %(time)s (%(duration)s)") % {"time": explain.at(moment), "duration": duration}
