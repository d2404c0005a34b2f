"""Backfills in the admin: their own pages, and the destination's."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from destinations.models import Backfill


@pytest.fixture
def begun(destination):
    now = timezone.now()
    return Backfill.objects.create(
        destination=destination, total=2000, done=700, rated_since=now - timedelta(minutes=1), advanced_at=now
    )


def test_rate_and_time_left(begun, page):
    for text in (page("destinations_backfill_changelist"), page("destinations_backfill_change", begun.pk)):
        assert "35\u00a0%" in text or "35&nbsp;%" in text
        assert "700 of 2,000" in text
        assert "12 a second" in text
        assert "about 1 min" in text


def test_its_pages_call_it_by_its_destination(begun, page, post):
    text = page("destinations_backfill_change", begun.pk)
    assert '<li><a href="/admin/destinations/backfill/">Backfills</a></li></ol>' in text
    assert "<h1>Backfill of Business customers</h1>" in text
    asked = post("destinations_backfill_cancel", begun.pk)
    assert f'/{begun.pk}/change/">Backfill of Business customers</a>' in asked


@pytest.mark.parametrize("jobs", ["destinations_backfill", "destinations_replay", "profiles_importjob"])
def test_the_filter_by_days_is_called_as_the_column_is(page, jobs):
    text = page(f"{jobs}_changelist")
    assert 'name="created_at_from"' in text
    assert "By requested" in text
    assert "created at" not in text


def test_one_that_was_done_in_a_single_batch_has_no_rate(begun, page):
    Backfill.objects.update(rated_from=700)
    assert "a second" not in page("destinations_backfill_change", begun.pk)


def test_the_destinations_page_shows_it_with_its_buttons(begun, destination, page, allow):
    text = page("destinations_destination_change", destination.pk)
    assert "700 of 2,000 handed over, about 1 min left" in text
    assert reverse("admin:destinations_backfill_cancel", args=[begun.pk]) in text
    watcher = allow("destinations.view_destination")
    text = page("destinations_destination_change", destination.pk, client=watcher)
    assert "700 of 2,000" in text
    assert reverse("admin:destinations_backfill_cancel", args=[begun.pk]) not in text
    begun.cancel()
    assert "700 of 2,000" not in page("destinations_destination_change", destination.pk)


def test_buttons(begun, page, post):
    assert "Paused: backfill" in post("destinations_backfill_pause", begun.pk)
    begun.refresh_from_db()
    assert begun.state == "paused"
    text = page("destinations_backfill_change", begun.pk)
    assert ">Resume<" in text
    assert ">Pause<" not in text
    assert "Resumed: backfill" in post("destinations_backfill_resume", begun.pk)
    asked = post("destinations_backfill_cancel", begun.pk)
    assert "Cancel this backfill?" in asked
    assert "700 of 2,000 handed over" in asked
    begun.refresh_from_db()
    assert begun.finished_at is None
    assert "Cancelled: backfill" in post("destinations_backfill_cancel", begun.pk, confirmed="yes")
    assert "The backfill is cancelled already" in post("destinations_backfill_cancel", begun.pk)
    assert ">Resume<" not in page("destinations_backfill_change", begun.pk)


def test_several_at_once(begun, destination, post):
    other = Backfill.objects.create(destination=destination, finished_at=timezone.now())
    chosen = [str(begun.pk), str(other.pk)]
    answer = post("destinations_backfill_changelist", action="pause", _selected_action=chosen)
    assert f"Paused: backfill {begun.pk}." in answer
    assert f"Backfill {other.pk}: The backfill is finished already." in answer


def test_several_are_cancelled_after_one_question(begun, destination, post):
    other = Backfill.objects.create(destination=destination, total=10)
    chosen = {"action": "cancel", "_selected_action": [str(begun.pk), str(other.pk)]}
    asked = post("destinations_backfill_changelist", **chosen)
    assert "Cancel these 2 backfills?" in asked
    assert "700 of 2,000 handed over" in asked
    assert Backfill.objects.filter(finished_at=None).count() == 2
    post("destinations_backfill_changelist", confirmed="yes", **chosen)
    assert Backfill.objects.filter(finished_at=None).count() == 0


def test_who_may_look_only_has_no_actions(begun, allow, page):
    watcher = allow("destinations.view_backfill")
    assert "Cancel" not in page("destinations_backfill_changelist", client=watcher)
    both = allow("destinations.view_backfill", "destinations.change_destination")
    assert "Cancel" in page("destinations_backfill_changelist", client=both)
    assert both.post(reverse("admin:destinations_backfill_pause", args=[begun.pk])).status_code == 302


def test_what_waits_is_listed_in_the_order_in_which_it_is_pushed(destination, page):
    from destinations.models import ProfileSync
    from profiles.models import Profile

    now = timezone.now()
    for id, bulk, ago in (("a", True, 3), ("b", False, 1), ("c", False, 2)):
        profile = Profile(document={"id": id})
        profile.save()
        due = now - timedelta(minutes=ago)
        ProfileSync.objects.create(profile=profile, destination=destination, bulk=bulk, due_at=due)
    text = page("destinations_profilesync_changelist", query=f"destination={destination.pk}&owed=yes")
    order = [text.index(f">{id}</a>") for id in ("c", "b", "a")]
    assert order == sorted(order)
