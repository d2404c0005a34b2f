"""Files that are broken, or made to do harm: each is imported as far as it can be, or refused in words."""

import gzip
import io
import json
import time
import zipfile

import openpyxl
import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from profiles.imports import job as importing
from profiles.imports import workbook as workbook_reader
from profiles.imports.files import UnusableFile
from profiles.models import Profile
from tests.attacks.fuzzing import few, mutated
from tests.attacks.texts import HOSTILE

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:Generating overly large repr")]

SECONDS = 10.0  # of a processor, for what is small when it is sent


def workbook():
    book = openpyxl.Workbook()
    for row in (
        ["id", "name", "born"],
        ["1", "Ann", timezone.now().date()],
        ["2", 3.5, True],
        ["3", HOSTILE[0], None],
    ):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def archive(**parts):
    """The workbook with other parts, by the ends of their names."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(WORKBOOK)) as old,
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for one in old.infolist():
            key = one.filename.rpartition("/")[2].partition(".")[0]
            new.writestr(one.filename, parts.get(key, old.read(one)))
    return made.getvalue()


def sheet(rows):
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return f'<?xml version="1.0"?><worksheet xmlns="{space}"><sheetData>{rows}</sheetData></worksheet>'


WORKBOOK = workbook()
CSV = b'id;name;"a ""b"" c"\n1;Ann;"x\ny"\n2;B\xc3\xa9a;;\n3;"open\n'
LINES = b'{"id":"1","n":1}\n{"id":"2","n":{"a":[1,2]}}\n{"id":3}\n'
LIST = b'[{"id":"1"},{"id":"2","x":null}]'
SEEDS = [
    CSV,
    LINES,
    LIST,
    gzip.compress(CSV),
    WORKBOOK,
    CSV.decode().encode("utf-16"),
    CSV.decode().encode("cp1252"),
]
PIECES = (
    *(b'"', b'""', b"'", b";", b",", b"\t", b"\r", b"\n", b"\r\n\r\n", b"\x00", b"\xff\xfe"),
    *(b"\xef\xbb\xbf", b"\x1a", b"PK\x03\x04", b";" * 20_000),
    *(b"[" * 5_000, b'{"id":' * 3_000, b"9" * 9_000, b"1e999", b'"\\ud800"', b"a" * 100_000),
    *(b"\x1f\x8b", b"<html>", b"=cmd|' /C calc'!A0", b"sep=;\n", b"id;id;id\n"),
    *(b"\xe2\x80\xa8", b"\x0b", b"\x85"),
)  # fmt: skip
NAMES = st.sampled_from(
    [
        "a.csv",
        "a.json",
        "a.ndjson",
        "a.xlsx",
        "a.csv.gz",
        "",
        "..",
        "../../etc/passwd",
        "a\x00.csv",
        "\u202e",
        "x" * 400,
        *HOSTILE,
    ]
)
ENCODINGS = st.sampled_from(["", "", "", "utf-8", "cp1252", "utf-16"])


def imported(data, name="a.csv", **options):
    """What came of it: why it was refused, or "" where it came to its end. Raises nothing else."""
    try:
        job = importing.receive(io.BytesIO(data), name, "ann", **options)
    except UnusableFile as error:
        return str(error)
    if job.phase == job.Phase.COLUMNS:
        importing.check(job, [[HOSTILE[0], "id", "text"]])
        importing.check(job, [["id", "id", "text"], ["name", "traits.name", "text"]])
    for phase in range(2):
        for _ in range(200):
            if not importing.advance(timezone.now()):
                break
        job.refresh_from_db()
        if phase == 0:
            importing.start(job)
    return ""


@few(50)
@given(mutated(SEEDS, PIECES) | st.binary(max_size=300), NAMES, ENCODINGS)
def test_any_bytes(data, name, encoding):
    with transaction.atomic():
        began = time.process_time()
        imported(data, name, encoding=encoding)
        assert time.process_time() - began < SECONDS
        transaction.set_rollback(True)


ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
# Made by the test that asks for one: each process collects this.
HARMFUL = {
    "ten thousand million letters": lambda: archive(workbook=f"{ENTITIES}]><workbook>&i;</workbook>"),
    "entities in a sheet": lambda: archive(
        sheet1=f"{ENTITIES}]>{sheet('<row><c><v>&i;</v></c></row>')[21:]}"
    ),
    "a file of this machine": lambda: archive(
        workbook='<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><workbook>&a;</workbook>'
    ),
    "a DTD from elsewhere": lambda: archive(
        workbook='<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><workbook/>'
    ),
    "rows that end in the last column": lambda: archive(
        sheet1=sheet("".join(f'<row><c r="XFD{n}"><v>1</v></c></row>' for n in range(1, 1_001)))
    ),
    "a row far below": lambda: archive(
        sheet1=sheet('<row r="1048576"><c r="A1048576"><v>1</v></c></row>' * 3)
    ),
    "a row before the first": lambda: archive(
        sheet1=sheet('<row r="-5"><c r="A-5"><v>1</v></c></row><row r="x"/>')
    ),
    "a column that there is not": lambda: archive(
        sheet1=sheet('<row r="1"><c r="ZZZZZZ1"><v>1</v></c></row>')
    ),
    "a text that there is not": lambda: archive(
        sheet1=sheet('<row r="1"><c r="A1" t="s"><v>99999999</v></c></row>')
    ),
    "numbers that are none": lambda: archive(sheet1=sheet('<row><c r="A1"><v>1e999</v></c></row>')),
    "nested a hundred thousand deep": lambda: archive(sheet1=sheet("<row>" * 100_000)),
    "a bomb, zipped": lambda: archive(styles="a" * 60_000_000),
    "a bomb, gzipped": lambda: gzip.compress(b"\0" * 300_000_000, 9),
    "a bomb, gzipped twice": lambda: gzip.compress(gzip.compress(b"id\n" * 1_000_000)),
    "one line without an end": lambda: gzip.compress(b'{"id":"' + b"a" * 50_000_000),
    "a heading of a hundred thousand columns": lambda: b"id" + b",a" * 100_000 + b"\n1\n",
    "a list within a list": lambda: b"[" * 1_000_000,
    "an integer of a million digits": lambda: b'{"id":"1","n":' + b"9" * 1_000_000 + b"}",
    "quotes that end nowhere": lambda: b"id,n\n" + b'1,"\n' * 20_000,
    "nothing": lambda: b"",
    "an archive of nothing": lambda: b"PK\x05\x06" + b"\0" * 18,
    "half of a workbook": lambda: WORKBOOK[: len(WORKBOOK) // 2],
}


ENTITY = "is no Excel workbook (.xlsx) that can be read (ValueError)"
REFUSED = {
    "ten thousand million letters": ENTITY,
    "a file of this machine": ENTITY,
    "entities in a sheet": ENTITY,
    "rows that end in the last column": str(workbook_reader._SPARSE),
    "a row far below": str(workbook_reader._SPARSE),
}


@pytest.mark.parametrize("what", HARMFUL)
def test_what_means_harm(what, settings):
    data = HARMFUL[what]()
    settings.TRACSYNC_MAX_UPLOAD_BYTES = 50_000_000
    began = time.process_time()
    said = imported(data, "a.xlsx" if data.startswith(b"PK") else "a.csv")
    assert time.process_time() - began < SECONDS
    assert said == REFUSED.get(what, said)
    assert Profile.objects.filter(pk="1").count() <= 1
    assert not any("root:" in json.dumps(one.document) for one in Profile.objects.all()[:10])


def test_the_reader_of_workbooks_is_the_one_that_takes_no_entities():
    assert openpyxl.DEFUSEDXML
