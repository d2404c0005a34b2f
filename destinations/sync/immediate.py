"""The enabled destinations without a quiet period: they are pushed to as soon as a profile is saved."""

from __future__ import annotations

import time

from django.conf import settings
from django.db.models import Q

from destinations.models import Destination

REMEMBERED = 1.0  # seconds

# Until when it is remembered that there are none, so that not every save has to ask.
_none_until = 0.0


def find() -> list[Destination]:
    """This process hears of its own edits. Of another's it may hear late; until then the scheduler pushes."""
    global _none_until
    if time.monotonic() < _none_until:
        return []
    at_once = Q(quiet_period=0)
    if settings.TRACSYNC_QUIET_PERIOD == 0:
        at_once |= Q(quiet_period=None)
    found = list(Destination.objects.defer("mapping", "settings").filter(at_once, enabled=True))
    if not found:
        _none_until = time.monotonic() + REMEMBERED
    return found


def forget() -> None:
    """Ask again at the next save of a profile."""
    global _none_until
    _none_until = 0.0
