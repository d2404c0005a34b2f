"""Home and the funnel as people use them: from nothing to a first push, and why was this one not sent?"""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.harness import Installation, Receiver, wait_for

ALL = ("minor", "moderate", "serious", "critical")
INSTALL = """
from django.utils import timezone
from destinations.models import Extension
Extension.objects.filter(slug="http_api").update(installed_at=timezone.now())
"""
DESTINATION = """
from destinations import configuration
from destinations.models import *
from profiles.models import Profile
made = Resource.objects.create(name="Receiver", type_id="http_api", production={{"url": {url!r}}})
configuration.save(Destination(
    name="crm", resource=made, prerequisites="profile@mail EXISTS", mapping={{"id": "profile@id"}},
    quiet_period=0.1))
for document in ({{"id": "anna", "mail": "anna@x.example"}}, {{"id": "ben"}}):
    Profile(document=document).save()
"""
RESTING = """
from datetime import timedelta
from django.utils import timezone
from destinations.models import *
from destinations import configuration
from destinations.sync import counters
made = Destination(name="resting", resource=Resource.objects.get())
configuration.save(made)
now = timezone.now()
Health.objects.filter(destination=made).update(
    held_until=now + timedelta(hours=1), held_since=now, hold_reason="status 503: gone")
for ago in range(300):
    Tally.objects.create(
        destination=made, slot=counters.slot(now) - ago, settled=9, skipped=4, accepted=ago % 7, rejected=1,
        lag_1=ago % 7)
"""
# Both of the two profiles; a push arrives before it is recorded.
DECIDED = """
from destinations.models import ProfileSync
print(ProfileSync.objects.filter(state__in=["synced", "skipped"]).count() == 2)
"""


class Beginner(Visitor):
    """A visitor of an installation where nothing is set up and no worker runs."""

    def __init__(self, browser, directory):
        super().__init__(browser, Installation(directory))
        self.receiver = Receiver()
        self.home = self.url("")

    def wait_until_decided(self):
        wait_for(lambda: self.python(DECIDED).strip() == "True", "what becomes of the profiles")

    def close(self):
        self.installation.stop()
        self.receiver.close()


@pytest.fixture
def beginner(browser, tmp_path):
    beginner = Beginner(browser, tmp_path)
    yield beginner
    try:
        beginner.leave()
    finally:
        beginner.close()


@pytest.fixture(scope="module")
def busy(browser, tmp_path_factory):
    """Where something was pushed, and one destination rests."""
    busy = Beginner(browser, tmp_path_factory.mktemp("home"))
    busy.python(INSTALL)
    busy.python(DESTINATION.format(url=busy.receiver.url))
    busy.installation.start_worker()
    busy.wait_until_decided()
    busy.python(RESTING)
    yield busy
    busy.close()


@pytest.fixture
def visitor(busy):
    yield busy
    busy.leave()


def test_home_and_the_funnel_are_for_everybody(visitor, view, barriers):
    page = visitor.open(visitor.home, **view)
    card = page.get_by_role("article", name="resting")
    expect(card).to_contain_text("status 503: gone")
    expect(card.get_by_role("img")).to_have_count(1)
    assert barriers(page, impacts=ALL, widths=(390, 768, 1280, 1600)) == []
    page.get_by_role("link", name="Funnel of resting").click()
    expect(page.get_by_role("heading", name="Funnel")).to_be_visible()
    expect(page.locator(".tracsync-stage-accepted")).to_contain_text("of what was sent")
    assert barriers(page) == []


def test_from_home_to_why_it_was_not_sent(visitor):
    page = visitor.open(visitor.home)
    expect(page.get_by_text("Schedulers and workers are running.")).to_be_visible()
    page.get_by_role("link", name="Last hour").click()
    expect(page.get_by_role("article", name="crm")).to_contain_text("Accepted1")
    page.get_by_role("link", name="Funnel of crm").click()
    page.get_by_role("link", name="Last hour").click()
    expect(page.get_by_role("link", name="Last hour")).to_have_attribute("aria-current", "page")
    page.get_by_role("link", name="Not met: show them").click()
    expect(page.locator("#result_list")).to_contain_text("ben")
    page.go_back()
    reason = page.get_by_role("row", name=re.compile("profile@mail is missing"))
    reason.get_by_role("link", name="ben").click()
    expect(page.get_by_text("not sent: profile@mail is missing")).to_be_visible()


def test_an_empty_installation_leads_from_step_to_step(beginner, barriers):
    page = beginner.open(beginner.home, bypass_csp=True)
    expect(page.get_by_role("heading", name="First steps")).to_be_visible()
    assert barriers(page) == []
    page = beginner.open(beginner.home)
    now = page.locator("[aria-current=step]")
    expect(now).to_contain_text("Bring profiles in")
    page.get_by_role("link", name="Install an extension").click()
    page.get_by_role("link", name="HTTP API").first.click()
    page.get_by_role("button", name="Install").click()
    expect(page.get_by_text("HTTP API is installed.")).to_be_visible()
    page.goto(beginner.home)
    page.get_by_role("link", name="Add a resource").click()
    expect(page.get_by_role("heading", name="Add resource")).to_be_visible()
    beginner.python(DESTINATION.format(url=beginner.receiver.url))
    page.goto(beginner.home)
    expect(now).to_contain_text("Start a worker")
    expect(page.get_by_text("Nothing is running")).to_be_visible()
    beginner.installation.start_worker()
    beginner.wait_until_decided()
    page.reload()
    expect(page.get_by_text("Schedulers and workers are running.")).to_be_visible()
    expect(page.get_by_role("heading", name="First steps")).to_have_count(0)
    expect(page.get_by_role("article", name="crm")).to_contain_text("Accepted1")
