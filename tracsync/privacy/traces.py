"""Where a person may stand beside the profile and what the destinations know of it, and how that is cleared.

Each function clears one place and may be repeated. What is encrypted or compressed is opened to be looked
into; only what holds the person is touched.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Model, QuerySet

from destinations.models import (
    Account,
    Arrival,
    Audit,
    AuditFinding,
    Backfill,
    DeliveryAttempt,
    Health,
    ProfileSync,
    Replay,
)
from destinations.sync import database
from profiles.imports.models import ImportJob, RefusedRecords
from profiles.models import Profile
from profiles.search.models import IndexJob, SearchWord
from tracsync.common.encryption import UndecryptableValue
from tracsync.models import Incident, KeptAnswer, Notice, SavedFilter, TrailEntry
from tracsync.privacy.person import Person

AT_ONCE = 200
ITS_OWN = "_auth"  # what begins so says in a session whose it is


def forget(person: Person) -> None:
    """Everywhere but in the profile's row and in the rows of destinations that have to be told."""
    _attempts(person)
    AuditFinding.objects.filter(profile=person.id).delete()
    SearchWord.objects.filter(profile=person.id).delete()
    _said_of_others(person)
    _jobs(person)
    _imports(person)
    for rows, names in _ROWS:
        _delete(rows.order_by(), names, person)
    _trail(person)
    for model, names in ((Health, HEALTH), (Account, ("hold_reason",))):
        _blank(model, names, person)
    _sessions(person)


REPLAY = ("choice", "after")
HEALTH = ("hold_reason", "problem", "refusal")
_ROWS: tuple[tuple[QuerySet[Any], tuple[str, ...]], ...] = (
    (LogEntry.objects.all(), ("object_id", "object_repr", "change_message")),
    (SavedFilter.objects.all(), ("query", "name")),
    (KeptAnswer.objects.all(), ("key", "answer")),
    (Arrival.objects.all(), ("content",)),
    (Notice.objects.all(), ("content", "problem")),
    (Incident.objects.all(), ("about", "sentences", "key")),
)


def under_way(person: Person) -> ImportJob | Replay | None:
    """A job that is not finished and names the person: an import, which would bring the profile back, or a
    replay, which would lose its place."""
    for replay in Replay.objects.filter(finished_at=None).order_by("pk"):
        if _holds(replay, REPLAY, person):
            return replay
    for job in ImportJob.objects.filter(finished_at=None).order_by("pk"):
        if "workbook" in job.options:  # not read yet: it may name anybody
            return job
        tail = b""
        for data in job.chunks.order_by("number").values_list("data", flat=True).iterator(chunk_size=1):
            piece = zlib.decompress(bytes(data))
            if person.is_in(tail + piece):
                return job
            tail = piece[-1000:]
    return None


def refused_lines(person: Person) -> Iterator[tuple[int, Any]]:
    """Of all imports: the import's number and the line, as it was read."""
    for row in RefusedRecords.objects.order_by("pk").iterator(chunk_size=1):
        for line in _lines(row):
            if person.is_in(line):
                yield row.job_id, json.loads(line)[2]


def _attempts(person: Person) -> None:
    """Those of others that went in the same call may have the person in their bodies, by any value."""
    own = DeliveryAttempt.objects.filter(profile=person.id)
    for destination, at in set(own.values_list("destination", "at")):
        together = DeliveryAttempt.objects.filter(destination=destination, at=at)
        together.update(request=None, response=None)
    own.delete()


def _said_of_others(person: Person) -> None:
    """A system may name an address where it refuses somebody else."""
    if person.email:
        DeliveryAttempt.objects.filter(reason__icontains=person.email).update(reason="")
        rows = ProfileSync.objects
        database.update(rows.filter(reason__icontains=person.email), reason="")
        database.update(rows.filter(last_error__icontains=person.email), last_error="")


def _jobs(person: Person) -> None:
    """A job goes on after the profile that it has dealt with last: then after the one before."""
    before = (
        Profile.with_deleted.filter(pk__lt=person.id).order_by("-pk").values_list("pk", flat=True).first()
    )
    for model in (Audit, Backfill, IndexJob):
        model._default_manager.filter(after=person.id).update(after=before or "")
    with transaction.atomic():
        audits = Audit.objects.select_for_update(no_key=True).exclude(chosen=None).order_by("pk")
        for pk, chosen, done in audits.values_list("pk", "chosen", "done"):
            if chosen and person.id in chosen:
                is_behind = chosen.index(person.id) < done
                left = [one for one in chosen if one != person.id]
                Audit.objects.filter(pk=pk).update(chosen=left, done=done - is_behind)
    _delete(Replay.objects.exclude(finished_at=None).order_by(), REPLAY, person)


def _imports(person: Person) -> None:
    for row in RefusedRecords.objects.order_by("pk").iterator(chunk_size=1):
        lines = _lines(row)
        kept = [line for line in lines if not person.is_in(line)]
        if len(kept) < len(lines):
            RefusedRecords.objects.filter(pk=row.pk).update(data=zlib.compress("\n".join(kept).encode(), 1))
    for job in ImportJob.objects.order_by("pk").iterator(chunk_size=AT_ONCE):
        lists = {name: getattr(job, name) for name in ("errors", "mistakes")}
        left = {name: [one for one in rows if not person.is_in(one)] for name, rows in lists.items()}
        if left != lists:
            ImportJob.objects.filter(pk=job.pk).update(**left)
    for job in ImportJob.objects.only("pk", "name"):
        if person.is_in(job.name):
            ImportJob.objects.filter(pk=job.pk).update(name="-")


def _lines(row: RefusedRecords) -> list[str]:
    return zlib.decompress(bytes(row.data)).decode().splitlines()


def _sessions(person: Person) -> None:
    """What a session remembers of the person goes; whoever it belongs to stays signed in."""
    for session in Session.objects.order_by().iterator(chunk_size=AT_ONCE):
        remembered = session.get_decoded()
        kept = {
            name: value
            for name, value in remembered.items()
            if name.startswith(ITS_OWN) or not person.is_in([name, value])
        }
        if kept != remembered:
            Session.objects.filter(pk=session.pk).update(session_data=SessionStore().encode(kept))


def _trail(person: Person) -> None:
    """Who did something to the person, when, and what it was stays; not to whom."""
    names = ("object_id", "object", "said", "changes")
    rows = TrailEntry.objects.order_by().iterator(chunk_size=AT_ONCE)
    found = [row.pk for row in rows if _holds(row, names, person)]
    for start in range(0, len(found), AT_ONCE):
        TrailEntry.objects.forget(found[start : start + AT_ONCE])


def _delete(rows: QuerySet[Any], names: tuple[str, ...], person: Person) -> None:
    found = [row.pk for row in rows.iterator(chunk_size=AT_ONCE) if _holds(row, names, person)]
    for start in range(0, len(found), AT_ONCE):
        rows.model._default_manager.filter(pk__in=found[start : start + AT_ONCE]).delete()


def _blank(model: type[Model], names: tuple[str, ...], person: Person) -> None:
    for row in model._default_manager.all():
        found = {name: "" for name in names if person.is_in(str(getattr(row, name)))}
        if found:
            model._default_manager.filter(pk=row.pk).update(**found)


def _holds(row: Model, names: tuple[str, ...], person: Person) -> bool:
    """What no key opens is taken for holding it: nobody can read it any more."""
    try:
        return any(value and person.is_in(value) for value in (getattr(row, name) for name in names))
    except UndecryptableValue:
        return True
