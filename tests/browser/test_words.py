"""The admin in German, times in one's own zone, help and empty lists: as a person meets them."""

import re

import pytest
from playwright.sync_api import expect


@pytest.fixture
def choose(open_page, site):
    """Somebody's own choice, taken back afterwards: everybody here is the same user."""

    def pick(page, language="", zone=""):
        page.goto(site.url("preferences/"))
        page.locator("#id_language").select_option(language)
        page.locator("#id_time_zone").select_option(zone)
        page.locator("[type=submit]").last.click()
        expect(page.locator(".messagelist .success")).to_be_visible()

    yield pick
    pick(open_page(site.url("preferences/")))


def test_switching_to_german_and_back(site, open_page, choose):
    page = open_page(site.url(""))
    page.get_by_role("button", name="operator").click()
    page.get_by_role("link", name="Preferences").click()
    page.get_by_label("Language").select_option("Deutsch")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Ihre Einstellungen sind gespeichert.")).to_be_visible()
    page.goto(site.destination("preview"))
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.get_by_role("heading", name="Wie es ihm geht")).to_be_visible()
    page.get_by_label("Profil", exact=True).fill("p2")
    expect(page.locator(".tracsync-verdict")).to_contain_text("Würde nicht gesendet")
    expect(page.locator(".tracsync-verdict")).to_contain_text("profile@mail fehlt")
    page.get_by_label("Sprache")
    choose(page, "en")
    page.goto(site.destination("preview"))
    expect(page.get_by_role("heading", name="How it is doing")).to_be_visible()


def test_mistakes_are_explained_in_german_while_typing(site, open_page, choose):
    page = open_page(site.url(""))
    choose(page, "de")
    page.goto(site.destination("editor"))
    whom = page.get_by_role("group", name="Bedingungen bearbeiten als")
    whom.get_by_role("button", name="Zeilen").click()
    expect(page.get_by_label("Vergleich").first).to_be_visible()
    whom.get_by_role("button", name="Text").click()
    page.locator(".field-prerequisites .cm-content").click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("profile@mail =")
    said = page.locator(".field-prerequisites .tracsync-said")
    expect(said).to_contain_text("Zeile 1, Spalte")
    expect(said).to_contain_text("Die Bedingung endet zu früh")
    expect(said).to_contain_text("ein Wert (5,")
    expect(page.locator(".field-prerequisites .tracsync-keys")).to_contain_text("schlägt vor")


def test_a_profile_in_german(site, open_page, choose):
    page = open_page(site.url(""))
    choose(page, "de")
    page.goto(site.url("profiles/profile/p1/change/"))
    expect(page.get_by_text("Ein beliebiges JSON-Objekt.")).to_be_visible()
    expect(page.get_by_role("button", name="Sichern", exact=True)).to_be_visible()


def test_somebody_in_new_york_is_offered_their_zone_and_sees_its_times(site, open_page, choose):
    page = open_page(site.url("preferences/"), timezone_id="America/New_York")
    page.get_by_role("button", name="Take the browser's zone: America/New York").click()
    expect(page.get_by_label("Time zone")).to_have_value("America/New_York")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your preferences are saved.")).to_be_visible()
    expect(page.get_by_role("button", name="Take the browser's zone")).to_be_hidden()
    page.goto(site.url("profiles/profile/"))
    moment = page.locator("#result_list time").first
    expect(moment).to_have_attribute("datetime", re.compile("-0[45]:00$"))
    expect(moment).to_have_attribute("title", re.compile("E[SD]T$"))
    shown = page.evaluate("""() => {
        const time = document.querySelector("#result_list time");
        const clock = new Date(time.dateTime).toLocaleTimeString("en-GB");
        return [time.textContent.slice(-8), clock];
    }""")
    assert shown[0] == shown[1]


def test_help_leads_to_its_heading_without_leaving(site, open_page):
    page = open_page(site.url("destinations/destination/"))
    page.get_by_role("link", name="Help on this page").click()
    expect(page.get_by_role("heading", name="Your first destination")).to_be_in_viewport()
    page.get_by_role("navigation", name="Pages of the documentation").get_by_role(
        "link", name="Connectors"
    ).click()
    expect(page.get_by_role("heading", name="Connectors", exact=True)).to_be_visible()


def test_an_empty_list_leads_on(site, open_page):
    site.python("from destinations.models import Backfill; Backfill.objects.all().delete()")
    page = open_page(site.url("destinations/backfill/"))
    page.get_by_role("link", name="Choose a destination").click()
    expect(page).to_have_url(site.url("destinations/destination/"))
    page.goto(site.url("profiles/profile/?q=nobody"))
    page.get_by_role("link", name="Clear them").click()
    expect(page.locator("#result_list")).to_be_visible()


@pytest.mark.parametrize(
    "path",
    [
        "preferences/",
        "docs/admin/",
        "docs/?q=quiet+period",
        "docs/notation/",
        "destinations/backfill/",
        "destinations/destination/",
        "profiles/profile/",
        "tracsync/apitoken/add/",
        "auth/group/",
        "auth/user/",
    ],
)
def test_no_barriers(view, site, open_page, barriers, path):
    page = open_page(site.url(path), **view)
    assert barriers(page) == []


def test_no_barriers_in_german_on_a_phone(site, open_page, barriers, choose):
    """Where its long words have least room."""
    page = open_page(site.url(""), width=390, bypass_csp=True)
    choose(page, "de")
    for address in (
        site.destination("preview"),
        site.destination("preview", "funnel/"),
        site.url(""),
        site.url("profiles/profile/p1/change/"),
        site.url(f"profiles/profile/p1/why/{site.found['preview']}/"),
        site.url("destinations/deliveryattempt/"),
        site.url("profiles/importjob/add/"),
        site.url("work/"),
        site.url("docs/admin/"),
        site.url("destinations/extension/"),
        site.url("destinations/extension/http_api/change/"),
    ):
        page.goto(address)
        assert barriers(page, widths=[390]) == [], address
