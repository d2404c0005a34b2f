"""The ready groups, each through the pages: what its members can do and what they cannot."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.urls import reverse

from destinations.configuration import groups
from destinations.models import Backfill, Destination, ProfileSync, Replay
from destinations.operations import backfill


@pytest.fixture
def member(client, django_user_model):
    """Sign in as a member: member("Viewer")."""

    def sign_in(group):
        user = django_user_model.objects.create_user(group, password="x", is_staff=True)
        user.groups.add(Group.objects.get(name=group))
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def sync(destination, profile):
    return ProfileSync.objects.create(profile=profile, destination=destination, state="synced")


@pytest.fixture
def running(destination, profile):
    return backfill.request(destination)


@pytest.fixture
def replay(destination):
    return Replay.objects.create(destination=destination, total=9, choice={"of": "syncs"})


def url(name, *args):
    return reverse(f"admin:{name}", args=args)


LISTS = ("destination", "resource", "extension", "profilesync", "deliveryattempt", "backfill", "replay")


def looks(client, destination, profile):
    """Everything opens, and no secret is in it."""
    pages = [url(f"destinations_{name}_changelist") for name in LISTS]
    pages += [
        url("profiles_profile_changelist"),
        url("profiles_profile_change", profile.pk),
        url("destinations_destination_change", destination.pk),
        url("destinations_destination_history", destination.pk),
        url("destinations_destination_preview", destination.pk) + "?profile=anna",
        url("destinations_resource_change", destination.resource_id),
    ]
    answers = [client.get(page) for page in pages]
    assert [answer.status_code for answer in answers] == [200] * len(pages)
    return "".join(answer.content.decode() for answer in answers)


OPERATING = ("pause", "resume")


def operates(client, destination, sync, *jobs):
    """The answers' codes of what an operator does."""
    posts = [url(f"destinations_destination_{name}", destination.pk) for name in OPERATING]
    posts += [
        url("destinations_destination_backfill", destination.pk),
        url("destinations_profilesync_replay", sync.pk),
        url("destinations_profilesync_sync_now", sync.pk),
        url("profiles_profile_sync_now", sync.profile_id),
    ]
    codes = {client.post(one, {"confirmed": "yes"}).status_code for one in posts}
    for job in jobs:
        names = [f"destinations_{job._meta.model_name}_{act}" for act in ("pause", "resume", "cancel")]
        codes |= {client.post(url(name, job.pk), {"confirmed": "yes"}).status_code for name in names}
    return codes


def edits(client, destination, profile):
    """The answers' codes of what an editor does."""
    gets = [
        url("destinations_destination_add"),
        url("destinations_resource_add"),
        url("profiles_profile_add"),
        url("destinations_destination_delete", destination.pk),
        url("profiles_profile_delete", profile.pk),
    ]
    posts = [
        (url("destinations_destination_change", destination.pk), {}),
        (url("destinations_resource_change", destination.resource_id), {}),
        (url("profiles_profile_change", profile.pk), {}),
        (url("destinations_destination_restore", destination.pk), {"number": "1"}),
        (url("destinations_destination_test", destination.pk), {"profile": "nobody"}),
        (url("destinations_extension_install", "mautic"), {}),
    ]
    return {client.get(one).status_code for one in gets} | {
        client.post(one, data).status_code for one, data in posts
    }


def test_a_viewer_sees_everything_but_secrets_and_changes_nothing(
    member, destination, profile, sync, running, replay, secret
):
    client = member("Viewer")
    # As where it was before that had a permission of its own: without it, see tests/privacy.
    see = Permission.objects.get(codename="see_personal_data")
    Group.objects.get(name="Viewer").permissions.add(see)
    text = looks(client, destination, profile)
    assert secret not in text
    assert "settings." not in text
    assert operates(client, destination, sync, running, replay) == {403}
    assert edits(client, destination, profile) == {403}
    assert ">Pause</button>" not in text


def test_an_operator_operates_and_edits_nothing(member, destination, profile, sync, running, replay, secret):
    client = member("Operator")
    text = looks(client, destination, profile)
    assert secret not in text
    assert ">Pause</button>" in text
    assert "Backfill…" in text
    assert operates(client, destination, sync, running, replay) == {302}
    sync.refresh_from_db()
    running.refresh_from_db()
    replay.refresh_from_db()
    assert sync.resend
    assert (running.state, replay.state) == (Backfill.State.CANCELLED, Replay.State.CANCELLED)
    assert Backfill.objects.count() == 2
    assert edits(client, destination, profile) == {403}


def test_an_editor_edits_as_well(member, destination, profile, sync, running, replay, secret):
    client = member("Editor")
    assert secret not in looks(client, destination, profile)
    assert operates(client, destination, sync, running, replay) == {302}
    assert edits(client, destination, profile) <= {200, 302}


def test_actions_of_the_list_follow_the_groups(member, destination):
    def offered(client):
        text = client.get(url("destinations_destination_changelist")).content.decode()
        return {name for name in ("pause", "disable", "delete_selected") if f'value="{name}"' in text}

    assert offered(member("Viewer")) == set()
    assert offered(member("Operator")) == {"pause"}
    assert offered(member("Editor")) == {"pause", "disable", "delete_selected"}


@pytest.mark.parametrize("group", ["Viewer", "Operator", "Editor"])
def test_nobody_of_them_sees_tokens_or_users(group, member):
    client = member(group)
    for name in ("tracsync_apitoken_changelist", "auth_user_changelist", "auth_group_changelist"):
        assert client.get(url(name)).status_code == 403


def test_who_may_change_destinations_may_still_pause_them(allow, destination):
    client = allow("destinations.change_destination", "destinations.view_destination")
    assert client.post(url("destinations_destination_pause", destination.pk)).status_code == 302
    assert Destination.objects.get().paused_at is not None


def test_what_an_owner_changes_stays(db):
    viewer = Group.objects.get(name="Viewer")
    taken = Permission.objects.get(codename="view_resource")
    viewer.permissions.remove(taken)
    Group.objects.get(name="Editor").delete()
    call_command("migrate", verbosity=0)
    assert taken not in viewer.permissions.all()
    assert set(Group.objects.get(name="Editor").permissions.all()) == set(groups.permissions("Editor"))
    assert Group.objects.count() == 3
