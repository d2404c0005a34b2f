"""Uploaded files: the check that writes nothing, the import in batches, and what may go wrong with both."""

import gzip
import io
import json
from datetime import timedelta

import pytest
from django.db import DataError, IntegrityError, OperationalError
from django.utils import timezone

from profiles import changes
from profiles.imports import job as import_jobs
from profiles.imports import uploads
from profiles.imports.files import UnusableFile
from profiles.imports.models import ImportChunk, ImportJob
from profiles.models import Profile
from tracsync.common import jobs
from tracsync.common.jobs import JobEnded, progress

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Ten records a batch, and chunks so small that records lie across their borders."""
    monkeypatch.setattr(changes, "BATCH_SIZE", 10)
    monkeypatch.setattr(uploads, "CHUNK_SIZE", 100)


def ndjson(*documents):
    return "\n".join(json.dumps(document) for document in documents)


def numbered(count, **data):
    return [{"id": f"p{n:03}", "n": n, **data} for n in range(count)]


def upload(text, name="file.ndjson", **options):
    data = text if isinstance(text, bytes) else text.encode()
    return import_jobs.receive(io.BytesIO(data), name, "ann", **options)


def work(job, batches=10_000):
    for _ in range(batches):
        if not import_jobs.advance(timezone.now()):
            break
    job.refresh_from_db()
    return job


def counts(job):
    return job.created, job.changed, job.unchanged, job.refused


FORMATS = {
    "ndjson": lambda documents: ndjson(*documents),
    "json": lambda documents: json.dumps(documents, indent=2),
    "csv": lambda documents: "\n".join(["id,n", *(f"{one['id']},{one['n']}" for one in documents)]),
}


@pytest.mark.parametrize("format", FORMATS)
def test_a_check_counts_and_writes_nothing_and_the_import_does_it(format):
    stored = [*numbered(5), {"id": "p005", "n": -1}]
    changes.write([changes.Change(one["id"], "put", one) for one in stored])
    job = upload(FORMATS[format](numbered(35)), f"file.{format}")
    if format == "csv":
        assert job.phase == "columns"
        assert import_jobs.advance(timezone.now()) == 0
        assert import_jobs.check(job, [["id", "id", "text"], ["n", "n", "number"]])
    assert job.phase == "checking"
    work(job)
    assert (job.phase, counts(job)) == ("ready", (29, 1, 5, 0))
    assert Profile.objects.count() == 6
    assert import_jobs.start(job)
    work(job)
    assert (job.state, counts(job), job.done, job.total) == ("finished", (29, 1, 5, 0), 35, 35)
    assert job.checked == {"created": 29, "changed": 1, "unchanged": 5, "refused": 0}
    assert Profile.objects.count() == 35
    assert Profile.objects.get(pk="p005").document == {"id": "p005", "n": 5}
    assert ImportChunk.objects.count() == 0


def test_refused_lines_are_said_with_their_numbers_and_left_out():
    job = work(upload(ndjson({"id": "a"}) + "\n\n{oops\n" + ndjson({"id": 5}, {"id": "b"})))
    assert counts(job) == (2, 0, 0, 2)
    assert [line for line, _ in job.errors] == [3, 4]
    assert "oops" not in str(job.errors)
    import_jobs.start(job)
    assert counts(work(job)) == (2, 0, 0, 2)
    assert set(Profile.objects.values_list("pk", flat=True)) == {"a", "b"}


def test_only_the_first_errors_are_kept(monkeypatch):
    monkeypatch.setattr(import_jobs, "MOST_ERRORS", 3)
    job = work(upload("x\n" * 25))
    assert (job.refused, len(job.errors)) == (25, 3)
    assert not import_jobs.start(job)


@pytest.mark.parametrize("format", FORMATS)
def test_killed_anywhere_nothing_is_left_out_or_counted_twice(format, monkeypatch):
    """A batch whose transaction is lost is done again from where the last one ended."""
    job = upload(FORMATS[format](numbered(47)), f"file.{format}")
    if format == "csv":
        import_jobs.check(job, [["id", "id", "text"], ["n", "n", "number"]])
    note = ImportJob.note
    fails = iter([True, False, True, True, False] * 20)

    def killed(*args):
        note(*args)
        if next(fails):
            raise KeyboardInterrupt  # no error of the file: it leaves as a kill would, after the writes

    monkeypatch.setattr(ImportJob, "note", killed)

    def finish(done):
        for _ in range(60):
            try:
                import_jobs.advance(timezone.now())
            except KeyboardInterrupt:
                continue
            job.refresh_from_db()
            if done():
                return

    finish(lambda: job.phase == "ready")
    assert counts(job) == (47, 0, 0, 0)
    import_jobs.start(job)
    finish(lambda: job.finished_at)
    assert (counts(job), Profile.objects.count()) == ((47, 0, 0, 0), 47)
    assert set(Profile.objects.values_list("version", flat=True)) == {1}


def test_paused_it_stays_and_resumed_it_goes_on_where_it_was():
    job = work(upload(ndjson(*numbered(35))))
    import_jobs.start(job)
    work(job, batches=1)
    job.pause()
    assert import_jobs.advance(timezone.now()) == 0
    assert (job.state, Profile.objects.count()) == ("paused", 10)
    assert progress(job).summary.endswith("10 of 35 records imported")
    job.resume()
    assert (work(job).state, counts(job)) == ("finished", (35, 0, 0, 0))


def test_cancelled_what_was_imported_stays_and_the_file_goes():
    job = work(upload(ndjson(*numbered(35))))
    import_jobs.start(job)
    work(job, batches=2)
    job.cancel()
    assert import_jobs.advance(timezone.now()) == 0
    assert (job.state, Profile.objects.count(), ImportChunk.objects.count()) == ("cancelled", 20, 0)
    with pytest.raises(JobEnded, match="The import is cancelled already"):
        job.resume()
    assert not import_jobs.start(job)


def test_it_begins_once_however_often_it_is_asked_for():
    job = work(upload(ndjson(*numbered(15))))
    again = ImportJob.objects.get(pk=job.pk)
    assert import_jobs.start(job)
    work(job, batches=1)
    assert not import_jobs.start(again)
    assert counts(work(job)) == (15, 0, 0, 0)


def test_other_columns_are_checked_anew():
    job = upload("no,mail,vip\nc-1,a@x.example,yes\nc-2,,maybe\n", "table.csv")
    import_jobs.check(job, [["no", "id", "text"], ["vip", "traits.vip", "boolean"]])
    assert counts(work(job)) == (1, 0, 0, 1)
    import_jobs.check(job, [["no", "id", "text"], ["mail", "data.mail", "text"]])
    assert (job.phase, counts(job), job.errors) == ("checking", (0, 0, 0, 0), [])
    assert counts(work(job)) == (2, 0, 0, 0)
    import_jobs.start(job)
    work(job)
    assert Profile.objects.get(pk="c-1").document == {"id": "c-1", "data": {"mail": "a@x.example"}}
    assert not import_jobs.check(job, [["no", "id", "text"]])


def test_merged_rows_keep_the_rest_of_the_profile():
    Profile(document={"id": "c-1", "town": "Rome", "n": 1}).save()
    job = upload("id;town\nc-1;Oslo\n", "towns.csv", merge=True)
    assert job.options["delimiter"] == ";"
    import_jobs.check(job, [["town", "town", "text"]])
    import_jobs.start(work(job))
    work(job)
    assert Profile.objects.get(pk="c-1").document == {"id": "c-1", "town": "Oslo", "n": 1}


def test_cells_with_line_breaks_lie_across_batches():
    rows = "".join(f'r{n},"one\ntwo {n}"\n' for n in range(25))
    job = upload("id,text\n" + rows, "table.csv")
    import_jobs.check(job, [["text", "text", "text"]])
    import_jobs.start(work(job))
    assert counts(work(job)) == (25, 0, 0, 0)
    assert Profile.objects.get(pk="r24").document["text"] == "one\ntwo 24"


def test_samples_are_records_that_would_change_something():
    stored = [{"id": f"p{n:03}", "n": -n} for n in range(30)]
    changes.write([changes.Change(one["id"], "put", one) for one in stored])
    job = work(upload(ndjson(*numbered(30))))
    assert len(job.samples) == import_jobs.MOST_SAMPLES
    source = uploads.source(job)
    found = [import_jobs.sample(job, source, import_jobs.Place(*place)).change.id for place in job.samples]
    assert found == [f"p{n:03}" for n in range(1, 21)]


def test_a_gzipped_file_is_unpacked():
    job = work(upload(gzip.compress(ndjson(*numbered(12)).encode()), "file.ndjson.gz"))
    assert (job.created, job.size) == (12, len(ndjson(*numbered(12))))


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (b"", "empty.ndjson", "is empty"),
        ("id\nä".encode("utf-32"), "table.csv", "is UTF-32: save it as UTF-8 text"),
        (gzip.compress(gzip.compress(b"id\n1", mtime=0), mtime=0), "table.csv", "is gzipped: unpack it"),
        (b"PK\x03\x04rest", "table.csv", "is no Excel workbook .* that can be read"),
        (gzip.compress(b"PK\x03\x04rest", mtime=0), "a.xlsx.gz", "import it as a file, not packed or piped"),
        (b"\xd0\xcf\x11\xe0rest", "table.xls", "is an old Excel workbook"),
        (b"<html><table><tr><td>1</td></tr></table>", "table.xls", "is HTML or XML, whatever its name says"),
        (gzip.compress(b"{}", mtime=0)[:-4], "broken.gz", "cannot be unpacked"),
        (gzip.compress(b"x" * 2000, mtime=0), "bomb.gz", "has more than 1,000 bytes"),
        (b"x" * 1001, "large.ndjson", "has more than 1,000 bytes"),
    ],
)
def test_a_file_that_cannot_be_used_leaves_nothing_behind(data, name, words, settings):
    settings.TRACSYNC_MAX_UPLOAD_BYTES = 1000
    with pytest.raises(UnusableFile, match=words):
        upload(data, name)
    assert (ImportJob.objects.count(), ImportChunk.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (b"[1", "file.json", "the list has no end"),
        (b"[] x", "file.json", "more text after the end"),
        (b"[{]", "file.json", "the list has no end"),
        (b"[]", "file.json", "holds no profiles"),
        (b"\n \n", "file.ndjson", "holds no profiles"),
        (b"a,b\n1,2\n", "file.csv", "has no column named id in its heading"),
        (b"id,id\n1,2\n", "file.csv", "has several columns named id"),
        (b"\n\n", "file.csv", "has no heading"),
    ],
)
def test_a_file_that_is_broken_as_a_whole_can_only_be_cancelled(data, name, words):
    job = upload(data, name)
    if job.phase == "columns":
        import_jobs.check(job, [["a", "a", "text"]] if b"a" in data else [["id", "id", "text"]])
    work(job)
    assert (job.phase, words in job.problem) == ("ready", True), job.problem
    assert not import_jobs.start(job)
    job.cancel()
    assert ImportChunk.objects.count() == 0


HOSTILE = {
    "a null byte": (b'{"id": "a\\u0000"}', 1),
    "raw null bytes": (b'{"id": "a\x00"}', 1),
    "not UTF-8": (b'{"id": "\xff"}', 1),
    "deep": (b'{"id": "a", "d": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 1),
    "a huge number": (b'{"id": "a", "n": ' + b"9" * 5000 + b"}", 1),
    "half a pair": (b'{"id": "a", "t": "\\ud800"}', 1),
    "a set of nothing": (b'{"set": {}}\n{"id": "a", "set": 5}', 2),
    "other things": (b"null\n5\n[]\ntrue", 4),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_lines_are_refused_one_by_one(name):
    data, refused = HOSTILE[name]
    job = work(upload(data + b'\n{"id": "good"}\n'))
    assert counts(job) == (1, 0, 0, refused)
    assert "\0" not in str(job.errors)


def test_a_line_that_is_too_long_is_skipped_without_being_kept(settings):
    settings.TRACSYNC_MAX_DOCUMENT_BYTES = 100
    job = work(upload(b'{"id": "' + b"x" * 50_000 + b'"}\n{"id": "good"}'))
    assert (counts(job), job.errors) == ((1, 0, 0, 1), [[1, "the line is too long"]])


@pytest.mark.parametrize("rows", [b'"unclosed\n' * 5, b"a\x00b,c\n", b"1,2,3\n"])
def test_hostile_rows_are_refused(rows, settings):
    settings.TRACSYNC_MAX_DOCUMENT_BYTES = 100
    job = upload(b"id,name\n" + rows, "table.csv")
    import_jobs.check(job, [["name", "name", "text"]])
    work(job)
    assert job.phase == "ready"
    assert job.created == 0


def test_what_fails_unexpectedly_ends_and_does_not_stop_the_others(monkeypatch, caplog):
    good, bad = upload(ndjson(*numbered(3))), upload(ndjson({"id": "secret-name"}))
    rehearse = changes.rehearse

    def failing(chosen):
        if chosen and chosen[0].id == "secret-name":
            raise RuntimeError("secret-name")
        return rehearse(chosen)

    monkeypatch.setattr(changes, "rehearse", failing)
    assert import_jobs.advance(timezone.now()) == 2
    assert work(good).created == 3
    bad.refresh_from_db()
    assert bad.problem == "It failed: RuntimeError."
    assert "secret-name" not in caplog.text


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (DataError("secret-name"), "It failed: DataError."),
        (IntegrityError("secret-name"), "It failed: IntegrityError."),
        (OperationalError("disk full: secret-name"), ""),  # nothing about the file: it is tried again
    ],
)
def test_a_batch_that_the_database_refuses_does_not_stop_the_others(monkeypatch, caplog, error, problem):
    bad, good = upload(ndjson({"id": "secret-name"})), upload(ndjson(*numbered(3)))
    rehearse = changes.rehearse

    def failing(chosen):
        if chosen and chosen[0].id == "secret-name":
            raise error
        return rehearse(chosen)

    monkeypatch.setattr(changes, "rehearse", failing)
    assert work(good).created == 3
    bad.refresh_from_db()
    assert (bad.problem, bad.phase) == (problem, "ready" if problem else "checking")
    assert "secret-name" not in caplog.text
    monkeypatch.setattr(changes, "rehearse", rehearse)
    assert import_jobs.advance(timezone.now()) == 0  # not at every look
    jobs._resting.clear()
    assert work(bad).created == (0 if problem else 1)


def test_what_nobody_imports_is_cancelled_after_a_day():
    job, paused, running = (upload(ndjson(*numbered(25))) for _ in range(3))
    work(job)
    for one in (paused, running):
        one.refresh_from_db()
        import_jobs.start(one)
    paused.pause()
    assert import_jobs.expire(timezone.now() + timedelta(hours=23)) == 0
    assert import_jobs.expire(timezone.now() + timedelta(hours=25)) == 2
    job.refresh_from_db()
    assert (job.state, job.problem) == ("cancelled", "It was left alone for a day.")
    assert set(ImportChunk.objects.values_list("job", flat=True)) == {running.pk}


def test_names_are_kept_as_far_as_they_can_be():
    assert upload(b"{}", "a\0b\ud800" + "x" * 500).name.endswith("x" * 100)
    assert upload(b"{}", "").name == "file"


def test_rate_and_time_left_are_those_of_the_batches(frozen):
    job = upload(ndjson(*numbered(40)))
    work(job)
    import_jobs.start(job)
    for _ in range(3):
        import_jobs.advance(frozen.now)
        frozen.forward(5)
    job.refresh_from_db()
    assert progress(job).summary == "30 of 40 records imported, about 5 s left"
    assert (progress(job).rate, progress(job).percent) == (2.0, 75)
