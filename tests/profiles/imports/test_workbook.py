"""Excel workbooks: typed cells, sheets, and archives that are none or mean harm."""

import io
import re
import zipfile
from datetime import date, datetime

import openpyxl
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from profiles.imports import job as import_jobs
from profiles.imports import options as import_options
from profiles.imports import uploads, workbook
from profiles.imports.files import UnusableFile
from profiles.imports.models import ImportJob
from profiles.models import Profile

HEADING = ["Kundennummer", "Vorname", "Umsatz", "Newsletter", "Geburtstag", "Zuletzt am", "Notiz"]
ROWS = [
    ["K-1", "Jörg", 2120.61, True, date(1990, 5, 10), datetime(2026, 3, 1, 9, 30), "a\nb; c, d"],
    [4711, "=Zoë", 1.234, False, datetime(1985, 1, 1), None, None],
    [],
    ["K-3", "Ann", -12, None, None, datetime(2026, 3, 1), '"x'],
]
DOCUMENTS = [
    {
        "id": "4711",
        "data": {"pii": {"birthday": "1985-01-01"}},
        "traits": {"umsatz": 1.234, "newsletter": False},
    },
    {
        "id": "K-1",
        "data": {"pii": {"firstname": "Jörg", "birthday": "1990-05-10"}},
        "traits": {
            **{"umsatz": 2120.61, "newsletter": True, "zuletzt_am": "2026-03-01T09:30:00"},
            "notiz": "a\nb; c, d",
        },
    },
    {
        "id": "K-3",
        "data": {"pii": {"firstname": "Ann"}},
        "traits": {"umsatz": -12, "zuletzt_am": "2026-03-01", "notiz": '"x'},
    },
]


def saved(sheets, hidden=()):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        sheet.sheet_state = "hidden" if name in hidden else "visible"
        for row in rows:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def changed(data, part, change):
    """The workbook with another text in one of its parts."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            text = old.read(name)
            new.writestr(name, change(text) if name == part else text)
    return file.getvalue()


def as_of_excel(data):
    """With the texts of all cells in a part of their own."""
    texts = []

    def shared(found):
        texts.append(found[2])
        return b'<c %s t="s"><v>%d</v></c>' % (found[1], len(texts) - 1)

    kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    relation = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    override = b'<Override PartName="/xl/sharedStrings.xml" ContentType="%s"/></Types>' % kind
    related = b'<Relationship Id="rId99" Type="%s" Target="sharedStrings.xml"/></Relationships>' % relation
    inline = rb'<c ([^>]*) t="inlineStr"><is>(.*?)</is></c>'
    for part in (SHEET, SHEET.replace("1", "2")):
        data = changed(data, part, lambda text: re.sub(inline, shared, text, flags=re.DOTALL))
    data = changed(data, "[Content_Types].xml", lambda text: text.replace(b"</Types>", override))
    rels = "xl/_rels/workbook.xml.rels"
    data = changed(data, rels, lambda text: text.replace(b"</Relationships>", related))
    file = io.BytesIO(data)
    with zipfile.ZipFile(file, "a") as archive:
        name = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        every = b"".join(b"<si>%s</si>" % text for text in texts)
        archive.writestr("xl/sharedStrings.xml", b'<sst xmlns="%s">%s</sst>' % (name, every))
    return file.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
CUSTOMERS = as_of_excel(
    saved({"Kunden": [["Stand 1.3.2026"], HEADING, *ROWS], "Orte": [["id", "Ort"], ["1", "Köln"]]})
)


def lines(data, sheet=""):
    return workbook.read(io.BytesIO(data), sheet).stream.read().decode().split("\n")


def stored():
    return [profile.document for profile in Profile.objects.order_by("pk")]


def guessed(job):
    """The columns as they are guessed, the id among them."""
    guesses = import_options.guesses(uploads.source(job), job.options)
    return [
        [name, one.path, one.kind]
        for name, one in zip(job.options["heading"], guesses, strict=True)
        if one.path
    ]


def imported(job):
    """Check and import it; what is stored then."""
    import_jobs.check(job, guessed(job))
    while import_jobs.advance(timezone.now()):
        pass
    job.refresh_from_db()
    assert import_jobs.start(job)
    while import_jobs.advance(timezone.now()):
        pass
    return stored()


@pytest.mark.django_db
def test_an_upload_is_a_table_of_typed_cells():
    job = import_jobs.receive(io.BytesIO(CUSTOMERS), "Kunden.xlsx")
    assert (job.phase, job.options["sheets"], job.options["skip"]) == ("columns", ["Kunden", "Orte"], 1)
    assert imported(job) == DOCUMENTS


def test_a_cell_can_be_read_in_one_way_only():
    cells = [1.234, -1.234, 12.5, 3.0, 1e20, 0.1 + 0.2, 123456789012, date(2026, 1, 2), "#N/A"]
    assert lines(saved({"s": [cells]}))[0].split(",") == [
        *("1.2340", "-1.2340", "12.5", "3", "1e+20", "0.3", "123456789012", "2026-01-02", "#N/A")
    ]


def test_rows_keep_their_number_and_blank_cells_at_their_end():
    data = saved({"s": [["a", "b", "c"], [], ["1"], ["1", None, "3", None]]})
    assert lines(data) == ["a,b,c", "", "1,,", "1,,3", ""]


@pytest.mark.parametrize(
    ("sheet", "first"), [("", "id,Ort"), ("leer", None), ("GEHEIM", "x"), ("Plan", UnusableFile)]
)
def test_which_sheet(sheet, first):
    data = saved({"leer": [], "geheim": [["x"]], "Orte": [[], ["id", "Ort"]]}, hidden=["geheim"])
    if isinstance(first, str):
        assert first in lines(data, sheet)
    else:
        reason = "has no sheet Plan: it has leer, geheim, Orte" if first else "is empty"
        with pytest.raises(UnusableFile, match=reason):
            lines(data, sheet)


NO_WORKBOOK = io.BytesIO()
with zipfile.ZipFile(NO_WORKBOOK, "w") as archive:
    archive.writestr("letter.txt", "Dear Ann")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (CUSTOMERS[:-200], r"is no Excel workbook \(.xlsx\) that can be read \(BadZipFile\)"),
        (workbook.MARK, "BadZipFile"),
        (NO_WORKBOOK.getvalue(), r"is no Excel workbook \(.xlsx\) that can be read"),
        (changed(CUSTOMERS, SHEET, lambda text: text[:-300]), "ParseError"),
        (changed(CUSTOMERS, SHEET, lambda text: text.replace(b"<v>0</v>", b"<v>9999</v>")), "IndexError"),
        (
            changed(CUSTOMERS, SHEET, lambda text: text.replace(b'<row r="2"', b'<row r="99999999999"')),
            "holds hardly anything but blank cells",
        ),
    ],
    ids=["cut", "mark", "zip", "xml", "string", "row"],
)
def test_what_is_no_workbook(data, reason):
    with pytest.raises(UnusableFile, match=reason):
        lines(data)


def test_more_rows_than_a_sheet_can_have(monkeypatch):
    monkeypatch.setattr(workbook, "MOST_ROWS", 2)
    with pytest.raises(UnusableFile, match="has more rows than a sheet can have"):
        lines(CUSTOMERS)


@pytest.mark.parametrize("part", ["xl/sharedStrings.xml", SHEET])
def test_what_would_unpack_to_too_much(part, settings, monkeypatch):
    """A bomb is told by the sizes in its archive, and none of it is read."""
    settings.TRACSYNC_MAX_UPLOAD_BYTES = 900_000
    monkeypatch.setattr(workbook, "MOST_IN_MEMORY", 100_000)
    data = changed(CUSTOMERS, part, lambda text: text + b" " * (100_000 if "Strings" in part else 900_000))
    assert len(data) < 20_000
    monkeypatch.setattr(openpyxl, "load_workbook", None)
    with pytest.raises(UnusableFile, match="is too large for a workbook: save it as CSV UTF-8"):
        lines(data)


def test_sizes_that_a_sheet_claims_are_not_believed():
    data = changed(
        CUSTOMERS,
        SHEET,
        lambda text: re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:XFD1048576"', text),
    )
    assert lines(data) == lines(CUSTOMERS)


@pytest.fixture
def load(db, tmp_path):
    def run(data, *options, name="customers.xlsx"):
        path = tmp_path / name
        path.write_bytes(data)
        stdout, stderr = io.StringIO(), io.StringIO()
        call_command("import_profiles", str(path), *options, stdout=stdout, stderr=stderr)
        return stdout.getvalue().partition(" in ")[0], stderr.getvalue().splitlines()

    return run


def test_the_command_reads_the_same(load):
    summary, said = load(CUSTOMERS)
    assert said[0] == "rows of the sheet Kunden, not of Orte"
    assert not any("read as CSV" in line for line in said)
    assert summary == "created 3, changed 0, unchanged 0, failed 0"
    assert [document["id"] for document in stored()] == ["4711", "K-1", "K-3"]
    assert (
        load(CUSTOMERS, "--sheet", "orte", name="a.dat")[0] == "created 1, changed 0, unchanged 0, failed 0"
    )
    assert Profile.objects.get(pk="1").document == {
        "id": "1",
        "data": {"contact": {"address": {"town": "Köln"}}},
    }


@pytest.mark.parametrize(
    ("data", "options", "reason"),
    [
        (CUSTOMERS, ["--encoding", "utf-8"], "--encoding is not for Excel workbooks"),
        (CUSTOMERS, ["--sheet", "x"], "has no sheet x: it has Kunden, Orte"),
        (b"id\n1\n", ["--sheet", "x"], "--sheet is for Excel workbooks"),
    ],
)
def test_what_the_command_refuses(load, data, options, reason):
    with pytest.raises(CommandError, match=reason):
        load(data, *options)


@pytest.fixture
def large(monkeypatch):
    """Any workbook is; reading it is part of the turn, as a thread has a connection of its own."""
    monkeypatch.setattr(uploads, "LARGE", 0)
    monkeypatch.setattr(import_jobs, "_begin_to_read", import_jobs.read_workbook)


def read_in_background(data, **options):
    job = import_jobs.receive(io.BytesIO(data), "Kunden.xlsx", **options)
    assert job.phase == "receiving"
    import_jobs.advance(timezone.now())
    job.refresh_from_db()
    return job


@pytest.mark.django_db
def test_a_large_workbook_is_read_in_the_background(large, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(openpyxl, "load_workbook", None)  # not while somebody waits for the page
        import_jobs.receive(io.BytesIO(CUSTOMERS), "Kunden.xlsx").delete()
    monkeypatch.setattr(uploads, "CHUNK_SIZE", 1000)
    job = read_in_background(CUSTOMERS, merge=True)
    assert (job.phase, job.options["sheets"], job.options["merge"]) == ("columns", ["Kunden", "Orte"], True)
    assert uploads.source(job).read(100_000) == "\n".join(lines(CUSTOMERS)).encode()
    assert job.chunks.count() == -(-job.size // 1000)
    assert import_jobs.read_anew(job, "utf-8", ",", 1, False)
    assert imported(job) == DOCUMENTS


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("data", "sheet", "problem"),
    [
        (changed(CUSTOMERS, SHEET, lambda text: text[:-300]), "", "ParseError"),
        (CUSTOMERS, "Plan", "has no sheet Plan: it has Kunden, Orte"),
    ],
)
def test_what_is_wrong_with_a_large_workbook_is_said(large, data, sheet, problem):
    job = read_in_background(data, sheet=sheet)
    assert job.phase == "ready"
    assert problem in job.problem
    assert not import_jobs.start(job)


@pytest.mark.django_db
def test_a_large_workbook_that_is_cancelled_meanwhile_leaves_nothing(large, monkeypatch):
    read = workbook.read

    def cancel(*args):
        ImportJob.objects.get().cancel()
        return read(*args)

    monkeypatch.setattr(workbook, "read", cancel)
    job = read_in_background(CUSTOMERS)
    assert (job.state, job.chunks.count()) == ("cancelled", 0)


@pytest.mark.django_db
def test_whoever_dies_with_a_large_workbook_is_followed_a_few_times(large, monkeypatch, frozen):
    begun = []
    monkeypatch.setattr(import_jobs, "_begin_to_read", lambda pk, tries: begun.append(tries))
    job = read_in_background(CUSTOMERS)
    assert import_jobs.advance(frozen.now) == 0
    for _ in range(3):
        frozen.forward(import_jobs.LEASE.total_seconds())
        import_jobs.advance(frozen.now)
    assert begun == [1, 2, 3]
    import_jobs.read_workbook(job.pk, 1)  # it was not dead, only slow
    job.refresh_from_db()
    assert (job.phase, job.problem) == (
        "ready",
        "The workbook could not be read here. Save it as CSV UTF-8, and import that file.",
    )
