"""“Why was this customer not sent?”, answered by clicks alone, and a failed day recovered from the log."""

import itertools
import re

import pytest
from playwright.sync_api import expect

from tests.harness import Receiver, wait_for

SETUP = """
from django.utils import timezone
from destinations import configuration
from destinations.models import *
from destinations.operations import actions
from profiles.models import Profile
resource = Resource.objects.create(name="Why receiver", type_id="http_api", production={{"url": {url!r}}})
mapping = {{"id": "profile@id", "mail": "profile@mail"}}
def make(name, prerequisites):
    made = Destination(name=name, prerequisites=prerequisites, resource=resource, mapping=mapping)
    made.quiet_period = 0
    configuration.save(made)
    return made
make("Why skips", 'profile@id == "a-skipped" AND profile@phone EXISTS')
paused = make("Why pauses", 'profile@id == "a-paused"')
actions.pause(paused)
make("Why rejects", 'profile@id == "a-rejected"')
days = make("Why days", 'profile@day EXISTS')
print(days.pk)
for name in ("skipped", "paused", "rejected"):
    Profile(document={{"id": f"a-{{name}}", "mail": "x@x.example", "stats": {{"visits": 1}}}}).save()
"""
DECIDED = """
from destinations.models import ProfileSync
ends = (("Why skips", "skipped"), ("Why rejects", "rejected"))
rows = ProfileSync.objects.all()
print(all(rows.filter(profile=f"a-{end}", state=end, destination__name=at).exists() for at, end in ends))
"""
DAY = """
from profiles.models import Profile
for number in range(120):
    rest = {"mail": f"d{number}@x.example", "stats": {"visits": 1}}
    Profile(document={"id": f"day-{number:03}", "day": True, **rest}).save()
"""


@pytest.fixture(scope="module")
def receiver():
    receiver = Receiver()
    receiver.answer = lambda payload: 422
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def days(site, receiver):
    """The id of the destination that gets what is sent in the failed day."""
    id = int(site.installation.python(SETUP.format(url=receiver.url)))
    wait_for(lambda: site.installation.python(DECIDED).strip() == "True", "what becomes of the profiles")
    return id


def ask_why(site, open_page, id, destination, **view):
    """From the list of profiles to the page that answers it, by clicks."""
    page = open_page(site.url("profiles/profile/"), **view)
    page.get_by_role("link", name=id, exact=True).click()
    page.get_by_role("link", name=f"Why? At {destination}").click()
    return page


def answer(page):
    return page.locator(".tracsync-answer")


def test_prerequisites_not_met(site, days, open_page):
    page = ask_why(site, open_page, "a-skipped", "Why skips")
    expect(answer(page)).to_have_text("Not sent: profile@phone is missing.")
    parts = page.locator(".tracsync-explained")
    expect(parts.filter(has_text="profile@phone EXISTS").last).to_contain_text("false")
    expect(parts.filter(has_text='profile@id == "a-skipped"').last).to_contain_text("true")
    expect(page.locator(".tracsync-ahead")).to_contain_text("nothing is waiting")


def test_destination_paused(site, days, open_page):
    page = ask_why(site, open_page, "a-paused", "Why pauses")
    expect(answer(page)).to_contain_text("It is kept, because the destination is paused since")
    page.get_by_role("link", name="Why pauses").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()


def test_rejected_with_422_mended_and_sent(site, days, open_page, receiver):
    page = ask_why(site, open_page, "a-rejected", "Why rejects")
    expect(answer(page)).to_contain_text("Rejected: answered 422")
    expect(page.locator(".tracsync-chronology")).to_contain_text("status 422")
    before = len(receiver.arrivals)
    receiver.answer = lambda payload: 200
    page.get_by_role("button", name="Replay").click()
    page.get_by_role("button", name="Send it").click()
    expect(page.locator(".messagelist")).to_contain_text("Replay: sent again to 1 destination")
    wait_for(lambda: len(receiver.arrivals) > before, "the replay")

    def is_accepted():
        page.reload()
        return answer(page).inner_text().startswith("Synced at")

    wait_for(is_accepted, "that it is accepted")
    expect(page.locator(".tracsync-verdict").last).to_contain_text("Nothing new to send")
    expect(page.get_by_text("The request that it last accepted")).to_be_visible()


def test_a_failed_day_is_recovered(site, days, open_page, receiver):
    """All are refused for reasons of their own, some of them after a failure; then the receiver is mended.

    Five failures in a row would make the destination rest, longer each time: every tenth fails, and once.
    """
    reasons, failed = itertools.count(), set()

    def answer_of_the_day(payload):
        if payload["id"].endswith("0") and payload["id"] not in failed:
            failed.add(payload["id"])
            return 500
        return 422, f"reason {next(reasons)}"

    receiver.answer = answer_of_the_day
    site.installation.python(DAY)
    tried = (
        "destinations.models.DeliveryAttempt.objects.filter(destination={days}, outcome='rejected').count()"
    )
    code = f"import destinations.models; print({tried.format(days=days)})"
    wait_for(lambda: int(site.installation.python(code)) >= 108, "all that are refused at once")

    page = open_page(site.url("destinations/deliveryattempt/"))
    page.get_by_role("link", name="Today", exact=True).click()
    page.get_by_label("Destination", exact=True).select_option("Why days")
    page.get_by_label("Outcome").select_option("Failed, in whatever way")
    page.get_by_role("button", name="Filter", exact=True).click()
    chips = page.get_by_role("list", name="Active filters")
    expect(chips).to_contain_text("Outcome: Failed, in whatever way")
    expect(chips).to_contain_text("Destination: Why days")
    expect(chips).to_contain_text("From: ")
    page.locator("#action-toggle").check()
    page.get_by_role("button", name=re.compile("Select all")).click()
    page.locator("select[name=action]").select_option(
        label="Replay: send as they are now, even if unchanged…"
    )
    page.get_by_role("button", name="Go").click()

    expect(page.locator(".tracsync-lead")).to_contain_text(
        re.compile(r"\d+ profiles, each at its destination")
    )
    chosen = int(page.locator(".tracsync-lead strong").first.inner_text())
    assert 108 <= chosen <= 120
    expect(page.locator(".tracsync-sample > li")).to_have_count(20)
    expect(page.locator(".tracsync-kind").first).to_have_text("same")
    receiver.arrivals.clear()
    receiver.answer = lambda payload: 200
    page.get_by_role("button", name="Replay them").click()
    expect(page.locator(".messagelist")).to_contain_text(f"Replay: {chosen} profile syncs are sent again")
    wait_for(lambda: len([id for id in receiver.last() if id.startswith("day-")]) >= chosen, "all of them")
    chips.get_by_label("Clear Outcome").click()
    expect(chips).not_to_contain_text("Outcome")


def test_no_barriers(view, site, days, open_page, barriers):
    page = ask_why(site, open_page, "a-rejected", "Why rejects", **view)
    assert barriers(page) == []
    query = "?outcome__exact=failed&status=4xx&error=answered"
    page.goto(site.url(f"destinations/deliveryattempt/{query}"))
    assert barriers(page) == []
    page.goto(site.url(f"destinations/deliveryattempt/again/replay/{query}"))
    expect(page.locator(".tracsync-sample > li").first).to_be_visible()
    assert barriers(page) == []
    page.goto(site.url(f"destinations/deliveryattempt/{query}"))
    page.locator("#result_list th a").first.click()
    expect(page.get_by_text("What went over the wire")).to_be_visible()
    assert barriers(page) == []
    page.goto(site.url("profiles/profile/a-rejected/change/"))
    assert barriers(page) == []
