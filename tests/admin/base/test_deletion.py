"""What is asked before something is deleted: in plain words, what goes with it."""

import re

from django.contrib.admin import site
from django.contrib.auth.models import Group
from django.db.models import CASCADE
from django.utils import timezone

from destinations.admin.base.object_actions import ReadOnly
from destinations.models import DeliveryAttempt, ProfileSync
from tracsync.models import ApiToken, NoticeChannel

OF_DJANGO = ("related items", "Summary", "Objects", "relationship", "Counts:", "object (", "Are you sure")
PARTS = {
    "tracsync.NoticeLimits",
    "destinations.Health",
}  # of a destination, and nothing to anybody without it


def items(text):
    return [" ".join(one.split()) for one in re.findall("<li>([^<]+)</li>", text[text.index("<h1>") :])]


def test_what_goes_with_a_destination(destination, profile, page):
    for number in range(3):
        DeliveryAttempt.objects.create(
            **{"profile": profile, "destination": destination, "version": 1, "at": timezone.now()},
            **{"duration_ms": 1, "outcome": "accepted", "idempotency_key": f"{number}"},
        )
    ProfileSync.objects.create(profile=profile, destination=destination, state="synced")
    channel = NoticeChannel.objects.create(name="Shared", kind="webhook")
    channel.destinations.add(destination)
    text = page("destinations_destination_delete", destination.pk)
    assert "“Business customers” is deleted. That cannot be undone." in text
    assert set(items(text)) == {
        "its history: 1 version", "what it knows of 1 profile", "3 lines of the delivery log",
    }  # fmt: skip
    assert "What was sent to the external system stays there." in text
    german = page("destinations_destination_delete", destination.pk, query="", client=_in_german())
    assert "3 Zeilen des Zustellprotokolls" in german


def _in_german():
    from django.contrib.auth import get_user_model
    from django.test import Client

    client = Client(headers={"accept-language": "de"})
    client.force_login(get_user_model().objects.get(username="admin"))
    return client


def test_what_goes_with_a_role_and_a_person(page, admin_user, django_user_model):
    viewer = Group.objects.get(name="Viewer")
    person = django_user_model.objects.create_user("ben", is_staff=True)
    person.groups.add(viewer)
    ApiToken.objects.create(name="CRM", owner=person, scopes=["ingest"], prefix="x", digest="y")
    text = page("auth_group_delete", viewer.pk)
    assert "“Viewer” is deleted" in text
    assert items(text) == ["the role of 1 person, who stays"]
    assert items(page("auth_user_delete", person.pk)) == ["1 API token of theirs"]


def test_several_at_once(post, destination):
    Group.objects.create(name="One")
    Group.objects.create(name="Two")
    chosen = [one.pk for one in Group.objects.filter(name__in=("One", "Two"))]
    asked = {"action": "delete_selected", "_selected_action": chosen}
    text = post("auth_group_changelist", **asked)
    assert "These are deleted. That cannot be undone." in text
    assert items(text) == ["One", "Two"]
    post("auth_group_changelist", **asked, post="yes")
    assert not Group.objects.filter(name__in=("One", "Two")).exists()


def test_no_question_speaks_as_django_does(destination, profile, page, admin_user):
    group = Group.objects.get(name="Viewer")
    channel = NoticeChannel.objects.create(name="Ours", kind="webhook")
    for name, pk in (
        ("destinations_destination", destination.pk),
        ("destinations_resource", destination.resource.pk),
        ("profiles_profile", profile.pk),
        ("auth_group", group.pk),
        ("auth_user", admin_user.pk),
        ("tracsync_noticechannel", channel.pk),
    ):
        text = page(f"{name}_delete", pk)
        said = text[text.index("<h1>") :]
        assert not [words for words in OF_DJANGO if words in said], name


def test_whatever_goes_along_has_words_of_its_own(db):
    lacking = []
    for model, page in site._registry.items():
        if not isinstance(page, ReadOnly):
            lacking += [(model._meta.label, one) for one in _along(model) - {*page.goes_with} - PARTS]
    assert lacking == []


def _along(model):
    related = [
        one for one in model._meta.get_fields(include_hidden=True) if one.auto_created and not one.concrete
    ]
    return {one.related_model._meta.label for one in related if getattr(one, "on_delete", None) is CASCADE}
