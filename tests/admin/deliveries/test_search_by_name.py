"""The delivery log and the state of profiles find profiles by name, for those who may know names."""

import pytest
from django.urls import reverse
from django.utils import timezone

from destinations.models import DeliveryAttempt, ProfileSync
from destinations.operations import selection
from profiles.models import Profile

LISTS = "deliveryattempt", "profilesync"
SEES = "destinations.view_deliveryattempt", "destinations.view_profilesync"


@pytest.fixture
def named(destination):
    """Two profiles with a row in each of the lists."""
    for id, name in (("c1", "Anna Müller"), ("c2", "Ben Jansen")):
        profile = Profile(document={"id": id, "name": name, "email": f"{id}@mail.example"})
        profile.save()
        given = {"profile": profile, "destination": destination}
        ProfileSync.objects.create(state="synced", **given)
        DeliveryAttempt.objects.create(
            version=1, at=timezone.now(), duration_ms=1, outcome="accepted", idempotency_key=id, **given
        )


def found(text):
    return [id for id in ("c1", "c2") if f">{id}<" in text]


@pytest.mark.parametrize("model", LISTS)
@pytest.mark.parametrize(
    ("term", "ids"), [("mül", ["c1"]), ("c2@mail", ["c2"]), ("c", ["c1", "c2"]), ("=c2", ["c2"]), ("x", [])]
)
def test_by_name_e_mail_or_id(page, named, model, term, ids):
    assert found(page(f"destinations_{model}_changelist", query=f"q={term}")) == ids


@pytest.mark.parametrize("model", LISTS)
def test_who_may_not_know_names_finds_ids_only(page, named, allow, model):
    looking = allow(*SEES)
    name = f"destinations_{model}_changelist"
    assert found(page(name, query="q=anna", client=looking)) == []
    assert found(page(name, query="q=c1", client=looking)) == ["c1"]


def test_nor_by_an_address_that_says_otherwise(page, named, allow):
    sending = allow(*SEES, "destinations.change_profilesync")
    asked = "q=anna&by_name=yes"
    assert found(page("destinations_deliveryattempt_changelist", query=asked, client=sending)) == []
    for model in LISTS:
        url = reverse(f"admin:destinations_{model}_again", args=["retry"])
        assert sending.get(f"{url}?{asked}").status_code == 403


@pytest.mark.parametrize("model", LISTS)
def test_all_that_were_found_by_name_can_be_sent_again(admin_client, named, model):
    url = reverse(f"admin:destinations_{model}_changelist")
    chosen = {"action": "retry", "select_across": "1", "_selected_action": "0"}
    question = admin_client.post(f"{url}?q=anna", chosen).url
    assert admin_client.post(question).status_code == 302
    due = ProfileSync.objects.filter(due_at__isnull=False)
    assert [sync.profile_id for sync in due] == ["c1"]


@pytest.mark.parametrize("of", ["attempts", "syncs"])
def test_a_stored_choice_knows_whether_names_were_meant(named, of):
    by_id = selection.read({"of": of, "q": "anna"})
    by_name = selection.read({"of": of, "q": "anna", "by_name": "yes"})
    rows = selection.pairs if of == "attempts" else selection.syncs
    assert (rows(by_id).count(), rows(by_name).count()) == (0, 1)
    assert selection.read(by_name.as_dict()).found["by_name"]


def test_who_is_about_to_be_deleted_is_named_to_who_may_know_names(page, post, named, allow):
    asked = page("profiles_profile_delete", "c1")
    assert "Anna Müller (c1)" in asked
    several = {"action": "delete_selected", "_selected_action": ["c1", "c2"]}
    asked = post("profiles_profile_changelist", **several)
    assert "Anna Müller (c1)" in asked
    assert "Ben Jansen (c2)" in asked
    deleting = allow("profiles.view_profile", "profiles.delete_profile", sees=False)
    asked = page("profiles_profile_delete", "c1", client=deleting)
    assert "c1" in asked
    assert "Anna" not in asked
