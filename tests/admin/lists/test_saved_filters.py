"""Filters with a name, each person's own, and from one day to another."""

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from profiles.models import Profile
from tracsync.admin.lists import saved_filters
from tracsync.models import SavedFilter

LIST = "profiles_profile_changelist"
URL = "/admin/filters/profiles/profile/"


@pytest.fixture
def save(admin_client):
    def post(name="Mine", query="q=anna", client=admin_client, **data):
        return client.post(URL, {"name": name, "query": query, **data})

    return post


def test_one_is_saved_shown_and_forgotten(save, page, profile):
    assert "Save this filter" not in page(LIST), "nothing is filtered"
    assert "Save this filter" in page(LIST, query="q=anna")
    assert save().url == f"{reverse(f'admin:{LIST}')}?q=anna"
    text = page(LIST, query="q=anna")
    assert '<a class="t-chip" href="?q=anna" aria-current="true">Mine</a>' in text
    assert "Forget “Mine”" in text
    assert '<a class="t-chip" href="?q=anna">Mine</a>' in page(LIST)
    save(forget="yes")
    assert not SavedFilter.objects.exists()


def test_the_same_name_again_is_the_same_filter(save):
    save()
    save(query="q=ben")
    assert [one.query for one in SavedFilter.objects.all()] == ["q=ben"]


def test_one_is_renamed_but_not_as_another_is_called(save, page, profile):
    save()
    save(name="Other", query="q=ben")
    assert '<input type="hidden" name="renamed" value="Mine">' in page(LIST, query="q=anna")
    save(name="New", renamed="Mine")
    assert {one.name: one.query for one in SavedFilter.objects.all()} == {"New": "q=anna", "Other": "q=ben"}
    save(name="Other", renamed="New")
    assert "Another of your filters here is called “Other”." in page(LIST, query="q=anna")
    assert {one.name: one.query for one in SavedFilter.objects.all()} == {"New": "q=anna", "Other": "q=ben"}


def test_each_has_their_own(save, page, allow, profile):
    save()
    other = allow("profiles.view_profile")
    assert "Mine" not in page(LIST, client=other)
    save(client=other, forget="yes")
    save(client=other, name="New", renamed="Mine")
    assert [one.name for one in SavedFilter.objects.all()] == ["Mine"]


def test_pages_of_the_list_are_the_same_filter():
    assert saved_filters.normal("p=3&q=anna&all=&o=1") == saved_filters.normal("o=1&q=anna") == "o=1&q=anna"
    assert saved_filters.normal("q=%22%3E%3Cb%3E") == "q=%22%3E%3Cb%3E"


@pytest.mark.parametrize("data", [{"name": ""}, {"name": "x" * 61}, {"query": "q=" + "x" * 2000}])
def test_what_makes_no_sense_is_not_saved(save, data):
    assert save(**data).status_code == 302
    assert not SavedFilter.objects.exists()


def test_nobody_saves_more_than_can_be_shown(save, monkeypatch):
    monkeypatch.setattr(saved_filters, "MOST", 2)
    for name in ("a", "b", "c"):
        save(name=name)
    save(name="a", query="q=changed")
    assert {one.name: one.query for one in SavedFilter.objects.all()} == {"a": "q=changed", "b": "q=anna"}


def test_only_of_lists_that_somebody_may_see(save, allow, admin_client):
    assert save(client=allow("destinations.view_destination")).status_code == 403
    assert admin_client.post("/admin/filters/auth/nothing/").status_code == 404
    assert admin_client.get(URL).status_code == 405


def test_from_one_day_to_another_both_included(page, db):
    for day in (1, 2, 3, 4):
        profile = Profile(document={"id": f"day-{day}"})
        profile.save()
        Profile.objects.filter(pk=profile.pk)._update(
            [(Profile._meta.get_field("changed_at"), Profile, datetime(2026, 3, day, 23, 30, tzinfo=UTC))]
        )

    def listed(query):
        text = page(LIST, query=query)
        return [day for day in range(1, 5) if f"day-{day}" in text]

    assert listed("changed_at_from=2026-03-02&changed_at_to=2026-03-03") == [2, 3]
    assert listed("changed_at_from=2026-03-03") == [3, 4]
    assert listed("changed_at_to=2026-03-01&q=day") == [1]


def test_the_rest_of_the_address_stays(page, db):
    text = page(LIST, query="settled=no&q=x&changed_at_from=2026-03-02")
    assert '<input type="hidden" name="settled" value="no">' in text
    assert 'id="id_changed_at_from" name="changed_at_from" value="2026-03-02"' in text
