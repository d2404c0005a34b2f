"""Replays in the admin: many rows of a list become jobs, which are paused and ended after a question."""

import pytest
from django.urls import reverse
from django.utils import timezone

from destinations.models import DeliveryAttempt, ProfileSync, Replay
from destinations.sync import operations
from profiles import changes


@pytest.fixture
def rejected(destination, monkeypatch):
    monkeypatch.setattr(operations, "FEW", 3)
    ids = [f"p{n:02}" for n in range(12)]
    changes.write([changes.Change(id, "put", {"id": id}) for id in ids])
    rows = [ProfileSync(profile_id=id, destination=destination, state="rejected") for id in ids]
    return ProfileSync.objects.bulk_create(rows)


def replay_all(post, model, rejected, query=""):
    name = f"destinations_{model}_changelist"
    chosen = {"action": "replay", "_selected_action": [str(rejected[0].pk)], "select_across": "1"}
    return post(name, query=query, **chosen)


def test_all_of_a_list_becomes_a_job_that_the_answer_leads_to(rejected, destination, post, page):
    answer = replay_all(post, "profilesync", rejected, f"destination={destination.pk}&state__exact=rejected")
    assert "Replay: 12 profile syncs are sent again" in answer
    job = Replay.objects.get()
    assert reverse("admin:destinations_replay_change", args=[job.pk]) in answer
    assert job.choice == {"destination": destination.pk, "state": "rejected"}
    assert (job.asked_by, job.total) == ("admin", 12)
    text = page("destinations_replay_change", job.pk)
    assert "state: rejected" in text
    assert "0 of 12 handed over" in text
    assert "state: rejected" in page("destinations_replay_changelist")


def test_a_few_are_sent_at_once(rejected, post):
    answer = replay_all(post, "profilesync", rejected, "q=%3Dp01")
    assert "Replay: 1 profile syncs are sent again" in answer
    assert not Replay.objects.exists()
    assert ProfileSync.objects.filter(due_at__isnull=False).get().profile_id == "p01"


def test_an_unfiltered_list_is_replayed_by_destination(rejected, post, destination):
    replay_all(post, "profilesync", rejected)
    assert Replay.objects.get().choice == {"destination": destination.pk}


def test_all_attempts_of_a_filter(rejected, post, destination):
    for row in rejected[:5]:
        DeliveryAttempt.objects.create(
            profile_id=row.profile_id,
            destination=destination,
            version=1,
            at=timezone.now(),
            duration_ms=1,
            outcome="rejected",
            status_code=503,
        )
    attempt = DeliveryAttempt.objects.first()
    query = "outcome__exact=rejected&status=5&at__gte=2020-01-01+00%3A00%3A00%2B00%3A00"
    chosen = {"action": "replay", "_selected_action": [str(attempt.pk)], "select_across": "1"}
    post("destinations_deliveryattempt_changelist", query=query, **chosen)
    job = Replay.objects.get()
    assert job.total == 5
    assert job.choice == {"outcome": "rejected", "status": "5", "at_from": "2020-01-01 00:00:00+00:00"}


def test_paused_resumed_and_cancelled(rejected, post, page, destination):
    replay_all(post, "profilesync", rejected)
    job = Replay.objects.get()
    assert f"Paused: replay {job.pk}." in post("destinations_replay_pause", job.pk)
    assert f"Resumed: replay {job.pk}." in post("destinations_replay_resume", job.pk)
    assert "a few thousand at most, is still sent" in page("destinations_replay_cancelling", job.pk)
    assert f"Cancelled: replay {job.pk}." in post("destinations_replay_cancel", job.pk)
    assert "Replay at" not in page("destinations_destination_change", destination.pk)


def test_who_may_send_again_may_hold_it_up(rejected, post, page, allow):
    replay_all(post, "profilesync", rejected)
    job = Replay.objects.get()
    watcher = allow("destinations.view_replay")
    assert ">Pause<" not in page("destinations_replay_change", job.pk, client=watcher)
    for name in ("pause", "resume", "cancel"):
        url = reverse(f"admin:destinations_replay_{name}", args=[job.pk])
        assert watcher.post(url).status_code == 403
    operator = allow("destinations.change_profilesync")
    assert ">Pause<" in page("destinations_replay_change", job.pk, client=operator)
