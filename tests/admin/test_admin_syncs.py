"""Profile syncs, attempts and backfills: they explain themselves, and can be sent again."""

from datetime import timedelta

import pytest
from django.utils import timezone

from destinations.models import Backfill, DeliveryAttempt, ProfileSync
from destinations.sync import operations
from profiles.models import Profile


@pytest.fixture
def sync(profile, destination):
    reason = "profile@data.contact.email.business is missing"
    return ProfileSync.objects.create(
        profile=profile, destination=destination, state="skipped", reason=reason, version=1
    )


def attempt(sync, **fields):
    given = {"version": 1, "at": timezone.now(), "duration_ms": 12, "outcome": "rejected", "status_code": 422}
    pair = {"profile": sync.profile, "destination": sync.destination}
    return DeliveryAttempt.objects.create(idempotency_key="1:1", **pair, **{**given, **fields})


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
    assert "Sync now: 1 profile syncs are due" in post("destinations_profilesync_sync_now", sync.pk)
    sync.refresh_from_db()
    assert (sync.state, sync.asked, sync.resend) == ("pending", True, False)
    assert "Replay: 1 profile syncs" in post("destinations_profilesync_replay", sync.pk)
    sync.refresh_from_db()
    assert sync.resend


def test_all_rows_of_a_filter_are_replayed(sync, destination, post):
    for number in range(3):
        someone = Profile(document={"id": f"p{number}"})
        someone.save()
        ProfileSync.objects.create(profile=someone, destination=destination, state="rejected")
    answer = post(
        "destinations_profilesync_changelist",
        query="state__exact=rejected",
        action="replay",
        select_across="1",
        _selected_action=["0"],
    )
    assert "Replay: 3 profile syncs" in answer
    assert ProfileSync.objects.filter(resend=True, state="pending", due_at__isnull=False).count() == 3
    sync.refresh_from_db()
    assert sync.state == "skipped"


def test_what_is_being_pushed_keeps_its_claim(sync):
    ProfileSync.objects.update(state="claimed")
    assert operations.replay(ProfileSync.objects.all()) == 1
    assert operations.sync_rows_now(ProfileSync.objects.all()) == 1
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


def test_attempts_are_filtered_by_what_came_of_them(sync, page):
    attempt(sync, reason="mail is not an address")
    for query, listed in (
        ("outcome__exact=rejected", True),
        ("outcome__exact=accepted", False),
        ("status=4", True),
        ("status=5", False),
        ("status=none", False),
        (f"destination={sync.destination_id}", True),
        ("q=anna", True),
        ("q=bob", False),
    ):
        text = page("destinations_deliveryattempt_changelist", query=query)
        assert ("mail is not an address" in text) == listed, query


def test_attempts_are_replayed_as_the_profiles_are_now(sync, post):
    first, second = attempt(sync), attempt(sync)
    chosen = [str(first.pk), str(second.pk)]
    answer = post("destinations_deliveryattempt_changelist", action="replay", _selected_action=chosen)
    assert "Replay: 1 profile syncs" in answer
    sync.refresh_from_db()
    assert sync.resend
    post("destinations_deliveryattempt_replay", first.pk)


def test_bodies_that_are_not_kept_are_said(sync, page):
    assert "TRACSYNC_ATTEMPT_BODIES" in page("destinations_deliveryattempt_change", attempt(sync).pk)


def test_backfills_show_how_far_they_are(destination, page):
    begun = Backfill.objects.create(destination=destination, total=200, done=50, after="m")
    text = page("destinations_backfill_change", begun.pk)
    assert "25 %" in text
    assert "50 of 200" in text
    assert "not yet" in text
    assert "50 of 200" in page("destinations_backfill_changelist")
    Backfill.objects.update(done=300, finished_at=timezone.now())
    assert "100 %" in page("destinations_backfill_changelist")
