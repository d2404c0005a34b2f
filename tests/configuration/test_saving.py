"""What saving a destination or a resource sets in motion, and what storing the row alone does not."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from destinations import configuration
from destinations.models import Backfill, Destination, DestinationVersion, Health, ProfileSync
from destinations.operations import actions
from destinations.sync import claim, health, settle

pytestmark = pytest.mark.django_db


@pytest.fixture
def rejected(make_destination, make_profile, frozen):
    """A profile that a resting destination has rejected."""
    crm = make_destination()
    Health.objects.update(failures=9, held_until=frozen.now, problem="refused")
    return ProfileSync.objects.create(profile=make_profile(), destination=crm, state="rejected", attempts=3)


def is_due(sync):
    health.bring_forward(timezone.now())  # as the scheduler does, a batch at a time
    sync.refresh_from_db()
    return (sync.state, sync.attempts, sync.due_at is not None, sync.bulk) == ("pending", 0, True, True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prerequisites", "profile@x EXISTS"),
        ("mapping", {"id": "profile@id"}),
        ("settings", {"queue": "another"}),
        ("use_test_credentials", True),
    ],
)
def test_an_edit_of_what_is_sent_gives_what_was_rejected_another_chance(rejected, field, value):
    setattr(rejected.destination, field, value)
    configuration.save(rejected.destination)
    assert is_due(rejected)
    health = Health.objects.get()
    assert (health.failures, health.held_until, health.problem) == (0, None, "")


@pytest.mark.parametrize(
    ("field", "value"), [("name", "new"), ("quiet_period", 1), ("tags", ["a"]), ("enabled", False)]
)
def test_any_other_edit_does_not(rejected, field, value):
    setattr(rejected.destination, field, value)
    configuration.save(rejected.destination)
    assert not is_due(rejected)


def test_other_credentials_of_the_resource_do_as_well(rejected):
    resource = rejected.destination.resource
    resource.name = "other"
    configuration.save(resource)
    assert not is_due(rejected)
    resource.production = {"token": "other"}
    configuration.save(resource)
    assert is_due(rejected)


def test_storing_the_row_alone_sets_nothing_in_motion(rejected):
    rejected.destination.mapping = {"id": "profile@id"}
    rejected.destination.save()
    rejected.destination.resource.production = {"token": "other"}
    rejected.destination.resource.save()
    assert not is_due(rejected)
    assert DestinationVersion.objects.count() == 1


def test_enabled_again_it_catches_up_from_when_it_was_switched_off(make_destination, make_profile, frozen):
    crm = make_destination()
    make_profile("before")
    frozen.forward(60)
    crm.enabled = False
    configuration.save(crm)
    off_since = frozen.now
    frozen.forward(60)
    make_profile("meanwhile")
    crm.name = "renamed while off"
    configuration.save(crm)
    actions.enable(crm)
    backfill = Backfill.objects.get()
    assert (backfill.changed_since, backfill.total) == (off_since, 1)
    crm.refresh_from_db()
    assert (crm.enabled, crm.disabled_at) == (True, None)
    configuration.save(crm)
    assert Backfill.objects.count() == 1


@pytest.mark.parametrize("fields", [None, ["enabled"], ["enabled", "name"]])
def test_switched_off_in_a_shell_it_is_known_since_when(make_destination, frozen, fields):
    crm = make_destination()
    crm.enabled = False
    crm.save(update_fields=fields)
    off_since = frozen.now
    frozen.forward(60)
    crm.save()
    crm.refresh_from_db()
    assert (crm.enabled, crm.disabled_at) == (False, off_since)


def test_enabled_in_a_shell_it_catches_up_with_the_next_save(make_destination, frozen):
    crm = make_destination(enabled=False)
    off_since = crm.disabled_at
    crm.enabled = True
    crm.save()
    assert not Backfill.objects.exists()
    configuration.save(crm)
    assert Backfill.objects.get().changed_since == off_since


def test_who_saves_what_was_read_earlier_neither_resumes_nor_misses_anything(make_destination, frozen):
    crm = make_destination()
    read_earlier = Destination.objects.get(pk=crm.pk)
    actions.pause(crm)
    actions.disable(crm)
    read_earlier.name = "renamed"
    configuration.save(read_earlier)
    read_earlier.refresh_from_db()
    assert (read_earlier.name, read_earlier.enabled) == ("renamed", True)
    assert read_earlier.paused_at == frozen.now
    assert Backfill.objects.get().changed_since == frozen.now


def test_a_save_that_fails_half_way_has_changed_nothing(rejected, monkeypatch):
    def fail(*args):
        raise RuntimeError

    monkeypatch.setattr(configuration.history, "record", fail)
    rejected.destination.mapping = {"id": "profile@id"}
    with pytest.raises(RuntimeError):
        configuration.save(rejected.destination)
    rejected.destination.refresh_from_db()
    assert rejected.destination.mapping != {"id": "profile@id"}
    assert not is_due(rejected)


def test_the_engine_needs_nothing_but_the_row(resource, make_profile, frozen):
    crm = Destination.objects.create(name="crm", resource=resource, quiet_period=0)
    make_profile()
    settle.settle(frozen.now)
    assert not Health.objects.exists()
    assert claim.claim(crm, frozen.now) is None  # the row that claims are made under comes first
    assert len(claim.claim(crm, frozen.now).ids) == 1


def test_a_new_destination_is_pushed_to_at_once_from_its_save_on(make_destination):
    assert settle.immediate() == []
    crm = make_destination(quiet_period=0)
    assert settle.immediate() == [crm]


def test_the_stored_row_is_read_under_a_lock(make_destination):
    crm = make_destination()
    with CaptureQueriesContext(connection) as queries:
        configuration.save(crm)
    [read] = [one["sql"] for one in queries if one["sql"].startswith("SELECT") and '"mapping"' in one["sql"]]
    assert read.endswith("FOR NO KEY UPDATE") == connection.features.has_select_for_update
