"""The history of a destination: who changed what."""

import itertools
import json

import pytest
from django.db import connection

from destinations import configuration
from destinations.configuration import history
from destinations.configuration.history import Author
from destinations.models import Destination, DestinationVersion, Extension, Resource
from destinations.operations import actions

pytestmark = pytest.mark.django_db


def versions_of(destination):
    return list(destination.versions.order_by("number"))


def words(destination):
    found = versions_of(destination)
    return [
        history.changes(before.content, after.content, secrets_changed=after.secrets_changed)
        for before, after in itertools.pairwise(found)
    ]


def test_every_save_that_changes_something_is_a_version(make_destination):
    crm = make_destination()
    configuration.save(crm)
    crm.prerequisites, crm.rate_limit = "profile@mail EXISTS", 5
    configuration.save(crm)
    assert [one.number for one in versions_of(crm)] == [1, 2]
    assert words(crm) == [["Prerequisites changed.", "Rate limit: from not set to “5”."]]
    assert versions_of(crm)[0].content["prerequisites"] == ""


def test_another_name_of_the_resource_is_no_version(make_destination):
    crm = make_destination()
    crm.resource.name = "other"
    configuration.save(crm.resource)
    configuration.save(crm)
    assert len(versions_of(crm)) == 1
    crm.quiet_period = 1
    configuration.save(crm)
    assert words(crm) == [["Quiet period: from “20” to “1”."]]


def test_pausing_resuming_and_switching_off_are_versions(make_destination):
    crm = make_destination()
    actions.pause(crm)
    actions.pause(crm)
    actions.resume(crm)
    actions.resume(crm)
    actions.disable(crm)
    actions.enable(crm)
    assert words(crm) == [["Paused."], ["Resumed."], ["Switched off."], ["Switched on."]]


def test_what_no_key_opens_any_more_can_still_be_paused(make_destination):
    crm = make_destination()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE destinations_resource SET production = 'not to be opened'")
    actions.pause(Destination.objects.get(pk=crm.pk))
    assert words(crm) == [["Paused."]]


def test_what_the_engine_notes_is_no_version(make_destination):
    crm = make_destination()
    crm.health.problem = "no"
    crm.health.save()
    assert len(versions_of(crm)) == 1


def test_every_way_to_change_it_notes_who_does(make_destination, django_user_model):
    anna = django_user_model.objects.create_user("anna")
    by, crm = Author.from_user(anna), make_destination()
    crm.name = "crm 2"
    configuration.save(crm, by=by)
    for act in (actions.pause, actions.resume, actions.disable, actions.enable):
        act(crm, by=by)
    assert [(one.by, one.user) for one in versions_of(crm)] == [
        ("the command line", None),
        *[("anna", anna)] * 5,
    ]


def test_of_secrets_it_is_only_known_that_they_changed(resource, monkeypatch, recording):
    schema = {"properties": {"key": {"type": "string", "secret": True}, "way": {"type": "string"}}}
    monkeypatch.setattr(recording, "settings_schema", schema)
    crm = Destination(name="a", resource=resource, settings={"key": "hidden-1", "way": "up"})
    configuration.save(crm)
    crm.settings = {"key": "hidden-2", "way": "up"}
    configuration.save(crm)
    crm.settings = {"key": "hidden-2", "way": "down"}
    configuration.save(crm)
    assert [one.secrets_changed for one in versions_of(crm)] == [False, True, False]
    assert words(crm)[1] == ["Setting way: from “up” to “down”."]
    assert "secrets" in words(crm)[0][0].lower()
    assert "hidden" not in json.dumps([one.content for one in versions_of(crm)])


def test_where_no_connector_says_what_is_secret_everything_is(make_destination):
    crm = make_destination()
    Extension.objects.create(slug="nowhere")
    Resource.objects.update(type="nowhere")
    crm.settings = {"way": "up", "deep": {"er": ["x"]}}
    assert history.content_of(crm)["settings"] == {"way": "********", "deep": {"er": ["********"]}}


def test_what_was_there_before_the_history_began_is_its_first_version(make_destination):
    crm = make_destination()
    DestinationVersion.objects.all().delete()
    crm.mapping = {"id": "profile@id"}
    configuration.save(crm)
    assert [(one.number, one.by) for one in versions_of(crm)] == [(1, ""), (2, "the command line")]
    assert versions_of(crm)[0].content["mapping"] == {"id": "profile@id", "visits": "profile@stats.visits"}


def test_a_row_that_was_only_stored_has_its_first_version_before_it_is_paused(resource):
    crm = Destination.objects.create(name="crm", resource=resource)
    assert versions_of(crm) == []
    actions.pause(crm, by=Author("anna"))
    assert [(one.number, one.by) for one in versions_of(crm)] == [(1, ""), (2, "anna")]
    assert words(crm) == [["Paused."]]


def test_a_history_goes_with_its_destination(make_destination):
    make_destination().delete()
    assert not DestinationVersion.objects.exists()
