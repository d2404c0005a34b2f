"""What an entry tells, what it does not, and that nobody changes it."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from destinations import configuration
from destinations.models import Destination, Resource
from destinations.scheduler import cleanup
from tests.api.conftest import client_with
from tracsync.admin import invitations
from tracsync.common import trail
from tracsync.common.trail.models import AppendOnly
from tracsync.models import ApiToken, TrailEntry
from tracsync.privacy import erasing

pytestmark = pytest.mark.django_db


def last(**which):
    return TrailEntry.objects.filter(**which).first()


def test_who_from_where_before_and_after(world, admin_client, page, fields):
    form = fields(page("destinations_destination_change", world.destination.pk))
    url = reverse("admin:destinations_destination_change", args=[world.destination.pk])
    headers = {"X-Request-ID": "0123456789abcdef0123456789abcdef"}
    admin_client.post(url, {**form, "name": "Other name"}, headers=headers)
    entry = last()
    assert (entry.actor, entry.actor_kind, entry.face) == ("admin", "person", "admin")
    assert (entry.address, entry.request_id) == ("127.0.0.1", "0123456789abcdef0123456789abcdef")
    assert (entry.action, entry.kind) == ("changed", "destinations.destination")
    assert entry.changes == {"name": ["Business customers", "Other name"]}


def test_secrets_are_masked_and_another_one_is_told(world, by_hand, secret):
    resource = Resource.objects.get(pk=world.resource.pk)
    resource.production = {**resource.production, "headers": {"X-Key": "N3W-S3CRET"}}
    configuration.save(resource)
    [change] = last().changes.values()
    assert list(last().changes) == ["production.headers.X-Key"]
    assert change == ["•••", "•••"]
    world.destination.delete()
    resource.delete()
    told = str(list(TrailEntry.objects.values()))
    assert secret not in told
    assert "N3W-S3CRET" not in told


def test_a_profile_by_hand_has_paths_and_no_values(world, post):
    post("profiles_profile_add", id="new", document='{"id": "new", "name": "Nora Novak"}')
    entry = last()
    assert (entry.action, entry.object_id) == ("created", "new")
    assert entry.changes == {"id": [None, "•••"], "name": [None, "•••"]}
    assert "Nora" not in str(list(TrailEntry.objects.values()))


def test_roles_permissions_and_passwords(world, by_hand):
    world.user.groups.add(world.group)
    assert (last().action, last().changes) == ("roles", {"groups": [None, "Helpers"]})
    world.user.groups.clear()
    assert last().changes == {"groups": ["Helpers", None]}
    world.group.user_set.add(world.user)
    assert (last().kind, last().object) == ("auth.user", "ben")
    world.user.set_password("another")
    world.user.save()
    assert (last().action, last().changes) == ("password", {"password": ["•••", "•••"]})
    world.user.is_superuser = True
    world.user.save()
    assert last().changes == {"is_superuser": [False, True]}


def test_a_hash_that_is_made_anew_is_no_other_password(world, by_hand):
    world.user.set_password("x")
    world.user._password = None  # as Django leaves it when it only upgrades the hash
    world.user.save()
    assert not TrailEntry.objects.exists()


def test_names_stay_when_people_and_tokens_are_gone(world):
    world.token.owner = world.user
    world.token.save()
    who = trail.Actor(trail.Kind.PERSON, "ben", str(world.user.pk))
    with trail.acting(trail.Occasion(trail.Face.ADMIN, lambda: who)):
        world.user.delete()
    assert {(one.action, one.object) for one in TrailEntry.objects.all()} == {
        ("deleted", "ben"),
        ("token_revoked", "warehouse"),
    }
    assert last().actor == "ben"
    assert not ApiToken.objects.exists()


def test_signing_in_and_out_and_being_refused(world, client):
    url = reverse("admin:login")
    client.post(url, {"username": "ben", "password": "wrong"})
    assert (last().action, last().actor, last().object) == ("refused", "ben", "ben")
    client.post(url, {"username": "my-password-by-mistake", "password": "x"})
    assert (last().action, last().actor, last().object) == ("refused", "", "")
    assert "my-password-by-mistake" not in str(list(TrailEntry.objects.values()))
    client.post(url, {"username": "ben", "password": "x"})
    assert (last().action, last().actor) == ("signed_in", "ben")
    client.post(reverse("admin:logout"))
    assert (last().action, last().actor) == ("signed_out", "ben")


def test_whoever_has_to_wait_leaves_no_further_entries(world, client, settings):
    settings.AXES_ENABLED = True
    for _ in range(settings.AXES_FAILURE_LIMIT + 5):
        client.post(reverse("admin:login"), {"username": "ben", "password": "wrong"})
    assert TrailEntry.objects.filter(action="refused").count() <= settings.AXES_FAILURE_LIMIT


def test_a_password_that_is_set_by_a_link(world, client, rf):
    path = invitations.link(rf.get("/"), world.user)
    form = client.get(path, follow=True)
    new = {"new_password1": "N3w-enough-pass", "new_password2": "N3w-enough-pass"}
    client.post(form.request["PATH_INFO"], new)
    entry = last()
    assert (entry.action, entry.object, entry.actor_kind) == ("password", "ben", "nobody")


def test_ones_own_notices(world, admin_user, post):
    admin_user.email = "admin@example.com"
    admin_user.save()
    post("your_notices", language="de", events=["stalled"], enabled="on")
    assert (last().kind, last().actor) == ("tracsync.noticechannel", "admin")


def test_a_command_is_done_by_the_user_of_the_machine(world, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "deploy")
    call_command("create_token", "from a shell")
    entry = last()
    assert (entry.action, entry.actor, entry.actor_kind) == ("token_made", "deploy", "shell")
    assert (entry.face, entry.said) == ("command", "create_token")


def test_what_is_rolled_back_leaves_no_entry(world, by_hand):
    from django.db import transaction

    with transaction.atomic():
        world.destination.name = "never"
        world.destination.save()
        assert TrailEntry.objects.exists()
        transaction.set_rollback(True)
    assert not TrailEntry.objects.exists()


def test_nothing_in_the_application_changes_an_entry(world, by_hand):
    Group.objects.create(name="g")
    entry = last()
    for change in (
        lambda: TrailEntry.objects.update(actor="x"),
        lambda: TrailEntry.objects.filter(pk=entry.pk).delete(),
        lambda: TrailEntry.objects.bulk_update([entry], ["actor"]),
        entry.save,
        entry.delete,
    ):
        with pytest.raises(AppendOnly):
            change()


def test_pages_only_show_it_to_who_may_see_it(world, admin_client, allow, by_hand):
    Group.objects.create(name="g")
    name = "admin:tracsync_trailentry"
    entry = reverse(f"{name}_change", args=[last().pk])
    assert admin_client.get(reverse(f"{name}_changelist")).status_code == 200
    assert admin_client.get(entry).status_code == 200
    assert admin_client.post(entry, {"actor": "x"}).status_code == 403
    assert admin_client.get(reverse(f"{name}_add")).status_code == 403
    assert admin_client.post(reverse(f"{name}_delete", args=[last().pk]), {"post": "yes"}).status_code == 403
    others = allow("destinations.view_destination")
    assert others.get(reverse(f"{name}_changelist")).status_code == 403
    assert others.get(entry).status_code == 403
    assert allow("tracsync.view_trailentry").get(entry).status_code == 200


def test_the_list_is_filtered_searched_and_exported(world, page, admin_client, by_hand):
    Group.objects.create(name="=HYPERLINK(1)")
    world.destination.name = "Other"
    world.destination.save()
    assert "Other" in page("tracsync_trailentry_changelist")
    assert (
        "Other" not in page("tracsync_trailentry_changelist", query="kind=auth.group").split("result_list")[1]
    )
    for query in ("action=changed", "face=command", "q=other", "at_from=2020-01-01&at_to=2999-01-01"):
        assert "Other" in page("tracsync_trailentry_changelist", query=query).split("result_list")[1], query
    exported = admin_client.get(reverse("admin:export", args=["tracsync", "trailentry"]))
    text = b"".join(exported.streaming_content).decode()
    assert "'=HYPERLINK(1)" in text
    assert '""name"": [""Business customers"", ""Other""]' in text


def test_an_entry_has_before_and_after_beside_each_other(world, page, by_hand):
    world.destination.name = "<b>Other</b>"
    world.destination.save()
    text = page("tracsync_trailentry_change", last().pk)
    assert "Business customers</td>" in text
    assert "&lt;b&gt;Other&lt;/b&gt;</td>" in text


def test_the_history_of_an_object_is_its_entries(world, page, allow, by_hand):
    world.user.email = "new@example.com"
    world.user.save()
    text = page("auth_user_history", world.user.pk)
    assert "<code>email</code>" in text
    assert "/admin/tracsync/trailentry/?kind=auth.user" in text
    text = page("auth_user_history", world.user.pk, client=allow("auth.view_user"))
    assert "<code>email</code>" in text
    assert "/trailentry/" not in text


def test_over_the_api(world, by_hand, allow, user):
    Group.objects.create(name="g")
    api = client_with()
    [found] = api.get("/api/v1/trail/?kind=auth.group").json()["results"]
    assert (found["action"], found["object"], found["changes"]) == ("created", "g", {"name": [None, "g"]})
    assert api.get(f"/api/v1/trail/{found['id']}/").json() == found
    assert api.get("/api/v1/trail/?since=2999-01-01T00:00:00Z").json()["results"] == []
    assert api.get("/api/v1/trail/?action=nonsense").status_code == 400
    for method in (api.post, api.put, api.patch, api.delete):
        assert method(f"/api/v1/trail/{found['id']}/").status_code == 405


def test_old_entries_are_deleted(world, by_hand, settings):
    settings.TRACSYNC_TRAIL_DAYS = 30
    Group.objects.create(name="g")
    old = {"actor_kind": "shell", "face": "command", "action": "created"}
    TrailEntry.objects.create(**old, at=timezone.now() - timedelta(days=31))
    cleanup.prune()
    assert [one.object for one in TrailEntry.objects.all()] == ["g"]


def test_erasing_a_person_takes_the_profile_out_and_leaves_the_rest(world, post):
    post("profiles_profile_add", id="p-erased/1", document='{"id": "p-erased/1"}')
    trail_of = TrailEntry.objects.get(action="created")
    erasing.request("p-erased/1", "ana")
    assert "p-erased" not in str(list(TrailEntry.objects.values()))
    trail_of.refresh_from_db()
    assert (trail_of.actor, trail_of.action, trail_of.object_id) == ("admin", "created", "")


def test_saving_a_destination_without_somebody_leaves_none(world):
    Destination.objects.get(pk=world.destination.pk).save()
    assert not TrailEntry.objects.exists()
