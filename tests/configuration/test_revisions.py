"""Every edit has a revision, and whoever names the one that he has seen overwrites nothing unseen."""

import pytest

from destinations import configuration
from destinations.configuration import revisions
from destinations.configuration.history import Author
from destinations.configuration.revisions import Stale
from destinations.models import Destination, Resource
from destinations.operations import actions

pytestmark = pytest.mark.django_db
ANN = Author("ann")


def of_kind(kind, make_destination):
    made = make_destination()
    return made if kind is Destination else made.resource


@pytest.mark.parametrize("kind", [Destination, Resource])
def test_it_is_raised_by_what_changes_something(kind, make_destination):
    row = of_kind(kind, make_destination)
    configuration.save(row)
    assert kind.objects.get().revision == 1
    row.name = "other"
    configuration.save(row)
    assert (row.revision, kind.objects.get().revision) == (2, 2)
    stale = kind.objects.get()
    stale.revision = 99  # what the caller holds does not count
    stale.tags = ["a"]
    configuration.save(stale)
    assert (stale.revision, kind.objects.get().revision) == (3, 3)


@pytest.mark.parametrize("kind", [Destination, Resource])
def test_what_was_seen_by_now_is_stored_and_an_older_one_is_not(kind, make_destination):
    row = of_kind(kind, make_destination)
    first, second = kind.objects.get(pk=row.pk), kind.objects.get(pk=row.pk)
    first.name, second.tags = "first", ["second"]
    configuration.save(first, expected=1)
    with pytest.raises(Stale):
        configuration.save(second, expected=1)
    stored = kind.objects.get(pk=row.pk)
    assert (stored.name, stored.tags, stored.revision) == ("first", [], 2)
    configuration.save(second)  # who says nothing is the last one, as ever
    assert (kind.objects.get(pk=row.pk).tags, second.revision) == (["second"], 3)


@pytest.mark.parametrize("kind", [Destination, Resource])
def test_what_was_deleted_meanwhile_does_not_come_back(kind, make_destination):
    row = of_kind(kind, make_destination)
    Destination.objects.all().delete()
    Resource.objects.filter(pk=row.pk).delete()
    with pytest.raises(Stale):
        configuration.save(row, expected=1)
    assert not kind.objects.filter(pk=row.pk).exists()


def test_a_pause_is_no_edit_of_what_a_form_shows(make_destination):
    crm = make_destination()
    actions.pause(crm)
    crm.name = "other"
    configuration.save(crm, expected=1)
    assert Destination.objects.get().paused_at is not None


def test_edits_of_a_destination_are_told(make_destination):
    crm = make_destination(mapping={"id": "profile@id"})
    crm.quiet_period = 7
    configuration.save(crm, by=ANN)
    actions.pause(crm, by=Author("bob"))
    crm.mapping = {}
    configuration.save(crm)
    told = revisions.edits_since(crm, 1)
    assert [edit.by for edit in told] == ["ann", "bob", "the command line"]
    assert told[0].changes[0].startswith("Quiet period: from ")
    assert [edit.changes for edit in told[1:]] == [["Paused."], ["Mapping changed."]]
    assert revisions.edits_since(crm, 2) == told[2:]
    assert revisions.edits_since(crm, 3) == []


def test_edits_of_a_resource_are_told_without_what_it_holds(resource):
    resource.name, resource.production = "other", {"token": "secret-1", "deep": {"a": 1, "b": "secret-2"}}
    configuration.save(resource, by=ANN)
    resource.production = {"token": "secret-3", "deep": {"a": 1}}
    resource.test = {"token": "secret-4"}
    configuration.save(resource)
    told = revisions.edits_since(resource, 1)
    assert [edit.by for edit in told] == ["ann", "the command line"]
    assert told[0].changes[0] == "Name changed."
    assert told[1].changes == [
        "Production credentials (token, deep.b) changed.",
        "Test credentials (token) changed.",
    ]
    assert "secret" not in str(Resource.objects.values_list("edits", flat=True).get())


def test_of_many_edits_the_last_ones_are_known(make_destination):
    crm = make_destination()
    for number in range(2 * revisions.MOST_EDITS):
        for row in (crm, crm.resource):
            row.name = f"name {number}"
            configuration.save(row, by=Author(f"user {number}"))
    for row in (crm, crm.resource):
        told = revisions.edits_since(row, 0)
        assert [edit.by for edit in told] == [
            f"user {number}" for number in range(revisions.MOST_EDITS, 2 * revisions.MOST_EDITS)
        ]
    assert len(Resource.objects.get().edits) == revisions.MOST_EDITS


@pytest.mark.parametrize("act", [actions.enable, actions.disable, actions.pause, actions.resume])
def test_switching_and_pausing_leave_what_others_have_edited(make_destination, act):
    """A list was loaded before somebody else saved."""
    crm = make_destination(enabled=act is actions.disable)
    listed = Destination.objects.get()
    crm.name, crm.mapping = "theirs", {"theirs": "profile@id"}
    configuration.save(crm)
    act(listed)
    stored = Destination.objects.get()
    assert (stored.name, stored.mapping) == ("theirs", {"theirs": "profile@id"})
    assert (listed.enabled, listed.paused_at) == (stored.enabled, stored.paused_at)
