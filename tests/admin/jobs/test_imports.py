"""Importing in the admin: upload, columns, dry run, import; and who may do it."""

import io
import json
import re
from datetime import timedelta
from types import SimpleNamespace

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from destinations.insight import path_suggestions
from destinations.models import Backfill, Heartbeat, Replay
from profiles.imports import job as import_jobs
from profiles.imports.models import ImportChunk, ImportJob
from profiles.models import Profile

ADD = "profiles_importjob_add"
CHANGE = "profiles_importjob_change"


@pytest.fixture
def upload(post):
    def send(data, name="file.ndjson", **fields):
        text = data if isinstance(data, bytes) else data.encode()
        return post(ADD, file=SimpleUploadedFile(name, text), **fields)

    return send


def lines(*documents):
    return "\n".join(json.dumps(document) for document in documents)


def work():
    while import_jobs.advance(timezone.now()):
        pass
    return ImportJob.objects.first()


def test_from_the_upload_to_the_profiles(upload, page, post, profile):
    answer = upload(lines({"id": "new"}, {"id": "anna", "town": "<b>Oslo</b>"}) + "\n{oops")
    assert "Import of file.ndjson" in answer
    assert "No worker shows itself" in answer
    job = work()
    text = page(CHANGE, job.pk)
    assert "Dry run" in text
    assert "Import 2 records" in text
    assert "<ins>+   &quot;town&quot;: &quot;&lt;b&gt;Oslo&lt;/b&gt;&quot;" in text
    assert "<del>-   &quot;data&quot;: {" in text
    assert "not JSON: Expecting property name" in text
    assert Profile.objects.count() == 1
    assert "has begun" in post("profiles_importjob_start", job.pk)
    assert "There is nothing to import" in post("profiles_importjob_start", job.pk)
    work()
    text = page(CHANGE, job.pk)
    assert "3 of 3 records imported" in text
    assert "100&nbsp;%" in text
    assert Profile.objects.get(pk="anna").document == {"id": "anna", "town": "<b>Oslo</b>"}


def test_columns_of_a_table_are_chosen(upload, page, post):
    answer = upload("no;mail;visits;traits.vip\nc-1;a@x.example;5;yes\n", "table.csv")
    assert "Which column holds the id?" in answer
    assert "Field of mail" in answer
    assert "a@x.example" in answer
    assert '<option value="traits.vip" selected>' in answer
    job = ImportJob.objects.get()
    columns = {"id": "", "place-1": "other", "path-1": "data..mail", "place-2": "stats.visits"}
    columns |= {"kind-2": "number:point", "place-0": ""}
    refused = post("profiles_importjob_columns", job.pk, **columns)
    assert "This is not a path" in refused
    assert 'value="data..mail"' in refused
    columns |= {"path-1": 'data["e mail"]', "place-3": "data"}
    assert "Say which column holds the id." in post("profiles_importjob_columns", job.pk, **columns)
    columns |= {"id": "0"}
    assert "Two columns go to data" in post("profiles_importjob_columns", job.pk, **columns)
    columns |= {"place-3": "", "kind-1": "nonsense"}
    post("profiles_importjob_columns", job.pk, **columns)
    job = work()
    assert (job.created, job.refused) == (1, 0)
    assert "Other columns…" in page(CHANGE, job.pk)
    post("profiles_importjob_start", job.pk)
    work()
    assert Profile.objects.get().document == {
        "id": "c-1",
        "data": {"e mail": "a@x.example"},
        "stats": {"visits": 5},
    }
    assert "Choose columns" not in post("profiles_importjob_columns", job.pk, **columns)
    again = upload("no;mail;visits;traits.vip\nc-2;b@x.example;6;no\n", "next.csv")
    assert "As in the last import with these columns." in again
    assert 'value="data[&quot;e mail&quot;]"' in again


GERMAN = "Kundennummer;E-Mail;Umsatz;Newsletter\nK-1;ä@x.example;1.234,50;ja\nK-2;b@x.example;2,5;nein\n"


def test_a_german_table_needs_nothing_but_to_be_looked_at(upload, post, page):
    answer = upload(GERMAN.encode("cp1252"), "kunden.csv")
    for option in ("data.contact.email.main", "traits.umsatz", "number:comma", "boolean"):
        assert f'<option value="{option}" selected>' in answer
    assert '<option value="0" selected>Kundennummer (K-1, K-2)</option>' in answer
    assert "<code>1234.5, 2.5</code>" in answer
    assert "<code>true, false</code>" in answer
    job = ImportJob.objects.get()
    fields = {"id": "0", "place-1": "data.contact.email.main", "kind-1": "text"}
    fields |= {"place-2": "traits.umsatz", "kind-2": "number:comma"}
    post("profiles_importjob_columns", job.pk, **fields)
    work()
    assert "CSV in Windows-1252, ; between two cells" in page(CHANGE, job.pk)
    post("profiles_importjob_start", job.pk)
    work()
    assert Profile.objects.get(pk="K-1").document == {
        "id": "K-1",
        "data": {"contact": {"email": {"main": "ä@x.example"}}},
        "traits": {"umsatz": 1234.5},
    }


def test_a_column_may_be_the_id_and_something_else(upload, post):
    upload("mail,n\na@x.example,1\n", "table.csv")
    job = ImportJob.objects.get()
    post("profiles_importjob_columns", job.pk, **{"id": "0", "place-0": "data.mail", "place-1": ""})
    post("profiles_importjob_start", work().pk)
    work()
    assert Profile.objects.get().document == {"id": "a@x.example", "data": {"mail": "a@x.example"}}


def test_it_can_be_read_in_another_way(upload, post):
    upload("Titel;\nid|n\nä|x\n".encode("cp1252"), "table.csv", delimiter=";")
    job = ImportJob.objects.get()
    assert job.options["delimiter"] == ";"
    fields = {"read": "yes", "encoding": "cp850", "delimiter": "|", "skip": "1"}
    answer = post("profiles_importjob_columns", job.pk, **fields)
    assert "õ" in answer
    job.refresh_from_db()
    assert job.options["heading"] == ["id", "n"]
    assert "Ensure this value is" in post("profiles_importjob_columns", job.pk, **{**fields, "skip": "-1"})
    assert "Ensure this value is" in post(
        "profiles_importjob_columns", job.pk, **{**fields, "skip": "9999999"}
    )
    assert "Select a valid choice" in post(
        "profiles_importjob_columns", job.pk, **{**fields, "encoding": "x"}
    )


def test_what_speaks_against_the_id_is_said(upload):
    answer = upload("id,n\n1,a\n1,b\n,c\n", "table.csv")
    assert "Of the first 3 rows: 1 row has no id. 1 row has the id of another one" in answer


def test_columns_without_a_name_are_told(upload):
    assert "Left out, as they have no name in the heading: C." in upload("id,n,,\n1,a,lost,\n", "table.csv")


def test_fields_of_the_profiles_are_offered(upload, profile):
    path_suggestions.forget()
    assert '<optgroup label="Fields of the profiles">' in upload("id,n\n1,a\n", "table.csv")


def test_refused_lines_are_grouped_and_can_be_downloaded_by_who_may_see_profiles(upload, page, post, allow):
    upload("id;n\n1;x\n2;=y()\n3;1,5\n", "kunden märz.csv")
    job = ImportJob.objects.get()
    post("profiles_importjob_columns", job.pk, **{"id": "0", "place-1": "n", "kind-1": "number:comma"})
    work()
    text = page(CHANGE, job.pk)
    assert "Column n: not a number" in text
    assert "2 lines:" in text
    assert "<code>x</code>" in text
    assert "B2" in text
    assert "Download 2 refused lines" in text
    url = reverse("admin:profiles_importjob_refused", args=[job.pk])
    client = allow("profiles.view_importjob")
    assert client.get(url).status_code == 403
    text = page(CHANGE, job.pk, client=client)
    assert "Column n: not a number" in text
    assert "<code>x</code>" not in text
    assert "Download" not in text
    answer = allow("profiles.view_profile").get(url)
    assert answer["Content-Disposition"] == "attachment; filename*=utf-8''kunden%20m%C3%A4rz-refused.csv"
    assert b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()[1:] == [
        "1;x;2;column n: not a number",
        "2;'=y();3;column n: not a number",
    ]


def test_lines_of_imports_are_not_for_who_may_not_see_personal_data(upload, page, post, allow):
    upload("id;n\n1;x\n2;1\n", "table.csv")
    job = ImportJob.objects.get()
    post("profiles_importjob_columns", job.pk, **{"id": "0", "place-1": "n", "kind-1": "number:comma"})
    work()
    client = allow("profiles.view_importjob", "profiles.view_profile", sees=False)
    assert client.get(reverse("admin:profiles_importjob_refused", args=[job.pk])).status_code == 403
    text = page(CHANGE, job.pk, client=client)
    assert "<code>x</code>" not in text
    assert "Download" not in text


@pytest.mark.parametrize(
    ("language", "row"), [("en", "1,x,2,column n: not"), ("de", "1;x;2;Spalte n: keine")]
)
def test_refused_rows_are_for_excel_in_the_readers_language(upload, post, admin_client, language, row):
    book, file = openpyxl.Workbook(), io.BytesIO()
    for cells in (["id", "n"], ["1", "x"]):
        book.active.append(cells)
    book.save(file)
    for data, name in ((file.getvalue(), "a.xlsx"), ("id\tn\n1\tx\n".encode("utf-16"), "a.txt")):
        upload(data, name)
        job = ImportJob.objects.first()
        post("profiles_importjob_columns", job.pk, **{"id": "0", "place-1": "n", "kind-1": "number:comma"})
        work()
        url = reverse("admin:profiles_importjob_refused", args=[job.pk])
        answer = admin_client.get(url, headers={"accept-language": language})
        assert row in b"".join(answer.streaming_content).decode()


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (b"", "a.ndjson", "The file is empty."),
        (b"\xff\xfe\0\0a", "a.csv", "The file is UTF-32: save it as UTF-8 text."),
        (b"PK\x03\x04", "a.xlsx", "The file is no Excel workbook (.xlsx) that can be read (BadZipFile)."),
        (b"\xd0\xcf\x11\xe0", "a.xlsx", "in Excel choose Save as, then CSV UTF-8, and import that file"),
        (b"\x1f\x8bnonsense", "a.gz", "The file cannot be unpacked"),
        (b"x" * 3000, "a.ndjson", "The file has more than"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_words(upload, settings, data, name, words):
    settings.TRACSYNC_MAX_UPLOAD_BYTES = 2000
    assert words in upload(data, name)
    assert ImportJob.objects.count() == ImportChunk.objects.count() == 0


def test_a_sheet_of_a_workbook(upload, page, post):
    """The one that is named is read; how its cells are told apart is nobody's choice."""
    book = openpyxl.Workbook()
    book.active.append(["Übersicht"])
    book.create_sheet("Kunden").append(["Bericht"])
    for row in (["id", "Ort"], ["a", "Köln"]):
        book["Kunden"].append(row)
    file = io.BytesIO()
    book.save(file)
    assert "The file has no sheet Kunde: it has Sheet, Kunden." in upload(
        file.getvalue(), "a.xlsx", sheet="Kunde"
    )
    assert re.search(r"<details open>.*at most 100 characters", upload("x", sheet="x" * 101), re.DOTALL)
    text = upload(file.getvalue(), "a.xlsx", sheet="Kunden")
    assert "These are the rows of the sheet Kunden. To import another one (Sheet)" in text
    assert "Köln" in text
    assert "Encoding" not in text
    job = ImportJob.objects.get()
    assert "rows of the sheet Kunden" in post("profiles_importjob_columns", job.pk, read="yes", skip=2)
    job.refresh_from_db()
    assert (job.options["heading"], job.options["skip"]) == (["a", "Köln"], 2)
    assert "the sheet Kunden of a workbook" in page(CHANGE, job.pk)


def test_without_a_file_nothing_happens(post):
    assert "This field is required" in post(ADD)


@pytest.mark.parametrize(
    "data", [b"a\x00b,id\n1,2\n", b"\xff\xfa,id\n1,2", b"\n\n\n", b'"open', b",,,\n", b"id," * 500]
)
def test_a_hostile_heading_is_an_answer_and_can_be_cancelled(upload, page, post, data):
    assert "Cancel…" in upload(data, "a.csv")
    job = ImportJob.objects.get()
    post("profiles_importjob_columns", job.pk, **{"path-0": "id", "path-1": "a\0"})
    work()
    assert "Cancel…" in page(CHANGE, job.pk)
    post("profiles_importjob_cancel", job.pk, confirmed="yes")
    assert ImportChunk.objects.count() == 0


def test_pause_resume_and_cancel_with_a_question(upload, page, post):
    upload(lines(*({"id": f"p{n}"} for n in range(3))))
    job = ImportJob.objects.get()
    assert "Paused: file.ndjson." in post("profiles_importjob_pause", job.pk)
    assert ">Resume<" in page(CHANGE, job.pk)
    assert import_jobs.advance(timezone.now()) == 0
    assert "Resumed: file.ndjson." in post("profiles_importjob_resume", job.pk)
    question = post("profiles_importjob_cancel", job.pk)
    assert "Cancel this import?" in question
    assert "The uploaded file is deleted" in question
    assert ImportJob.objects.get().finished_at is None
    assert "Cancelled: file.ndjson." in post("profiles_importjob_cancel", job.pk, confirmed="yes")
    assert "File.ndjson: The import is cancelled already." in post("profiles_importjob_cancel", job.pk)


def test_several_are_cancelled_after_a_question(upload, post):
    upload(lines({"id": "a"}))
    upload(lines({"id": "b"}))
    chosen = [str(pk) for pk in ImportJob.objects.values_list("pk", flat=True)]
    question = post("profiles_importjob_changelist", action="cancel", _selected_action=chosen)
    assert "Cancel these 2 imports?" in question
    assert ImportJob.objects.filter(finished_at=None).count() == 2
    post("profiles_importjob_changelist", action="cancel", _selected_action=chosen, confirmed="yes")
    assert ImportJob.objects.filter(finished_at=None).count() == 0


def test_only_who_may_add_and_change_profiles_imports(allow, page, upload):
    upload(lines({"id": "a", "name": "secret-name"}))
    job = work()
    client = allow("profiles.view_importjob")
    text = page(CHANGE, job.pk, client=client)
    assert "Dry run" in text
    assert "Import 1 record" not in text
    assert client.get(reverse(f"admin:{ADD}")).status_code == 403
    for name in ("start", "cancel", "pause"):
        assert client.post(reverse(f"admin:profiles_importjob_{name}", args=[job.pk])).status_code == 403
    assert client.get(reverse("admin:profiles_importjob_columns", args=[job.pk])).status_code == 403
    client = allow("profiles.add_profile")
    assert client.get(reverse(f"admin:{ADD}")).status_code == 403
    client = allow("profiles.change_profile")
    assert client.get(reverse(f"admin:{ADD}")).status_code == 200
    assert client.post(reverse("admin:profiles_importjob_start", args=[job.pk])).status_code == 302


def test_who_may_not_read_profiles_sees_counts_and_no_values(allow, page, upload, profile):
    upload(lines({"id": "anna", "name": "secret-name"}))
    job = work()
    text = page(CHANGE, job.pk, client=allow("profiles.view_importjob"))
    assert "secret-name" not in text
    assert "anna@example.com" not in text
    assert "secret-name" in page(CHANGE, job.pk, client=allow("profiles.view_profile"))


def test_the_list_of_profiles_leads_there(page, allow):
    url = reverse(f"admin:{ADD}")
    assert f'href="{url}">Import</a>' in page("profiles_profile_changelist")
    watcher = allow("profiles.view_profile")
    assert url not in page("profiles_profile_changelist", client=watcher)


def test_the_list_reads_little_of_each(page, upload, django_assert_max_num_queries):
    for n in range(8):
        upload(lines({"id": f"p{n}"}))
    work()
    with django_assert_max_num_queries(8) as asked:
        assert "dry run done" in page("profiles_importjob_changelist")
    assert not any('"errors"' in query["sql"] for query in asked.captured_queries)


def test_work_under_way_shows_all_kinds_and_only_what_one_may_see(
    destination, upload, page, allow, django_assert_max_num_queries
):
    now = timezone.now()
    Heartbeat.objects.create(name="here:1", at=now)
    Backfill.objects.create(
        destination=destination, total=2000, done=700, rated_since=now - timedelta(minutes=1), advanced_at=now
    )
    Replay.objects.create(
        destination=destination, total=10, done=4, choice={"state": "rejected"}, paused_at=now
    )
    Replay.objects.create(destination=destination, finished_at=now)
    upload(lines({"id": "a"}))
    work()
    with django_assert_max_num_queries(12):
        text = page("work")
    for title in ("Backfill of Business", "Replay at Business", "Import of file.ndjson"):
        assert text.count(f"{title}") >= 1
    assert "12 a second · about 1 min left" in text
    assert "Look at the dry run" in text
    assert "No worker shows itself" not in text
    assert 'data-live="2"' in text
    watcher = page("work", client=allow("destinations.view_replay"))
    assert "Replay at" in watcher
    assert "Backfill of" not in watcher
    assert ">Resume<" not in watcher


def test_nothing_under_way_teaches(page):
    assert "Nothing is under way" in page("work")


def test_a_sample_that_is_as_it_would_be_by_now_is_left_out(upload, page, profile):
    upload(lines({"id": "anna", "town": "Oslo"}))
    job = work()
    assert "Some that would change" in page(CHANGE, job.pk)
    profile.document = {"id": "anna", "town": "Oslo"}
    profile.save()
    assert "Some that would change" not in page(CHANGE, job.pk)


def test_an_upload_is_cut_off_where_it_is_too_large(rf, settings):
    """No more of it is kept than is allowed, whatever the page it is sent to."""
    from django.core.files.uploadhandler import SkipFile

    from profiles.imports.upload_limit import BoundedUpload

    settings.TRACSYNC_MAX_UPLOAD_BYTES = 100
    request = SimpleNamespace()
    handler = BoundedUpload(request)
    handler.new_file("file", "a", "text/plain", None)
    assert handler.receive_data_chunk(b"x" * 100, 0) == b"x" * 100
    with pytest.raises(SkipFile):
        handler.receive_data_chunk(b"x", 100)
    assert request.upload_too_large


def test_the_encoding_that_a_file_is_written_in_is_said_though_it_is_kept_in_another(upload, page, post):
    asked = upload("id;name\n1;Jürgen\n".encode("utf-16"), "kunden.csv")
    job = ImportJob.objects.get()
    [encoding] = re.findall(r'<select name="encoding".*?</select>', asked, re.DOTALL)
    assert re.findall("<option[^>]*>([^<]+)<", encoding) == ["UTF-16 (Excel, “Unicode text”)"]
    post("profiles_importjob_columns", job.pk, read="yes", encoding="utf-8", delimiter=";", skip="0")
    import_jobs.check(job, [["id", "id", "text"], ["name", "name", "text"]])
    assert "CSV in UTF-16, ; between two cells" in page(CHANGE, job.pk)
    work()
    import_jobs.start(ImportJob.objects.get())
    work()
    assert Profile.objects.get().document == {"id": "1", "name": "Jürgen"}


def test_a_delimiter_that_is_not_in_the_heading_is_said_and_the_likely_one(upload, post):
    words = "has no “,” in its heading: “;” seems to stand between two cells"
    assert words in upload("id;name\n1;Jürgen\n", "kunden.csv", delimiter=",")
    assert not ImportJob.objects.exists()
    upload("id;name\n1;Jürgen\n", "kunden.csv")
    job = ImportJob.objects.get()
    asked = post("profiles_importjob_columns", job.pk, read="yes", encoding="utf-8", delimiter=",", skip="0")
    assert words[1:] in asked
    job.refresh_from_db()
    assert job.options["delimiter"] == ";"


def test_a_workbook_of_one_column_may_have_any_sign_in_it(upload):
    book = openpyxl.Workbook()
    for cell in ("id;name", "1;Jürgen", "2;Anna"):
        book.active.append([cell])
    file = io.BytesIO()
    book.save(file)
    upload(file.getvalue(), "kunden.xlsx")
    assert ImportJob.objects.get().options["heading"] == ["id;name"]
