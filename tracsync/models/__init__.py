"""Who may use the REST API, how each person reads the admin, and what is told unasked."""

from tracsync.common.trail.models import TrailEntry
from tracsync.models.access import PREFIX_LENGTH, ApiToken, Preferences, keyed_digest, prefix_of
from tracsync.models.erasures import Erasure
from tracsync.models.notices import (
    OF_DESTINATIONS,
    ONCE,
    Event,
    Incident,
    Notice,
    NoticeChannel,
    NoticeLimits,
    NoticeWatch,
)
from tracsync.models.requests import MOST_KEY, KeptAnswer
from tracsync.models.saved_filters import SavedFilter
from tracsync.models.second_factor import BackupCode, SecondFactor
from tracsync.models.sign_in import Identity

__all__ = [
    "MOST_KEY",
    "OF_DESTINATIONS",
    "ONCE",
    "PREFIX_LENGTH",
    "ApiToken",
    "BackupCode",
    "Erasure",
    "Event",
    "Identity",
    "Incident",
    "KeptAnswer",
    "Notice",
    "NoticeChannel",
    "NoticeLimits",
    "NoticeWatch",
    "Preferences",
    "SavedFilter",
    "SecondFactor",
    "TrailEntry",
    "keyed_digest",
    "prefix_of",
]
