"""No barrier of any weight on any page (axe-core), light and dark, at four widths; and no page is too wide.

Which pages there are says `every_page.py`. In the ordinary run those are looked at that have, together, each
kind of element, each page in one of the eight ways; and all of them, in all ways, by

    TRACSYNC_TEST_EVERY_PAGE=1 .venv/bin/pytest tests/browser/test_every_page.py
"""

import itertools
import json
import os
import re
from pathlib import Path

import pytest

from tests.browser.conftest import EVERY_WIDTH, Visitor, violations
from tests.browser.shapes import fewest, shapes
from tests.harness import ROOT, Installation

IN_ALL_WAYS = "TRACSYNC_TEST_EVERY_PAGE" in os.environ
EVERY_WAY = [(width, scheme) for width in EVERY_WIDTH for scheme in ("light", "dark")]
WALK = """
import json
from tests.browser.every_page import walk
print(json.dumps(walk({directory!r})))
"""
# What scripts ask for, and no page has when it comes.
LATER = {
    "admin/tracsync/base/exchange.html": "test_barriers",
    "admin/tracsync/destinations/preview.html": "test_barriers",
    "admin/tracsync/destinations/preview_nothing.html": "test_barriers",
    "admin/tracsync/destinations/sent.html": "test_barriers",
    "admin/tracsync/destinations/trial_outcome.html": "test_barriers",
    "admin/tracsync/resources/tested.html": "test_story",
}
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Everything(Visitor):
    """Somebody who walks through all pages of an installation."""

    def __init__(self, browser, directory):
        super().__init__(browser, Installation(directory, EMAIL_URL="smtp://127.0.0.1:9"))
        self.walked = json.loads(self.python(WALK.format(directory=str(directory))))
        self.page = self.open(self.url("session/"), bypass_csp=True)
        token = {"name": "csrftoken", "value": self.walked["csrftoken"], "url": self.base}
        self.page.context.add_cookies([token])  # what scripts send has to fit the forms

    def show(self, one):
        """A page as it was answered, where it was answered."""
        address = f"{self.base}{one['path']}"
        self.page.route(
            lambda url: url == address,
            lambda route: route.fulfill(path=one["file"], content_type="text/html; charset=utf-8"),
        )
        self.page.goto(address)
        self.page.unroute_all()


@pytest.fixture(scope="module")
def everything(browser, tmp_path_factory):
    everything = Everything(browser, tmp_path_factory.mktemp("every-page"))
    yield everything
    everything.installation.stop()


def test_every_address_and_every_template_is_walked(everything):
    assert everything.walked["others"] == []
    ours = {str(path.relative_to(ROOT / "templates")) for path in (ROOT / "templates").rglob("*.html")}
    assert ours - set(everything.walked["templates"]) == LATER.keys()


def test_code_that_may_be_wider_than_its_place_takes_the_focus_to_be_scrolled():
    """Facts, in a `dd`, are broken into lines."""
    texts = {path: path.read_text() for path in (ROOT / "templates").rglob("*.html")}
    without = re.compile(r"(?<!<dd>)<pre(?![^>]*tabindex)")
    assert [path for path, text in texts.items() if without.search(text)] == []


def test_no_page_has_a_barrier_or_is_wider_than_its_window(everything, axe):
    pages = everything.walked["pages"]
    ways = itertools.repeat(EVERY_WAY)
    if not IN_ALL_WAYS:
        pages = fewest(pages, [shapes(Path(one["file"]).read_text()) for one in pages])
        ways = itertools.cycle([way] for way in EVERY_WAY)
    found = {}
    for one, looked_at in zip(pages, ways, strict=False):
        everything.show(one)
        everything.page.evaluate(axe)
        if wrong := list(barriers(everything.page, looked_at)):
            found[one["name"]] = wrong
    assert found == {}
    assert everything.complaints == []


def barriers(page, ways):
    """What axe finds in each of the ways, and at which of all widths the page is too wide."""
    for width in EVERY_WIDTH:
        page.set_viewport_size({"width": width, "height": 900})
        if (by := page.evaluate(WIDER)) > 0:
            yield f"{width} pixels: {by} too wide"
        for scheme in (scheme for at, scheme in ways if at == width):
            page.emulate_media(color_scheme=scheme)
            yield from (f"{width} pixels, {scheme}: {one}" for one in violations(page))
