"""Replays in the admin: many rows of a list become jobs, which are paused and ended after a question."""

from datetime import datetime

import pytest
from django.urls import reverse
from django.utils import timezone

from destinations.models import DeliveryAttempt, Destination, ProfileSync, Replay
from destinations.operations import actions
from profiles import changes


@pytest.fixture
def rejected(destination, monkeypatch):
    monkeypatch.setattr(actions, "AT_ONCE", 3)
    ids = [f"p{n:02}" for n in range(12)]
    changes.write([changes.Change(id, "put", {"id": id}) for id in ids])
    rows = [ProfileSync(profile_id=id, destination=destination, state="rejected") for id in ids]
    return ProfileSync.objects.bulk_create(rows)


@pytest.fixture
def replay_all(admin_client):
    """Choose Replay for all that a list shows, then press the button of the page that says what it means."""

    def replay(model, some, query=""):
        url = reverse(f"admin:destinations_{model}_changelist")
        chosen = {"action": "replay", "_selected_action": [str(some.pk)], "select_across": "1"}
        asks = admin_client.post(f"{url}?{query}", chosen)
        assert asks.status_code == 302
        assert not Replay.objects.exists()
        assert not ProfileSync.objects.filter(due_at__isnull=False).exists()
        return admin_client.post(asks.url, follow=True).content.decode()

    return replay


def test_all_of_a_list_becomes_a_job_that_the_answer_leads_to(rejected, destination, replay_all, page):
    answer = replay_all("profilesync", rejected[0], f"destination={destination.pk}&state__exact=rejected")
    assert "Replay: 12 profile syncs are sent again" in answer
    job = Replay.objects.get()
    assert reverse("admin:destinations_replay_change", args=[job.pk]) in answer
    assert job.choice == {"of": "syncs", "destination": str(destination.pk), "state__exact": "rejected"}
    assert (job.asked_by, job.total) == ("admin", 12)
    text = page("destinations_replay_change", job.pk)
    assert "State: Rejected" in text
    assert "0 of 12 handed over" in text
    assert "State: Rejected" in page("destinations_replay_changelist")
    Replay.objects.update(done=20)
    assert "20 handed over, 8 of which came meanwhile" in page("destinations_replay_change", job.pk)


def test_a_few_are_sent_at_once(rejected, replay_all):
    answer = replay_all("profilesync", rejected[0], "q=%3Dp01")
    assert "Replay: 1 profile sync is sent again" in answer
    assert not Replay.objects.exists()
    assert ProfileSync.objects.filter(due_at__isnull=False).get().profile_id == "p01"


def test_an_unfiltered_list_is_replayed_by_destination(rejected, replay_all, destination, resource):
    other = Destination.objects.create(name="Other", resource=resource, mapping={"id": "profile@id"})
    ProfileSync.objects.create(profile_id="p00", destination=other)
    replay_all("profilesync", rejected[0])
    jobs = Replay.objects.order_by("destination").values_list("destination", "total", "choice")
    assert list(jobs) == [(destination.pk, 12, {"of": "syncs"}), (other.pk, 1, {"of": "syncs"})]


def test_all_attempts_of_a_filter(rejected, replay_all, destination):
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
    query = "outcome__exact=rejected&status=5xx&at__gte=2020-01-01+00%3A00%3A00%2B00%3A00"
    before = timezone.now()
    replay_all("deliveryattempt", attempt, query)
    job = Replay.objects.get()
    assert job.total == 5
    until = datetime.fromisoformat(job.choice.pop("at__lt"))  # what comes in later was not looked at
    assert before <= until <= timezone.now()
    filters = {"outcome__exact": "rejected", "status": "5xx", "at__gte": "2020-01-01T00:00:00+00:00"}
    assert job.choice == {"of": "attempts", **filters}


def test_paused_resumed_and_cancelled(rejected, replay_all, post, page, destination):
    replay_all("profilesync", rejected[0])
    job = Replay.objects.get()
    assert f"Paused: replay {job.pk}." in post("destinations_replay_pause", job.pk)
    assert f"Resumed: replay {job.pk}." in post("destinations_replay_resume", job.pk)
    asked = post("destinations_replay_cancel", job.pk)
    assert "Cancel this replay?" in asked
    assert "0 of 12 handed over" in asked
    assert "a few thousand at most, is still sent" in asked
    assert Replay.objects.get().finished_at is None
    assert f"Cancelled: replay {job.pk}." in post("destinations_replay_cancel", job.pk, confirmed="yes")
    assert "Replay at" not in page("destinations_destination_change", destination.pk)


def test_who_may_send_again_may_hold_it_up(rejected, replay_all, page, allow):
    replay_all("profilesync", rejected[0])
    job = Replay.objects.get()
    watcher = allow("destinations.view_replay")
    assert ">Pause<" not in page("destinations_replay_change", job.pk, client=watcher)
    for name in ("pause", "resume", "cancel"):
        url = reverse(f"admin:destinations_replay_{name}", args=[job.pk])
        assert watcher.post(url).status_code == 403
    operator = allow("destinations.change_profilesync")
    assert ">Pause<" in page("destinations_replay_change", job.pk, client=operator)
