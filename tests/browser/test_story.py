"""From an empty installation to a push that has arrived, without leaving the browser."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE, SIGN_IN
from tests.harness import Installation, Receiver, wait_for


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
    installation = Installation(tmp_path)
    try:
        installation.python(SIGN_IN)
        base = installation.start_web()
        installation.start_worker()
        yield f"{base}/admin/"
    finally:
        installation.stop()


@pytest.fixture(params=[1600, 390])
def person(request, browser, base, barriers):
    context = browser.new_context(viewport={"width": request.param, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    person = Person(context.new_page(), base, barriers)
    yield person
    context.close()
    assert person.complaints == []


def install_extension(person):
    person.begin_step("Install an extension")
    person.look()
    person.page.get_by_role("link", name="HTTP API", exact=True).first.click()
    person.look()
    person.press("Install")
    expect(person.page.locator("[aria-current=step]")).to_contain_text("Say how to reach it")


def add_resource(person, url):
    person.begin_step("Add a resource")
    person.page.get_by_role("link", name="HTTP API").click()
    person.page.get_by_label("Name:", exact=True).fill("Newsletter")
    person.page.locator("[name='production.url']").fill(url)
    person.look()
    person.press("Save and continue editing")
    expect(person.page.get_by_text("was added successfully")).to_be_visible()


def add_destination(person, editor):
    person.begin_step("Add a destination")
    person.page.get_by_role("link", name="Newsletter").click()
    person.page.get_by_label("Name:", exact=True).fill("Readers")
    editor(person.page, "Prerequisites")
    person.page.keyboard.insert_text("profile@mail EXISTS")
    editor(person.page, "Mapping")
    person.page.keyboard.insert_text('{"id": "profile@id", "to": "profile@mail"}')
    person.page.get_by_label("Quiet period").fill("0.5")
    person.look()
    person.press("Save")
    expect(person.page.get_by_text("was added successfully")).to_be_visible()


def import_file(person):
    person.begin_step("Bring profiles in")
    lines = [{"id": "anna", "mail": "anna@x.example"}, {"id": "ben"}]
    text = "\n".join(json.dumps(line) for line in lines)
    file = {"name": "people.ndjson", "mimeType": "text/plain", "buffer": text.encode()}
    person.page.get_by_label("File", exact=True).set_input_files(file)
    person.press("Upload and check")
    expect(person.page.get_by_role("heading", name="Dry run")).to_be_visible()
    person.look()
    person.press("Import 2 records")


def steps_are_done(person):
    person.home()
    return person.page.get_by_role("heading", name="First steps").count() == 0


def test_from_an_empty_installation_to_a_push_that_has_arrived(person, receiver, editor):
    person.sign_in()
    install_extension(person)
    add_resource(person, receiver.url)
    add_destination(person, editor)
    import_file(person)

    wait_for(lambda: receiver.arrivals, "the first push")
    assert [payload for _at, _key, payload in receiver.arrivals] == [{"id": "anna", "to": "anna@x.example"}]

    page = person.page
    # A push arrives before it is recorded.
    wait_for(lambda: steps_are_done(person), "Home without first steps")
    expect(page.get_by_text("The destination is well.")).to_be_visible()
    expect(page.get_by_text("Schedulers and workers are running.")).to_be_visible()
    person.look()
    page.get_by_role("link", name="Funnel of Readers").click()
    expect(page.get_by_role("heading", name="Funnel")).to_be_visible()
    person.look()
    page.goto(f"{person.base}profiles/profile/anna/change/")
    page.get_by_role("link", name="Why?").click()
    expect(page.get_by_role("status")).to_contain_text("answered 200")
    person.look()
    page.goto(f"{person.base}profiles/profile/ben/change/")
    page.get_by_role("link", name="Why?").click()
    expect(page.get_by_role("status")).to_contain_text("profile@mail is missing")
    assert len(receiver.arrivals) == 1
