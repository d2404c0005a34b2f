"""Lists on phones: the rows come first, and the filters are folded with how many of them are active."""

import pytest
from playwright.sync_api import expect

# Each with a filter that is active, and what belongs to the filters.
LISTS = {
    "destinations/deliveryattempt/?outcome__exact=accepted": "form.tracsync-filters",
    "destinations/profilesync/?state__exact=synced": "#changelist-filter",
    "destinations/destination/?enabled__exact=1": "#changelist-filter",
    "profiles/profile/?changed_at_from=2020-01-01&changed_at_to=2100-01-01": "#changelist-filter",
    "auth/user/?is_active__exact=1": "#changelist-filter",
    "destinations/resource/?enabled__exact=1": "#changelist-filter",
}
SCREEN = 900  # px


@pytest.mark.parametrize("address", LISTS)
def test_filters_are_folded_and_say_how_many_are_active(site, open_page, address):
    page = open_page(site.url(address), width=390)
    filters, fold = page.locator(LISTS[address]), page.locator(".t-filters > summary")
    expect(filters).not_to_be_visible()
    expect(fold).to_contain_text("1 active")
    assert page.locator("#result_list tbody tr").first.bounding_box()["y"] < SCREEN
    fold.click()
    expect(filters).to_be_visible()
    assert filters.bounding_box()["y"] < SCREEN


@pytest.mark.parametrize("address", LISTS)
def test_where_there_is_room_they_are_seen(site, open_page, address):
    page = open_page(site.url(address), width=1280)
    expect(page.locator(LISTS[address])).to_be_visible()
    expect(page.locator(".t-filters > summary")).not_to_be_visible()


def test_without_an_active_one_nothing_is_counted(site, open_page):
    page = open_page(site.url("destinations/profilesync/?q=p1"), width=390)
    expect(page.locator(".t-filters > summary")).to_have_text("Filter")


def test_what_belongs_to_a_value_stands_below_it_and_not_below_its_name(site, open_page):
    page = open_page(site.url("destinations/deliveryattempt/"), width=390)
    id = page.locator("#result_list .tracsync-id").first.bounding_box()
    name = page.locator("#result_list .tracsync-id").first.locator("xpath=../a").bounding_box()
    assert abs(id["x"] - name["x"]) < 2


def test_the_buttons_that_save_leave_room_for_what_is_edited(site, open_page):
    page = open_page(site.url(f"destinations/resource/{site.found['resource']}/change/"), width=390)
    assert page.locator(".submit-row").bounding_box()["height"] < SCREEN / 6


FOCUSED = """() => {
    const box = document.activeElement.getBoundingClientRect();
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    const seen = document.activeElement.contains(top) || top?.contains(document.activeElement);
    return box.bottom <= 0 || Boolean(seen);
}"""


@pytest.mark.parametrize("address", ["destinations/destination/", "profiles/profile/", "form"])
def test_what_the_keyboard_comes_to_is_seen(site, open_page, address):
    """Neither in the headings, which cards have none of, nor behind the buttons that save."""
    page = open_page(site.destination("plain") if address == "form" else site.url(address), width=390)
    hidden = []
    for _stop in range(60):
        page.keyboard.press("Tab")
        if not page.evaluate(FOCUSED):
            hidden.append(page.evaluate("document.activeElement.outerHTML.slice(0, 120)"))
    assert hidden == []


LONG = """
from django.db.models import Value
from django.db.models.functions import Concat
from destinations.models import Destination, Resource
from profiles.models import Profile
Resource.objects.filter(name="Receiver").update(name="R" * 100)
Destination.objects.update(name=Concat(Value("D" * 100 + " "), "name"))
Profile(document={"id": "i" * 255, "name": "N" * 200, "email": f"{'e' * 180}@{'d' * 60}.example"}).save()
"""
FORGET = """
from django.db.models.functions import Substr
from destinations.models import Destination, Resource
from profiles.models import Profile
Resource.objects.filter(name="R" * 100).update(name="Receiver")
Destination.objects.update(name=Substr("name", 102))
Profile.objects.filter(pk="i" * 255).delete()
"""
WIDER = """[document.documentElement, ...document.querySelectorAll("#changelist .module")]
    .map(one => one.scrollWidth - one.clientWidth)"""


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_long_words_without_blanks_stay_in_the_window(site, open_page, width):
    site.python(LONG)
    try:
        lists = ("profiles/profile/?q=iii", "destinations/destination/", "destinations/resource/")
        for path in (f"profiles/profile/{'i' * 255}/change/", *lists, "search/?q=NNN", "search/?q=p1"):
            page = open_page(site.url(path), width=width)
            assert max(page.evaluate(WIDER)) <= 0, path
            cells = page.locator("#result_list tbody td:not(.action-checkbox)")
            assert all(cells.nth(at).bounding_box()["width"] > 40 for at in range(cells.count())), path
    finally:
        site.python(FORGET)
