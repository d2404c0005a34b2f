"""Profile syncs and backfills: they explain themselves, and can be sent again."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from destinations.models import Backfill, ProfileSync
from destinations.operations import actions


@pytest.fixture
def sync(profile, destination):
    reason = "profile@data.contact.email.business is missing"
    return ProfileSync.objects.create(
        profile=profile, destination=destination, state="skipped", reason=reason, version=1
    )


def test_rows_say_why(sync, page):
    for text in (
        page("destinations_profilesync_changelist"),
        page("destinations_profilesync_change", sync.pk),
    ):
        assert "not sent: profile@data.contact.email.business is missing" in text
    due = timezone.now() + timedelta(seconds=20)
    ProfileSync.objects.update(state="pending", reason="", due_at=due)
    assert "quiet period 20 s" in page("destinations_profilesync_changelist")


def test_sync_now_and_replay_by_button(sync, post):
    assert "1 profile sync is due now" in post("destinations_profilesync_sync_now", sync.pk)
    sync.refresh_from_db()
    assert (sync.state, sync.asked, sync.resend) == ("pending", True, False)
    assert "What was sent cannot be called back" in post("destinations_profilesync_replay", sync.pk)
    sync.refresh_from_db()
    assert not sync.resend
    text = post("destinations_profilesync_replay", sync.pk, confirmed="yes")
    assert "Replay: 1 profile sync is sent again" in text
    sync.refresh_from_db()
    assert sync.resend


def test_by_the_days_of_the_state_and_all_of_them_again(sync, make_profile, destination, page, post):
    other = make_profile("somebody-else")
    ProfileSync.objects.create(profile=other, destination=destination, state="rejected")
    ProfileSync.objects.filter(pk=sync.pk).update(state_since=datetime(2026, 3, 1, 12, tzinfo=UTC))
    days = "state_since_from=2026-03-01&state_since_to=2026-03-01"
    listed = page("destinations_profilesync_changelist", query=days)
    assert 'name="state_since_from" value="2026-03-01"' in listed
    assert "somebody-else" not in listed
    assert "is missing" in listed
    data = {"action": "replay", "select_across": "1", "_selected_action": ["0"]}
    question = post("destinations_profilesync_changelist", query=days, **data)
    assert "<strong>1</strong> profile" in question


def test_what_is_being_pushed_keeps_its_claim(sync):
    ProfileSync.objects.update(state="claimed")
    assert actions.replay(ProfileSync.objects.all()) == 1
    assert actions.sync_rows_now(ProfileSync.objects.all()) == 1
    sync.refresh_from_db()
    assert sync.state == "claimed"
    assert sync.due_at is not None


def test_actions_are_for_those_who_may(sync, allow, page, post):
    client = allow("destinations.view_profilesync")
    text = page("destinations_profilesync_changelist", client=client)
    assert 'value="replay"' not in text
    post(
        "destinations_profilesync_changelist", client=client, action="replay", _selected_action=[str(sync.pk)]
    )
    sync.refresh_from_db()
    assert not sync.resend


def test_filters_and_search(sync, destination, page):
    for query, listed in (
        (f"destination={destination.pk}", True),
        ("destination=0", False),
        ("state__exact=skipped", True),
        ("state__exact=synced", False),
        ("owed=yes", False),
        ("owed=no", True),
        ("q=ann", True),
        ("q=%3Danna", True),
        ("q=%3Dann", False),
        (f"q=%3Danna&destination={destination.pk}", True),
    ):
        text = page("destinations_profilesync_changelist", query=query)
        assert ("is missing" in text) == listed, query


def test_backfills_show_how_far_they_are(destination, page):
    begun = Backfill.objects.create(destination=destination, total=200, done=50, after="m")
    text = page("destinations_backfill_change", begun.pk)
    assert "25&nbsp;%" in text
    assert "50 of 200 handed over" in text
    assert "not yet" in text
    assert "50 of 200" in page("destinations_backfill_changelist")
    Backfill.objects.update(done=300, finished_at=timezone.now())
    assert "100\u00a0%" in page("destinations_backfill_changelist")
