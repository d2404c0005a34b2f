"""Indexing profiles anew: all of them where the installation's paths have changed, and those that a release
has written that knew no index.

A batch at a time. Where to go on is written in the transaction of the batch, so that whatever happens in
between, nothing is left out.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.db import DEFAULT_DB_ALIAS, IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from profiles import names, sql
from profiles.models import UNINDEXED, Profile
from profiles.names import Person
from profiles.search.models import IndexJob, SearchWord
from tracsync.common.jobs import NOTED

BATCH_SIZE = 500
READ_AT_ONCE = 50  # documents, each of which may be large
LEFT_BEHIND_EVERY = 10.0  # seconds between two looks for profiles that are not indexed, when there were none

_looked_at = -math.inf


def start(asked_by: str = "") -> IndexJob | None:
    """Have all profiles indexed by the paths of now; None where somebody has begun that already."""
    fingerprint, now = names.fingerprint(), timezone.now()
    with transaction.atomic():
        outdated = IndexJob.objects.filter(finished_at=None).exclude(fingerprint=fingerprint)
        outdated.update(cancelled_at=now, finished_at=now)
        if IndexJob.objects.filter(finished_at=None).exists():
            return None
        total = Profile.with_deleted.count()
        ended = None if total else now
        try:
            with transaction.atomic():
                return IndexJob.objects.create(
                    fingerprint=fingerprint, total=total, finished_at=ended, asked_by=asked_by
                )
        except IntegrityError:  # another scheduler came first
            return None


def start_if_outdated() -> IndexJob | None:
    """Where the last job had other paths; one that a person has cancelled stays so."""
    last = IndexJob.objects.order_by("-pk").first()
    return start() if last is None or last.fingerprint != names.fingerprint() else None


def advance(now: datetime) -> int:
    """Go on by a batch; how many profiles were looked at."""
    jobs = IndexJob.objects.filter(finished_at=None, fingerprint=names.fingerprint())
    job = jobs.order_by("pk").first()  # one that is paused holds up what is left behind, too
    return _do_batch(job, now) if job is not None else _left_behind()


def _do_batch(read: IndexJob, now: datetime) -> int:
    with transaction.atomic():
        job = _lock(read)
        if job is None:
            return 0
        rest = Profile.with_deleted.filter(pk__gt=job.after).order_by("pk").values_list("pk", flat=True)
        ids = list(rest[:BATCH_SIZE])
        index(ids)
        job.note(len(ids), now)
        if ids:
            job.after = ids[-1]
        else:
            job.finished_at = now
        job.save(update_fields=(*NOTED, "after"))
    return len(ids) or 1


def _lock(read: IndexJob) -> IndexJob | None:
    """The same row, locked; None where another scheduler or a person came first."""
    same: QuerySet[IndexJob] = IndexJob.objects.filter(
        pk=read.pk, after=read.after, finished_at=None, paused_at=None
    )
    if connection.features.has_select_for_update_skip_locked:
        same = same.select_for_update(skip_locked=True)
    return same.first()


def _left_behind() -> int:
    """What an earlier release writes beside this one, as while it is replaced, is indexed soon."""
    global _looked_at
    if time.monotonic() - _looked_at < LEFT_BEHIND_EVERY:
        return 0
    ids = list(
        Profile.with_deleted.filter(UNINDEXED).order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE]
    )
    if not ids:
        _looked_at = time.monotonic()
        return 0
    with transaction.atomic():
        index(ids)
    return len(ids)


def index(ids: Sequence[str]) -> None:
    """Make name, e-mail and words of these profiles what they have to be, in a transaction."""
    for start in range(0, len(ids), READ_AT_ONCE):
        _index_part(ids[start : start + READ_AT_ONCE])


def _index_part(ids: Sequence[str]) -> None:
    """Only what is not right is written: the words that are there are compared, too."""
    profiles = Profile.with_deleted.filter(pk__among=ids).select_for_update(no_key=True).order_by("pk")
    rows = list(profiles.only("document", "digest", "version", "name", "email", "indexed_version"))
    found: defaultdict[str, set[str]] = defaultdict(set)
    for id, word in SearchWord.objects.filter(profile__pk__among=ids).values_list("profile_id", "word"):
        found[id].add(word)
    wrong: list[tuple[str, Person]] = []
    for row in rows:
        person = names.NOBODY if row.is_deleted else names.person(row.document)
        is_known = (row.person, row.indexed_version) == (person, row.version)
        if not is_known or found[row.pk] != set(names.words(person)):
            wrong.append((row.pk, person))
    if wrong:
        sql.rename(wrong, DEFAULT_DB_ALIAS)
