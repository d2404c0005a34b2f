"""Home and the funnel as people use them: from nothing to a first push, and why was this one not sent?"""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE
from tests.harness import Installation, Receiver, wait_for

SIZES = [(390, "light"), (390, "dark"), (1600, "light"), (1600, "dark")]
SERIOUS = ("serious", "critical")
USER = """
from django.contrib.auth import get_user_model
get_user_model().objects.create_superuser("operator", password="operator")
"""
DESTINATION = """
from destinations.models import *
from profiles.models import Profile
made = Resource.objects.create(name="Receiver", type_id="http_api", production={{"url": {url!r}}})
Destination.objects.create(
    name="crm", resource=made, prerequisites="profile@mail EXISTS", mapping={{"id": "profile@id"}},
    quiet_period=0.1)
for document in ({{"id": "anna", "mail": "anna@x.example"}}, {{"id": "ben"}}):
    Profile(document=document).save()
"""
RESTING = """
from datetime import timedelta
from django.utils import timezone
from destinations.models import *
from destinations.sync import tally
made = Destination.objects.create(name="resting", resource=Resource.objects.get())
now = timezone.now()
Health.objects.filter(destination=made).update(
    held_until=now + timedelta(hours=1), held_since=now, hold_reason="status 503: gone")
for ago in range(300):
    Tally.objects.create(
        destination=made, slot=tally.slot(now) - ago, settled=9, skipped=4, accepted=ago % 7, rejected=1,
        lag_1=ago % 7)
"""


class Visitor:
    """Somebody who may do everything, signed in at an installation of his own."""

    def __init__(self, browser, installation):
        self.browser, self.installation, self.complaints = browser, installation, []
        self.receiver = Receiver()
        installation.python(USER)
        self.base = f"{installation.start_web()}/admin/"
        self.state = None
        page = self.open("login/")
        page.fill("#id_username", "operator")
        page.fill("#id_password", "operator")
        page.click("[type=submit]")
        page.wait_for_url(self.base)
        self.state = page.context.storage_state()

    def open(self, path="", width=1600, scheme="light", **options):
        context = self.browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, storage_state=self.state, **options
        )
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.goto(f"{self.base}{path}")
        return page

    def close(self):
        self.installation.stop()
        self.receiver.close()


@pytest.fixture(scope="module")
def make_visitor(browser, tmp_path_factory):
    made = []

    def make():
        made.append(Visitor(browser, Installation(tmp_path_factory.mktemp("home"))))
        return made[-1]

    yield make
    for visitor in made:
        visitor.close()
    assert [one for visitor in made for one in visitor.complaints] == []


@pytest.fixture(scope="module")
def visitor(make_visitor):
    """Where something was pushed, and one destination rests."""
    visitor = make_visitor()
    visitor.installation.python("from destinations.models import *\n" + INSTALL)
    visitor.installation.python(DESTINATION.format(url=visitor.receiver.url))
    visitor.installation.start_worker()
    wait_for(lambda: visitor.receiver.arrivals, what="the first push")
    visitor.installation.python(RESTING)
    return visitor


INSTALL = """
from django.utils import timezone
Extension.objects.filter(slug="http_api").update(installed_at=timezone.now())
"""


def check(page, axe):
    """No serious barrier, and nothing that is wider than the screen."""
    page.evaluate(axe)
    found = page.evaluate("axe.run()")["violations"]
    barriers = [
        f"{one['id']}: {node['html'][:160]}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
    assert barriers == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_home_and_the_funnel_are_for_everybody(visitor, axe, width, scheme):
    page = visitor.open("", width, scheme, bypass_csp=True)  # axe is put into the page
    row = page.locator("tr", has=page.get_by_role("link", name="resting", exact=True))
    expect(row).to_contain_text("status 503: gone")
    expect(row.get_by_role("img")).to_have_count(3)
    check(page, axe)
    page.get_by_role("link", name="Funnel of resting").click()
    expect(page.get_by_role("heading", name="Funnel")).to_be_visible()
    expect(page.locator(".tracsync-stage-accepted")).to_contain_text("of what was sent")
    check(page, axe)
    page.context.close()


@pytest.mark.parametrize(("width", "scheme"), SIZES[1:3])
def test_first_steps_are_for_everybody(make_visitor, axe, width, scheme):
    page = make_visitor().open("", width, scheme, bypass_csp=True)
    expect(page.get_by_role("heading", name="First steps")).to_be_visible()
    check(page, axe)


def test_from_home_to_why_it_was_not_sent(visitor):
    page = visitor.open()
    expect(page.get_by_text("Schedulers and workers are running.")).to_be_visible()
    page.get_by_role("link", name="Funnel of crm").click()
    page.get_by_role("link", name="Last hour").click()
    expect(page.get_by_role("link", name="Last hour")).to_have_attribute("aria-current", "page")
    page.get_by_role("link", name="Not met: show them").click()
    expect(page.locator("#result_list")).to_contain_text("ben")
    page.go_back()
    reason = page.get_by_role("row", name=re.compile("profile@mail is missing"))
    reason.get_by_role("link", name="ben").click()
    expect(page.get_by_text("not sent: profile@mail is missing")).to_be_visible()


def test_an_empty_installation_leads_from_step_to_step(make_visitor):
    visitor = make_visitor()
    page = visitor.open()
    now = page.locator("[aria-current=step]")
    expect(now).to_contain_text("Install an extension")
    now.get_by_role("link").click()
    page.get_by_role("row", name=re.compile("HTTP API")).get_by_role("button", name="Install").click()
    page.goto(visitor.base)
    expect(now).to_contain_text("Add a resource")
    now.get_by_role("link").click()
    expect(page.get_by_role("heading", name="Add resource")).to_be_visible()
    visitor.installation.python(DESTINATION.format(url=visitor.receiver.url))
    page.goto(visitor.base)
    expect(now).to_contain_text("Start a worker")
    expect(page.get_by_text("Nothing is running")).to_be_visible()
    visitor.installation.start_worker()
    wait_for(lambda: visitor.receiver.arrivals, what="the first push")
    page.reload()
    expect(page.get_by_role("status")).to_contain_text("Schedulers and workers are running.")
    expect(page.get_by_role("heading", name="First steps")).to_have_count(0)
    expect(page.locator("tr", has_text="crm").first).to_contain_text("1 push")
