"""Importing an uploaded file: a check that writes nothing, then, when somebody says so, the import.

Both are done a batch at a time. Where to go on and what was counted is written in the transaction of the
batch itself: killed at any point, nothing is left out and nothing is counted twice.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import IO, Any

from django.db import DatabaseError, DataError, IntegrityError, connection, connections, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from profiles import changes
from profiles.changes import Written
from profiles.imports import encodings, refused, uploads, workbook
from profiles.imports import options as import_options
from profiles.imports.files import Place, Source, UnusableFile
from profiles.imports.models import ImportChunk, ImportJob, RefusedRecords
from profiles.imports.records import Record
from profiles.imports.refused import Refused
from tracsync.common import trail
from tracsync.common.jobs import NOTED, take_turns
from tracsync.common.messages import message, pack
from tracsync.common.trail import Action

logger = logging.getLogger(__name__)

Phase = ImportJob.Phase
UNDER_WAY = (Phase.CHECKING, Phase.IMPORTING)
BATCH_BYTES = 2_000_000  # a batch of large documents ends before it has all its records
MOST_ERRORS = 1000
MOST_SAMPLES = 20
KEPT = timedelta(days=1)
LEASE = timedelta(minutes=2)  # of whoever reads a large workbook, from piece to piece
MOST_TRIES = 3  # to read one
MOST_REMEMBERED = 200  # imports that are asked how their columns were chosen
OF_THE_CONTENT = ("sheets", "written_in", "first_piece")  # options that hold however it is read
COUNTED = ("created", "changed", "unchanged", "refused", "errors", "mistakes", "samples")
READING = ("phase", "total", "done", "offset", "number", "checked", "problem", *COUNTED)
SAVED = (*READING, *NOTED, "cancelled_at")


def receive(
    file: IO[bytes], name: str, asked_by: str = "", encoding: str = "", sheet: str = "", **options: Any
) -> ImportJob:
    """Keep an uploaded file, and have it checked as soon as it is known how to read it: a large workbook
    after a scheduler has read it.

    Raises UnusableFile, after which nothing of it is left.
    """
    storable = name.replace("\0", "").encode(errors="replace").decode()[-200:]
    job = ImportJob.objects.create(name=storable or "file", asked_by=asked_by)
    try:
        if uploads.is_large_workbook(file):
            uploads.store_packed(job, file)
            job.options = {"workbook": {"sheet": sheet, "merge": options.get("merge", False), "tries": 0}}
        else:
            kept = uploads.store(job, file, encoding, sheet)
            _tell(job, kept, encoding, **options)
    except UnusableFile:
        job.delete()
        raise
    with transaction.atomic():
        job.save()
        trail.note(Action.UPLOADED, job)
    return job


def _tell(job: ImportJob, kept: uploads.Kept, said: str, **options: Any) -> None:
    """How to read what is kept, and what comes next. Raises UnusableFile."""
    if kept.sheets:
        options |= {"format": "csv", "delimiter": workbook.DELIMITER}
    job.options = _choose(job, said, kept.encoding, **options)
    if kept.sheets:
        job.options["sheets"] = kept.sheets
    elif job.options["format"] == "csv" and options.get("delimiter"):
        import_options.check_delimiter(uploads.source(job), job.options)
    if kept.written_in:
        job.options["written_in"] = kept.written_in
    job.phase = Phase.COLUMNS if job.options["format"] == "csv" else Phase.CHECKING
    job.total = job.size


def _choose(job: ImportJob, said: str, told: str, **options: Any) -> dict[str, Any]:
    """JSON is UTF-8 unless somebody says that it is not; of a table its bytes may tell something else."""
    source = uploads.source(job)
    source.encoding = told
    chosen = import_options.choose(job.name, source, **options)
    return chosen if said or chosen["format"] == "csv" else {**chosen, "encoding": encodings.UTF8}


def read_anew(job: ImportJob, encoding: str, delimiter: str, skip: int, merge: bool) -> bool:
    """Read a table in another way, and have its columns chosen again; False where it is too late for that.

    Raises UnusableFile.
    """
    if job.finished_at is not None:
        return False
    source = uploads.source(job)
    source.encoding = encoding
    options = import_options.choose(job.name, source, "csv", delimiter, merge, skip)
    kept = {name: job.options[name] for name in OF_THE_CONTENT if name in job.options}
    if "sheets" not in kept:
        import_options.check_delimiter(source, options)
    options |= kept
    values = {**_anew(job, Phase.COLUMNS, job.size), "options": options, "checked": None}
    return _moved(job, [Phase.COLUMNS, Phase.CHECKING, Phase.READY], values)


def remembered(heading: Sequence[str]) -> list[list[str]]:
    """Name, path and kind of the columns of the last import with this heading; none without one."""
    names = _data(heading)
    with_columns = ImportJob.objects.exclude(options__columns=None).order_by("-pk")
    for options in with_columns.values_list("options", flat=True)[:MOST_REMEMBERED]:
        if options.get("columns") and _data(options.get("heading", ())) == names:
            return list(options["columns"])
    return []


def _data(heading: Sequence[str]) -> list[str]:
    return [name for name in heading if name not in refused.ADDED]


def check(job: ImportJob, columns: list[list[str]]) -> bool:
    """Read it (again) with these columns, and write nothing; False where it is imported or has ended."""
    options = {**job.options, "columns": columns}
    values = {**_anew(job, Phase.CHECKING, job.size), "options": options, "checked": None}
    return _moved(job, [Phase.COLUMNS, Phase.CHECKING, Phase.READY], values)


def start(job: ImportJob) -> bool:
    """Import what has been checked; False where there is nothing to import, or somebody was quicker."""
    counts = {name: getattr(job, name) for name in ("created", "changed", "unchanged", "refused")}
    values = {**_anew(job, Phase.IMPORTING, job.records), "checked": counts}
    if job.problem or job.records <= job.refused:
        return False
    with transaction.atomic():
        is_begun = _moved(job, [Phase.READY], values)
        if is_begun:
            trail.note(Action.IMPORTED, job, changes={"records": [None, job.records]})
    return is_begun


def _anew(job: ImportJob, phase: str, total: int) -> dict[str, Any]:
    """From the beginning of the file, with nothing counted."""
    fields = {field.attname: field.get_default() for field in job._meta.concrete_fields}
    fresh = {name: fields[name] for name in (*READING, "rated_since", "rated_from", "advanced_at")}
    return {**fresh, "phase": phase, "total": total}


def _moved(job: ImportJob, phases: list[Phase], values: dict[str, Any]) -> bool:
    waiting = ImportJob.objects.filter(pk=job.pk, phase__in=phases, finished_at=None)
    with transaction.atomic():
        moved = bool(waiting.update(**values))
        if moved:
            job.refused_records.all().delete()
    job.refresh_from_db()
    return moved


def advance(now: datetime) -> int:
    """Go on with every import that is under way, by one batch; how many went on."""
    under_way = _under_way(Phase.RECEIVING, *UNDER_WAY).order_by("pk").defer("errors", "mistakes", "samples")
    return take_turns(list(under_way), lambda job: _advance_one(job, now))


def _under_way(*phases: Phase) -> QuerySet[ImportJob]:
    return ImportJob.objects.filter(finished_at=None, paused_at=None, phase__in=phases)


def _advance_one(job: ImportJob, now: datetime) -> bool:
    if job.phase == Phase.RECEIVING:
        return _have_read(job, now)
    try:
        return _do_batch(job, now)
    except Exception as error:
        problem = _problem(job, error)
    with transaction.atomic():
        locked = _lock(job)
        if locked is not None:
            _give_up(locked, problem, now)
            _save(locked)
    return locked is not None


def _problem(job: ImportJob, error: Exception) -> str:
    """What is wrong with the file. Raises the error where it says nothing about the file."""
    if isinstance(error, UnusableFile):
        return message("The file %(reason)s.", reason=str(error))
    if isinstance(error, DatabaseError) and not isinstance(error, DataError | IntegrityError):
        raise error
    # Its text may repeat the file's.
    logger.error("import %s failed (%s)", job.pk, type(error).__name__)
    return message("It failed: %(kind)s.", kind=type(error).__name__)


def _have_read(job: ImportJob, now: datetime) -> bool:
    """Begin to read a large workbook where nobody does; whether this scheduler does."""
    asked = job.options.get("workbook")
    if asked is None or (job.advanced_at is not None and now - job.advanced_at < LEASE):
        return False
    mine = _under_way(Phase.RECEIVING).filter(pk=job.pk, advanced_at=job.advanced_at)
    if asked["tries"] >= MOST_TRIES:
        return bool(mine.update(phase=Phase.READY, problem=_GIVEN_UP))
    tries = asked["tries"] + 1
    if not mine.update(advanced_at=now, options={"workbook": {**asked, "tries": tries}}):
        return False
    _begin_to_read(job.pk, tries)
    return True


def _begin_to_read(pk: int, tries: int) -> None:
    """Beside the scheduler's work, which does not wait for it."""

    def run() -> None:
        try:
            read_workbook(pk, tries)
        except DatabaseError as error:  # the text may repeat the values of a row
            logger.error("import %s could not be read (%s), trying again", pk, type(error).__name__)
        finally:
            connections.close_all()

    threading.Thread(target=run, name="workbook", daemon=True).start()


class _NotWanted(Exception):
    """It was cancelled, or another scheduler has taken it over."""


def read_workbook(pk: int, tries: int) -> None:
    """Put the rows of a large workbook in its place, as the table that it is from then on.

    Whoever dies with it, or takes too long for a piece, is followed by the next one, `MOST_TRIES` times.
    """
    mine = ImportJob.objects.filter(
        pk=pk, phase=Phase.RECEIVING, finished_at=None, options__workbook__tries=tries
    )
    job = mine.first()
    if job is None:
        return

    def renew() -> None:
        if not mine.update(advanced_at=timezone.now()):
            raise _NotWanted

    asked, first, values = job.options["workbook"], 0, {}
    try:
        first, job.size, sheets = uploads.unpack(job, asked["sheet"], renew)
        job.options = {"first_piece": first}
        _tell(job, uploads.Kept(encodings.UTF8, sheets), "", merge=asked["merge"])
        options = {**job.options, "first_piece": first}
        values = {"options": options, "size": job.size, "phase": job.phase, "total": job.total}
    except _NotWanted:
        return
    except Exception as error:
        values = {"phase": Phase.READY, "problem": _problem(job, error)}
    with transaction.atomic():
        if mine.update(**values, advanced_at=None):
            job.chunks.filter(number__lt=first).delete()


_GIVEN_UP = message("The workbook could not be read here. Save it as CSV UTF-8, and import that file.")


def _do_batch(read: ImportJob, now: datetime) -> bool:
    """Whether it was this scheduler that did it. What only reads comes before the short transaction."""
    batch, place = _next_batch(read)
    wanted = [record.change for _, record in batch if record.change]
    rehearsed = changes.rehearse(wanted) if read.phase == Phase.CHECKING else None
    with transaction.atomic():
        job = _lock(read)
        if job is None:
            return False
        answers = iter(changes.write(wanted) if rehearsed is None else rehearsed)
        refused_before, lines = job.refused, []
        for before, record in batch:
            written = next(answers) if record.change else Written("", error=record.error)
            _count(job, before, record, written)
            if written.error:
                lines.append(refused.stored(record, written.error))
        if lines:
            RefusedRecords(job=job, number=refused_before, data=refused.packed(lines)).save(force_insert=True)
        job.note(len(batch) if rehearsed is None else place.offset - job.offset, now)
        job.offset, job.number = place
        if not batch:
            _end(job, now)
        _save(job)
    return True


def _lock(read: ImportJob) -> ImportJob | None:
    """The same row, locked; None where it is not as it was read: another scheduler or a person came first."""
    under_way = _under_way(Phase(read.phase)).filter(pk=read.pk, offset=read.offset)
    if connection.features.has_select_for_update_skip_locked:
        under_way = under_way.select_for_update(skip_locked=True)
    job = under_way.first()
    return job if job is not None and job.options == read.options else None


def _save(job: ImportJob) -> None:
    job.save(update_fields=SAVED)
    if job.finished_at is not None:
        job.chunks.all().delete()


def _next_batch(job: ImportJob) -> tuple[list[tuple[Place, Record]], Place]:
    """Records with the place before each, and the place after all of them; none at the end."""
    source = uploads.source(job)
    batch: list[tuple[Place, Record]] = []
    before = job.place
    for record in import_options.records(source, job.options, job.place):
        batch.append((before, record))
        before = source.place
        if len(batch) == changes.BATCH_SIZE or before.offset - job.offset >= BATCH_BYTES:
            break
    return batch, source.place


def _count(job: ImportJob, before: Place, record: Record, written: Written) -> None:
    if written.error:
        job.refused += 1
        refused.group(job.mistakes, record, written.error)
        if len(job.errors) < MOST_ERRORS:
            job.errors.append([record.line, pack(written.error)])
    elif written.created:
        job.created += 1
    elif written.changed:
        job.changed += 1
        if job.phase == Phase.CHECKING and len(job.samples) < MOST_SAMPLES:
            job.samples.append(list(before))
    else:
        job.unchanged += 1


def _end(job: ImportJob, now: datetime) -> None:
    if job.phase == Phase.IMPORTING:
        job.finished_at = now
        return
    job.phase, job.done = Phase.READY, job.total
    if not job.records:
        job.problem = message("The file holds no profiles.")


def _give_up(job: ImportJob, problem: str, now: datetime) -> None:
    """Nothing more can be read: checked, it waits to be cancelled; half imported, it ends."""
    job.problem = problem
    if job.phase == Phase.IMPORTING:
        job.finished_at = job.cancelled_at = now
    else:
        job.phase = Phase.READY


def sample(job: ImportJob, source: Source, place: Place) -> Record | None:
    """The record after a place, read again; None where it cannot be any more."""
    try:
        return next(import_options.records(source, job.options, place), None)
    except UnusableFile:
        return None


def expire(now: datetime | None = None) -> int:
    """Cancel what nobody has imported within a day, or has paused for a day; how many."""
    before = (now or timezone.now()) - KEPT
    waiting = Q(created_at__lt=before) & ~Q(phase=Phase.IMPORTING)
    old = list(ImportJob.objects.filter(waiting | Q(paused_at__lt=before), finished_at=None).only("pk"))
    for job in old:
        ended = {"finished_at": timezone.now(), "cancelled_at": timezone.now()}
        ImportJob.objects.filter(pk=job.pk).update(**ended, problem=message("It was left alone for a day."))
        ImportChunk.objects.filter(job=job).delete()
    RefusedRecords.objects.filter(job__finished_at__lt=before).delete()
    return len(old)


def refused_lines(job: ImportJob) -> Iterator[Refused]:
    """The lines that were refused, in their order, a piece at a time."""
    number = -1
    while piece := job.refused_records.filter(number__gt=number).order_by("number").first():
        number = piece.number
        yield from refused.unpacked(bytes(piece.data))
