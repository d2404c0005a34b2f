"""Mistakes that are grouped, and lines that are refused: kept, given out, mended and imported again."""

import io
from contextlib import suppress

import pytest
from django.core.management import call_command
from django.utils import timezone

from profiles import changes
from profiles.imports import job as import_jobs
from profiles.imports import refused
from profiles.imports.models import ImportJob, RefusedRecords
from profiles.models import Profile

pytestmark = pytest.mark.django_db
TEXT = 'id;n;m\n1;1,5;x\n2;zwei;x\n3;"1,5;x\n4;=drei();x\n5;1;x;y\n;1;x\n6;1;x\n'
COLUMNS = [["id", "id", "text"], ["n", "n", "number:comma"]]


def work(job):
    while import_jobs.advance(timezone.now()):
        pass
    job.refresh_from_db()
    return job


@pytest.fixture
def checked():
    def check(data, name="table.csv"):
        job = import_jobs.receive(io.BytesIO(data if isinstance(data, bytes) else data.encode()), name)
        if job.phase == "columns":
            import_jobs.check(job, COLUMNS)
        return work(job)

    return check


def file_of(job):
    lines = import_jobs.refused_lines(job)
    return b"".join(refused.as_file(lines, job.options.get("heading", ()), ";", str))


def test_equal_mistakes_are_one_with_cell_and_example(checked):
    job = checked(TEXT)
    assert (job.created, job.refused, job.records) == (2, 5, 7)
    shown = [(one["count"], one["lines"], one["cell"], one["example"]) for one in job.mistakes]
    assert shown == [
        (2, [3, 5], "B3", "zwei"),
        (1, [4], "B4", '"1,5'),
        (1, [6], "", ""),
        (1, [7], "", ""),
    ]
    assert sum(one["count"] for one in job.mistakes) == job.refused


def test_there_are_only_so_many_kinds_of_mistakes(checked, monkeypatch):
    monkeypatch.setattr(refused, "MOST_KINDS", 2)
    job = checked(TEXT)
    assert [one["count"] for one in job.mistakes] == [2, 1, 2]


@pytest.mark.parametrize(("column", "letters"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")])
def test_what_a_spreadsheet_calls_a_column(column, letters):
    assert refused.letters(column) == letters


def test_the_refused_lines_are_a_file_for_a_spreadsheet(checked):
    text = file_of(checked(TEXT)).decode("utf-8-sig")
    assert text.splitlines() == [
        "id;n;m;tracsync: line;tracsync: reason",
        "2;zwei;x;3;column n: not a number",
        '3;"""1,5";x;4;column n: a quote begins and has no end in this line',
        "4;'=drei();x;5;column n: not a number",
        "5;1;x;6;4 cells, the heading has 3;y",
        ";1;x;7;the id is blank",
    ]


def test_mended_they_are_imported_and_what_is_not_is_refused_again(checked):
    first = checked(TEXT)
    import_jobs.start(first)
    work(first)
    assert file_of(first) == file_of(checked(TEXT))  # the import refuses what the dry run did
    mended = file_of(first).decode("utf-8-sig").replace("zwei", "2").replace('"""1,5"', '"1,5"')
    second = checked(mended.encode("cp1252"))
    assert (second.created, second.refused) == (2, 3)
    assert [line.split(";")[:2] for line in file_of(second).decode().splitlines()[1:]] == [
        ["4", "'=drei()"],
        ["5", "1"],
        ["", "1"],
    ]
    import_jobs.start(second)
    work(second)
    assert Profile.objects.get(pk="3").document == {"id": "3", "n": 1.5}
    assert Profile.objects.count() == 4


def test_lines_of_json(checked):
    job = checked(b'{"id": "a"}\n{oops\n[1,\xff]\n', "file.ndjson")
    assert file_of(job) == "{oops\n[1,ÿ]\n".encode()
    job = checked(b'[{"id": "a"}, {"id":\n 5}]', "file.json")
    assert file_of(job) == b'{"id":  5}\n'
    text = '[{"id": 5, "n": "a\u2028b"}]'.encode()
    assert file_of(checked(text, "file.json")) == text[1:-1] + b"\n"


def test_different_mistakes_in_json_are_told_apart(checked):
    job = checked(b'{"id": "a", "n": }\n{"id": "b", "n": 1 2}\n{"id": "c", "nn": }\n', "file.ndjson")
    assert [(one["count"], one["lines"]) for one in job.mistakes] == [(2, [1, 3]), (1, [2])]


def test_a_batch_that_is_lost_is_kept_once(checked, monkeypatch):
    monkeypatch.setattr(changes, "BATCH_SIZE", 2)
    job = import_jobs.receive(io.BytesIO(b"{oops\n" * 7), "file.ndjson")
    note, fails = ImportJob.note, iter([True, False] * 10)

    def killed(*args):
        note(*args)
        if next(fails):
            raise KeyboardInterrupt

    monkeypatch.setattr(ImportJob, "note", killed)
    for _ in range(20):
        try:
            import_jobs.advance(timezone.now())
        except KeyboardInterrupt:
            continue
    job.refresh_from_db()
    assert (job.refused, file_of(job)) == (7, b"{oops\n" * 7)


def test_they_are_kept_for_a_day_after_the_import(checked, frozen):
    job = checked(TEXT)
    import_jobs.start(job)
    work(job)
    assert import_jobs.expire(timezone.now()) == 0
    assert job.refused_records.count() == 1
    import_jobs.expire(timezone.now() + import_jobs.KEPT * 2)
    assert RefusedRecords.objects.count() == 0


def test_what_is_cancelled_is_forgotten(checked):
    job = checked(TEXT)
    job.cancel()
    assert RefusedRecords.objects.count() == 0


def test_columns_are_those_of_the_last_import_with_this_heading(checked):
    checked(TEXT)
    assert import_jobs.remembered(["id", "n", "m"]) == COLUMNS
    assert import_jobs.remembered(["id", "n", "m", "tracsync: line", "tracsync: reason"]) == COLUMNS
    assert import_jobs.remembered(["id", "m", "n"]) == []


def test_a_table_is_read_anew(checked):
    job = checked("id,n;m\nä,1;x\n".encode("cp1252"))
    assert import_jobs.read_anew(job, "cp850", ",", 0, True)
    assert (job.phase, job.options["heading"], job.records) == ("columns", ["id", "n;m"], 0)
    import_jobs.check(job, [["id", "id", "text"]])
    import_jobs.start(work(job))
    work(job)
    assert Profile.objects.get().pk == "õ"
    assert not import_jobs.read_anew(job, "utf-8", ",", 0, False)


@pytest.fixture
def command(tmp_path):
    def run(data, *options):
        path = tmp_path / "table.csv"
        path.write_bytes(data.encode())
        stdout, stderr = io.StringIO(), io.StringIO()
        with suppress(SystemExit):
            call_command("import_profiles", str(path), *options, stdout=stdout, stderr=stderr)
        return stdout.getvalue().partition(" in ")[0], stderr.getvalue().splitlines()

    return run


def test_the_command_writes_them_too(command, tmp_path, checked):
    file = tmp_path / "refused.csv"
    _, said = command(TEXT, "--type", "n=number:comma", "--refused", str(file))
    assert said[-1].endswith(f" refused: 3, 4, 5, 6, 7. {file} has what is to be mended and imported.")
    assert file.read_bytes() == file_of(checked(TEXT))


def test_a_dry_run_of_the_command_writes_nothing_and_shows_how_it_reads(command):
    summary, said = command("id;seit;n\n1;31/12/1999;1,5\n2;x;2\n", "--dry-run")
    assert summary == "dry run, nothing is written: created 1, changed 0, unchanged 0, failed 1"
    assert said == [
        "read as CSV in UTF-8, ; between two cells",
        "  id -> id (text)",
        "  seit -> traits.seit (date:dmy)",
        "  n -> traits.n (number:comma)",
        "line 3: column seit: not a date",
        "1 line was refused: 3. With --refused FILE that file has what is to be mended and imported.",
    ]
    assert not Profile.objects.exists()
    assert command("id,n\n1,x\n", "--dry-run", "--type", "n=number", "--on-error", "stop")[1][-1] == (
        "Stopped at line 2. Nothing is written."
    )


def test_the_command_tells_many_equal_mistakes_together(command):
    _, said = command("id,n\n" + "1,x\n" * 25, "--map", "n=n", "--type", "n=number")
    assert len(said) == 22
    assert said[-2] == "25 lines (the first are 2, 3, 4, 5, 6): column n: not a number"
