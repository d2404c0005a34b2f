"""An installation with destinations, and one browser, for all tests of the admin in a browser."""

import json
import os
import shutil
from collections.abc import Container
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from tests.harness import Installation, Receiver, wait_for

PATIENCE = 60_000  # milliseconds
# The first one has no windows: a page costs a third of what it costs in the others.
CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
LAUNCH = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync")
QUIET = ("--disable-background-networking", "--disable-component-update")
SEED = """
import json
from django.utils import timezone
from destinations import configuration
from destinations.models import *
from profiles.models import Profile
Extension.objects.filter(slug="http_api").update(installed_at=timezone.now())
url = {{"url": {url!r}}}
resource = Resource.objects.create(name="Receiver", type_id="http_api", production=url, test=url)
crm = Resource.objects.create(name="Address book", type_id="http_api", production=url)
told = {{"type": "text", "unique": False, "choices": []}}
known = [{{**told, "name": name, "title": name.title(), "read_only": name == "made_at"}}
         for name in ("email", "emergency", "made_at")]
known += [{{**told, "name": "address.city", "title": "", "read_only": False, "unique": True}},
          {{**told, "name": "plan", "title": "", "read_only": False, "choices": ["gold", "silver"]}}]
KnownFields.objects.create(resource=crm, use_test=False, fetched_at=timezone.now(), fields=known)
for number in range(1, 6):
    document = {{"id": f"p{{number}}", "stats": {{"visits": number}}, "name": f"Name {{number}}"}}
    document["orders"] = [{{"sku": f"A-{{number}}", "lines": [{{"ean": "1"}}]}}]
    if number % 2:
        document["mail"] = f"p{{number}}@x.example"
    Profile(document=document).save()
Profile(document={{"id": "<img src=x onerror=alert(1)>", "mail": "<script>alert(1)</script>"}}).save()
found = {{"resource": resource.pk, "crm": crm.pk}}
for name in {names!r}:
    made = Destination(
        name=name, resource=resource, prerequisites="profile@mail EXISTS", quiet_period=0,
        mapping={{"id": "profile@id", "mail": "profile@mail", "phone?": "profile@phone"}})
    configuration.save(made)
    found[name] = made.pk
print(json.dumps(found))
"""
SIGN_IN = """
from django.contrib.auth import get_user_model
from django.test import Client
client = Client()
client.force_login(get_user_model().objects.create_superuser("operator", password="operator"))
print(client.cookies["sessionid"].value)
"""
ALL = ("minor", "moderate", "serious", "critical")
SERIOUS = ("serious", "critical")
EVERY_WIDTH = (390, 768, 1280, 1600)
LOOK = """options => {
    // What is on its way from one colour to another has neither.
    document.getAnimations().filter(one => one instanceof CSSTransition).forEach(one => one.finish());
    return axe.run({...options, resultTypes: ["violations"]}).then(found => found.violations);
}"""
WIDTHS = (390, 1600)
OF_COLOURS = ["color-contrast", "link-in-text-block"]  # the rules that light and dark make a difference to
NAMES = ("editor", "preview", "plain", "review")
# What is shown of the last pushes is there once they are recorded.
ALL_RECORDED = """
from destinations.models import ProfileSync
from profiles.models import Profile
changing = Profile.objects.filter(first_changed_at__isnull=False)
waiting = ProfileSync.objects.filter(due_at__isnull=False)
print(ProfileSync.objects.exists() and not changing.exists() and not waiting.exists())
"""


def chromium() -> str:
    """Skips on a user's machine that has none, and fails in CI."""
    named = os.environ.get("TRACSYNC_TEST_CHROMIUM")
    names = (named,) if named else CHROMIUMS
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        message = "no Chromium: install it, or set TRACSYNC_TEST_CHROMIUM to its path"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    return found


@pytest.fixture(scope="package")
def browser():
    path = chromium()
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*LAUNCH, *QUIET])
        yield browser
        browser.close()


class Visitor:
    """Somebody at a browser, signed in at an installation as one who may do everything.

    Pages are used again by the next test: a new one costs a second, more than most tests do with it.
    """

    def __init__(self, browser: Browser, installation: Installation) -> None:
        self.browser, self.installation = browser, installation
        self.python = installation.python  # runs code inside of it
        self.session = self.python(SIGN_IN).strip()
        self.base = installation.start_web()
        self.pages: dict[tuple, Page] = {}
        self.complaints: list[str] = []

    def url(self, path: str) -> str:
        return f"{self.base}/admin/{path}"

    def open(self, url: str, width: int = 1600, **options: object) -> Page:
        """A page that must not complain: not to the console, and not by asking anybody else for anything."""
        key = tuple(options.items())
        if key not in self.pages:
            self.pages[key] = self._new_page(options)
        page = self.pages[key]
        page.set_viewport_size({"width": width, "height": 1000 if width > 1000 else 844})
        page.goto(url)
        return page

    def _new_page(self, options: dict) -> Page:
        context = self.browser.new_context(reduced_motion="reduce", color_scheme="light", **options)
        context.set_default_timeout(PATIENCE)
        context.add_cookies([{"name": "sessionid", "value": self.session, "url": self.base}])
        page = context.new_page()
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", self._asked)
        return page

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.base, "data:")):
            self.complaints.append(f"asked {request.url}")

    def leave(self) -> None:
        """Leave all pages as they were in the beginning, and say what they complained of.

        To a page of the same site: from `about:blank` the way back would begin with a process of its own.
        """
        complaints = list(self.complaints)
        for page in self.pages.values():
            page.unroute_all()
            page.goto(f"{self.base}/healthz")
        self.complaints.clear()
        assert complaints == []


class Site(Visitor):
    """Where the pages are."""

    found: dict

    def destination(self, name: str, rest: str = "change/") -> str:
        return self.url(f"destinations/destination/{self.found[name]}/{rest}")

    def adding(self, resource: str = "resource") -> str:
        return self.url(f"destinations/destination/add/?resource={self.found[resource]}")


@pytest.fixture(scope="package")
def site(browser, tmp_path_factory):
    """Web server and worker of an installation of its own; its destinations lead to a receiver here."""
    receiver = Receiver()
    directory = tmp_path_factory.mktemp("browser")
    installation = Installation(directory, TRACSYNC_ATTEMPT_BODIES="all")
    try:
        site = Site(browser, installation)
        site.found = json.loads(installation.python(SEED.format(url=receiver.url, names=NAMES)))
        installation.start_worker()
        wait_for(lambda: installation.python(ALL_RECORDED).strip() == "True", "the first pushes")
        yield site
    finally:
        installation.stop()
        receiver.close()


@pytest.fixture
def open_page(site):
    yield site.open
    site.leave()


@pytest.fixture
def view():
    """How a page is opened that axe is put into."""
    return {"bypass_csp": True}


@pytest.fixture
def editor():
    """An editor by its label, with what was in it selected, so that typing replaces it. Where rows are shown
    in its place, the text is chosen first."""

    def find(page, label, select=True):
        switch = page.get_by_role("group", name=f"Edit {label} as")
        switch.get_by_role("button", name="Text").click()
        box = page.locator(".cm-content").and_(
            page.get_by_role("textbox", name=label)
        )  # no plain field any more
        box.click()
        if select:
            page.keyboard.press("ControlOrMeta+a")
        return box

    return find


def violations(page: Page, impacts: Container[str] = ALL, **options: object) -> list[str]:
    """What axe, which is in the page, finds there as it is now."""
    return [
        f"{one['id']}: {node['html'][:160]} ({node['any'][0]['message'] if node['any'] else ''})"
        for one in page.evaluate(LOOK, options)
        if one["impact"] in impacts
        for node in one["nodes"]
    ]


@pytest.fixture(scope="session")
def axe() -> str:
    return (Path(__file__).parent / "axe" / "axe.min.js").read_text()


@pytest.fixture(scope="session")
def barriers(axe):
    """What axe finds to be serious on a page, narrow and wide, in light and dark, and where it is wider than
    its window. The page was opened with `bypass_csp`, or what it then complains of is forgotten.
    """

    def look(page, impacts=SERIOUS, widths=WIDTHS):
        if not page.evaluate("'axe' in window"):
            page.evaluate(axe)
        before = page.viewport_size
        found = []
        for width in widths:
            page.set_viewport_size({**before, "width": width})
            if width == max(widths):  # colours are the same at every width
                wrong = violations(page, impacts)
                page.emulate_media(color_scheme="dark")
                wrong += violations(page, impacts, runOnly=OF_COLOURS)
                page.emulate_media(color_scheme="light")
            else:
                wrong = violations(page, impacts, rules={one: {"enabled": False} for one in OF_COLOURS})
            if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                found.append(f"{width} pixels: it is wider than its window")
            found += [f"{width} pixels: {one}" for one in wrong]
        page.set_viewport_size(before)
        return found

    return look
