"""A person is called by name beside the id wherever a page speaks of a profile, for who may know it."""

import json

import pytest
from django.urls import reverse
from django.utils import timezone

from destinations.models import DeliveryAttempt, ProfileSync
from profiles.models import Profile
from tracsync.models import TrailEntry

NAMED = "Anna Müller (c1)"
LOOKS = "destinations.view_deliveryattempt", "destinations.view_profilesync", "destinations.view_destination"


@pytest.fixture
def anna(plain):
    profile = Profile(document={"id": "c1", "name": "Anna Müller"})
    profile.save()
    return profile


@pytest.fixture
def sync(anna, plain):
    return ProfileSync.objects.create(profile=anna, destination=plain, state="rejected", reason="no")


@pytest.fixture
def attempt(anna, plain):
    about = {"outcome": "rejected", "reason": "no", "idempotency_key": "k"}
    return DeliveryAttempt.objects.create(
        profile=anna, destination=plain, version=1, at=timezone.now(), duration_ms=1, **about
    )


def test_after_saving_adding_and_deleting(anna, page, post, fields):
    typed = fields(page("profiles_profile_change", "c1"))
    typed["document"] = json.dumps({"id": "c1", "name": "Anna Schmidt"})
    assert "Anna Schmidt (c1)</a>” is saved" in post("profiles_profile_change", "c1", **typed)
    added = post("profiles_profile_add", id="c2", document='{"name": "Ben Jansen"}')
    assert "Ben Jansen (c2)</a>” is saved" in added
    assert "“Anna Schmidt (c1)” is deleted" in post("profiles_profile_delete", "c1", post="yes")
    assert not [
        entry for entry in TrailEntry.objects.all() if "Anna" in entry.object or "Ben" in entry.object
    ]


def test_titles_of_a_history_an_attempt_and_a_sync(anna, sync, attempt, page, allow):
    pages = (
        ("profiles_profile_history", anna.pk),
        ("destinations_deliveryattempt_change", attempt.pk),
        ("destinations_deliveryattempt_history", attempt.pk),
        ("destinations_profilesync_change", sync.pk),
    )
    for name, pk in pages:
        assert NAMED in page(name, pk), name
    masked = allow("profiles.view_profile", *LOOKS, sees=False)
    for name, pk in pages:
        text = page(name, pk, client=masked)
        assert "c1" in text, name
        assert "Anna" not in text, name


def test_samples_of_the_funnel(sync, attempt, plain, page, allow):
    text = page("destinations_destination_funnel", plain.pk)
    assert text.count(f">{NAMED}</a>") == 2
    text = page("destinations_destination_funnel", plain.pk, client=allow(*LOOKS))
    assert text.count(">c1</a>") == 2
    assert "Anna" not in text


def test_what_was_found_at_random_and_the_question_before_it_is_sent(anna, plain, page, admin_client, fields):
    form = fields(page("destinations_destination_change", plain.pk))
    plain.prerequisites = ""
    url = reverse("admin:destinations_destination_live_preview")
    sent = {**form, "prerequisites": "", "tracsync_pick": "matching"}
    text = admin_client.post(f"{url}?destination={plain.pk}", sent).content.decode()
    assert f'data-called="{NAMED}"' in text
    assert 'Anna Müller</a> <small class="tracsync-id">c1</small>' in text
    asked = page("destinations_destination_preview", plain.pk, query="profile=c1")
    assert f"pushes profile {NAMED} next" in asked
    url = reverse("admin:destinations_destination_send", args=[plain.pk])
    assert NAMED in admin_client.post(url, {"profile": "c1"}).content.decode()


def test_whom_an_erasure_would_erase(anna, page, allow):
    assert NAMED in page("tracsync_erasure_add", query="profile=c1")
    erasing = allow("tracsync.erase_person")
    text = page("tracsync_erasure_add", query="profile=c1", client=erasing)
    assert "Anna" not in text


def test_what_an_audit_found(anna, plain, page):
    from destinations.models import Audit

    audit = Audit.objects.create(destination=plain)
    audit.findings.create(profile=anna, kind="missing")
    assert f">{NAMED}</a>" in page("destinations_audit_change", audit.pk)
