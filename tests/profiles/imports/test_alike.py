"""Files of other programs, read by the command and by an upload: both make the same profiles of them."""

import io
import json
from contextlib import suppress
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone

from profiles import changes
from profiles.imports import job as import_jobs
from profiles.imports import options as import_options
from profiles.imports import uploads
from profiles.imports.models import ImportJob
from profiles.models import Profile

pytestmark = pytest.mark.django_db
CASES = Path(__file__).parents[2] / "fixtures" / "cases" / "imports"
EXPECTED = json.loads((CASES / "expected.json").read_text())
GERMAN = EXPECTED["kunden_ansi.csv"]["profiles"]


def by_command(name, data, tmp_path):
    path = tmp_path / name
    path.write_bytes(data)
    stdout = io.StringIO()
    with suppress(SystemExit):
        call_command("import_profiles", str(path), stdout=stdout, stderr=io.StringIO())
    return stdout.getvalue().partition(" in ")[0]


def by_upload(name, data, tmp_path=None):
    job = import_jobs.receive(io.BytesIO(data), name)
    if job.phase == "columns":
        guesses = import_options.guesses(uploads.source(job), job.options)
        named = zip(job.options["heading"], guesses, strict=True)
        import_jobs.check(job, [[one, guess.path, guess.kind] for one, guess in named if guess.path])
    while import_jobs.advance(timezone.now()):
        pass
    job.refresh_from_db()
    checked = _summary(job)
    if import_jobs.start(job):
        while import_jobs.advance(timezone.now()):
            pass
        job.refresh_from_db()
        assert _summary(job) == checked
    return checked


def _summary(job):
    return f"created {job.created}, changed {job.changed}, unchanged {job.unchanged}, failed {job.refused}"


@pytest.fixture(params=[by_command, by_upload])
def load(request, tmp_path):
    """Import the bytes of a file, and tell the summary and what is stored."""

    def run(name, data):
        summary = request.param(name, data, tmp_path)
        return summary, [profile.document for profile in Profile.objects.order_by("pk")]

    return run


def case(name):
    return (CASES / name).read_bytes()


@pytest.mark.parametrize("name", ["kunden_ansi.csv", "kunden_sep.csv"])
def test_a_german_excel(load, name):
    assert load(name, case(name)) == ("created 3, changed 0, unchanged 0, failed 0", GERMAN)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp850", "mac-roman"]
)
@pytest.mark.parametrize("ends", ["\r\n", "\n", "\r"])
def test_any_encoding_and_line_end(load, encoding, ends):
    text = case("kunden_ansi.csv").decode("cp1252").replace("\r\n", ends)
    assert load("kunden.csv", text.encode(encoding)) == (
        "created 3, changed 0, unchanged 0, failed 0",
        GERMAN,
    )


def test_unicode_text_of_excel(load):
    """Tabs in UTF-16, and cells with semicolons and quotes."""
    text = case("kunden_ansi.csv").decode("cp1252").replace(";", "\t")
    assert load("kunden.txt", text.encode("utf-16"))[1] == GERMAN


def test_a_stray_quote(load):
    summary, stored = load("stray_quote.csv", case("stray_quote.csv"))
    assert summary == "created 3, changed 0, unchanged 0, failed 1"
    assert [one["id"] for one in stored] == ["1", "3", "4"]


def test_a_padded_heading(load):
    assert load("padded_heading.csv", case("padded_heading.csv")) == (
        "created 1, changed 0, unchanged 0, failed 0",
        [{"id": "7", "data": {"pii": {"display_name": "Eve"}}}],
    )


def test_a_dump_of_elasticsearch(load):
    expected = [
        {"id": "es-1", "data": {"pii": {"firstname": "Ola"}}},
        {"id": "es-2", "data": {"pii": {"firstname": "Per"}}},
    ]
    assert load("elastic_dump.ndjson", case("elastic_dump.ndjson"))[1] == expected
    lines = [json.loads(line) for line in case("elastic_dump.ndjson").splitlines()]
    found = {"took": 3, "hits": {"total": {"value": 2}, "hits": lines}, "timed_out": False}
    assert load("found.json", json.dumps(found, indent=1).encode()) == (
        "created 0, changed 0, unchanged 2, failed 0",
        expected,
    )


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        ('{"id": "c", "n"', "cut off"),
        ("", "cut off"),
        ('{"id": "c"}] and more', "more text after the end"),
    ],
)
@pytest.mark.parametrize("batch", [2, 500])
def test_a_list_that_breaks_off_counts_up_to_there(load, monkeypatch, rest, reason, batch):
    """What is left of it is one line that is refused, also where a batch ends right before it."""
    monkeypatch.setattr(changes, "BATCH_SIZE", batch)
    summary, stored = load("list.json", f'[{{"id": "a"}}, {{"id": "b"}}, {rest}'.encode())
    ids = ["a", "b", "c"] if "]" in rest else ["a", "b"]
    assert summary == f"created {len(ids)}, changed 0, unchanged 0, failed 1"
    assert [one["id"] for one in stored] == ids
    for job in ImportJob.objects.all():
        [[line, said]] = job.errors
        assert line == len(ids) + 1
        assert reason in said


@pytest.mark.parametrize("between", ["\n", "", " \r\n\r\n"])
@pytest.mark.parametrize("batch", [2, 500])
def test_lists_behind_each_other(load, monkeypatch, between, batch):
    """As who fetches an API page by page puts them into a file."""
    monkeypatch.setattr(changes, "BATCH_SIZE", batch)
    text = between.join(['[{"id": "a"}, {"id": "b"}]', "[]", '[{"id": "c"}]'])
    summary, stored = load("pages.json", text.encode())
    assert summary == "created 3, changed 0, unchanged 0, failed 0"
    assert [one["id"] for one in stored] == ["a", "b", "c"]


def test_an_answer_around_a_list(load):
    expected = [{"id": "r-1", "traits": {"n": 1}}, {"id": "r-2", "traits": {"n": 2}}]
    assert load("list_answer.json", case("list_answer.json"))[1] == expected
    answer = b'\xef\xbb\xbf{"meta": {"tags": ["a"]}, "data": {"items": [\n' + b",".join(
        json.dumps(one).encode() for one in expected
    )
    assert (
        load("answer.json", answer + b'\n]}, "next": "]"}')[0]
        == "created 0, changed 0, unchanged 2, failed 0"
    )


def test_a_list(load):
    assert [one["id"] for one in load("array.json", case("array.json"))[1]] == ["arr-1", "arr-2"]


def test_json_of_powershell(load):
    assert [one["id"] for one in load("a.json", case("array.json").decode().encode("utf-16"))[1]] == [
        "arr-1",
        "arr-2",
    ]


def test_lists_within_documents_are_no_list_of_documents(load):
    lines = b'{"id": "a", "items": [{"n": 1}]}\n{"id": "b", "items": [{"n": 2}]}\n'
    assert [one["id"] for one in load("a.ndjson", lines)[1]] == ["a", "b"]
    assert load("one.ndjson", b'{"id": "c", "items": [{"n": 1}]}')[1][2] == {"id": "c", "items": [{"n": 1}]}


def test_titles_above_the_heading_and_blank_columns_and_rows(load):
    text = "Kundenliste;;;\nStand: 27.11.2026;;;\n;;;\nKd-Nr;Vorname;Umsatz;\n1;Ann;1,5;\n;;;\n2;Bob;2,5;;\n"
    summary, stored = load("liste.csv", text.encode())
    assert summary == "created 2, changed 0, unchanged 0, failed 0"
    assert stored[0] == {"id": "1", "data": {"pii": {"firstname": "Ann"}}, "traits": {"umsatz": 1.5}}


def test_accounts_of_datev(load):
    text = (
        '"EXTF";700;16;"Debitoren/Kreditoren";5;20261127;;"RE";"";""\r\n'
        "Konto;Name (Adressattyp Unternehmen);Ort;Saldo\r\n"
        '10000;"Müller ""Söhne"" GmbH";"Köln";1.250,00\r\n'
    )
    summary, stored = load("EXTF_Debitoren.csv", text.encode("cp1252"))
    assert summary == "created 1, changed 0, unchanged 0, failed 0"
    assert stored == [
        {
            "id": "10000",
            "data": {"contact": {"address": {"town": "Köln"}}},
            "traits": {"name_adressattyp_unternehmen": 'Müller "Söhne" GmbH', "saldo": 1250.0},
        }
    ]


def test_contacts_of_mailchimp_and_hubspot(load):
    mailchimp = (
        "Email Address,First Name,MEMBER_RATING,OPTIN_TIME,EUID,NOTES,TAGS\n"
        'ann@x.example,Ann,2,"2024-02-01 10:00:00",e1,"Line\nbreak","""Tag A"",""Tag B"""\n'
    )
    assert load("subscribed.csv", mailchimp.encode())[1] == [
        {
            "id": "e1",
            "data": {"contact": {"email": {"main": "ann@x.example"}}, "pii": {"firstname": "Ann"}},
            "traits": {
                "member_rating": 2,
                "optin_time": "2024-02-01T10:00:00",
                "notes": "Line\nbreak",
                "tags": ["Tag A", "Tag B"],
            },
        }
    ]
    hubspot = (
        '"Record ID","First Name","Email","Create Date","Marketing contact status","Topics"\n'
        '"101","Bob","bob@x.example","2024-02-01 10:00","true","a;b"\n'
    )
    assert load("all-contacts.csv", hubspot.encode())[1][0] == {
        "id": "101",
        "data": {"contact": {"email": {"main": "bob@x.example"}}, "pii": {"firstname": "Bob"}},
        "traits": {
            "create_date": "2024-02-01T10:00:00",
            "marketing_contact_status": True,
            "topics": ["a", "b"],
        },
    }


def test_a_file_with_many_kinds_of_dirt(load):
    text = (
        "sep=;\r\n Kundennummer ; E-Mail ;Umsatz;Newsletter;seit\r\n"
        "K-1; a@x.example ;1.234,50 €;ja;1.2.2024\r\n"
        "K-2;b@x.example;zwölf;ja;1.2.2024\r\n"  # no number
        'K-3;"c@x.example;1,5;nein;1.2.2024\r\n'  # a stray quote
        "K-4;d@x.example;1,5;nein\r\n"  # too short
        ";e@x.example;1,5;nein;1.2.2024\r\n"  # no id
        "K-6;f@x.example;2,5;x;03.02.24;;\r\n"
    )
    summary, stored = load("kunden.csv", text.encode("cp1252"))
    assert summary == "created 2, changed 0, unchanged 0, failed 4"
    assert stored == [
        {
            "id": id,
            "data": {"contact": {"email": {"main": f"{mail}@x.example"}}},
            "traits": {"umsatz": amount, "newsletter": True, "seit": since},
        }
        for id, mail, amount, since in (
            ("K-1", "a", 1234.5, "2024-02-01"),
            ("K-6", "f", 2.5, "2024-02-03"),
        )
    ]
