"""From looking for a system to a profile that has arrived there, and the pages on the way."""

import re

import pytest
from playwright.sync_api import expect

from destinations.connectors.testing.doubles.marketing.brevo import Brevo
from tests.harness import wait_for

PROFILE = """
from profiles.models import Profile
Profile(document={"id": "carla", "data": {"pii": {"firstname": "Carla", "lastname": "Conti"},
                                          "contact": {"email": {"main": "carla@x.example"}}}}).save()
"""
UNDONE = """
from destinations.models import Destination, Extension, Resource
from profiles.models import Profile
for profile in Profile.objects.filter(pk="carla"):
    profile.delete()
Destination.objects.filter(resource__type="brevo").delete()
Resource.objects.filter(type="brevo").delete()
Extension.objects.filter(pk="brevo").update(installed_at=None)
"""
WIDTHS = (390, 768, 1280, 1600)


@pytest.fixture
def brevo(site):
    with Brevo() as double:
        yield double
        site.python(UNDONE)


@pytest.fixture
def press(site):
    """Go on with Tab until a link or button of this name has the focus, and press it."""

    def go(page, name, role="link"):
        wanted = page.get_by_role(role, name=name, exact=True).first
        expect(wanted).to_be_visible()
        handle = wanted.element_handle()
        for _count in range(120):
            if page.evaluate("wanted => document.activeElement === wanted", handle):
                page.keyboard.press("Enter")
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"{name} cannot be reached with Tab")

    return go


def next_step(page):
    return page.locator("[aria-current=step] > strong")


def test_from_a_search_to_a_profile_that_has_arrived(site, open_page, press, brevo):
    """By the keyboard alone."""
    page = open_page(site.url("destinations/extension/"), width=1280)
    page.get_by_label("Find a system").focus()
    page.keyboard.type("brevo")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 system", exact=False).first).to_be_visible()
    press(page, "Brevo")
    expect(next_step(page)).to_have_text("Install it")
    press(page, "Install", "button")
    expect(next_step(page)).to_have_text("Say how to reach it: a resource")
    press(page, "Add a resource")
    page.get_by_label("Name:", exact=True).focus()
    page.keyboard.type("Letters")
    for name, value in brevo.credentials.items():
        page.locator(f"[name='production.{name}']").focus()
        page.keyboard.type(value)
    page.keyboard.press("Enter")

    expect(next_step(page)).to_have_text("Test the connection")
    press(page, "Test connection", "button")
    expect(page.get_by_text("Brevo answers and shows the contacts' attributes")).to_be_visible()
    expect(next_step(page)).to_have_text("Begin a destination with a common shape")
    press(page, "Contact from traits")
    # Testing the connection has brought the fields of the other system.
    said = page.locator(".field-mapping .tracsync-said")
    expect(said).to_contain_text("$.attributes.LASTNAME: the destination has no field attributes.LASTNAME")
    page.get_by_role("group", name="Edit Mapping as").get_by_role("button", name="Text").click()
    marked = page.locator(".field-mapping .cm-lintRange-warning")
    expect(marked.filter(has_text=re.compile("LASTNAME")).first).to_be_visible()
    expect(marked.filter(has_text=re.compile("FIRSTNAME"))).to_have_count(0)
    page.get_by_label("Name:", exact=True).focus()
    page.keyboard.type("Newsletter")
    page.locator("summary", has_text="as for all").filter(has_text="When").click()
    page.get_by_label("Quiet period").focus()
    page.keyboard.type("0")
    page.keyboard.press("Enter")
    expect(page.locator(".messagelist").get_by_text("is saved")).to_be_visible()
    site.python(PROFILE)
    wait_for(lambda: brevo.stored, "the contact")
    assert brevo.stored["carla"]["attributes"] == {"FIRSTNAME": "Carla", "LASTNAME": "Conti"}


def test_it_works_without_javascript(site, open_page, brevo):
    page = open_page(site.url("destinations/extension/"), width=390, java_script_enabled=False)
    page.get_by_label("Find a system").fill("brevo")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="Brevo", exact=True).click()
    page.get_by_role("button", name="Install").click()
    page.get_by_role("link", name="Add a resource").click()
    page.get_by_label("Name:", exact=True).fill("Letters")
    for name, value in brevo.credentials.items():
        page.locator(f"[name='production.{name}']").fill(value)
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Test connection", exact=True).click()
    expect(next_step(page)).to_have_text("Begin a destination with a common shape")
    page.get_by_role("link", name="Contact from traits").click()
    expect(page.get_by_label("Mapping")).to_have_value(re.compile(r'"FIRSTNAME\?": "profile@'))


def test_no_barriers(site, open_page, barriers):
    """Of any weight, in light and dark, at each width."""
    page = open_page(site.url("destinations/extension/"), bypass_csp=True)
    every = ("minor", "moderate", "serious", "critical")
    gallery = (
        "",
        "?q=aws&kind=messages",
        "?q=nothing+like+it",
        "http_api/change/",
        "slack/change/",
        "table/",
    )
    adding = ("resource/add/", "resource/add/?type=http_api", "destination/add/")
    for address in (*(f"extension/{one}" for one in gallery), *adding):
        page.goto(site.url(f"destinations/{address}"))
        assert barriers(page, every, WIDTHS) == [], address
