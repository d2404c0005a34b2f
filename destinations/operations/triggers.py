"""What a saved profile, destination or resource sets in motion."""

from __future__ import annotations

import logging
import time
from typing import Any

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Q
from django.db.models.signals import post_save, pre_save
from django.utils import timezone

from destinations.configuration import history
from destinations.models import Destination, Health, Resource
from destinations.operations import actions
from destinations.sync import claim, settle
from profiles.changes import profiles_changed
from profiles.models import Profile
from tracsync.common.encryption import get_readable

logger = logging.getLogger(__name__)

SENT = ("prerequisites", "mapping", "settings", "resource_id", "use_test_credentials")


def connect() -> None:
    post_save.connect(profile_saved, sender=Profile)
    profiles_changed.connect(profiles_written, sender=Profile)
    pre_save.connect(destination_to_be_saved, sender=Destination)
    post_save.connect(destination_saved, sender=Destination)
    pre_save.connect(resource_to_be_saved, sender=Resource)
    post_save.connect(resource_saved, sender=Resource)


def profile_saved(instance: Profile, raw: bool, **_: Any) -> None:
    if not raw:
        _arm([instance.pk])


def profiles_written(ids: list[str], **_: Any) -> None:
    _arm(ids)


def _arm(ids: list[str]) -> None:
    """The row says what is owed and a clock will see it; only what may not wait is started here."""
    transaction.on_commit(lambda: _push_at_once(ids))


class _ImmediateDestinations:
    """The enabled destinations without a quiet period.

    That there are none is remembered for a moment, so that not every save has to ask.

    This process hears of its own edits. Of another's it may hear late; until then the scheduler pushes.
    """

    REMEMBERED = 1.0  # seconds

    def __init__(self) -> None:
        self._none_until = 0.0

    def find(self) -> list[Destination]:
        if time.monotonic() < self._none_until:
            return []
        at_once = Q(quiet_period=0)
        if settings.TRACSYNC_QUIET_PERIOD == 0:
            at_once |= Q(quiet_period=None)
        found = list(Destination.objects.defer("mapping", "settings").filter(at_once, enabled=True))
        if not found:
            self._none_until = time.monotonic() + self.REMEMBERED
        return found

    def forget(self) -> None:
        self._none_until = 0.0


_immediate = _ImmediateDestinations()


def _push_at_once(ids: list[str]) -> None:
    try:
        if destinations := _immediate.find():
            settle.settle_at_once(ids, destinations)
            now = timezone.now()
            for destination in destinations:
                claim.dispatch(destination, now)
    except Exception as error:
        # The profile is saved and marked: whatever is away now, the clock will do it.
        detail = "" if isinstance(error, DatabaseError) else f": {error}"
        logger.warning("not pushed at once (%s%s), left to the clock", type(error).__name__, detail)


def destination_to_be_saved(instance: Destination, raw: bool, **_: Any) -> None:
    if raw:
        return
    before = _stored(instance)
    instance._before = before  # type: ignore[attr-defined]
    if instance.enabled:
        return
    instance.disabled_at = (before.disabled_at if before else None) or timezone.now()


def destination_saved(instance: Destination, created: bool, raw: bool, **_: Any) -> None:
    _immediate.forget()
    if raw:
        return
    Health.objects.get_or_create(destination=instance)
    before: Destination | None = instance._before  # type: ignore[attr-defined]
    history.record(instance, before)
    if before is None:
        return
    if changes_what_is_sent(before, instance):
        actions.changed(instance)
    if instance.enabled and instance.disabled_at is not None:
        actions.enabled_again(instance)
        Destination.objects.filter(pk=instance.pk).update(disabled_at=None)
        instance.disabled_at = None


def changes_what_is_sent(before: Destination, after: Destination) -> bool:
    return any(getattr(before, name) != getattr(after, name) for name in SENT)


def resource_to_be_saved(instance: Resource, raw: bool, **_: Any) -> None:
    if not raw:
        instance._before = _stored(instance)  # type: ignore[attr-defined]


def _stored(instance: Any) -> Any:
    """The row as it is before this save; what cannot be decrypted any more counts as empty."""
    try:
        return get_readable(type(instance).objects.all(), pk=instance.pk)[0]
    except type(instance).DoesNotExist:
        return None


def resource_saved(instance: Resource, raw: bool, **_: Any) -> None:
    """New credentials: whatever was refused because of the old ones is tried again."""
    before: Resource | None = None if raw else instance._before  # type: ignore[attr-defined]
    if before is None:
        return
    if (before.production, before.test) != (instance.production, instance.test):
        instance.accesstoken_set.all().delete()
        for destination in instance.destinations.only("pk"):
            actions.changed(destination)
