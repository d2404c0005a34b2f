"""Editing profiles: strictly read, nothing half saved, nobody's change lost; and their state everywhere."""

import json
import re

import pytest
from cryptography.fernet import Fernet
from django.urls import reverse
from django.utils import timezone

from destinations.admin.deliveries import profiles as profile_pages
from destinations.models import DeliveryAttempt, Destination, ProfileSync
from destinations.sync.decide import Decider
from profiles.models import Profile
from tracsync.common.times import at
from tracsync.models import TrailEntry

BIG = json.dumps({"id": "big", "text": "x" * 1_100_000})
DEEP = '{"a":' * 80 + "1" + "}" * 80
WRONG = (
    ('{"a": }', "not JSON: Expecting value at column 7"),
    ('{\n  "a": 1\n  "b": 2\n}', "line 3, column 3"),
    ('{"a": NaN}', "NaN is not a JSON value"),
    ('{"a": 1e999}', "a number is too large"),
    ('{"a": "\\u0000"}', "null byte"),
    ('{"a": "\\ud800"}', "half a surrogate pair"),
    ("[1]", "this must be an object, not a list"),
    ("null", "this must be an object, not null"),
    ("", "This field is required"),
    (DEEP, "nested deeper than 64 levels"),
    (BIG, "at most 1,000,000 are allowed"),
    ('{"id": 7}', "id must be text"),
    ('{"id": ""}', "id must not be empty"),
)


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_cannot_be_stored_is_said_under_the_field(text, said, db, post):
    answer = post("profiles_profile_add", id="", document=text)
    below = answer[answer.index('class="form-row errors field-document"') :]
    assert said in below[: below.index("<textarea")]
    assert not Profile.objects.exists()
    assert not TrailEntry.objects.exists()


def test_bytes_that_are_not_utf8_are_refused(db, admin_client):
    body = b"id=x&document=%7B%22name%22%3A+%22J%FCrgen%22%7D"
    answer = admin_client.post(
        reverse("admin:profiles_profile_add"), body, content_type="application/x-www-form-urlencoded"
    )
    assert "not UTF-8" in answer.content.decode()
    assert not Profile.objects.exists()


def test_a_real_replacement_character_may_be_stored(db, admin_client):
    body = b"id=x&document=%7B%22name%22%3A+%22%EF%BF%BD%22%7D"
    url = reverse("admin:profiles_profile_add")
    admin_client.post(url, body, content_type="application/x-www-form-urlencoded")
    assert Profile.objects.get().document["name"] == "\N{REPLACEMENT CHARACTER}"


def test_an_id_is_given_written_or_generated(db, post):
    post("profiles_profile_add", id="given", document='{"a": 1}')
    post("profiles_profile_add", id="", document='{"id": "written"}')
    post("profiles_profile_add", id="", document="{}")
    ids = set(Profile.objects.values_list("pk", flat=True))
    assert {"given", "written"} < ids
    assert len(ids) == 3


def test_adding_does_not_replace_what_is_there(profile, post):
    for data in ({"id": "anna", "document": "{}"}, {"id": "", "document": '{"id": "anna"}'}):
        assert "already" in post("profiles_profile_add", **data)
    profile.refresh_from_db()
    assert profile.version == 1


def test_an_id_that_differs_from_the_documents_is_said(db, post):
    assert "is not the id it is stored under" in post("profiles_profile_add", id="a", document='{"id": "b"}')


def test_documents_are_shown_readable(db, page):
    Profile(document={"id": "jürgen", "name": "Jürgen </textarea><script>"}).save()
    text = page("profiles_profile_change", "jürgen")
    assert "  &quot;name&quot;: &quot;Jürgen &lt;/textarea&gt;&lt;script&gt;&quot;" in text


def test_saving_stores_a_new_version_and_logs_no_content(profile, page, post, fields):
    form = fields(page("profiles_profile_change", "anna"))
    post("profiles_profile_change", "anna", **{**form, "document": '{"id": "anna", "city": "Ulm"}'})
    profile.refresh_from_db()
    assert (profile.version, profile.document) == (2, {"id": "anna", "city": "Ulm"})
    assert profile.first_changed_at is not None
    [entry] = TrailEntry.objects.all()
    assert (entry.action, entry.object_id, entry.actor) == ("changed", "anna", "admin")
    assert entry.changes == {"city": [None, "•••"], "data.contact.email.business": ["•••", None]}


def test_saving_without_a_change_changes_nothing(profile, page, post, fields):
    post("profiles_profile_change", "anna", **fields(page("profiles_profile_change", "anna")))
    profile.refresh_from_db()
    assert profile.version == 1


def test_a_conflict_keeps_the_text_and_says_so(profile, page, post, fields):
    form = fields(page("profiles_profile_change", "anna"))
    Profile.objects.get().__class__(document={"id": "anna", "by": "somebody else"}).save()
    mine = {**form, "document": '{"id": "anna", "by": "me"}'}
    answer = post("profiles_profile_change", "anna", **mine)
    assert "you read version 1, it is now at version 2" in answer
    assert "&quot;by&quot;: &quot;me&quot;" in answer
    profile.refresh_from_db()
    assert profile.document["by"] == "somebody else"
    post("profiles_profile_change", "anna", **fields(answer))
    profile.refresh_from_db()
    assert (profile.document["by"], profile.version) == ("me", 3)


def test_a_conflict_says_who_was_faster_and_when(profile, page, post, fields):
    form = fields(page("profiles_profile_change", "anna"))
    post("profiles_profile_change", "anna", **{**form, "document": '{"id": "anna", "by": "an admin"}'})
    moment = at(Profile.objects.get().changed_at)
    slower = post("profiles_profile_change", "anna", **{**form, "document": '{"id": "anna"}'})
    assert re.search(rf"at version 2, saved at {moment} \([^)]*\) by admin\.", slower)
    Profile(document={"id": "anna", "by": "a program"}).save()
    slower = post("profiles_profile_change", "anna", **{**form, "document": '{"id": "anna"}'})
    assert re.search(r"at version 3, saved at [\d:]+ \([^)]*\) by an import or the API\.", slower)


def test_a_form_without_its_version_is_a_conflict(profile, post):
    assert "Somebody else" in post("profiles_profile_change", "anna", document='{"id": "anna", "a": 1}')


def test_an_id_cannot_be_changed(profile, page, post, fields):
    form = fields(page("profiles_profile_change", "anna"))
    answer = post("profiles_profile_change", "anna", **{**form, "document": '{"id": "other"}'})
    assert "is not the id it is stored under" in answer
    assert Profile.objects.count() == 1


def test_deleting_asks_with_counts(profile, destination, page, post):
    ProfileSync.objects.create(profile=profile, destination=destination)
    for _ in range(30):
        DeliveryAttempt.objects.create(
            profile=profile, destination=destination, version=1, at=timezone.now(), duration_ms=1
        )
    text = page("profiles_profile_delete", "anna")
    assert "30 lines of the delivery log" in text
    assert text.count("anna →") == 0
    assert "elsewhere what they hold stays" in text
    post("profiles_profile_delete", "anna", post="yes")
    assert not Profile.objects.exists()


def test_the_page_says_what_is_at_every_destination(profile, destination, page):
    text = page("profiles_profile_change", "anna")
    assert "not sent yet: waiting until" in text
    ProfileSync.objects.create(
        profile=profile, destination=destination, state="skipped", reason="profile@x is missing"
    )
    Profile.objects.update_marks(first_changed_at=None)
    text = page("profiles_profile_change", "anna")
    assert "not sent: profile@x is missing" in text


def test_the_page_says_what_was_never_sent(profile, destination, page):
    Profile.objects.update_marks(first_changed_at=None)
    assert "has not changed since the destination was added" in page("profiles_profile_change", "anna")
    Destination.objects.update(enabled=False)
    assert "the destination is off" in page("profiles_profile_change", "anna")


KEPT = 'POST https://receiver.example.com/\nContent-Type: application/json\n\n{"mail": "old@example.com"}'


@pytest.fixture
def accepted(profile, make_attempt):
    """Anna as a destination has accepted her: accepted(destination, payload)."""

    def make(destination, payload, request=KEPT):
        sync = ProfileSync.objects.create(
            profile=profile,
            destination=destination,
            state="synced",
            synced_version=1,
            synced_at=timezone.now(),
            payload_hash=Decider(destination).hash(payload, profile.document),
        )
        make_attempt(sync, outcome="accepted", request=request)

    return make


def test_the_page_shows_what_was_accepted_and_what_is_different_now(accepted, plain, page):
    accepted(plain, {"mail": "old@example.com"})
    text = page("profiles_profile_change", "anna")
    assert ": different now</summary>" in text
    assert "<del>-   &quot;mail&quot;: &quot;old@example.com&quot;</del>" in text
    assert "<ins>+   &quot;mail&quot;: &quot;anna@example.com&quot;</ins>" in text
    assert "Content-Type: application/json" in text


def test_the_page_says_that_nothing_is_different(accepted, plain, page):
    accepted(plain, {"mail": "anna@example.com"}, request=None)
    text = page("profiles_profile_change", "anna")
    assert ": the same now</summary>" in text
    assert "only a hash was kept" in text


def test_what_a_destination_makes_of_a_profile_is_for_those_who_may_see_both(accepted, plain, allow, page):
    accepted(plain, {"mail": "old@example.com"})
    client = allow("profiles.view_profile", "destinations.view_profilesync")
    text = page("profiles_profile_change", "anna", client=client)
    assert "version 1" in text
    assert "different now" not in text


def test_not_too_many_destinations_are_compared(accepted, plain, resource, page, monkeypatch):
    monkeypatch.setattr(profile_pages, "MOST_COMPARED", 1)
    other = Destination.objects.create(name="other", resource=resource, mapping={"id": "profile@id"})
    for one in (plain, other):
        accepted(one, {"mail": "old@example.com"})
    assert page("profiles_profile_change", "anna").count(": different now</summary>") == 1


def test_credentials_that_no_key_opens_hide_only_the_comparison(accepted, plain, page, settings):
    accepted(plain, {"mail": "old@example.com"})
    settings.TRACSYNC_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    text = page("profiles_profile_change", "anna")
    assert "version 1" in text
    assert "old@example.com" not in text


def test_what_was_accepted_is_shown_although_nothing_can_be_sent_now(accepted, destination, page):
    accepted(destination, {"mail": "old@example.com"})
    destination.settings = {"headers": {"Authorization": "another way to sign in"}}
    destination.save()
    text = page("profiles_profile_change", "anna")
    assert ": now and then cannot be compared</summary>" in text
    assert "“Why?” says what is wrong" in text
    assert "old@example.com" in text


def test_sync_now_makes_rows_due(profile, destination, resource, post):
    other = Destination.objects.create(name="other", resource=resource, mapping={"id": "profile@id"})
    post("profiles_profile_sync_now", "anna", destination=str(other.pk))
    assert [sync.destination_id for sync in ProfileSync.objects.all()] == [other.pk]
    assert "due at 2 destinations" in post("profiles_profile_sync_now", "anna")
    assert ProfileSync.objects.filter(asked=True, due_at__lte=timezone.now()).count() == 2


def test_an_operator_without_the_right_to_edit_may_sync(profile, destination, allow, page, post):
    client = allow("profiles.view_profile", "destinations.change_profilesync")
    text = page("profiles_profile_change", "anna", client=client)
    assert "Sync now" in text
    assert 'name="_save"' not in text
    post("profiles_profile_sync_now", "anna", client=client)
    assert ProfileSync.objects.get().asked


def test_settled_is_a_filter(profile, page):
    assert ">anna</a>" in page("profiles_profile_changelist", query="settled=no")
    assert ">anna</a>" not in page("profiles_profile_changelist", query="settled=yes")


def test_ticked_profiles_are_deleted_and_not_too_many_at_once(db, post, monkeypatch):
    for number in range(4):
        Profile(document={"id": f"p{number}"}).save()
    chosen = {"action": "delete_selected", "_selected_action": ["p0", "p1"], "post": "yes"}
    post("profiles_profile_changelist", **chosen)
    assert Profile.objects.count() == 2
    monkeypatch.setattr("tracsync.common.bounded_lists.MOST_DELETED", 1)
    answer = post("profiles_profile_changelist", select_across="1", **{**chosen, "_selected_action": ["p2"]})
    assert "At most 1 are deleted at once" in answer
    assert Profile.objects.count() == 2


def test_an_object_that_is_gone_is_not_found(db, admin_client):
    assert admin_client.post(reverse("admin:profiles_profile_sync_now", args=["gone"])).status_code == 404


@pytest.fixture
def deleted(page, destination, db):
    """One that was sent before, to a destination that removes it."""
    Destination.objects.update(on_delete="remove")
    Profile(document={"id": "gone", "secret": "s3cr3t"}).save()
    ProfileSync.objects.create(profile_id="gone", destination=destination, version=1, synced_version=1)
    Profile.objects.filter(pk="gone").delete(by="somebody")


def test_a_deleted_profile_has_a_page_that_says_what_becomes_of_it(deleted, page):
    text = page("profiles_profile_change", "gone")
    assert "somebody" in text
    assert "to be removed at" in text
    assert "s3cr3t" not in text
    assert "Sync now" not in text
    assert 'name="_save"' not in text


def test_why_a_deleted_profile_is_still_there(deleted, page, destination):
    text = page("profiles_profile_why", "gone", destination.pk)
    assert "To be removed at" in text
    assert "The profile was deleted." in text


def test_deleted_profiles_are_listed_where_one_asks_for_them(deleted, page):
    assert "gone" not in page("profiles_profile_changelist")
    text = page("profiles_profile_changelist", query="deleted=yes")
    assert "gone" in text
    assert "somebody" in text


def test_who_deletes_in_the_admin_is_noted(db, admin_client, admin_user):
    Profile(document={"id": "p1"}).save()
    Profile(document={"id": "p2"}).save()
    admin_client.post(reverse("admin:profiles_profile_delete", args=["p1"]), {"post": "yes"})
    listed = {"action": "delete_selected", "_selected_action": ["p2"], "post": "yes"}
    admin_client.post(reverse("admin:profiles_profile_changelist"), listed)
    by = dict(Profile.with_deleted.values_list("pk", "deleted_by"))
    assert by == dict.fromkeys(("p1", "p2"), admin_user.get_username())
    assert not Profile.objects.exists()
