"""Saving a destination or a resource: the one way for the admin, the API and whatever else edits them."""

from __future__ import annotations

from contextlib import suppress
from typing import TypeVar

from django.db import transaction

from destinations.configuration import history, revisions
from destinations.configuration.history import Author
from destinations.configuration.revisions import Stale
from destinations.connectors.base import ConfigurationError
from destinations.models import Backfill, Destination, Health, Resource, slugs
from destinations.sync import health, settle
from destinations.sync.tokens import store
from tracsync.common.encryption import get_readable

SENT = ("prerequisites", "mapping", "settings", "resource_id", "use_test_credentials", "on_leave")

Row = TypeVar("Row", Destination, Resource)


def save(row: Destination | Resource, *, by: Author | None = None, expected: int | None = None) -> None:
    """Store a new or an edited row, note who did it, and set in motion what follows from the edit.

    `by`: who edits; None is the command line. `expected`: the revision that the edit was made for; raises
    Stale, and stores nothing, when the row has another one by now. Without it the last one wins. The caller
    has checked the row (`validation`): forms and the API do it where they can say which field is wrong.

    A destination gets a new version in its history, if it differs from the last one. After an edit of what
    or where it sends, what was rejected gets another chance. Enabled again, it catches up with what has
    changed meanwhile. A pause stays as it is stored: `operations.actions` begins and ends it.

    A resource with other credentials drops the access tokens that were given for those before, and what its
    destinations have rejected gets another chance.
    """
    with transaction.atomic():
        if isinstance(row, Destination):
            _save_destination(row, _locked(row, expected), by)
        else:
            _save_resource(row, _locked(row, expected), by)


def lock(row: Row) -> Row | None:
    """The row as it is stored, held until the transaction ends; None for a new one.

    What cannot be decrypted any more counts as empty.
    """
    try:
        return get_readable(type(row).objects.select_for_update(no_key=True), pk=row.pk)[0]
    except type(row).DoesNotExist:
        return None


def _locked(row: Row, expected: int | None) -> Row | None:
    """As `lock`, where the row may be stored now, with its next revision. Raises Stale."""
    before = lock(row)
    for one in filter(None, (before, row)):
        with suppress(ConfigurationError):  # then it stays as it is, and its destination says so
            one.bring_up_to_date()
    if expected is not None and (before is None or before.revision != expected):
        raise Stale
    slugs.give(row)
    row.revision = revisions.next_of(before, row)
    return before


def changes_what_is_sent(before: Destination, after: Destination) -> bool:
    return any(getattr(before, name) != getattr(after, name) for name in SENT)


def _save_destination(destination: Destination, before: Destination | None, by: Author | None) -> None:
    if before is not None:
        destination.paused_at, destination.disabled_at = before.paused_at, before.disabled_at
        destination.generation = before.generation + changes_what_is_sent(before, destination)
    off_since = destination.disabled_at
    if destination.enabled:
        destination.disabled_at = None
    destination.save()
    settle.forget_immediate()
    Health.objects.get_or_create(destination=destination)
    history.record(destination, before, by)
    if before is None:
        return
    if changes_what_is_sent(before, destination):
        health.edited(destination)
    if destination.enabled and off_since is not None:
        Backfill.request(destination, changed_since=off_since)


def _save_resource(resource: Resource, before: Resource | None, by: Author | None) -> None:
    revisions.note(resource, before, by)
    resource.save()
    history.record(resource, before, by)
    if before is None or (before.production, before.test) == (resource.production, resource.test):
        return
    store.forget_others(resource)
    resource.known_fields.all().delete()  # perhaps of another system
    for destination in resource.destinations.only("pk"):
        health.edited(destination)
