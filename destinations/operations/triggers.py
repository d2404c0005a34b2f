"""What a saved profile sets in motion."""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models.signals import post_save
from django.utils import timezone

from destinations.operations import deletion
from destinations.sync import claim, settle
from profiles.changes import profiles_changed
from profiles.models import Profile, profiles_deleted

logger = logging.getLogger(__name__)


def connect() -> None:
    post_save.connect(profile_saved, sender=Profile)
    profiles_changed.connect(profiles_written, sender=Profile)
    profiles_deleted.connect(profiles_gone, sender=Profile)


def profile_saved(instance: Profile, raw: bool, **_: Any) -> None:
    if not raw:
        profiles_written([instance.pk])


def profiles_written(ids: list[str], **_: Any) -> None:
    """The rows say that they have changed and a scheduler will see it: only what may not wait starts here."""
    transaction.on_commit(lambda: _push_at_once(ids))


def profiles_gone(ids: list[str], **_: Any) -> None:
    deletion.hand_over(ids)


def _push_at_once(ids: list[str]) -> None:
    try:
        if destinations := settle.immediate():
            settle.settle_at_once(ids, destinations)
            claim.dispatch(destinations, timezone.now())
    except Exception as error:
        # The profile is saved and marked: whatever is away now, the scheduler will do it.
        detail = "" if isinstance(error, DatabaseError) else f": {error}"
        logger.warning("not pushed at once (%s%s), left to the scheduler", type(error).__name__, detail)
