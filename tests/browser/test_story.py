"""From an empty installation to a push that has arrived, by clicks alone, in the browser of a phone."""

import pytest
from playwright.sync_api import expect

from profiles import samples
from tests.browser.conftest import PATIENCE, SIGN_IN
from tests.harness import Installation, Receiver, wait_for

BUSINESS = "data.contact.email.business"
EMAILS = {one["id"]: one["data"]["contact"]["email"] for one in samples.profiles()}
WANTED = {id: email["business"] for id, email in EMAILS.items() if "business" in email}
OTHERS = EMAILS.keys() - WANTED.keys()


class Person:
    """Somebody at a browser; `look` stops to see whether a page is fit for everybody."""

    def __init__(self, page, base, barriers):
        self.page, self.base, self.barriers, self.complaints = page, base, barriers, []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))

    def _heard(self, message):
        if message.type != "verbose":  # Chromium's advice to password managers
            self.complaints.append(f"{message.type}: {message.text}")

    def home(self):
        self.page.goto(self.base)

    def look(self):
        assert self.complaints == []
        assert self.barriers(self.page) == []
        self.complaints.clear()  # axe sets inline styles, which the policy refuses

    def press(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()

    def begin_step(self, title):
        """What Home says is next, by its link."""
        self.home()
        step = self.page.locator("[aria-current=step]")
        expect(step).to_contain_text(title)
        self.look()
        step.get_by_role("link", name=title).click()

    def sign_in(self):
        self.home()
        self.page.get_by_label("Username").fill("operator")
        self.page.get_by_label("Password").fill("operator")
        self.press("Log in")
        expect(self.page.get_by_role("heading", name="First steps")).to_be_visible()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def base(tmp_path):
    """An installation where nothing is set up but somebody who may sign in, and a worker runs."""
    # The profiles are old when the destination comes: a quick browser is there within the usual quiet period,
    # and the backfill has nothing left to send.
    installation = Installation(tmp_path, TRACSYNC_QUIET_PERIOD="0.5")
    try:
        installation.python(SIGN_IN)
        base = installation.start_web()
        installation.start_worker()
        yield f"{base}/admin/"
    finally:
        installation.stop()


@pytest.fixture
def person(browser, base, barriers):
    context = browser.new_context(viewport={"width": 390, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    person = Person(context.new_page(), base, barriers)
    yield person
    context.close()
    assert person.complaints == []


def add_profiles(person):
    person.home()
    expect(person.page.locator("[aria-current=step]")).to_contain_text("Bring profiles in")
    person.look()
    person.press("Add sample profiles")
    expect(person.page.get_by_text("20 sample profiles were added.")).to_be_visible()


def install_extension(person):
    person.begin_step("Install an extension")
    person.look()
    person.page.get_by_role("link", name="HTTP API", exact=True).first.click()
    person.look()
    person.press("Install")
    expect(person.page.locator("[aria-current=step]")).to_contain_text("Say how to reach it")


def add_resource(person, url):
    """From the system's own page, with the connection tested before anything is saved."""
    person.page.get_by_role("link", name="Add a resource").click()
    person.page.get_by_label("Name:", exact=True).fill("Newsletter")
    person.page.locator("[name='production.url']").fill(url)
    person.press("Test connection as typed")
    expect(person.page.locator("#connection-result")).to_contain_text("answered 501 to HEAD")
    person.look()
    person.press("Save")
    expect(person.page.locator("[aria-current=step]")).to_contain_text("Begin a destination")


def add_destination(person):
    """By rows alone, and with what would arrive looked at before it is saved."""
    page = person.page
    page.get_by_role("link", name="An empty form").click()
    page.get_by_label("Name:", exact=True).fill("Readers")
    whom = page.locator(".field-prerequisites .tracsync-rowset")
    whom.get_by_role("button", name="Add a condition").click()
    whom.get_by_label("Field").fill(BUSINESS)
    whom.get_by_label("Comparison").select_option("exists")
    what = page.locator(".field-mapping .tracsync-rowset")
    what.get_by_role("button", name="Add a field").click()
    what.get_by_label("Their field").last.fill("to")
    what.get_by_label("Our field", exact=True).last.fill(BUSINESS)
    page.locator("summary", has_text="as for all").filter(has_text="When").click()
    page.get_by_label("Quiet period").fill("0.5")
    person.press("Random that matches")
    expect(page.locator(".tracsync-verdict").last).to_contain_text("Would be sent")
    person.press("Send to the receiver page")
    expect(page.get_by_role("heading", name="Arrived at the receiver page")).to_be_visible()
    expect(page.get_by_role("button", name="Send to Newsletter…")).to_be_visible()
    person.look()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="All that arrived").click()
    expect(opened.value.get_by_role("heading", name="for Readers")).to_be_visible()
    opened.value.close()
    person.press("Save")
    expect(page.locator(".messagelist").get_by_text("is saved")).to_be_visible()


def send_to_all(person):
    person.page.get_by_role("link", name="Bring all profiles up to date").click()
    person.press("Start the backfill")
    person.page.get_by_role("link", name="Follow it").click()
    expect(person.page.locator(".tracsync-progress")).to_contain_text("finished")
    person.look()


def test_from_an_empty_installation_to_a_push_that_has_arrived(person, receiver):
    person.sign_in()
    add_profiles(person)
    install_extension(person)
    add_resource(person, receiver.url)
    add_destination(person)
    send_to_all(person)

    wait_for(lambda: len(receiver.arrivals) == len(WANTED), "the first pushes")
    assert receiver.last() == {id: {"id": id, "to": address} for id, address in WANTED.items()}

    page = person.page
    person.home()  # a push arrives before it is recorded: the page follows
    expect(page.get_by_role("heading", name="First steps")).to_have_count(0)
    expect(page.get_by_text("The destination is well.")).to_be_visible()
    expect(page.get_by_text("Schedulers and workers are running.")).to_be_visible()
    person.look()
    page.get_by_role("link", name="Funnel of Readers").click()
    expect(page.get_by_role("heading", name="Funnel")).to_be_visible()
    person.look()
    page.goto(f"{person.base}profiles/profile/{min(WANTED)}/change/")
    page.get_by_role("link", name="Why?").click()
    expect(page.locator(".tracsync-answer")).to_contain_text("answered 200")
    person.look()
    page.goto(f"{person.base}profiles/profile/{min(OTHERS)}/change/")
    page.get_by_role("link", name="Why?").click()
    expect(page.locator(".tracsync-answer")).to_contain_text(f"{BUSINESS} is missing")
