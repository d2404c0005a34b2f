"""Pages that live: they follow what happens, what is typed outlives a session, other editors are named."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE

PAUSED = """
from django.utils import timezone
from destinations.models import *
destination = Destination.objects.get(pk={pk})
print(Backfill.objects.create(destination=destination, total=5000, done=1000, paused_at=timezone.now()).pk)
"""
WAITS = """
from destinations.models import Destination
from django.utils import timezone
Destination.objects.filter(pk={pk}).update(paused_at={at})
"""
SAVED_BY_ANN = """
from destinations import configuration
from destinations.configuration.history import Author
from destinations.models import Destination
destination = Destination.objects.get(pk={pk})
destination.description = {text!r}
configuration.save(destination, by=Author("ann"))
"""
SIGNED_OUT = """
from django.contrib.sessions.models import Session
Session.objects.filter(session_key={key!r}).delete()
"""
SIGNED_IN = """
from django.contrib.auth import get_user_model
from django.test import Client
user, made = get_user_model().objects.get_or_create(username="editor", is_staff=True, is_superuser=True)
user.set_password("editor")
user.save()
client = Client()
client.force_login(user)
print(client.cookies["sessionid"].value)
"""


@pytest.fixture
def editor_page(browser, site):
    """A page of somebody else, whose session may end."""
    key = site.python(SIGNED_IN).strip()
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    context.add_cookies([{"name": "sessionid", "value": key, "url": site.base}])
    page = context.new_page()
    yield page, key
    context.close()


def test_a_page_follows_without_losing_what_somebody_does_there(site, open_page):
    pk = site.found["plain"]
    page = open_page(site.destination("plain"))
    panel = page.get_by_role("region", name="How it is doing")
    funnel = panel.get_by_role("link", name="The funnel, and reasons")
    funnel.focus()
    before = page.evaluate("scrollY")
    page.evaluate("window.mark = document.getElementById('health')")
    job = site.python(PAUSED.format(pk=pk)).strip()
    expect(panel.get_by_role("progressbar")).to_have_attribute("value", "20")
    site.python(WAITS.format(pk=pk, at="timezone.now()"))
    expect(page.get_by_role("button", name="Resume").first).to_be_visible()
    expect(page.locator("[role=status]", has_text="plain: paused")).to_have_count(1)
    expect(funnel).to_be_focused()
    assert page.evaluate("scrollY") == before
    assert page.evaluate("window.mark.isConnected")  # it was changed, not replaced
    page.goto(site.url(f"destinations/backfill/{job}/change/"))
    site.python(f"from destinations.models import Backfill\nBackfill.objects.get(pk={job}).cancel()")
    expect(page.locator(".tracsync-progress")).to_contain_text("cancelled")
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    expect(page.locator("[data-live]")).to_have_count(0)  # nothing can change any more
    site.python(WAITS.format(pk=pk, at="None"))


def test_two_editors_know_of_each_other_before_anything_is_overwritten(site, editor_page):
    page, _key = editor_page
    pk = site.found["plain"]
    page.goto(site.destination("plain"))
    page.get_by_label("Description").fill("mine")
    site.python(SAVED_BY_ANN.format(pk=pk, text="theirs"))
    told = page.locator("#live-panel [role=status]", has_text="Somebody else has saved this")
    expect(told).to_contain_text("ann: Description")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_role("heading", name="Changed meanwhile", exact=True)).to_be_visible()
    expect(page.get_by_role("region", name="What was changed meanwhile")).to_contain_text("ann")
    page.get_by_role("button", name="Back to the form").click()
    expect(page.get_by_label("Description")).to_have_value("mine")
    site.python(SAVED_BY_ANN.format(pk=pk, text="theirs again"))
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_role("link", name="Drop mine").click()
    expect(page.get_by_label("Description")).to_have_value("theirs again")


def test_a_session_that_ends_loses_nothing_of_a_form_with_rows(site, editor_page):
    page, key = editor_page
    page.goto(site.destination("editor"))
    whom = page.locator(".field-prerequisites .tracsync-rowset")
    expect(whom.get_by_label("Field")).to_have_value("mail")
    site.python(SIGNED_OUT.format(key=key))
    page.get_by_label("Description").fill("typed while signed out")
    whom.get_by_label("Comparison").select_option("is filled in")
    page.get_by_role("button", name="Save and continue editing").click()
    ended = page.get_by_role("alert").filter(has_text="You are signed out")
    expect(ended).to_be_in_viewport()
    with page.context.expect_page() as opened:
        ended.get_by_role("link", name="Sign in in another tab").click()
    other = opened.value
    other.get_by_label("Username").fill("editor")
    other.get_by_label("Password").fill("editor")
    other.get_by_role("button", name="Log in").click()
    expect(other.get_by_role("heading", name="You are signed in again")).to_be_visible()
    other.close()
    expect(page.get_by_text("You are signed in again: go on.")).to_be_visible()
    expect(page.locator("#id_prerequisites")).to_have_value("profile@mail NOT EMPTY")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_role("heading", name="Before you save")).to_be_visible()
    page.get_by_role("button", name="Back to the form").click()
    expect(page.get_by_label("Description")).to_have_value("typed while signed out")
    expect(page.locator("#id_prerequisites")).to_have_value("profile@mail NOT EMPTY")
