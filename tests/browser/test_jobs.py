"""What a person does with jobs: import a file after looking at its dry run, pause and resume a replay."""

import json

import pytest
from playwright.sync_api import expect

REPLAY = """
from django.utils import timezone
from destinations.models import *
from profiles.models import Profile
destination = Destination.objects.get(pk={pk})
destination.paused_at = timezone.now()
destination.save()
choice = {{"of": "syncs", "state__exact": "rejected"}}
print(Replay.objects.create(destination=destination, total=5000, done=1000, choice=choice,
    paused_at=timezone.now()).pk)
"""


CLEAN_UP = """
from destinations.models import *
from profiles.imports.models import ImportJob
from profiles.models import Profile
Profile.objects.exclude(pk__in={ids!r}).delete()
ImportJob.objects.all().delete()
Replay.objects.all().delete()
Destination.objects.update(paused_at=None)
"""
IDS = """
import json
from profiles.models import Profile
print(json.dumps(list(Profile.objects.values_list("pk", flat=True))))
"""


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left(site):
    """The installation is that of other modules, too."""
    ids = json.loads(site.python(IDS))
    yield
    site.python(CLEAN_UP.format(ids=ids))


def documents(count, **data):
    return "\n".join(json.dumps({"id": f"import-{n}", "n": n, **data}) for n in range(count))


def choose(page, name, text):
    data = text if isinstance(text, bytes) else text.encode()
    file = {"name": name, "mimeType": "text/plain", "buffer": data}
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_role("button", name="Upload and check").click()


def test_a_file_is_uploaded_checked_imported_and_its_profiles_are_there(site, open_page):
    page = open_page(site.url("profiles/profile/"))
    page.get_by_role("link", name="Import", exact=True).click()
    choose(page, "people.ndjson", documents(1200) + "\n{oops")
    expect(page.get_by_role("heading", name="Dry run")).to_be_visible()
    expect(page.locator(".tracsync-import-counts")).to_contain_text("1,200")
    expect(page.get_by_role("row", name="Not JSON")).to_contain_text("1 line: 1,201")
    page.get_by_role("button", name="Import 1,200 records").click()
    expect(page.locator(".tracsync-progress")).to_contain_text("1,201 of 1,201 records imported")
    expect(page.locator(".tracsync-progress progress")).to_have_attribute("value", "100")
    page.goto(site.url("profiles/profile/?q=%3Dimport-1199"))
    expect(page.get_by_role("link", name="import-1199")).to_be_visible()
    page.goto(site.url("profiles/importjob/add/"))
    choose(page, "again.ndjson", documents(3, town="Oslo"))
    expect(page.get_by_role("group", name="The difference").first).to_contain_text('+   "town": "Oslo"')
    page.get_by_role("button", name="Cancel…").click()
    page.get_by_role("button", name="Yes, cancel").click()
    expect(page.locator(".tracsync-progress")).to_contain_text("cancelled")


def test_columns_of_a_table(site, open_page):
    page = open_page(site.url("profiles/importjob/add/"))
    choose(page, "table.csv", "no;mail\nc-1;a@x.example\n")
    page.get_by_label("Column with the id").select_option(label="no (c-1)")
    page.get_by_label("Field of mail").select_option("Another field…")
    page.get_by_label("Path of another field for mail").fill("data.mail")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Import 1 record").click()
    expect(page.locator(".tracsync-progress")).to_contain_text("1 of 1 records imported")
    page.goto(site.url("profiles/profile/c-1/change/"))
    stored = json.loads(page.locator("#id_document").input_value())
    assert stored == {"id": "c-1", "data": {"mail": "a@x.example"}}


GERMAN = (
    "Kundennummer; Vorname ;E-Mail;Umsatz;Newsletter;Geburtstag;Interessen\r\n"
    "K-1;Jörg;joerg@x.example;2.120,61;ja;10.05.1990;Garten,Rad\r\n"
    "K-2;Zoë;zoe@x.example;zwölf;nein;1.1.1985;\r\n"  # no number
    'K-3;"Ann;ann@x.example;-12;ja;31.12.1999;Küche\r\n'  # a quote that nothing closes
    "K-4;Bob;bob@x.example;5;vielleicht;1.2.2000;\r\n"  # neither yes nor no
    "K-5;Eve;eve@x.example;5;nein;31.02.2000;\r\n"  # no such day
    ";Cem;cem@x.example;5;nein;1.2.2000;\r\n"  # no id
    "K-7;Dörte;doerte@x.example;1.000;nein;1.2.2000;Rad\r\n"
)
MENDED = (
    ("zwölf", "12"), ('"""Ann"', "Ann"), ("vielleicht", "ja"), ("31.02.2000", "28.02.2000"),
    ("\n;Cem", "\nK-6;Cem"),
)  # fmt: skip


def test_a_german_file_with_five_kinds_of_dirt_goes_in_by_the_page_alone(site, open_page):
    page = open_page(site.url("profiles/importjob/add/"))
    choose(page, "kunden.csv", GERMAN.encode("cp1252"))
    expect(page.get_by_label("Column with the id")).to_have_value("0")
    expect(page.get_by_role("row", name="Umsatz")).to_contain_text("2120.61")
    page.get_by_label("Kind of Umsatz").select_option("number, 1,234.56")
    expect(page.get_by_role("row", name="Umsatz")).to_contain_text("✗")
    page.get_by_label("Kind of Umsatz").select_option("number, 1.234,56")
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_role("button", name="Import 2 records")).to_be_visible()
    refused = page.get_by_role("region", name="Refused")
    for cell, example in (("D3", "zwölf"), ("B4", '"Ann'), ("E5", "vielleicht"), ("F6", "31.02.2000")):
        expect(refused.get_by_role("row", name=cell)).to_contain_text(example)
    assert counts(page) == {"new": 2, "changed": 0, "unchanged": 0, "refused": 5, "read": 7}
    page.get_by_role("button", name="Import 2 records").click()
    expect(page.locator(".tracsync-progress")).to_contain_text("7 of 7 records imported")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download 5 refused lines").click()
    text = download.value.path().read_bytes().decode("utf-8-sig")
    assert download.value.suggested_filename == "kunden-refused.csv"
    for wrong, right in MENDED:
        assert wrong in text
        text = text.replace(wrong, right)
    page.get_by_role("link", name="Upload the mended file").click()
    choose(page, "kunden-refused.csv", text.encode("utf-8-sig"))  # as Excel saves it again
    expect(page.get_by_text("As in the last import with these columns.")).to_be_visible()
    page.get_by_role("button", name="Check the file").click()
    page.get_by_role("button", name="Import 5 records").click()
    expect(page.locator(".tracsync-progress")).to_contain_text("5 of 5 records imported")
    assert counts(page) == {"new": 5, "changed": 0, "unchanged": 0, "refused": 0, "read": 5}
    page.goto(site.url("profiles/profile/K-3/change/"))
    assert json.loads(page.locator("#id_document").input_value()) == {
        "id": "K-3",
        "data": {
            "pii": {"firstname": "Ann", "birthday": "1999-12-31"},
            "contact": {"email": {"main": "ann@x.example"}},
        },
        "traits": {"umsatz": -12, "newsletter": True, "interessen": ["Küche"]},
    }
    page.goto(site.url("profiles/profile/?q=K-"))
    expect(page.locator("#result_list tbody tr")).to_have_count(7)


def counts(page):
    """What is said of the records, by what it is called."""
    boxes = page.locator(".tracsync-import-counts div").all()
    shown = (box.inner_text().split("\n") for box in boxes)
    return {name.strip().lower(): int(count.split()[0].replace(",", "")) for name, count in shown}


def test_without_javascript_a_reload_shows_how_far_it_is(site, open_page):
    page = open_page(site.url("profiles/importjob/add/"), java_script_enabled=False)
    choose(page, "plain.ndjson", '{"id": "plain-1"}')

    def shown(heading):
        for _ in range(100):
            if page.get_by_role("heading", name=heading).count():
                return True
            page.reload()
        return False

    assert shown("Dry run")
    page.get_by_role("button", name="Import 1 record").click()
    assert shown("What was done")


def test_a_replay_is_paused_resumed_and_ended_after_a_question(site, open_page):
    pk = int(site.python(REPLAY.format(pk=site.found["plain"])))
    page = open_page(site.url("work/"))
    job = page.get_by_role("listitem").filter(has_text="Replay at plain")
    expect(job.get_by_role("progressbar")).to_have_attribute("value", "20")
    job.get_by_role("button", name="Resume").click()
    expect(page.get_by_text(f"Resumed: replay {pk}.")).to_be_visible()
    # The worker finds none to hand over: the page follows by itself to the end.
    expect(page.locator(".tracsync-progress")).to_contain_text("finished")
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    pk = int(site.python(REPLAY.format(pk=site.found["plain"])))
    page.goto(site.url(f"destinations/replay/{pk}/change/"))
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Yes, cancel")).to_be_visible()
    expect(page.get_by_text("1,000 of 5,000 handed over")).to_be_visible()
    page.get_by_role("link", name="No, go back").click()
    expect(page.locator(".tracsync-progress")).to_contain_text("paused")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Yes, cancel").click()
    expect(page.locator(".tracsync-progress")).to_contain_text("cancelled")


def test_no_barriers(view, site, open_page, barriers):
    page = open_page(site.url("profiles/importjob/add/"), **view)
    assert barriers(page) == []
    choose(page, "table.csv", "no,mail\nb-1,a@x.example\n")
    expect(page.get_by_label("Field of mail")).to_be_visible()
    page.get_by_text("Read the file in another way").click()
    assert barriers(page) == []
    page.goto(site.url("profiles/importjob/add/"))
    choose(page, "table.csv", 'no;mail\n"b-1;a@x.example\n')
    page.get_by_label("Column with the id").select_option("0")
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_role("link", name="Download 1 refused line")).to_be_visible()
    assert barriers(page) == []
    page.goto(site.url("profiles/importjob/add/"))
    choose(page, "b.ndjson", '{"id": "p1", "name": "other"}\n{oops')
    expect(page.get_by_role("heading", name="Dry run")).to_be_visible()
    assert barriers(page) == []
    page.get_by_role("button", name="Cancel…").click()
    expect(page.get_by_role("button", name="Yes, cancel")).to_be_visible()
    assert barriers(page) == []
    page.goto(site.url("work/"))
    assert barriers(page) == []
    page.goto(site.url("destinations/replay/"))
    assert barriers(page) == []
