"""Whoever saves what somebody else has saved meanwhile is told so, loses nothing typed, and decides."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from destinations import configuration
from destinations.admin.base.confirm_before_save import REVISION, AsksBeforeSaving
from destinations.configuration.history import Author
from destinations.models import Destination, Resource
from destinations.operations import actions
from tracsync import tokens
from tracsync.models import Event, NoticeChannel, NoticeLimits

ANN = Author("ann")
KEPT = "What you typed is kept, and is not saved yet."


@pytest.fixture(params=[Destination, Resource])
def row(request, plain):
    return plain if request.param is Destination else plain.resource


@pytest.fixture
def name(row):
    return f"destinations_{row._meta.model_name}_change"


@pytest.fixture
def form(row, name, page, fields):
    """The form as it was opened before others save."""
    return fields(page(name, row.pk))


def edit(row, **fields):
    stored = type(row).objects.get(pk=row.pk)
    for field, value in fields.items():
        setattr(stored, field, value)
    configuration.save(stored, by=ANN)


def stored(row):
    return type(row).objects.get(pk=row.pk)


def told(text):
    """What the page says was changed meanwhile, and what saving would change."""
    meanwhile, mine = re.findall(r"<section.*?</section>", text, re.DOTALL)
    return meanwhile, mine


def test_nothing_is_asked_where_nobody_was_faster(row, name, form, post):
    assert "is saved" in post(name, row.pk, **{**form, "name": "mine"})
    assert (stored(row).name, stored(row).revision) == ("mine", row.revision + 1)


def test_it_says_who_has_changed_what_and_saves_nothing(row, name, form, post):
    edit(row, tags=["theirs"])
    answer = post(name, row.pk, **{**form, "name": "mine"})
    assert KEPT in answer
    meanwhile, mine = told(answer)
    assert "ann" in meanwhile
    assert "Tags" in meanwhile
    assert "Name" not in meanwhile
    assert "Name" in mine
    assert "Tags" in mine  # the form still shows the old ones
    assert (stored(row).name, stored(row).tags) == (row.name, ["theirs"])


def test_it_is_saved_over_by_who_knows(row, name, form, post, sealed):
    edit(row, tags=["theirs"])
    asked = post(name, row.pk, **{**form, "name": "mine"})
    assert "is saved" in post(name, row.pk, **sealed(asked), _over="yes")
    assert (stored(row).name, stored(row).tags) == ("mine", [])


def test_back_in_the_form_it_is_adapted_and_saved(row, name, form, post, sealed, fields):
    edit(row, tags=["theirs"])
    asked = post(name, row.pk, **{**form, "name": "mine"})
    again = fields(post(name, row.pk, **sealed(asked), _back="yes"))
    assert (again["name"], again["tags"]) == ("mine", "")
    assert "is saved" in post(name, row.pk, **{**again, "tags": "theirs"})
    assert (stored(row).name, stored(row).tags) == ("mine", ["theirs"])


@pytest.mark.parametrize("how", ["_over", "_back"])
def test_who_is_slower_once_more_is_told_once_more(row, name, form, post, sealed, fields, how):
    edit(row, tags=["theirs"])
    asked = sealed(post(name, row.pk, **{**form, "name": "mine"}))
    if how == "_over":
        edit(row, enabled=False)
        answer = post(name, row.pk, **asked, _over="yes")
    else:
        again = fields(post(name, row.pk, **asked, _back="yes"))
        edit(row, enabled=False)
        answer = post(name, row.pk, **again)
    meanwhile, _mine = told(answer)
    assert "Switched off." in meanwhile or "Enabled changed." in meanwhile
    assert "Tags" not in meanwhile  # that was told before
    assert stored(row).name == row.name


def test_a_mistake_does_not_hide_it(row, name, form, post, fields):
    edit(row, tags=["theirs"])
    wrong = post(name, row.pk, **{**form, "name": ""})
    assert "This field is required" in wrong
    assert KEPT in post(name, row.pk, **{**fields(wrong), "name": "mine"})
    assert stored(row).tags == ["theirs"]


def test_what_nobody_decided_is_no_reason_to_ask(plain, page, post, fields):
    form = fields(page("destinations_destination_change", plain.pk))
    configuration.save(Destination.objects.get(pk=plain.pk))  # as it was
    actions.pause(Destination.objects.get(pk=plain.pk))
    answer = post("destinations_destination_change", plain.pk, **{**form, "name": "mine"})
    assert "is saved" in answer
    assert stored(plain).paused_at is not None


def test_who_saves_between_the_check_and_the_save_is_not_overwritten(row, name, form, post, monkeypatch):
    asked, edits = AsksBeforeSaving._asked, []

    def then_somebody_saves(*arguments):
        answer = asked(*arguments)
        if not edits:
            edits.append(edit(row, tags=["theirs"]))
        return answer

    monkeypatch.setattr(AsksBeforeSaving, "_asked", then_somebody_saves)
    assert KEPT in post(name, row.pk, **{**form, "name": "mine"})
    assert (stored(row).name, stored(row).tags) == (row.name, ["theirs"])


def test_what_is_deleted_meanwhile_does_not_come_back(row, name, form, post):
    Destination.objects.all().delete()
    Resource.objects.filter(pk=row.pk).delete()
    post(name, row.pk, **{**form, "name": "mine"})
    assert not type(row).objects.filter(pk=row.pk).exists()


def test_typed_secrets_are_carried_along_and_not_shown(resource, page, post, fields, sealed):
    form = fields(page("destinations_resource_change", resource.pk))
    proxy = "http://them:their-secret@proxy.example:3128"
    edit(resource, production={**resource.production, "proxy": proxy})
    typed = {**form, "production.headers": '{"X-Key": "my-secret"}', "name": "mine"}
    asked = post("destinations_resource_change", resource.pk, **typed)
    assert "Production credentials (proxy) changed." in told(asked)[0]
    assert "Production credentials (headers.X-Key) changed." in told(asked)[1]
    assert "their-secret" not in asked
    assert "my-secret" not in asked
    post("destinations_resource_change", resource.pk, **sealed(asked), _over="yes")
    assert stored(resource).production["headers"] == {"X-Key": "my-secret"}
    assert stored(resource).production["proxy"] == proxy  # who typed none keeps what is stored


def test_what_is_sent_is_reviewed_after_it(plain, page, post, fields, sealed):
    form = fields(page("destinations_destination_change", plain.pk))
    edit(plain, mapping={"theirs": "profile@id"})
    asked = post("destinations_destination_change", plain.pk, **{**form, "name": "mine"})
    meanwhile, mine = told(asked)
    assert "Mapping changed." in meanwhile
    assert "theirs" in mine
    review = post("destinations_destination_change", plain.pk, **sealed(asked), _over="yes")
    assert "Before you save" in review
    post("destinations_destination_change", plain.pk, **sealed(review), _save_only="yes")
    assert (stored(plain).name, stored(plain).mapping) == ("mine", plain.mapping)


def test_a_form_of_an_older_page_is_saved_as_it_was(row, name, form, post):
    edit(row, tags=["theirs"])
    del form[REVISION]
    assert "is saved" in post(name, row.pk, **{**form, "name": "mine"})


@pytest.mark.parametrize("text", ["0", "-1", "x", "9" * 100, "٣", "1\0"])
def test_nonsense_for_a_revision_fails_nothing(row, name, form, post, text):
    post(name, row.pk, **{**form, "name": "mine", REVISION: text})


# What has no revisions


def a_person(_destination):
    return User.objects.create_user("marie", is_staff=True), "first_name"


def a_role(_destination):
    return Group.objects.create(name="Crew"), "name"


def a_token(_destination):
    given = {"owner": None, "expires_at": timezone.now() + timedelta(days=9)}
    return tokens.create("shop", ["profiles:read"], **given)[0], "name"


def a_channel(_destination):
    kind = {"kind": "email", "recipients": ["a@mail.example"], "events": [Event.BROKEN]}
    return NoticeChannel.objects.create(name="Mail", **kind), "name"


def limits(destination):
    return NoticeLimits.objects.create(destination=destination), "rejected_count"


@pytest.mark.parametrize("make", [a_person, a_role, a_token, a_channel, limits])
def test_what_has_no_revisions_is_refused_once_and_named(make, plain, page, post, fields):
    row, field = make(plain)
    name = f"{row._meta.app_label}_{row._meta.model_name}_change"
    form = fields(page(name, row.pk))
    theirs, mine = ("7", "8") if field == "rejected_count" else ("theirs", "mine")
    assert "is saved" in post(name, row.pk, **{**form, field: theirs})
    slower = post(name, row.pk, **{**form, field: mine})
    assert re.search(r"admin has saved this since you opened it, at [\d:]+ \([^)]*\)", slower)
    row.refresh_from_db()
    assert str(getattr(row, field)) == theirs
    again = fields(slower)
    assert again[field] == mine
    assert "is saved" in post(name, row.pk, **again)
    row.refresh_from_db()
    assert str(getattr(row, field)) == mine
