"""The page that says why a profile was or was not sent to a destination."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from destinations.admin.deliveries.profiles import rows
from destinations.models import Destination, ProfileSync
from profiles.models import Profile

WHY = "profiles_profile_why"


@pytest.fixture
def sync(profile, plain):
    now = timezone.now()
    known = {"synced_version": 1, "synced_at": now - timedelta(days=1), "payload_hash": "x" * 64}
    reason = "status 422: no such list"
    return ProfileSync.objects.create(
        profile=profile, destination=plain, state="rejected", reason=reason, version=1, **known
    )


def why(page, profile, destination, **options):
    return page(WHY, profile.pk, destination.pk, **options)


def test_a_profile_leads_there_for_each_destination(profile, destination, page):
    url = reverse(f"admin:{WHY}", args=[profile.pk, destination.pk])
    assert f'href="{url}"' in page("profiles_profile_change", profile.pk)


def test_the_answer_the_story_and_what_it_would_be_now(sync, profile, plain, page, make_attempt):
    kept = 'POST https://x.example/\n\n{"mail": "old@example.com"}'
    make_attempt(
        sync, outcome="accepted", status_code=200, request=kept, at=timezone.now() - timedelta(days=1)
    )
    make_attempt(sync, reason="status 422: no such list")
    Profile.objects.update_marks(first_changed_at=None)
    text = why(page, profile, plain)
    for part in (
        "Rejected: status 422: no such list",
        "status 200",
        "nothing is waiting",
        "The same again is rejected again",
        "profile@data.contact.email.business EXISTS",
        "Differs from what it last accepted",
        "<del>-   &quot;mail&quot;: &quot;old@example.com&quot;</del>",
        "The request that it last accepted",
        "<dt>Attempts since</dt><dd>1</dd>",
    ):
        assert part in text, part


def test_only_a_hash_was_kept(sync, profile, plain, page):
    text = why(page, profile, plain)
    assert "only a hash was kept" in text
    assert "only a hash of it was kept" in text


def test_what_has_become_of_it_since(profile, plain, page):
    reason = "profile@data.contact.email.business is missing"
    row = ProfileSync.objects.create(
        profile=profile, destination=plain, state="skipped", reason=reason, version=1
    )
    assert "The prerequisites are met now" in why(page, profile, plain)
    ProfileSync.objects.filter(pk=row.pk).update(state="synced", synced_at=timezone.now(), synced_version=1)
    profile.document = {"id": "anna"}
    profile.save()
    assert "not met any more" in why(page, profile, plain)


def test_it_works_before_anything_was_handed_over(profile, plain, page):
    assert "It was not sent yet: waiting until" in why(page, profile, plain)
    Profile.objects.update_marks(first_changed_at=None)
    assert "never sent" in why(page, profile, plain)
    Destination.objects.update(enabled=False)
    text = why(page, profile, plain)
    assert "because the destination is off" in text
    assert "Sync now" not in text


def test_a_broken_destination_is_explained(profile, destination, page, settings):
    destination.settings = {"headers": {"Authorization": "beside the user in the url"}}
    destination.save()
    text = why(page, profile, destination)
    assert "give either an Authorization header or a token" in text
    from cryptography.fernet import Fernet

    settings.TRACSYNC_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert "It was not sent yet" in why(page, profile, destination)


def test_sync_now_and_replay_come_back(profile, plain, post):
    data = {"destination": str(plain.pk), "back": "why"}
    text = post("profiles_profile_sync_now", profile.pk, **data)
    assert "due at 1 destination." in text
    assert "What happened" in text
    row = ProfileSync.objects.get()
    assert (row.asked, row.resend) == (True, False)
    text = post("profiles_profile_replay", profile.pk, **data)
    assert f"Profile {profile.pk} is sent to {plain.name}" in text
    assert 'name="back" value="why"' in text
    text = post("profiles_profile_replay", profile.pk, **data, confirmed="yes")
    assert "Replay: sent again to 1 destination, even if unchanged." in text
    assert "What happened" in text
    row.refresh_from_db()
    assert row.resend


@pytest.mark.parametrize("destination_id", ["0", "99999999999999999999999999", "x"])
def test_strange_destinations_are_no_errors(profile, plain, admin_client, destination_id):
    base = reverse(f"admin:{WHY}", args=[profile.pk, 1]).removesuffix("1/")
    assert admin_client.get(f"{base}{destination_id}/").status_code in (302, 404)
    act = reverse("admin:profiles_profile_replay", args=[profile.pk])
    answer = admin_client.post(act, {"destination": destination_id, "back": "why"})
    assert answer.status_code == 302


def test_hostile_profiles_are_text(plain, page, db):
    evil = "<script>alert(1)</script>"
    profile = Profile(document={"id": evil, "data": {"contact": {"email": {"business": evil}}}})
    profile.save()
    text = why(page, profile, plain)
    assert evil not in text
    assert "&lt;script&gt;" in text


def test_each_part_is_for_those_who_may_see_it(sync, profile, plain, allow, page):
    url = reverse(f"admin:{WHY}", args=[profile.pk, plain.pk])
    assert allow("destinations.view_profilesync").get(url).status_code == 403
    text = why(page, profile, plain, client=allow("profiles.view_profile"))
    assert "no such list" in text
    assert "EXISTS" not in text
    assert "anna@example.com" not in text
    assert 'value="why"' not in text
    text = why(page, profile, plain, client=allow("destinations.view_destination"))
    assert "anna@example.com" in text
    assert 'value="why"' in why(page, profile, plain, client=allow("destinations.change_profilesync"))


def test_the_table_costs_the_same_however_many_destinations(profile, resource, django_assert_num_queries):
    for number in range(12):
        Destination.objects.create(name=f"d{number}", resource=resource, paused_at=timezone.now())
    with django_assert_num_queries(4):
        assert len([row.sentence + row.next + row.accepted + row.obstacle for row in rows(profile)]) == 12
