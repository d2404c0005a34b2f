"""Find Ms Müller, and why she was not sent: by a few letters on any page, also without JavaScript."""

import pytest
from playwright.sync_api import expect

PEOPLE = """
from profiles.models import Profile
Profile(document={"id": "s-1", "name": "Sabine Müller", "email": "sabine@s.example"}).save()
Profile(document={"id": "s-2", "name": "Sabrina Münster"}).save()
"""
LABEL = "Find a profile or a destination"


@pytest.fixture(scope="module", autouse=True)
def people(site):
    site.python(PEOPLE)


def box(page):
    return page.get_by_role("searchbox", name=LABEL)


def test_ms_mueller_and_why_she_was_not_sent(site, open_page):
    page = open_page(site.url("work/"))
    page.keyboard.press("/")
    expect(box(page)).to_be_focused()
    page.keyboard.type("mül")
    hit = page.locator(".tracsync-search-hits li").filter(has_text="Sabine Müller")
    expect(hit).to_contain_text("sabine@s.example")
    expect(hit).to_contain_text("s-1")
    hit.get_by_role("link", name="Why? plain").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Why? Sabine Müller (s-1) at plain")
    expect(page.locator(".tracsync-answer")).to_contain_text("profile@mail is missing")


def test_by_the_keyboard_alone(site, open_page):
    page = open_page(site.url(""))
    page.keyboard.press("/")
    page.keyboard.type("sab mün")
    expect(page.locator(".tracsync-search-hits")).to_contain_text("Sabrina Münster")
    expect(page.locator("[data-search] [aria-live]")).to_have_text("1 found")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".tracsync-search-hits a").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".tracsync-search-hits")).to_be_hidden()
    expect(box(page)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Search")
    expect(page.locator(".tracsync-found")).to_contain_text("Sabrina Münster")
    expect(box(page)).to_have_value("sab mün")


def test_a_slash_in_a_field_is_a_slash(site, open_page):
    page = open_page(site.url("profiles/profile/"))
    page.locator("#searchbar").press_sequentially("a/b")
    expect(page.locator("#searchbar")).to_have_value("a/b")


def test_without_javascript(site, open_page):
    page = open_page(site.url(""), java_script_enabled=False)
    box(page).fill("Mueller")
    page.get_by_role("button", name="Look up").click()
    page.get_by_role("link", name="Why? plain").click()
    expect(page.locator(".tracsync-answer")).to_contain_text("profile@mail is missing")


def test_no_barrier(view, site, open_page, barriers):
    page = open_page(site.url("profiles/profile/"), **view)
    box(page).press_sequentially("sab")
    expect(page.locator(".tracsync-search-hits")).to_contain_text("Sabine Müller")
    assert barriers(page) == []
    for text in ("sab", "nobody at all", ""):
        page.goto(site.url(f"search/?q={text}"))
        assert barriers(page) == []
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, "it scrolls sideways"
