"""The trail: who did what to what is set up, to access, to profiles by hand and to deliveries.

An entry is written in the transaction of what it tells, so that there is never one without the other. What
the engine does by itself is no entry: `acting` says on whose behalf something happens.
"""

from tracsync.common.trail.acting import Actor, Occasion, acting, current, shell
from tracsync.common.trail.differences import Hidden
from tracsync.common.trail.recording import note
from tracsync.common.trail.watching import Watched, watch
from tracsync.common.trail.words import Action, Face, Kind

__all__ = [
    "Action",
    "Actor",
    "Face",
    "Hidden",
    "Kind",
    "Occasion",
    "Watched",
    "acting",
    "current",
    "note",
    "shell",
    "watch",
]
