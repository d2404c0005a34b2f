"""Erasing a person: here, and at every destination that has the profile or may have it."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from destinations.models import ProfileSync, Replay
from destinations.operations import actions
from destinations.operations.deletion import MAY_BE_THERE
from destinations.sync import database
from profiles.models import Profile
from tracsync.common import trail
from tracsync.common.trail import Action
from tracsync.models import Erasure
from tracsync.privacy import steps, traces
from tracsync.privacy.person import Person

MOST_NAME = 255
MOST_LOOKED_AT = 25


class CannotErase(Exception):
    """Why nothing was erased, or why an erasure cannot be finished yet."""


def request(profile_id: str, by: str) -> Erasure:
    """Erase the profile: from now on only what destinations have to be told is left, until they are done.

    `by`: who asks. Asked twice it is one erasure, and answers how far it is. Raises CannotErase.
    """
    begun = Erasure.objects.filter(profile_id=profile_id).first()
    if begun is not None and not (found := look(begun)).came_back:
        return found
    if problem := obstacle(profile_id):
        raise CannotErase(problem)
    traces.forget(Person.of(Profile.with_deleted.get(pk=profile_id)))
    return look(_begin(profile_id, by))


def obstacle(profile_id: str) -> str:
    """Why the profile cannot be erased now; "" where it can."""
    profile = None if "\0" in profile_id else Profile.with_deleted.filter(pk=profile_id).first()
    if profile is None:
        return _("there is no such profile")
    job = traces.under_way(Person.of(profile))
    if job is not None:
        text = _("import %(number)s is not finished and holds the profile: let it end, or cancel it")
        if isinstance(job, Replay):
            text = _("replay %(number)s is not finished and names the profile: let it end, or cancel it")
        return text % {"number": job.pk}
    return ""


def look(erasure: Erasure) -> Erasure:
    """How far it is by now; where all destinations are done, the last of it is deleted."""
    found = _follow(erasure.pk)
    if found.profile_id and (found.came_back or steps.is_ended(found.steps)) and not _is_pushed(found):
        return _close(found)
    return found


def finish(erasure: Erasure, by: str) -> Erasure:
    """Somebody has done by hand what destinations have not: nothing more is asked of them.

    Raises CannotErase while a destination is being told.
    """
    found = look(erasure)
    if not found.profile_id:
        return found
    if _is_pushed(found):
        raise CannotErase(_("a destination is being told at this moment: try again in a few seconds"))
    found.steps, found.closed_by = steps.ended_by_hand(found.steps), by[:MOST_NAME]
    with transaction.atomic():
        trail.note(Action.FINISHED, found)
        return _close(found)


def look_at_all() -> int:
    """Bring all that are not finished up to date; how many have been finished by it."""
    under_way = Erasure.objects.exclude(profile_id="").order_by("asked_at")
    return sum(not look(one).profile_id for one in under_way)


def look_at_newest() -> None:
    """Bring the last ones that are not finished up to date, as many as people look at."""
    for one in Erasure.objects.exclude(profile_id="").order_by("-asked_at")[:MOST_LOOKED_AT]:
        look(one)


@transaction.atomic
def _begin(profile_id: str, by: str) -> Erasure:
    locked = Profile.with_deleted.select_for_update(no_key=True)
    profile = locked.filter(pk=profile_id).first()
    if profile is None:
        raise CannotErase(_("there is no such profile"))
    rows = ProfileSync.objects.filter(profile=profile_id)
    database.update(rows.filter(MAY_BE_THERE), erasing=True)
    Profile.objects.filter(pk=profile_id).delete(by=by)
    actions.sync_rows_now(rows.filter(erasing=True))
    erasure = Erasure(profile_id=profile_id, asked_by=by[:MOST_NAME], was_deleted=profile.is_deleted)
    erasure.fingerprint = erasure.fingerprint_of(profile_id)
    erasure.steps = steps.begin(profile_id)
    erasure.save(force_insert=True)
    trail.note(Action.ERASED, erasure)
    return erasure


@transaction.atomic
def _follow(pk: UUID) -> Erasure:
    found = Erasure.objects.select_for_update().get(pk=pk)
    if not found.profile_id:
        return found
    found.came_back = Profile.objects.filter(pk=found.profile_id).exists()
    found.steps = steps.follow(found.profile_id, found.steps)
    found.save(update_fields=["steps", "came_back"])
    return found


def _is_pushed(erasure: Erasure) -> bool:
    rows = ProfileSync.objects.filter(profile=erasure.profile_id)
    return rows.filter(claim_token__isnull=False).exists()


def _close(erasure: Erasure) -> Erasure:
    """Whoever has come back stays; of all others nothing is left."""
    id = erasure.profile_id
    if erasure.came_back:
        database.update(ProfileSync.objects.filter(profile=id, erasing=True), erasing=False)
    else:
        traces.forget(Person(id))
    with transaction.atomic():
        if not erasure.came_back:
            Profile.with_deleted.filter(pk=id, digest="").purge()
        erasure.profile_id, erasure.finished_at = "", timezone.now()
        erasure.save()
    return erasure
