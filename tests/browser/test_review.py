"""Before a change is saved, and its history: what a person sees and decides."""

import re

from playwright.sync_api import expect

EVERY = ("minor", "moderate", "serious", "critical")


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def row(page, words):
    return page.get_by_role("row").filter(has_text=words)


def test_a_broken_condition_is_mended_reviewed_saved_with_a_backfill_and_restored(site, open_page, editor):
    page = open_page(site.destination("review"))
    editor(page, "Prerequisites")
    page.keyboard.type("profile@stats.visits >< 3")
    button(page, "Save").click()
    expect(page.locator(".field-prerequisites .errorlist")).to_contain_text("line 1")
    expect(page.locator(".field-prerequisites .tracsync-said")).to_contain_text("Hint: comparisons are ==")
    editor(page, "Prerequisites")
    page.keyboard.type("profile@stats.visits > 3")
    expect(page.locator(".field-prerequisites .tracsync-said")).to_be_empty()
    editor(page, "Mapping")
    page.keyboard.insert_text('{"id": "profile@id", "visits": "profile@stats.visits"}')
    button(page, "Save").click()

    expect(page.get_by_role("heading", name="Before you save")).to_be_visible()
    expect(row(page, "as they are saved")).to_contain_text("4")
    expect(row(page, "as you typed them")).to_contain_text("2")
    expect(row(page, "Stop meeting them")).to_contain_text("3")
    expect(page.locator(".tracsync-change ins").first).to_contain_text('"visits"')
    button(page, "Back to the form").click()
    expect(page.locator("#id_prerequisites")).to_have_value("profile@stats.visits > 3")
    button(page, "Save").click()
    button(page, "Save and backfill").click()
    expect(page.get_by_text("a backfill of 6 profiles was requested")).to_be_visible()

    page.goto(site.destination("review", "history/"))
    expect(row(page, "Version 2")).to_contain_text("operator")
    expect(row(page, "Version 2").get_by_role("listitem")).to_have_text(
        ["Prerequisites changed.", "Mapping changed."]
    )
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name="From version 1 to version 2")).to_be_visible()
    expect(page.locator(".tracsync-diff del").first).to_contain_text("profile@mail EXISTS")
    expect(page.locator(".tracsync-diff ins").first).to_contain_text("profile@stats.visits > 3")
    page.get_by_role("button", name="Restore version 1").click()
    expect(page.get_by_role("heading", name="Before you save")).to_be_visible()
    expect(row(page, "Start to meet them")).to_contain_text("3")
    button(page, "Save only").click()
    expect(page.locator(".messagelist").get_by_text("is saved")).to_be_visible()
    page.goto(site.destination("review"))
    expect(page.locator("#id_prerequisites")).to_have_value("profile@mail EXISTS")
    page.goto(site.destination("review", "history/"))
    expect(row(page, "Version 3")).to_contain_text("Prerequisites changed.")


def test_without_javascript_it_is_the_same(site, open_page):
    page = open_page(site.destination("plain"), java_script_enabled=False)
    page.locator("#id_mapping").fill('{"only": "profile@id"}')
    button(page, "Save").click()
    expect(page.get_by_text("Mapping changed.")).to_be_visible()
    button(page, "Back to the form").click()
    expect(page.locator("#id_mapping")).to_have_value('{"only": "profile@id"}')
    page.goto(site.destination("plain", "preview/?profile=p1"))
    button(page, "Send to production…").click()
    expect(page.get_by_text("Profile Name 1 (p1) is sent to plain")).to_be_visible()
    button(page, "Send it").click()
    expect(page.get_by_text("Handed to the engine")).to_be_visible()
    expect(page).to_have_url(re.compile("/why/"))


def test_the_pages_have_no_barrier(view, site, open_page, editor, barriers):
    page = open_page(site.destination("preview"), **view)
    editor(page, "Mapping")
    page.keyboard.insert_text('{"id": "profile@id", "first": {"$map": "profile@name", "to": "item@x"}}')
    editor(page, "Prerequisites")
    page.keyboard.type("profile@stats.visits > 1 AND profile@orders EXISTS")
    button(page, "Save").click()
    expect(page.get_by_role("heading", name="Before you save")).to_be_visible()
    assert barriers(page, EVERY) == []
    page.goto(site.destination("review", "history/?from=1&to=2"))
    assert barriers(page, EVERY) == []
    page.goto(site.destination("preview", "backfill/"))
    assert barriers(page, EVERY) == []


def test_what_another_tab_has_saved_is_told_before_it_is_overwritten(view, site, open_page, barriers):
    mine = open_page(site.destination("plain"), **view)
    theirs = open_page(site.destination("plain"), java_script_enabled=False)
    theirs.locator("#id_description").fill("theirs")
    button(theirs, "Save").click()
    expect(theirs.locator(".messagelist").get_by_text("is saved")).to_be_visible()
    mine.get_by_role("button", name="Add a tag").click()
    mine.get_by_label("Tag", exact=True).last.fill("mine")
    button(mine, "Save").click()

    meanwhile = mine.get_by_role("region", name="What was changed meanwhile")
    expect(meanwhile).to_contain_text("operator")
    expect(meanwhile).to_contain_text("Description changed.")
    assert barriers(mine, EVERY) == []
    button(mine, "Back to the form").click()
    expect(mine.locator("#id_tags")).to_have_value(re.compile("mine$"))
    mine.locator("#id_description").fill("both")
    button(mine, "Save").click()
    expect(mine.locator(".messagelist").get_by_text("is saved")).to_be_visible()
