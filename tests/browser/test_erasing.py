"""Erasing somebody: the form says what its button does, and says it whole, however narrow and dark it is."""

import pytest
from playwright.sync_api import expect

NEW = """
from profiles.models import Profile
Profile(document={"id": "to-erase", "name": "Ada"}).save()
"""
# Of each text and field of the form, how far it goes beyond what is around it.
CUT_OFF = """() => {
    const card = document.querySelector("#content-main form fieldset").getBoundingClientRect();
    const seen = [...document.querySelectorAll("#content-main fieldset :is(label, input, .help)")];
    return seen.map(one => one.getBoundingClientRect().right - card.right).filter(beyond => beyond > 0);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_of_the_form_is_cut_off(site, open_page, width, scheme):
    page = open_page(site.url("tracsync/erasure/add/?profile=nobody"), width)
    page.emulate_media(color_scheme=scheme)
    assert page.evaluate(CUT_OFF) == []
    expect(page.get_by_role("heading", name="Erase a person")).to_be_visible()
    expect(page.get_by_role("button", name="Erase everywhere")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    page.emulate_media(color_scheme="light")


@pytest.mark.parametrize("path", ["tracsync/apitoken/add/", "tracsync/noticechannel/add/", "auth/user/add/"])
def test_neither_is_anything_of_others(site, open_page, path):
    assert open_page(site.url(path), 390).evaluate(CUT_OFF) == []


def test_a_person_is_erased_and_the_receipt_is_shown(site, open_page):
    site.python(NEW)
    page = open_page(site.url("profiles/profile/to-erase/change/"))
    page.get_by_role("link", name="Erase everywhere").click()
    page.get_by_label("Erase this person here").check()
    page.get_by_role("button", name="Erase everywhere").click()
    expect(page.get_by_role("heading", name="At the destinations")).to_be_visible()
    expect(page.get_by_text("The person is erased here")).to_be_visible()
