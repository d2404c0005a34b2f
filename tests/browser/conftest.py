"""An installation with destinations, and one browser, for all tests of the admin in a browser."""

import json
import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.harness import Installation, Receiver

PATIENCE = 20_000  # milliseconds
LAUNCH = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync")
QUIET = ("--disable-background-networking", "--disable-component-update")
SEED = """
import json
from django.contrib.auth import get_user_model
from django.utils import timezone
from destinations import configuration
from destinations.models import *
from profiles.models import Profile
get_user_model().objects.create_superuser("operator", password="operator")
Extension.objects.filter(slug="http_api").update(installed_at=timezone.now())
url = {{"url": {url!r}}}
resource = Resource.objects.create(name="Receiver", type_id="http_api", production=url, test=url)
for number in range(1, 6):
    document = {{"id": f"p{{number}}", "stats": {{"visits": number}}, "name": f"Name {{number}}"}}
    document["orders"] = [{{"sku": f"A-{{number}}", "lines": [{{"ean": "1"}}]}}]
    if number % 2:
        document["mail"] = f"p{{number}}@x.example"
    Profile(document=document).save()
Profile(document={{"id": "<img src=x onerror=alert(1)>", "mail": "<script>alert(1)</script>"}}).save()
found = {{"resource": resource.pk}}
for name in {names!r}:
    made = Destination(
        name=name, resource=resource, prerequisites="profile@mail EXISTS", quiet_period=0,
        mapping={{"id": "profile@id", "mail": "profile@mail", "phone?": "profile@phone"}})
    configuration.save(made)
    found[name] = made.pk
print(json.dumps(found))
"""
SERIOUS = ("serious", "critical")
NAMES = ("editor", "preview", "plain", "review")


def chromium() -> str:
    """Skips on a user's machine that has none, and fails in CI."""
    named = os.environ.get("TRACSYNC_TEST_CHROMIUM")
    names = (named,) if named else ("chromium", "chromium-browser", "google-chrome")
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


class Site:
    """Where the pages are."""

    def __init__(self, base: str, found: dict, installation: Installation) -> None:
        self.base, self.found, self.installation = base, found, installation
        self.python = installation.python  # runs code inside of it

    def url(self, path: str) -> str:
        return f"{self.base}/admin/{path}"

    def destination(self, name: str, rest: str = "change/") -> str:
        return self.url(f"destinations/destination/{self.found[name]}/{rest}")

    def adding(self) -> str:
        return self.url(f"destinations/destination/add/?resource={self.found['resource']}")


@pytest.fixture(scope="package")
def site(browser, tmp_path_factory):
    """Web server and worker of an installation of its own; its destinations lead to a receiver here."""
    receiver = Receiver()
    directory = tmp_path_factory.mktemp("browser")
    installation = Installation(directory, TRACSYNC_ATTEMPT_BODIES="all")
    try:
        found = json.loads(installation.python(SEED.format(url=receiver.url, names=NAMES)))
        base = installation.start_web()
        installation.start_worker()
        yield Site(base, found, installation)
    finally:
        installation.stop()
        receiver.close()


@pytest.fixture(scope="package")
def signed_in(browser, site):
    """The cookies of somebody who may do everything."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(site.url("login/"))
    page.fill("#id_username", "operator")
    page.fill("#id_password", "operator")
    page.click("[type=submit]")
    page.wait_for_url(site.url(""))
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def open_page(browser, site, signed_in):
    """Open pages that must not complain: not to the console, and not by asking anybody else for anything."""
    contexts, complaints = [], []

    def asked(request):
        if not request.url.startswith((site.base, "data:")):
            complaints.append(f"asked {request.url}")

    def open_one(url, width=1600, scheme="light", **options):
        height = 1000 if width > 1000 else 844
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            reduced_motion="reduce",
            storage_state=signed_in,
            **options,
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("request", asked)
        page.goto(url)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def editor():
    """An editor by its label, with what was in it selected, so that typing replaces it."""

    def find(page, label, select=True):
        box = page.get_by_role("textbox", name=label, exact=False)
        box.click()
        if select:
            page.keyboard.press("ControlOrMeta+a")
        return box

    return find


@pytest.fixture(scope="session")
def axe() -> str:
    return (Path(__file__).parent / "axe" / "axe.min.js").read_text()


@pytest.fixture
def barriers(axe):
    """What axe finds to be serious on a page."""

    def look(page):
        page.evaluate(axe)
        found = page.evaluate("axe.run()")["violations"]
        return [
            f"{one['id']}: {node['html'][:160]} ({node['any'][0]['message'] if node['any'] else ''})"
            for one in found
            if one["impact"] in SERIOUS
            for node in one["nodes"]
        ]

    return look
