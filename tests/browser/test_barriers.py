"""No serious barrier on the pages of a destination, in light and dark, narrow and wide (axe-core)."""

import pytest
from playwright.sync_api import expect


def test_a_destination_with_mistakes_and_suggestions(view, site, open_page, editor, barriers):
    page = open_page(site.destination("preview"), **view)
    page.get_by_label("Profile", exact=True).fill("p2")
    expect(page.locator(".tracsync-verdict")).to_contain_text("Would not be sent")
    assert barriers(page) == []
    editor(page, "Mapping")
    page.keyboard.insert_text('{"n": {"$formula": "count(profile@a"}, "t": [1, true, "x"]}')
    expect(page.locator(".field-mapping .cm-lintRange-error")).to_be_visible()
    editor(page, "Prerequisites")
    page.keyboard.type("lowercase(profile@mail) == 'x' AND profile@st")
    expect(page.get_by_role("listbox")).to_be_visible()
    assert barriers(page) == []


def test_mistakes_that_the_server_says(view, site, open_page, editor, barriers):
    page = open_page(site.destination("preview"), **view)
    editor(page, "Prerequisites")
    page.keyboard.insert_text("profile@mail EXISTS AND profile@stats.visits > 3 OR profile@phone EXIST AND")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".field-prerequisites .errorlist")).to_be_visible()
    assert barriers(page) == []


def test_adding_a_destination(view, site, open_page, barriers):
    page = open_page(site.adding(), **view)
    page.get_by_role("button", name="Random that matches").click()
    expect(page.locator(".tracsync-verdict")).to_contain_text("Would be sent")
    assert barriers(page) == []
    page.get_by_role("button", name="Send with test credentials").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert barriers(page) == []


@pytest.mark.parametrize("what", ["group", "user"])
def test_what_people_may_do(view, site, open_page, barriers, what):
    page = open_page(site.url(f"auth/{what}/"), **view)
    assert barriers(page) == []
    page.locator("#result_list tbody th a").first.click()
    assert barriers(page) == []
    fold = "Advanced: no permission" if what == "user" else "Advanced: each permission"
    page.get_by_text(fold).click()
    expect(page.locator("fieldset", has_text="destinations").get_by_role("checkbox").first).to_be_visible()
    assert barriers(page) == []


def test_the_plain_preview(view, site, open_page, barriers):
    page = open_page(site.destination("plain", "preview/?profile=p1"), **view)
    assert barriers(page) == []
