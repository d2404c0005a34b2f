"""A destination that does not let us in: Home says so, and three clicks later what waited has arrived."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.harness import Installation, Receiver, wait_for

SETUP = """
from django.utils import timezone
from destinations import configuration
from destinations.models import *
from profiles.models import Profile
Extension.objects.filter(slug="http_api").update(installed_at=timezone.now())
credentials = {{"url": {url!r}, "token": "of last year"}}
resource = Resource.objects.create(name="Newsletter", type_id="http_api", production=credentials)
configuration.save(Destination(
    name="Readers", resource=resource, mapping={{"id": "profile@id"}}, quiet_period=0))
for number in range(3):
    Profile(document={{"id": f"p{{number}}"}}).save()
"""
TOKEN = "of this year"
# Whatever a person presses, in this page and those after it.
COUNTED = """
addEventListener("click", event => {
    if (event.isTrusted && event.detail) sessionStorage.clicks = Number(sessionStorage.clicks || 0) + 1;
}, true);
"""


@pytest.fixture
def receiver():
    receiver = Receiver(token=TOKEN)
    yield receiver
    receiver.close()


@pytest.fixture
def visitor(browser, tmp_path, receiver):
    """Of an installation where three profiles wait for a receiver that answers 401 to everything."""
    visitor = Visitor(browser, Installation(tmp_path))
    try:
        visitor.python(SETUP.format(url=receiver.url))
        visitor.installation.start_worker()
        yield visitor
        visitor.leave()
    finally:
        visitor.installation.stop()


def test_a_broken_destination_is_found_on_home_and_cured_in_three_clicks(visitor, receiver):
    page = visitor.open(visitor.url("session/"), width=1280)
    page.add_init_script(COUNTED)
    page.goto(visitor.url(""))
    needs = page.get_by_role("region", name="Needs you").get_by_role("listitem")
    need = needs.filter(has_text="Readers does not let us in.")  # the page follows
    expect(need).to_contain_text("answered 401: it refused the credentials")
    assert receiver.arrivals == []

    need.get_by_role("link", name="Mend the credentials").click()
    token = page.locator("[name='production.token']")
    expect(token).to_be_visible()
    token.focus()
    page.keyboard.type(TOKEN)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist").get_by_text("is saved")).to_be_visible()

    wait_for(lambda: len(receiver.last()) == 3, "what waited")
    page.goto(visitor.url(""))
    expect(needs.filter(has_text="Readers")).to_have_count(0)
    expect(page.get_by_role("article", name="Readers")).to_contain_text("Running")
    clicks = page.evaluate("Number(sessionStorage.clicks)")
    assert 0 < clicks <= 3
