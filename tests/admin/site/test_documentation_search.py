"""The search over the pages of the documentation."""

import pytest
from django.urls import reverse
from django.utils import translation

from tracsync.admin import documentation, documentation_search


@pytest.fixture
def docs(tmp_path, monkeypatch):
    def write(**pages):
        for name, text in pages.items():
            path = tmp_path / f"{name.replace('_', '/')}.md"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)

    monkeypatch.setattr(documentation, "DIRECTORY", tmp_path)
    return write


def found(asked):
    return [result.heading for result in documentation_search.find(asked)]


def test_a_heading_counts_more_than_a_mention_and_all_words_have_to_be_there(docs):
    docs(
        a="# First\n\nA pause, a pause and a pause. Of what?\n\n## Pausing\n\nIt holds a destination.\n",
        b="# Second\n\n## Pause a backfill\n\nPress it.\n\n## Nothing\n\nTo see.\n",
    )
    assert found("pause") == ["Pause a backfill", "First"]
    assert found("PAUS") == ["Pausing", "Pause a backfill", "First"]
    assert found("paus destination") == ["Pausing"]
    assert found("ause") == found("pause nobody") == found("  ") == found("…") == []


def test_words_of_a_page_s_title_help_and_do_not_suffice(docs):
    docs(
        a="# Files\n\n## Kinds\n\nOf a date.\n\n## More\n\nNone.\n",
        b="# Other\n\n## Times\n\nA date in files.\n",
    )
    assert found("files date") == ["Kinds", "Times"]
    assert found("files") == ["Files", "Times"]


def test_accents_and_case_make_no_difference(docs):
    docs(a="# Größe\n\nÄndern: İSTANBUL und Zoë.\n")
    for asked in ("grosse", "zoë", "ZOE", "andern", "ändern"):
        assert found(asked) == ([] if asked == "grosse" else ["Größe"])
    assert documentation_search.find("zoe")[0].snippet == "Ändern: İSTANBUL und <mark>Zoë</mark>."


def test_a_snippet_is_escaped_and_short(docs):
    docs(a=f"# A\n\n{'before ' * 40}`<b>` needle `</b>` & {'after ' * 40}\n")
    [result] = documentation_search.find("needle")
    assert "&lt;b&gt; <mark>needle</mark> &lt;/b&gt; &amp;" in result.snippet
    assert result.snippet.startswith("… before")
    assert result.snippet.endswith("after …")
    assert len(result.snippet) < 3 * documentation_search.AROUND


def test_it_reads_the_pages_of_the_reader_s_language(docs):
    docs(a="# Customer\n\nWhom?\n", de_a="# Kunde\n\nWen?\n", b="# English\n\nWen\n")
    with translation.override("de"):
        assert [(one.heading, one.url, one.language) for one in documentation_search.find("wen")] == [
            ("Kunde", "/admin/docs/a/#customer", "de"),
            ("English", "/admin/docs/b/#english", "en"),
        ]
    assert found("kunde") == []


def test_another_word_for_it_is_found_too(docs):
    docs(a="# A\n\n## Erasing a person\n\nFor good.\n\n## How fast\n\nIn seconds.\n\n## Signing in\n\nSo.\n")
    assert found("GDPR") == ["Erasing a person"]
    assert found("delete person") == ["Erasing a person"]
    assert found("deletion") == found("löschen")
    assert found("slow") == ["How fast"]
    assert found("log in") == found("login") == ["Signing in"]


ASKED = {
    "en": {
        "spreadsheet": "import",
        "CSV": "import",
        "delete": "privacy",
        "GDPR": "privacy",
        "retry": "admin",
        "slow": "concepts",
        "token": "api",
        "login": "access",
        "log in": "access",
        "users": "admin",
    },
    "de": {
        "Tabellenkalkulation": "import",
        "Excel": "import",
        "löschen": "privacy",
        "DSGVO": "privacy",
        "wiederholen": "admin",
        "langsam": "concepts",
        "Token": "api",
        "Login": "access",
        "einloggen": "access",
        "Benutzer": "admin",
    },
}


@pytest.mark.parametrize(
    ("language", "asked", "page"),
    [(language, asked, page) for language, all in ASKED.items() for asked, page in all.items()],
)
def test_a_person_s_own_word_leads_to_the_page(language, asked, page):
    with translation.override(language):
        first = documentation_search.find(asked)[:3]
    assert any(f"/docs/{page}/" in one.url for one in first), [one.heading for one in first]


def test_every_question_has_an_answer(admin_client):
    def ask(text):
        return admin_client.get(reverse("admin:documentation_search"), {"q": text}).content.decode()

    assert "best first" in ask("")
    assert "&lt;script&gt;" in ask("<script>alert(1)</script>")
    assert "<script>alert" not in ask("<script>alert(1)</script>")
    assert "No part of the documentation" in ask("nobodyhaswrittenthis")
    assert "No part of the documentation" in ask("x" * 10_000)
    text = ask("quiet period")
    assert 'href="/admin/docs/concepts/#' in text
    assert "<mark>quiet</mark> <mark>period</mark>" in text


def test_it_is_for_signed_in_staff(client, db):
    assert client.get(reverse("admin:documentation_search")).status_code == 302
