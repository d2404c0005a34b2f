"""The documentation within the admin, and the help that leads there."""

import re

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import translation

from tests.cases import for_each
from tracsync.admin import documentation, empty_lists


def anchors(page):
    return {heading.anchor for heading in documentation.read(page).headings}


def names_of_pages():
    found, left = [], list(admin.site.get_urls())
    while left:
        one = left.pop()
        left += getattr(one, "url_patterns", [])
        found += [one.name] if getattr(one, "name", None) else []
    return found


def topics():
    lessons = {lesson.topic for lesson in empty_lists.LESSONS.values()}
    return sorted({*documentation.TOPICS.values(), *lessons} - {""})


@for_each("topic", topics())
def test_help_leads_to_a_page_and_a_heading_that_exist(topic):
    page, _, anchor = topic.partition("#")
    assert page in documentation.names()
    assert not anchor or anchor in anchors(page)


def test_topics_are_for_pages_that_exist():
    for beginning in documentation.TOPICS:
        assert any(f"{name}_".startswith(f"{beginning}_") for name in ["", *names_of_pages()]), beginning


@for_each("page", documentation.names())
def test_links_between_pages_lead_somewhere(page):
    html = documentation.read(page).html
    for target, anchor in re.findall(r'href="\.\./([a-z-]+)/(?:#([^"]*))?"', html):
        assert target in documentation.names(), target
        assert not anchor or anchor in anchors(target), (target, anchor)
    for anchor in re.findall(r'href="#([^"]*)"', html):
        assert anchor in anchors(page)


@pytest.mark.parametrize("page", documentation.names())
def test_every_page_opens_and_keeps_to_the_policy(page, admin_client):
    text = admin_client.get(reverse("admin:documentation", args=[page])).content.decode()
    article = text.partition("<article")[2].partition("</article>")[0]
    assert "style=" not in article
    assert "<script" not in article
    assert ".md" not in "".join(re.findall(r'href="([^"]*)"', article))


def test_raw_html_is_shown_and_not_obeyed(tmp_path, monkeypatch):
    (tmp_path / "bad.md").write_text("# Bad <b>\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1))\n")
    monkeypatch.setattr(documentation, "DIRECTORY", tmp_path)
    html = documentation.read("bad").html
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert 'href="javascript' not in html


def test_what_heads_a_table_says_something(tmp_path, monkeypatch):
    line, row = "\n| --- | --- |", "\n| a | b |\n\n"
    (tmp_path / "tables.md").write_text(f"# Tables\n\n| | |{line}{row}| | c |{line}{row}")
    monkeypatch.setattr(documentation, "DIRECTORY", tmp_path)
    html = documentation.read("tables").html
    assert html.count("<table") == 2
    assert re.findall(r"<thead>(.*?)</thead>", html, re.DOTALL) == ["\n<tr>\n<td></td>\n<th>c</th>\n</tr>\n"]
    assert html.count("<td>a</td>\n<td>b</td>") == 2


@pytest.mark.parametrize("path", ["nothing/", "../README/", "..%2FREADME/", "admin.md/", "%2e%2e/"])
def test_only_pages_of_the_documentation_are_read(admin_client, path):
    assert admin_client.get(f"/admin/docs/{path}").status_code == 404


def test_it_is_for_signed_in_staff(client, db):
    assert client.get(reverse("admin:documentation", args=["admin"])).status_code == 302


def test_each_page_has_its_own_help(page, destination, profile):
    assert "/admin/docs/admin/#your-first-destination" in page("destinations_destination_changelist")
    assert "/admin/docs/concepts/#states-of-a-profile-sync" in page("destinations_profilesync_changelist")
    assert "/admin/docs/operations/#backfills" in page("destinations_destination_backfill", destination.pk)
    assert "/admin/docs/admin/" in page("auth_user_changelist")


def test_what_has_to_be_written_says_where_it_is_explained(page, destination):
    text = page("destinations_destination_change", destination.pk)
    text += page("destinations_resource_change", destination.resource.pk)
    found = set(re.findall(r'href="/admin/docs/([a-z]+)/#?([^"]*)" target', text.partition("<form")[2]))
    assert {("notation", "asking-conditions"), ("notation", "making-new-data-templates")} <= found
    assert ("connectors", "") in found
    for name, anchor in found:
        assert not anchor or anchor in anchors(name)


def test_in_german_it_says_what_is_english(admin_client, monkeypatch, tmp_path):
    (tmp_path / "page.md").write_text("# Page\n")
    monkeypatch.setattr(documentation, "DIRECTORY", tmp_path)
    url = reverse("admin:documentation", args=["page"])
    text = admin_client.get(url, HTTP_ACCEPT_LANGUAGE="de").content.decode()
    assert "nur auf Englisch" in text
    assert '<article lang="en">' in text
    assert "in English only" not in admin_client.get(url).content.decode()


@pytest.fixture
def two_languages(tmp_path, monkeypatch):
    (tmp_path / "de").mkdir()
    (tmp_path / "page.md").write_text(
        "# Page\n\nGo [down](#the-end) to *it*.\n\n## The end\n\nIt is `over`.\n"
    )
    (tmp_path / "other.md").write_text("# Other\n")
    (tmp_path / "de" / "page.md").write_text(
        "# Seite\n\nNach [unten](#über-das-ende), [fort](../other.md), [hierher](page.md#über-das-ende).\n\n"
        "## Über das Ende\n\nAus.\n"
    )
    monkeypatch.setattr(documentation, "DIRECTORY", tmp_path)


def test_a_translated_page_keeps_the_anchors_of_the_original(two_languages):
    with translation.override("de-at"):
        page = documentation.read("page")
    assert [(one.text, one.anchor, one.below) for one in page.headings] == [
        ("Seite", "page", "Nach unten, fort, hierher."),
        ("Über das Ende", "the-end", "Aus."),
    ]
    assert re.findall(r'(?:href|id)="([^"]*)"', page.html) == [
        "page", "#the-end", "../other/", "../page/#the-end", "the-end",
    ]  # fmt: skip
    assert documentation.read("page").title == "Page"


def examples(path):
    return re.findall(r"^```.*?^```", path.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", documentation.names())
def test_every_page_is_in_german_with_the_headings_and_examples_of_the_original(page):
    levels = [heading.level for heading in documentation.read(page).headings]
    with translation.override("de"):
        translated = documentation.read(page)
    assert translated.language == "de"
    assert [heading.level for heading in translated.headings] == levels
    originals = examples(documentation.DIRECTORY / f"{page}.md")
    assert examples(documentation.DIRECTORY / "de" / f"{page}.md") == originals
    for target, anchor in re.findall(r'href="\.\./([a-z-]+)/(?:#([^"]*))?"', translated.html):
        assert target in documentation.names(), target
        assert not anchor or anchor in anchors(target), (target, anchor)
    for anchor in re.findall(r'href="#([^"]*)"', translated.html):
        assert anchor in anchors(page)


@pytest.mark.parametrize(
    "model", [model for model in admin.site._registry if model._meta.label_lower != "auth.user"]
)
def test_an_empty_list_teaches(model, admin_client):
    model._base_manager.all().delete()
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    text = admin_client.get(url).content.decode()
    if model._meta.label_lower != "destinations.extension":  # opening its list fills it
        assert "tracsync-empty" in text
        assert str(empty_lists.LESSONS[model._meta.label_lower].purpose)[:20] in text


def test_what_filters_left_empty_offers_to_clear_them(page, profile):
    text = page("profiles_profile_changelist", query="q=nobody")
    assert "Nothing matches these filters." in text
    assert 'href="?"' in text


def test_nobody_is_invited_to_what_they_may_not_do(allow, page):
    client = allow("destinations.view_destination")
    text = page("destinations_destination_changelist", client=client)
    assert "A destination says what is sent" in text
    assert "Add the first destination" not in text
