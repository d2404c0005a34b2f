"""The live preview beside a destination's form, and sending from there."""

import re

import pytest
from playwright.sync_api import expect


@pytest.fixture
def page(site, open_page):
    """A destination's page with profile p1 in its preview."""
    page = open_page(site.destination("preview"))
    page.get_by_label("Profile", exact=True).fill("p1")
    expect(verdict(page)).to_contain_text("The prerequisites are met")
    return page


def verdict(page):
    return page.locator(".tracsync-verdict")


def result(page):
    return page.locator("#preview-result")


def test_it_follows_what_is_typed(page, editor):
    expect(result(page)).to_contain_text("p1@x.example")
    expect(result(page)).to_contain_text("left out")
    editor(page, "Prerequisites")
    page.keyboard.type("profile@stats.visits > 3 AND profile@mail EXISTS")
    expect(verdict(page)).to_contain_text("profile@stats.visits is 1, needs > 3")
    expect(page.locator(".tracsync-explained").nth(1)).to_contain_text("false")
    expect(page.locator(".tracsync-explained").nth(2)).to_contain_text("not reached")
    editor(page, "Mapping")
    page.keyboard.insert_text('{"hello": "Dear {{profile@name}}"}')
    expect(page.locator(".tracsync-places")).to_contain_text("Dear Name 1")
    page.get_by_role("combobox", name="Method").select_option("PUT")
    expect(result(page)).to_contain_text("PUT http://127.0.0.1")
    expect(page.get_by_role("status").filter(has_text="Would not be sent")).to_have_count(1)


def test_a_mistake_is_said_and_what_it_does_not_spoil_stays(page, editor):
    editor(page, "Mapping")
    page.keyboard.insert_text("{")
    expect(verdict(page)).to_contain_text("The mapping has a mistake")
    expect(result(page)).to_contain_text("part by part")


def test_profiles_are_suggested_and_found_at_random(page):
    page.get_by_label("Profile", exact=True).fill("p")
    expect(page.locator("#preview-ids option")).to_have_count(5)
    page.get_by_role("button", name="Random that does not").click()
    expect(verdict(page)).to_contain_text("profile@mail is missing")
    expect(page.get_by_label("Profile", exact=True)).to_have_value(re.compile("p[24]"))
    page.get_by_role("button", name="Random that matches").click()
    expect(verdict(page)).to_contain_text("The prerequisites are met")


def test_what_is_typed_while_a_profile_is_looked_for_is_shown(site, open_page, editor):
    page, held, asked = open_page(site.destination("preview")), [], re.compile("/live/preview/")
    page.route(asked, lambda route: held.append(route), times=1)
    with page.expect_request(asked):
        page.get_by_role("button", name="Random that matches").click()
    editor(page, "Mapping")
    page.keyboard.insert_text('{"hello": "profile@id"}')
    held[0].continue_()
    expect(page.locator(".tracsync-places")).to_contain_text("hello")


def test_hostile_profiles_are_shown_as_text(page):
    page.get_by_label("Profile", exact=True).fill("<img src=x onerror=alert(1)>")
    expect(result(page)).to_contain_text("<script>alert(1)</script>")
    expect(result(page).locator("img, script")).to_have_count(0)


def test_one_that_is_not_there(page):
    page.get_by_label("Profile", exact=True).fill("nobody")
    expect(result(page)).to_contain_text("There is no profile with the ID “nobody”.")
    expect(page.get_by_role("button", name="Send with test credentials")).to_be_hidden()


def confirm(page, button, answer):
    page.get_by_role("button", name=button).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Profile Name 1 (p1) is sent with")
    expect(dialog.get_by_role("button", name="Do not send")).to_be_focused()
    dialog.get_by_role("button", name=answer, exact=True).click()
    expect(dialog).to_be_hidden()


def test_sending_asks_first_and_shows_request_response_and_time(page):
    sent = page.locator("#sent-result")
    confirm(page, "Send with test credentials", "Do not send")
    expect(sent).to_be_empty()
    confirm(page, "Send with test credentials", "Send it")
    expect(sent).to_contain_text("Sent with the test credentials")
    expect(sent).to_contain_text("status 200; took 0.")
    expect(sent).to_contain_text("Idempotency-Key: test:")
    expect(sent).to_contain_text("HTTP 200")
    expect(sent.get_by_role("heading", name="Sent with")).to_be_focused()


def test_production_is_sent_by_the_engine_and_the_page_follows(page):
    sent = page.locator("#sent-result")
    confirm(page, "Send to production", "Send it")
    expect(sent).to_contain_text("Sent by the engine")
    expect(sent).to_contain_text("Accepted")
    expect(sent).to_contain_text("HTTP 200")
    expect(verdict(page)).to_contain_text("Nothing new to send")


def test_production_gets_only_what_is_saved(page, editor):
    editor(page, "Mapping")
    page.keyboard.insert_text('{"hello": "profile@id"}')
    expect(page.locator(".tracsync-places")).to_contain_text("hello")
    confirm(page, "Send to production", "Send it")
    expect(page.locator("#sent-result")).to_contain_text("Save them first")


def test_the_difference_to_what_was_accepted(page, editor):
    confirm(page, "Send to production", "Send it")
    expect(verdict(page)).to_contain_text("Nothing new to send")
    editor(page, "Mapping")
    page.keyboard.insert_text('{"id": "profile@id", "mail": "other"}')
    difference = page.locator(".tracsync-diff")
    expect(difference.locator("ins")).to_have_text(['+   "mail": "other"'])
    expect(difference.locator("del")).to_have_text(['-   "mail": "p1@x.example"'])
