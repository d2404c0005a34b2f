"""Retry and replay: what was chosen is shown before anything is due, and only what was chosen is sent."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.urls import reverse
from django.utils import timezone

from destinations.admin.deliveries import resend_preview
from destinations.models import ProfileSync
from profiles.models import Profile

LOG = "destinations_deliveryattempt_changelist"
SYNCS = "destinations_profilesync_changelist"
ATTEMPTS_AGAIN = "destinations_deliveryattempt_again"
SYNCS_AGAIN = "destinations_profilesync_again"


@pytest.fixture
def syncs(destination):
    """Four profiles that were rejected there."""
    made = []
    for number in range(4):
        mail = {"data": {"contact": {"email": {"business": f"p{number}@example.com"}}}}
        Profile(document={"id": f"p{number}", **mail}).save()
        row = {"profile_id": f"p{number}", "destination": destination, "state": "rejected", "version": 1}
        made.append(ProfileSync.objects.create(**row))
    return made


def asked_again():
    return set(ProfileSync.objects.filter(due_at__isnull=False).values_list("profile_id", flat=True))


def confirm(page, post, name, how, **query):
    """What the preview said, and what came of confirming it."""
    preview = page(name, how, query=urlencode(query))
    assert asked_again() == set()
    return preview, post(name, how, query=urlencode(query))


def test_a_selection_is_asked_about_before_it_is_sent(syncs, make_attempt, page, post):
    made = [make_attempt(sync) for sync in syncs] + [make_attempt(syncs[0])]
    chosen = [str(made[number].pk) for number in (0, 1, 4)]
    question = post(LOG, action="replay", _selected_action=chosen)
    assert "<strong>2</strong> profiles, each at its destination" in question
    assert asked_again() == set()
    _, answer = confirm(page, post, ATTEMPTS_AGAIN, "replay", ids=",".join(chosen))
    assert "Replay: 2 profile syncs are sent again" in answer
    assert asked_again() == {"p0", "p1"}
    assert ProfileSync.objects.filter(resend=True).count() == 2


def test_all_that_match_are_those_of_the_filter_until_now(syncs, make_attempt, post, admin_client):
    for sync in syncs[:3]:
        make_attempt(sync, outcome="retry", status_code=503)
    make_attempt(syncs[3])
    query = "outcome__exact=failed&status=503&p=1"
    data = {"action": "replay", "select_across": "1", "_selected_action": ["0"]}
    question = admin_client.post(f"{reverse(f'admin:{LOG}')}?{query}", data)
    assert question.status_code == 302
    make_attempt(syncs[3], outcome="retry", status_code=503, at=timezone.now() + timedelta(minutes=1))
    assert "at__lt=" in question["Location"]
    admin_client.post(question["Location"])
    assert asked_again() == {"p0", "p1", "p2"}


def test_retry_does_not_force_what_is_unchanged(syncs, make_attempt, page, post):
    make_attempt(syncs[0])
    _, answer = confirm(page, post, ATTEMPTS_AGAIN, "retry", outcome__exact="rejected")
    assert "1 profile sync is due now" in answer
    assert not ProfileSync.objects.filter(resend=True).exists()


def test_profile_syncs_are_chosen_by_their_filters(syncs, page, post):
    ProfileSync.objects.filter(pk=syncs[0].pk).update(state="synced")
    question, answer = confirm(page, post, SYNCS_AGAIN, "replay", state__exact="rejected")
    assert "<strong>3</strong> profiles" in question
    assert "Replay: 3 profile syncs" in answer
    assert asked_again() == {"p1", "p2", "p3"}
    data = {"action": "retry", "select_across": "1", "_selected_action": ["0"]}
    assert "state__exact=synced" in str(post(SYNCS, query="state__exact=synced", **data))


def test_it_says_how_long_and_what_holds_it_up(syncs, make_attempt, page, destination):
    for sync in syncs:
        make_attempt(sync, duration_ms=4000)
    destination.rate_limit, destination.rate_period, destination.concurrency = 2, "minute", 1
    destination.save()
    text = page(ATTEMPTS_AGAIN, "replay")
    assert "1 min" in text
    assert "its limit of 2 a minute" in text
    destination.rate_limit = None
    destination.save()
    text = page(ATTEMPTS_AGAIN, "replay")
    assert "16 s" in text
    destination.paused_at = timezone.now()
    destination.save()
    assert "Kept, not sent yet:" in page(ATTEMPTS_AGAIN, "replay")


def test_counting_ends_and_is_said_to_be_the_least(syncs, make_attempt, page, monkeypatch):
    for sync in syncs:
        make_attempt(sync)
    monkeypatch.setattr(resend_preview, "MOST_COUNTED", 3)
    text = page(ATTEMPTS_AGAIN, "replay")
    assert "<strong>3+</strong> profiles" in text
    assert "at least" in text


def test_it_says_what_would_differ_now(syncs, make_attempt, page, destination):
    destination.settings = {}
    destination.save()
    request = 'POST https://x.example/\n\n{"mail": "old@example.com"}'
    make_attempt(syncs[0], request=request)
    make_attempt(syncs[1])
    make_attempt(syncs[2], version=7)
    Profile(document={"id": "p3"}).save()
    make_attempt(syncs[3])
    text = page(ATTEMPTS_AGAIN, "replay")
    assert "<del>-   &quot;mail&quot;: &quot;old@example.com&quot;</del>" in text
    assert "<ins>+   &quot;mail&quot;: &quot;p0@example.com&quot;</ins>" in text
    assert "neither the profile nor the destination has changed since" in text
    assert "the profile has changed since, from version 7 to 1" in text
    assert "Not wanted now: not met: profile@data.contact.email.business is missing" in text
    for count in ("1</strong> the same", "1</strong> different", "1</strong> cannot be compared"):
        assert count in text
    assert "not possible" not in text
    destination.mapping = {"mail": {"$formula": "count(profile@id) / 0"}}
    destination.save()
    assert "cannot be made" in page(ATTEMPTS_AGAIN, "replay")


@pytest.mark.parametrize("query", ["status=abc", "other=1", "ids=", "ids=1;2", "destination=77", "at__lt=x"])
def test_what_is_not_understood_sends_nothing(syncs, make_attempt, post, query):
    make_attempt(syncs[0])
    assert "Nothing was chosen, because a filter is not understood" in post(
        ATTEMPTS_AGAIN, "replay", query=query
    )
    assert asked_again() == set()


def test_only_who_may_is_asked_and_may_send(syncs, make_attempt, allow):
    make_attempt(syncs[0])
    client = allow("destinations.view_deliveryattempt")
    url = reverse(f"admin:{ATTEMPTS_AGAIN}", args=["replay"])
    assert client.get(url).status_code == 403
    assert client.post(url).status_code == 403
    assert asked_again() == set()
    client = allow("destinations.change_profilesync")
    answer = client.get(url)
    assert answer.status_code == 200
    assert "p0@example.com" not in answer.content.decode()
    assert "permissions to view profiles" in answer.content.decode()
    assert client.get(url.replace("replay", "destroy")).status_code == 404


def test_actions_lead_there_only_for_those_who_may(syncs, allow, page):
    assert 'value="replay"' not in page(SYNCS, client=allow("destinations.view_profilesync"))


def test_confirming_needs_a_csrf_token(syncs, make_attempt, admin_user):
    from django.test import Client

    make_attempt(syncs[0])
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin_user)
    assert strict.post(reverse(f"admin:{ATTEMPTS_AGAIN}", args=["replay"])).status_code == 403
    assert asked_again() == set()
